# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground analyze`: answers questions about recordings of any length on the terminal."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from molmo_ground_ros.analysis import records
from molmo_ground_ros.analysis import run as windows_of
from molmo_ground_ros.analysis.calibrated import with_probabilities
from molmo_ground_ros.analysis.findings import Analysis, Finding, Mark
from molmo_ground_ros.analysis.positions import with_positions
from molmo_ground_ros.analysis.ray.workers import spread
from molmo_ground_ros.analysis.store import Store, digest
from molmo_ground_ros.analysis.window import LocalRunner, WindowRunner
from molmo_ground_ros.commands import episodes
from molmo_ground_ros.commands.loading import (
    MODEL_SETTINGS,
    add_model,
    add_ray,
    check_ray,
    loader_of,
)
from molmo_ground_ros.commands.positions import add_positions, open_spaces
from molmo_ground_ros.commands.progress import ProgressLine
from molmo_ground_ros.commands.questions import read_questions
from molmo_ground_ros.commands.window import add_window, window_ns
from molmo_ground_ros.errors import BadSetting, BagError, one_line, visible
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.recording import (
    Recording,
    open_cameras,
    open_recording,
)
from molmo_ground_ros.recording.recorded_frames import frame_reader, sampled_stamps
from molmo_ground_ros.reports.answer_record import answer_record
from molmo_ground_ros.reports.answer_table import (
    answer_summary,
    model_words,
    point_table,
    text_table,
)
from molmo_ground_ros.reports.contact_sheet import contact_sheet, save_png, tiles_of
from molmo_ground_ros.types import Point, Query, Question, Task

RECORDS, TABLE, PAGE = 'records.jsonl', 'records.csv', 'report.html'
OVERLAY, VIDEO = 'overlay.mcap', 'video.mp4'
# Rejections of an answer that are printed.
MOST_REJECTED = 20
# Points of an answer or of a track that are printed; of more, the first and the last ones.
MOST_POINTS = 200
# Events of a video that the page shows: to decode an image takes those from the keyframe before it.
# With --video, which decodes all of them, the page shows as many as it has room for.
MOST_PLACES = 50
# The exit code that shells give a command that SIGINT ended.
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument(
        'bag', metavar='BAG', nargs='+',
        help='rosbag2 folder, .mcap, .db3 or .bag file, video, folder of pictures or LeRobot data '
        'set; several are one recording, by stamp',
    )  # fmt: skip
    parser.add_argument(
        '--query', action='append', default=[], help='a question; may be given several times'
    )
    parser.add_argument(
        '--questions', default='', metavar='FILE', help='more: a YAML list, or text, one a line'
    )
    parser.add_argument(
        '--task', default='auto', choices=[task.name.lower() for task in Task], help='their kind'
    )
    parser.add_argument(
        '--topic', action='append', default=[],
        help='image topic, may be given several times; may be left out if there is only one',
    )  # fmt: skip
    parser.add_argument('--start', type=float, default=0.0, metavar='S', help='from second S')
    parser.add_argument('--end', type=float, default=None, metavar='S', help='to second S')
    add_window(parser)
    parser.add_argument(
        '--out',
        default='',
        metavar='FOLDER',
        help=f'write {RECORDS}, {TABLE}, {PAGE} and {OVERLAY}, and what --resume needs',
    )
    parser.add_argument(
        '--video', action='store_true', help=f'write {VIDEO} to --out as well; takes longer'
    )
    parser.add_argument(
        '--resume', action='store_true', help='go on from the finished windows in --out'
    )
    add_ray(parser)
    episodes.add_episodes(parser)
    add_positions(parser)
    parser.add_argument(
        '--no-abstain', action='store_true', help='give what the calibration would withhold'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('--sheet', default='', metavar='PNG', help='write a contact sheet')
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Answer the questions, print the answers, write the files."""
    loader, settings = loader_of(arguments)
    # A bad file is told before the model is asked.
    calibration = loader.calibration()
    questions = _questions(arguments, loader)
    span_ns = _span(arguments)
    length_ns = window_ns(arguments, loader)
    _check_out(arguments)
    check_ray(arguments)
    topics = episodes.topics_of(arguments)
    with ExitStack() as stack:
        recordings = _open(arguments.bag, topics)
        stack.callback(next(iter(recordings.values())).close)
        if arguments.sheet and len(questions) * len(recordings) > 1:
            raise BadSetting('sheet', arguments.sheet, 'is of one question about one camera')
        named = {name: str(getattr(settings, name)) for name in MODEL_SETTINGS}
        plan = windows_of.make_plan(
            arguments.bag, recordings, questions, named, *span_ns, length_ns
        )
        around = open_spaces(arguments, recordings)
        asker = _asker(arguments, loader, plan, recordings, stack)
        store = None
        if arguments.out:
            name = digest(plan.sources, plan.settings, plan.questions, plan.windows)
            store = stack.enter_context(Store(arguments.out, name, resume=arguments.resume))
        analysis = with_probabilities(
            _analyze(plan, recordings, asker, store), calibration, abstain=not arguments.no_abstain
        )
        analysis = with_positions(analysis, around)
        if arguments.out:
            _write_files(analysis, plan, recordings, Path(arguments.out), arguments.video)
        if arguments.sheet:
            _write_sheet(analysis, recordings, arguments.sheet)
        if analysis.complete:
            episodes.write_annotations(analysis, arguments)
    if arguments.json:
        print(json.dumps(_record(analysis)))
    else:
        _print(analysis)
    if not analysis.complete:
        hint = '; --resume goes on from them' if arguments.out else ''
        print(f'molmo-ground: interrupted; finished windows were kept{hint}', file=sys.stderr)
        return INTERRUPTED
    return episodes.judged(analysis, arguments.expect)


def _asker(
    arguments: argparse.Namespace,
    loader: GrounderLoader,
    plan: windows_of.AnalysisPlan,
    recordings: Mapping[str, Recording],
    stack: ExitStack,
) -> WindowRunner:
    """What answers a window: a backend in this process, or workers on Ray; `stack` closes it."""
    if arguments.ray:
        where = arguments.ray, arguments.ray_workers
        return stack.enter_context(spread(*where, plan, recordings, loader))
    grounder = loader.load()
    stack.callback(grounder.close)
    return LocalRunner(recordings, grounder, plan.questions)


def _write_files(
    analysis: Analysis,
    plan: windows_of.AnalysisPlan,
    recordings: Mapping[str, Recording],
    folder: Path,
    video: bool,
) -> None:
    """Write the records, the table, the page, the overlay and, if `video`, the video.

    An error leaves the older file in place.
    """
    from molmo_ground_ros.reports.bag import write_bag
    from molmo_ground_ros.reports.page import write_page
    from molmo_ground_ros.reports.table import write_csv
    from molmo_ground_ros.reports.video import write_video

    read_frame = frame_reader(recordings)
    records.write_jsonl(analysis, folder / RECORDS)
    write_csv(analysis, folder / TABLE)
    sampled = sampled_stamps(plan.windows, recordings)
    is_slow = not video and any(recording.is_video for recording in recordings.values())
    most_places = MOST_PLACES if is_slow else None
    write_page(analysis, read_frame, folder / PAGE, sampled, most_places)
    write_bag(analysis, folder / OVERLAY)
    if video:
        write_video(analysis, read_frame, sampled, folder / VIDEO)


def _questions(arguments: argparse.Namespace, loader: GrounderLoader) -> list[Question]:
    task = Task[arguments.task.upper()]
    queries = [Query(text, task) for text in arguments.query]
    if arguments.questions:
        queries += read_questions(arguments.questions, task)
    if not queries:
        raise BadSetting('query', '', 'ask something, with --query or --questions')
    # Refuses an empty or overlong question before any recording is read.
    return [loader.question(query) for query in queries]


def _span(arguments: argparse.Namespace) -> tuple[int, int | None]:
    """(start, end) in nanoseconds after the start of the recording; an end of None is its end."""
    start_s, end_s = arguments.start, arguments.end
    # `not (0 <= start_s)` also refuses nan.
    if not 0 <= start_s < (math.inf if end_s is None else end_s):
        names = ', '.join(arguments.bag)
        raise BagError(names, f'bad span: from {start_s} s to {end_s} s')
    infinite = end_s is None or math.isinf(end_s)
    return round(start_s * 1e9), None if infinite else round(end_s * 1e9)


def _check_out(arguments: argparse.Namespace) -> None:
    if not arguments.out:
        if arguments.resume:
            raise BadSetting('resume', True, 'goes on from the folder of --out, which is missing')
        if arguments.video:
            raise BadSetting('video', True, 'is written to the folder of --out, which is missing')
        return
    out = Path(arguments.out).resolve()
    for bag in arguments.bag:
        if out.is_relative_to(Path(bag).resolve()):
            raise BadSetting('out', arguments.out, f"lies in the recording '{bag}'")


def _open(paths: Sequence[str], topics: Sequence[str]) -> dict[str, Recording]:
    if topics:
        return open_cameras(paths, topics)
    recording = open_recording(paths)
    return {recording.topic: recording}


def _analyze(
    plan: windows_of.AnalysisPlan,
    recordings: Mapping[str, Recording],
    asker: WindowRunner,
    store: Store | None,
) -> Analysis:
    """Ask about every window, and show the progress on stderr if there are several."""
    name = 'windows'
    progress = ProgressLine([(name, 1.0)], sys.stderr)
    has_progress = False

    def show(done: int, total: int) -> None:
        nonlocal has_progress
        if total > 1:
            has_progress = True
            progress.show(name, done, total)

    try:
        return windows_of.analyze(plan, recordings, asker, store, show)
    finally:
        if has_progress:
            progress.close()


def _write_sheet(analysis: Analysis, recordings: Mapping[str, Recording], path: str) -> None:
    finding = analysis.findings[0]
    read_frame = frame_reader(recordings)
    tiles = tiles_of(
        finding, analysis.span_ns[0], lambda stamp_ns: read_frame(finding.camera, stamp_ns).image
    )
    heading = finding.question.query.text, answer_summary(finding)
    save_png(contact_sheet(*heading, tiles, analysis.span_ns), path)


def _record(analysis: Analysis) -> dict[str, Any]:
    """The answer to a single question about a single camera, else all of them in `answers`."""
    answers = [_answer_record(finding, analysis.model) for finding in analysis.findings]
    answered = answers[0] if len(answers) == 1 else {'answers': answers}
    return {**answered, 'losses': list(analysis.losses), 'complete': analysis.complete}


def _answer_record(finding: Finding, model: str) -> dict[str, Any]:
    return {
        **answer_record(finding, model),
        'camera': finding.camera,
        'count_least': finding.count_least,
        'count_most': finding.count_most,
        'windows': [
            {
                'start_ns': window.start_ns,
                'end_ns': window.end_ns,
                'state': window.state.value,
                'reason': window.reason,
                'stated': window.stated,
            }
            for window in finding.windows
        ],
        'gaps': [
            {'start_ns': gap.start_ns, 'end_ns': gap.end_ns, 'reason': gap.reason}
            for gap in finding.gaps
        ],
    }


def _print(analysis: Analysis) -> None:
    zero_ns = analysis.span_ns[0]
    for number, finding in enumerate(analysis.findings):
        if number:
            _say('')
        _print_finding(finding, analysis.model, zero_ns, len(analysis.cameras) > 1)
    episodes.print_counts(analysis)
    for loss in analysis.losses:
        _say(f'lost: {loss}')


def _print_finding(finding: Finding, model: str, zero_ns: int, name_camera: bool) -> None:
    words = finding.question.query.text
    _say(f'{words} ({finding.camera})' if name_camera else words)
    _say(answer_summary(finding) + _doubt(finding))
    for text in model_words(finding):
        _say(f'the model said: {text}')
    if finding.events:
        _print_points([event.point for event in finding.events], zero_ns)
    for track in finding.tracks:
        _say(f'track {track.id}: {track.label}')
        _print_points(track.path, zero_ns)
    windows = f' in {len(finding.windows)} windows' if len(finding.windows) > 1 else ''
    _say(f'{finding.frames_used} of {finding.frames_expected} frames{windows}, {model}')
    for event in finding.events:
        _print_marks(f'point {event.id}', event.marks)
    for trajectory in finding.tracks:
        _print_marks(f'track {trajectory.id}', trajectory.marks)
    for gap in finding.gaps:
        start_s, end_s = (gap.start_ns - zero_ns) / 1e9, (gap.end_ns - zero_ns) / 1e9
        _say(f'no answer from {start_s:.1f} s to {end_s:.1f} s: {gap.reason}')
    for rejection in finding.rejected[:MOST_REJECTED]:
        _say(f'not used: {rejection.reason}: {rejection.text}')
    if len(finding.rejected) > MOST_REJECTED:
        _say(f'not used: {len(finding.rejected) - MOST_REJECTED} more')
    if finding.truncated:
        _say('the answer was cut off by the token limit')


def _print_points(points: Sequence[Point], zero_ns: int) -> None:
    header, rows = point_table(points, zero_ns)
    if len(rows) > MOST_POINTS:
        half, more = MOST_POINTS // 2, f'({len(rows) - MOST_POINTS} more: --json or --out)'
        rows[half:-half] = [['...', more, *[''] * (len(header) - 2)]]
    _say(text_table(header, rows), lines=True)


def _print_marks(name: str, marks: Sequence[Mark]) -> None:
    if marks:
        _say(f'undecided: {name}: {", ".join(marks)}')


def _say(text: str, *, lines: bool = False) -> None:
    """Print what a model, a recording or an asker wrote: a terminal obeys none of it.

    lines: whether the text may have several lines.
    """
    print(visible(text) if lines else one_line(text))


def _doubt(finding: Finding) -> str:
    """Of several windows: the count that each states, and the bounds of the merged count."""
    stated = [window.stated for window in finding.windows if window.stated is not None]
    if len(finding.windows) < 2 or not stated:
        return ''
    least, most = finding.count_least, finding.count_most
    between = '' if least == most else f', from {least} to {most}'
    return f'{between} (the windows state {", ".join(map(str, stated))})'
