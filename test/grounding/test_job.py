# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The outcome of one accepted question."""

from __future__ import annotations

import threading

import pytest
from support.clips import filled

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import Canceled, TimedOut
from molmo_ground_ros.frames.image import decode as pixels
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.grounder import Grounder, Progress
from molmo_ground_ros.grounding.job import Job, run_job
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Answer, Query, RawImage


@pytest.fixture
def job() -> Job:
    return Job(question_of(Query('How many cups are there?')), filled().pin(), 10**9)


def test_the_first_outcome_stays(job: Job):
    assert job.resolve(Canceled('queued'))
    assert not job.resolve(TimedOut(10**9, 'queued'))
    with pytest.raises(Canceled, match='queued'):
        job.result()


def test_exactly_one_of_many_threads_sets_the_outcome(job: Job):
    results: list[bool] = []
    start = threading.Barrier(8)

    def resolve() -> None:
        start.wait()
        results.append(job.resolve(Canceled('queued')))

    threads = [threading.Thread(target=resolve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]


def test_work_goes_on_until_there_is_an_outcome(job: Job):
    assert job.progress.stage == 'queued'
    assert not job.done
    assert not job.wait(0.01)
    assert job.advance(Progress('generating', 3))
    assert job.progress == Progress('generating', 3)
    job.resolve(Canceled('generating'))
    assert job.done
    assert job.wait(0.01)
    assert not job.advance(Progress('generating', 4))


def test_the_deadline_is_the_timeout_from_now(job: Job):
    other = Job(job.question, job.window, 5 * 10**9)
    assert 4 * 10**9 <= other.deadline_ns - job.deadline_ns < 5 * 10**9


def test_no_further_frame_is_decoded_for_a_job_that_nobody_waits_for():
    decoded: list[RawImage] = []

    def decode(image: RawImage):
        decoded.append(image)
        if len(decoded) == 3:
            job.resolve(Canceled('decoding'))
        return pixels(image)

    job = Job(question_of(Query('How many cups?')), filled(decode=decode).pin(), 10**9)
    outcome = run_job(Grounder(ReplayBackend([])), job)
    assert isinstance(outcome, Canceled)
    assert len(decoded) == 3


@pytest.mark.parametrize(('words', 'frames'), [('Track the cup', 51), ('Point to the cup', 11)])
def test_a_question_is_shown_the_frames_of_its_kind(words: str, frames: int):
    question = question_of(Query(words))
    grounder = Grounder(ReplayBackend(['There are none.']), tracks=TrackRule())
    answer = run_job(grounder, Job(question, filled(seconds=5).pin(), 10**9))
    assert isinstance(answer, Answer)
    assert (answer.frames_used, answer.frames_expected) == (frames, frames)
