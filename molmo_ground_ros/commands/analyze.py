# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground analyze`: a question about a recording, answered on the terminal."""

from __future__ import annotations

import argparse
import json

from molmo_ground_ros import backends, config, prompts, report
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.bag import Bag, read_clip
from molmo_ground_ros.grounder import Grounder
from molmo_ground_ros.types import Answer, Clip, Query, Task

_MODEL_SETTINGS = ('model', 'device', 'dtype', 'threads')
_SETTINGS = ('backend', *_MODEL_SETTINGS, 'max_new_tokens')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument('bag', metavar='BAG', help='rosbag2 folder, .mcap or .db3 file')
    parser.add_argument('--query', required=True, help='the question')
    parser.add_argument(
        '--task', default='auto', choices=[task.name.lower() for task in Task], help='its kind'
    )
    parser.add_argument('--topic', default='', help='image topic; may be left out if only one')
    parser.add_argument('--start', type=float, default=0.0, metavar='S', help='from second S')
    parser.add_argument('--end', type=float, default=None, metavar='S', help='to second S')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('--sheet', default='', metavar='PNG', help='write a contact sheet')
    defaults = config.Settings()
    for name in _SETTINGS:
        value = getattr(defaults, name)
        text = f'{config.limits()[name].text} Default: {value}.'
        parser.add_argument(f'--{name}', type=type(value), default=value, help=text)


def run(arguments: argparse.Namespace) -> int:
    """Answer the question and print it."""
    query = Query(arguments.query, Task[arguments.task.upper()])
    prompts.prompt(query.text, query.task)  # a bad question is told before anything is loaded
    with Bag(arguments.bag) as bag:
        clip = read_clip(bag, arguments.topic, arguments.start, arguments.end)
    settings = config.settings({name: getattr(arguments, name) for name in _SETTINGS})
    chosen = {name: getattr(settings, name) for name in _MODEL_SETTINGS}
    backend = backends.load(settings.backend, BackendSettings(**chosen))
    try:
        answer = Grounder(backend, settings.max_new_tokens).ground(clip, query)
    finally:
        backend.close()
    if arguments.sheet:
        _write_sheet(clip, answer, arguments.sheet)
    if arguments.json:
        print(json.dumps(report.answer_record(answer)))
    else:
        _print(clip, answer)
    return 0


def _write_sheet(clip: Clip, answer: Answer, path: str) -> None:
    span_ns = (clip.frames[0].stamp_ns, clip.frames[-1].stamp_ns)
    tiles = report.tiles_of(clip, answer)
    sheet = report.contact_sheet(answer.query.text, report.verdict(answer), tiles, span_ns)
    report.save_png(sheet, path)


def _print(clip: Clip, answer: Answer) -> None:
    zero_ns = clip.frames[0].stamp_ns
    print(f'{answer.query.text}\n{report.verdict(answer)}')
    if answer.points:
        print(report.table(report.POINT_HEADER, report.point_rows(answer.points, zero_ns)))
    for track in answer.tracks:
        print(f'track {track.id}: {track.label}')
        print(report.table(report.POINT_HEADER, report.point_rows(track.points, zero_ns)))
    print(f'{answer.frames_used} of {answer.frames_expected} frames, {answer.model}')
    for rejection in answer.rejected:
        print(f'not used: {rejection.reason}: {rejection.text}')
    if answer.truncated:
        print('the answer was cut off by the token limit')
