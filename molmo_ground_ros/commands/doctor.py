# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground doctor`: prints on one page what this machine can run, and what is missing.

Every line is a check, and a check that fails is followed by advice. The exit code is 0 if a backend
can run the model, else 2. With --server it is 0 if the served model answers as it should.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from molmo_ground_ros.commands.checks import Doctor, Line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('--model', default='', metavar='FOLDER', help='a checkpoint to look at')
    parser.add_argument(
        '--server',
        default='',
        metavar='URL',
        help='a served model, as for the backend server: http(s)://host:port/v1#name',
    )
    parser.add_argument(
        '--reference',
        default='',
        metavar='FOLDER',
        help='the checkpoint that the server serves, to compare its answers with',
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(arguments: argparse.Namespace) -> int:
    """Make the checks and print the page, or one JSON object. Raises BadModel for a bad URL."""
    if arguments.server:
        return _server(arguments)
    report = Doctor(arguments.model).report()
    if arguments.json:
        print(json.dumps({**asdict(report), 'exit_code': report.code}))
    else:
        _print(report.lines)
    return report.code


def _server(arguments: argparse.Namespace) -> int:
    # It loads OpenCV and a tokenizer, which `--help` must not wait for.
    from molmo_ground_ros.commands.server_checks import ServerChecks

    lines = ServerChecks(arguments.server, arguments.reference).lines()
    code = 0 if all(line.ok for line in lines) else 2
    if arguments.json:
        print(json.dumps({'lines': [asdict(line) for line in lines], 'exit_code': code}))
    else:
        _print(lines)
    return code


def _print(lines: Sequence[Line]) -> None:
    section = ''
    for line in lines:
        if line.section != section:
            section = line.section
            print(section)
        print(f'  {"ok" if line.ok else "NO":2}  {line.name:22}  {line.text}')
        if line.advice and not line.ok:
            print(f'{"":30}-> {line.advice}')
