# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`ros2 run molmo_ground_ros ask QUESTION`: ask a running node from a shell.

Exit code 0 for an answer, 1 where the node replied with an error, 2 for bad input or no node, 130
after Ctrl-C or SIGTERM, which withdraw the question.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.reports.answer_table import point_table, text_table
from molmo_ground_ros.ros.client import TARGET, GroundClient, OnProgress
from molmo_ground_ros.ros.replies import QuestionFailed
from molmo_ground_ros.types import Answer, Task

REFUSED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask one question and print its answer; returns the exit code."""
    words = list(sys.argv if arguments is None else ['ask', *arguments])
    options = _parser().parse_args(remove_ros_args(words)[1:])
    # rclpy's own handler would disconnect at Ctrl-C, before the question can be withdrawn.
    rclpy.init(args=words, signal_handler_options=SignalHandlerOptions.NO)
    _end_by_signal()
    node = Node('ask', enable_rosout=False, start_parameter_services=False)
    try:
        with GroundClient(node, options.node) as client:
            progress = _progress(sys.stderr) if sys.stderr.isatty() else None
            answer = client.ask(
                options.question,
                task=Task[options.task.upper()],
                camera=options.camera,
                timeout_s=options.timeout,
                on_progress=progress,
            )
    except KeyboardInterrupt:
        return INTERRUPTED
    except GroundError as error:
        _say(f'ask: {error}', sys.stderr)
        return REFUSED if isinstance(error, QuestionFailed) else BAD_INPUT
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    _say(json.dumps(_record(answer)) if options.json else words_of(answer), sys.stdout)
    return 0


def _end_by_signal() -> None:
    """Let SIGTERM end the command as Ctrl-C does; it is the main thread's to say so."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def words_of(answer: Answer) -> str:
    """An answer for a person: the count or the text, and a table of points."""
    lines = [f'count: {answer.count}' if answer.count is not None else answer.text]
    if answer.points:
        lines.append(text_table(*point_table(answer.points, answer.start_ns)))
    for track in answer.tracks:
        lines.append(f'track {track.id}: {track.label}')
        lines.append(text_table(*point_table(track.points, answer.start_ns)))
    if not answer.points and not answer.tracks and answer.count is not None:
        lines.append(f'the model said: {answer.text}')
    for start_ns, end_ns in answer.unseen:
        begin_s, end_s = ((ns - answer.start_ns) / 1e9 for ns in (start_ns, end_ns))
        lines.append(f'not seen: {begin_s:.1f} s to {end_s:.1f} s')
    frames = f'{answer.frames_used} of {answer.frames_expected} frames'
    lines.append(f'{answer.camera}: {frames}, {answer.latency_ns / 1e9:.2f} s, {answer.model}')
    return '\n'.join(lines)


def _record(answer: Answer) -> Any:
    """An answer as JSON knows it: NaN becomes null."""
    return _plain(asdict(answer))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _progress(terminal: TextIO) -> OnProgress:
    """Prints the stage over and over on one line of a terminal."""

    def show(stage: str, tokens: int) -> None:
        terminal.write(f'\r\x1b[K{stage}{f", {tokens} tokens" if tokens else ""}')
        terminal.flush()

    return show


def _say(text: str, out: TextIO) -> None:
    if out.isatty():
        # Over the line of the progress.
        out.write('\r\x1b[K')
    out.write(f'{text}\n')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='ask', description='Ask a running node one question.')
    parser.add_argument('question', help='in plain words')
    parser.add_argument('--camera', default='', help='its name; else the only or first one')
    kinds = [task.name.lower() for task in Task]
    parser.add_argument('--task', choices=kinds, default='auto', help='what is asked for')
    parser.add_argument('--timeout', type=float, default=60.0, help='seconds to wait')
    parser.add_argument('--node', default=TARGET, help=f'full name of the node ({TARGET})')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    return parser


if __name__ == '__main__':
    sys.exit(main())
