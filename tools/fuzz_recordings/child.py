# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads cases in this process, within limits, and prints a line of JSON before and after each."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

from tools.fuzz_recordings.cases import Outcome, make_case, read, verdict
from tools.fuzz_recordings.samples import SAMPLES

MEMORY = 1 << 30  # bytes that a case may take
CASE_SECONDS = 20  # of this process's own time that a case may take
HANG_SECONDS = 300  # that it may take while others use the machine


def read_cases(first: int, end: int, folder: Path, only: str = '') -> int:
    """Read the cases [first, end) of the samples in `folder`. 0 is the exit code.

    only: those of the samples whose names begin so.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY,) * 2)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libjpeg warns there
    samples = [folder / name for name in SAMPLES]
    for number in range(first, end):
        if not samples[number % len(samples)].name.startswith(only):
            continue
        _tell(start=number)
        case = make_case(number, samples, folder / 'case')
        signal.alarm(HANG_SECONDS)  # ends the process
        signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
        began_s = time.process_time()
        try:
            outcome = read(case.path)
            bad = verdict(outcome, case.sample)
        except Exception as error:  # noqa: BLE001 - any error is a fault that is looked for
            outcome, bad = Outcome(0, 0, (), ''), f'{type(error).__name__}: {error}'
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _tell(
            case=number,
            sample=case.sample,
            damages=case.damages,
            pictures=outcome.images,
            losses=sorted({loss.kind.name for loss in outcome.losses}),
            error=bool(outcome.error),
            bad=bad,
            seconds=time.process_time() - began_s,
            peak_kib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        )
    return 0


def _address_space() -> int:
    """Bytes that this process has mapped."""
    pages = Path('/proc/self/statm').read_text().split()[0]
    return int(pages) * resource.getpagesize()


def _tell(**fields: object) -> None:
    print(json.dumps(fields), flush=True)
