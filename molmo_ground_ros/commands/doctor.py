# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground doctor`: prints on one page what this machine can run, and what is missing.

Every line is a check, and a check that fails is followed by advice. The exit code is 0 if a backend
can run the model, else 2.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from molmo_ground_ros.commands.checks import Doctor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('--model', default='', metavar='FOLDER', help='a checkpoint to look at')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(arguments: argparse.Namespace) -> int:
    """Make the checks and print the page, or one JSON object."""
    report = Doctor(arguments.model).report()
    if arguments.json:
        print(json.dumps({**asdict(report), 'exit_code': report.code}))
        return report.code
    section = ''
    for line in report.lines:
        if line.section != section:
            section = line.section
            print(section)
        print(f'  {"ok" if line.ok else "NO":2}  {line.name:22}  {line.text}')
        if line.advice and not line.ok:
            print(f'{"":30}-> {line.advice}')
    return report.code
