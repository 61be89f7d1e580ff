# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a check ends with. A check runs in a process of its own, because CUDA's errors may stay."""

from __future__ import annotations

import enum
import json
import os
import signal
import subprocess
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from molmo_ground_ros.errors import GroundError, MissingPackage

ROOT = Path(__file__).resolve().parents[2]
# Of a failed check's output, on the page.
_TAIL = 3000


class Status(enum.StrEnum):
    """How a check ended."""

    PASSED = 'passed'
    FAILED = 'failed'
    SKIPPED = 'skipped'


class Skipped(Exception):
    """A check cannot be made here; the reason says what it needs."""


@dataclass(frozen=True)
class Outcome:
    """One check. text: what was found, or the reason. output: of a failed one, its last lines."""

    status: Status
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    output: str = ''
    seconds: float = 0.0
    power: str = ''


def tell(check: Callable[[], tuple[str, Mapping[str, Any]]]) -> int:
    """Run a check and print its outcome as one JSON object; the exit code of its process.

    check: gives the text and the figures. Raises nothing.
    """
    try:
        text, figures = check()
        outcome = Outcome(Status.PASSED, text, figures)
    except (Skipped, MissingPackage) as reason:
        outcome = Outcome(Status.SKIPPED, str(reason))
    except GroundError as err:
        outcome = Outcome(Status.FAILED, str(err), output=traceback.format_exc()[-_TAIL:])
    except Exception as err:  # noqa: BLE001 - what is on trial may raise anything
        what = f'{type(err).__name__}: {err}'
        outcome = Outcome(Status.FAILED, what, output=traceback.format_exc()[-_TAIL:])
    print(json.dumps(asdict(outcome)), flush=True)
    return int(outcome.status is Status.FAILED)


def run(command: Sequence[str], environment: Mapping[str, str], limit_s: float) -> Outcome:
    """Run a check's command, and read its outcome.

    After so many seconds it is ended, with all that it has started.
    """
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            tail = f'{out}{err}'[-_TAIL:]
            return Outcome(Status.FAILED, f'was ended after {limit_s:.0f} s', output=tail)
    try:
        record = json.loads(out.strip().splitlines()[-1])
        record['status'] = Status(record['status'])
        return Outcome(**record)
    except (IndexError, ValueError, TypeError, KeyError):
        output = f'{out}{err}'[-_TAIL:]
        return Outcome(Status.FAILED, f'ended with exit code {process.returncode}', output=output)
