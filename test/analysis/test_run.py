# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import gc
import sys
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from support.analyses import (
    BALL,
    CUP,
    EVENTS,
    Knowing,
    event_seconds,
    failing_at,
    result,
    timeless,
    write_long_bag,
)
from support.clips import SECOND, stamp

from molmo_ground_ros.analysis import run
from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.analysis.store import Store, digest
from molmo_ground_ros.analysis.window import LocalRunner
from molmo_ground_ros.errors import BackendError, BadSetting, MissingPackage, NoFrames
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import open_cameras
from molmo_ground_ros.types import Clip

STARTS_S = (0.0, 58.0, 87.0)


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    return write_long_bag(tmp_path_factory.mktemp('long') / 'bag')


def analyze(
    bag: Path,
    backend=None,
    questions=(CUP,),
    folder: Path | None = None,
    resume: bool = False,
    on_window=lambda *_: None,
    **span: int,
) -> Analysis:
    recordings = open_cameras([bag])
    try:
        settings = {'model': 'knowing'}
        plan = run.make_plan([str(bag)], recordings, questions, settings, **span)
        asker = LocalRunner(recordings, Grounder(backend or Knowing()), plan.questions)
        if folder is None:
            return run.analyze(plan, recordings, asker, on_window=on_window)
        name = digest(plan.sources, plan.settings, plan.questions, plan.windows)
        with Store(folder, name, resume=resume) as store:
            return run.analyze(plan, recordings, asker, store, on_window)
    finally:
        next(iter(recordings.values())).close()


def test_long_recording_is_asked_window_by_window_and_an_event_of_two_counts_once(bag) -> None:
    backend = Knowing()
    analysis = analyze(bag, backend)
    assert [start_ns for start_ns, _ in backend.calls] == [stamp(s) for s in STARTS_S]
    (finding,) = analysis.findings
    assert (finding.question, finding.camera) == (CUP, '/image')
    assert event_seconds(finding) == [3.0, 60.0, 100.0]
    assert [window.stated for window in finding.windows] == [2, 2, 1]
    assert analysis.complete
    assert analysis.span_ns == (stamp(0), stamp(150))
    assert analysis.frames == 301  # of 601: two a second, each counted once
    assert analysis.model == 'knowing'


def test_all_questions_of_a_window_are_one_call_and_each_has_its_finding(bag) -> None:
    backend = Knowing()
    analysis = analyze(bag, backend, (CUP, BALL))
    assert [len(prompts) for _, prompts in backend.calls] == [2, 2, 2]
    assert [finding.question for finding in analysis.findings] == [CUP, BALL]
    assert [event_seconds(f) for f in analysis.findings] == [[3.0, 60.0, 100.0], [60.5]]
    alone = analyze(bag, None, (BALL,)).findings[0]
    assert repr(timeless(alone)) == repr(timeless(analysis.findings[1]))


def test_every_camera_has_its_findings(tmp_path) -> None:
    bag = write_long_bag(tmp_path / 'bag', ['/left', '/right'])
    analysis = analyze(bag, None, (CUP, BALL), start_ns=50 * SECOND, end_ns=70 * SECOND)
    assert analysis.cameras == ('/left', '/right')
    assert [(f.camera, f.question) for f in analysis.findings] == [
        (camera, query) for camera in ('/left', '/right') for query in (CUP, BALL)
    ]
    assert [event_seconds(f) for f in analysis.findings] == [[60.0], [60.5]] * 2
    assert analysis.frames == 2 * 41


def test_window_that_fails_is_a_gap_with_its_reason_and_the_rest_goes_on(bag) -> None:
    backend = Knowing(failing_at(58.0))
    (finding,) = analyze(bag, backend).findings
    assert event_seconds(finding) == [3.0, 60.0, 100.0]
    (gap,) = finding.gaps
    assert (gap.start_ns, gap.end_ns, gap.reason) == (stamp(63), stamp(87), 'the GPU is gone')
    assert finding.windows[1].state == 'failed'


def test_question_that_fails_leaves_the_others_of_its_window(bag) -> None:
    backend = Knowing(failing_at(*STARTS_S, word='ball'))
    cup, ball = analyze(bag, backend, (CUP, BALL)).findings
    assert not cup.gaps
    assert event_seconds(cup) == list(EVENTS['cup'])
    assert {window.reason for window in ball.windows} == {'the GPU is gone'}


def test_error_that_is_not_ours_is_a_gap_too(bag, caplog) -> None:
    def fail(clip: Clip, _) -> None:
        if clip.start_ns == stamp(0):
            raise RuntimeError('illegal memory access')

    (finding,) = analyze(bag, Knowing(fail)).findings
    assert finding.windows[0].reason == 'RuntimeError: illegal memory access'
    assert 'illegal memory access' in caplog.text


def test_nothing_but_failures_is_the_first_error(bag) -> None:
    with pytest.raises(BackendError, match='the GPU is gone'):
        analyze(bag, Knowing(failing_at(*STARTS_S)))


def test_window_whose_pictures_are_all_corrupt_is_a_gap(tmp_path) -> None:
    bag = write_long_bag(tmp_path / 'bag', corrupt=[i / 4 for i in range(253)])  # to second 63
    analysis = analyze(bag)
    (finding,) = analysis.findings
    assert finding.windows[0].state == 'failed'
    assert event_seconds(finding) == [100.0]
    assert any('cannot be decoded' in loss for loss in analysis.losses)


def interrupt_at(*seconds: float):
    def interrupt(clip: Clip, _) -> None:
        if clip.start_ns in map(stamp, seconds):
            raise KeyboardInterrupt

    return interrupt


def test_interrupt_keeps_the_finished_windows(bag) -> None:
    analysis = analyze(bag, Knowing(interrupt_at(87.0)))
    assert not analysis.complete
    (finding,) = analysis.findings
    assert event_seconds(finding) == [3.0, 60.0, 100.0]
    assert [gap.reason for gap in finding.gaps] == [run.NOT_REACHED]


@pytest.mark.parametrize('at', STARTS_S)
def test_resumed_run_is_the_same_bit_for_bit_and_asks_only_what_is_left(tmp_path, at) -> None:
    # 60 s is in the first two windows: its loss is found in the first, which is not read again
    bag = write_long_bag(tmp_path / 'bag', corrupt=[20.0, 60.0, 95.0])
    whole = result(analyze(bag, None, (CUP, BALL)), tmp_path / 'whole.jsonl')
    folder = tmp_path / 'out'
    broken = analyze(bag, Knowing(interrupt_at(at)), (CUP, BALL), folder)
    assert not broken.complete
    backend = Knowing()
    resumed = analyze(bag, backend, (CUP, BALL), folder, resume=True)
    assert [start_ns for start_ns, _ in backend.calls] == [stamp(s) for s in STARTS_S if s >= at]
    assert resumed.complete
    assert result(resumed, tmp_path / 'resumed.jsonl') == whole
    backend = Knowing()
    again = analyze(bag, backend, (CUP, BALL), folder, resume=True)
    assert not backend.calls
    assert result(again, tmp_path / 'again.jsonl') == whole


@pytest.mark.parametrize('cut', [1, 10, 500, 3000])
def test_work_file_that_was_cut_off_resumes_the_same(bag, tmp_path, cut) -> None:
    whole = result(analyze(bag, None, (CUP, BALL)), tmp_path / 'whole.jsonl')
    folder = tmp_path / 'out'
    analyze(bag, None, (CUP, BALL), folder)
    (file,) = folder.glob('windows-*')
    content = file.read_bytes()
    file.write_bytes(content[:-cut])
    backend = Knowing()
    resumed = analyze(bag, backend, (CUP, BALL), folder, resume=True)
    assert backend.calls
    assert result(resumed, tmp_path / 'resumed.jsonl') == whole
    lines = file.read_bytes().splitlines()
    assert len(lines) == len(content.splitlines())


def test_failed_window_is_asked_again_when_resumed(bag, tmp_path) -> None:
    analyze(bag, Knowing(failing_at(58.0)), folder=tmp_path)
    backend = Knowing()
    analysis = analyze(bag, backend, folder=tmp_path, resume=True)
    assert [start_ns for start_ns, _ in backend.calls] == [stamp(58)]
    assert not analysis.findings[0].gaps


def test_without_resume_everything_is_asked_anew(bag, tmp_path) -> None:
    analyze(bag, folder=tmp_path)
    backend = Knowing()
    analyze(bag, backend, folder=tmp_path)
    assert len(backend.calls) == 3


def test_other_questions_do_not_resume_from_it(bag, tmp_path) -> None:
    analyze(bag, folder=tmp_path)
    backend = Knowing()
    analyze(bag, backend, (BALL,), tmp_path, resume=True)
    assert len(backend.calls) == 3


def test_progress_counts_the_windows_that_are_left(bag, tmp_path) -> None:
    seen: list[tuple[int, int]] = []
    analyze(bag, Knowing(interrupt_at(58.0)), folder=tmp_path)
    analyze(bag, folder=tmp_path, resume=True, on_window=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]


def test_no_clip_is_held_but_the_one_being_asked(bag) -> None:
    def clips() -> int:
        return sum(type(one) is Clip for one in gc.get_objects())

    gc.collect()
    before = clips()  # that reports of other tests hold
    held: list[int] = []
    analyze(bag, Knowing(lambda *_: held.append(clips() - before)))
    assert held == [1, 1, 1]


@pytest.mark.parametrize(
    ('questions', 'span', 'error', 'match'),
    [
        pytest.param((CUP, CUP), {}, BadSetting, 'twice', id='a question twice'),
        pytest.param((CUP,), {'start_ns': 151 * SECOND}, NoFrames, '150.000 s', id='past the end'),
        pytest.param(
            (CUP,),
            {'start_ns': SECOND // 10, 'end_ns': SECOND // 5},
            NoFrames,
            'from 0.100 s',
            id='between two pictures',
        ),
    ],
)
def test_plan_refuses_what_cannot_be_asked(bag, questions, span, error, match) -> None:
    with pytest.raises(error, match=match):
        analyze(bag, None, questions, **span)


def test_package_for_merging_is_missed_before_anything_is_asked(bag, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'scipy.optimize', None)
    backend = Knowing()
    with pytest.raises(MissingPackage, match='scipy'):
        analyze(bag, backend)
    assert not backend.calls
    analyze(bag, backend, end_ns=20 * SECOND)  # one window: nothing to merge
    assert len(backend.calls) == 1
