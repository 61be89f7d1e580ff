# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pickle
from pathlib import Path

import pytest

from molmo_ground_ros.analysis.window import LocalRunner, Work, failure
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import (
    BackendError,
    BadSetting,
    DoesNotFit,
    GroundError,
    MissingPackage,
    NoFrames,
    TopicNotFound,
)
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import Query

BAG = Path(__file__).parents[2] / 'examples' / 'tabletop.mcap'
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    'error',
    [
        BackendError('gone'),
        BadSetting('threads', -1, 'below zero'),
        DoesNotFit('model', [('weights', 5)], 3, 'memory', []),
        MissingPackage('scipy', 'bag'),
        TopicNotFound('a.mcap', '/x', ['/y']),
    ],
)
def test_errors_cross_processes_as_they_are(error: GroundError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))


def test_error_that_is_not_ours_is_told_by_name_with_its_trace() -> None:
    try:
        raise RuntimeError('illegal memory access')
    except RuntimeError as err:
        told = failure(err)
    assert str(told.error) == 'RuntimeError: illegal memory access'
    assert 'test_window.py' in told.trace


def test_tracks_are_asked_about_frames_of_their_own() -> None:
    """The shipped bag has ten images a second. Both questions share no clip."""
    backend, shown = ReplayBackend(['There are none.'], repeat=True), {}
    generate = backend.generate

    def note(clip, prompts, *arguments):
        shown[prompts[0]] = clip
        return generate(clip, prompts, *arguments)

    backend.generate = note
    grounder = Grounder(backend, tracks=TrackRule())
    questions = [grounder.question(Query(words)) for words in ('Track it.', 'Point to the cup.')]
    with open_recording(BAG) as recording:
        start_ns = recording.span[0]
        work = Work('camera', (start_ns, start_ns + 4 * SECOND), -1, (0, 1))
        window = LocalRunner({'camera': recording}, grounder, questions).ask_window(work)
    tracks, points = shown['Track it.'], shown['Point to the cup.']
    assert (len(tracks.frames), len(points.frames)) == (41, 9)
    assert window.frames == 41
    assert [window.answers[number].frames_used for number in (0, 1)] == [41, 9]
    assert not window.failures


def test_a_window_without_images_fails_every_question() -> None:
    grounder = Grounder(ReplayBackend([]), tracks=TrackRule())
    questions = [grounder.question(Query(words)) for words in ('Track it.', 'Point to the cup.')]
    with open_recording(BAG) as recording:
        early = Work('camera', (1, SECOND), -1, (0, 1))
        window = LocalRunner({'camera': recording}, grounder, questions).ask_window(early)
    assert [type(window.failures[number].error) for number in (0, 1)] == [NoFrames, NoFrames]
    assert (window.answers, window.frames) == ({}, 0)
