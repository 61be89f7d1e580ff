# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Damage small recordings of every kind, videos too, and read what is left.

`python -m tools.fuzz_bags --cases 2000` reads each case in a child process that may take 1 GiB more
memory than it starts with, and a few seconds. A case is its number: the same one is the same bytes.
A case is bad if anything but a BagError or NoFrames is raised, if it takes longer or more, or if
pictures of a bag are missing and no loss is told. Most videos do not say how many they have.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.errors import BagError, NoFrames
from molmo_ground_ros.recording import Loss, open_recording
from tools.fuzz_samples import PICTURES, SAMPLES, write_samples

MEMORY = 1 << 30  # bytes that a case may take
CASE_SECONDS = 20  # that a case may take
HEAD_BYTES = 4096  # of a file, in which `flip_head` changes some


def flip(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed."""
    for _ in range(int(rng.integers(1, 40))):
        data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
    return data


def cut(data: bytearray, rng: np.random.Generator) -> bytearray:
    """The end lost."""
    return data[: int(rng.integers(len(data)))]


def take_out(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece missing."""
    first, last = sorted(int(i) for i in rng.integers(len(data), size=2))
    return data[:first] + data[last:]


def blank(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece of zeros, as of a page that was never written."""
    first, last = sorted(int(i) for i in rng.integers(len(data), size=2))
    data[first:last] = bytes(last - first)
    return data


def take_out_block(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A block of 512 bytes, or some, missing or of zeros."""
    first = int(rng.integers(len(data))) // 512 * 512
    last = first + 512 * int(rng.integers(1, 9))
    blanked = bytes(min(last, len(data)) - first) if rng.integers(2) else b''
    return data[:first] + blanked + data[last:]


def repeat(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece twice."""
    first, last = sorted(int(i) for i in rng.integers(len(data), size=2))
    return data[:last] + data[first:last] + data[last:]


def flip_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed where headers and definitions stand."""
    for _ in range(int(rng.integers(1, 20))):
        data[int(rng.integers(min(len(data), HEAD_BYTES)))] = int(rng.integers(256))
    return data


def mangle_lengths(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few numbers of four or eight bytes replaced by extreme ones."""
    for _ in range(int(rng.integers(1, 6))):
        at, size = int(rng.integers(len(data))), int(rng.choice([4, 8]))
        value = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
        data[at : at + size] = value.to_bytes(size, 'little' if rng.integers(2) else 'big')
    return data


DAMAGES = (flip, cut, take_out, blank, take_out_block, repeat, flip_head, mangle_lengths)


@dataclass(frozen=True)
class Case:
    """A damaged copy of a sample."""

    sample: str
    damages: tuple[str, ...]
    path: Path


def make_case(number: int, samples: list[Path], folder: Path) -> Case:
    """Case `number`, written under `folder`."""
    rng = np.random.default_rng(number)
    sample = samples[number % len(samples)]
    copy = folder / sample.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(sample, copy)
    (file,) = (path for path in copy.iterdir() if path.name != 'metadata.yaml')
    data = bytearray(file.read_bytes())
    damages = list[str]()
    for index in rng.integers(len(DAMAGES), size=int(rng.integers(1, 4))):
        if data:
            data = DAMAGES[int(index)](data, rng)
            damages.append(DAMAGES[int(index)].__name__)
    file.write_bytes(data)
    metadata = copy / 'metadata.yaml'
    what = int(rng.integers(4))
    if metadata.exists() and what == 0:
        metadata.unlink()
    elif metadata.exists() and what == 1:
        metadata.write_bytes(flip(bytearray(metadata.read_bytes()), rng))
    is_video = sample.name.startswith('video')
    return Case(sample.name, tuple(damages), file if is_video or rng.integers(4) == 0 else copy)


@dataclass(frozen=True)
class Outcome:
    """The result of reading a case.

    images: how many the reader lists. sampled: how many of the sampled ones were decoded.
    error: the text of a BagError where nothing could be read, else ''.
    """

    images: int
    sampled: int
    losses: tuple[Loss, ...]
    error: str


def read(path: Path) -> Outcome:
    """Read all that a question would need. Any other error than BagError is a fault."""
    try:
        with open_recording(path) as recording:
            sampled = 0
            for start_ns, end_ns in recording.windows():
                try:
                    sampled += len(recording.clip(start_ns, end_ns).frames)
                except NoFrames:
                    continue
            return Outcome(len(recording.stamps), sampled, recording.loss, '')
    except BagError as error:
        return Outcome(0, 0, (), str(error))


def verdict(outcome: Outcome, sample: str = '') -> str:
    """The fault of an outcome; '' if it has none."""
    if sample.startswith('video'):
        return ''
    silent = outcome.images < PICTURES and not outcome.losses and not outcome.error
    return 'pictures are missing and no loss is told' if silent else ''


def main() -> int:
    """Run the cases, print the figures; 1 if one is bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', type=int, default=2000)
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument('--child', default='', help=argparse.SUPPRESS)
    options = parser.parse_args()
    end = options.first + options.cases
    if options.child:
        return _child(options.first, end, Path(options.child))
    with tempfile.TemporaryDirectory() as folder:
        return _parent(options.first, end, Path(folder))


def _child(first: int, end: int, folder: Path) -> int:
    """Read the cases, with a line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY,) * 2)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libjpeg warns there
    samples = [folder / name for name in SAMPLES]
    for number in range(first, end):
        _tell(start=number)
        case = make_case(number, samples, folder / 'case')
        signal.alarm(CASE_SECONDS)  # ends the process
        began = time.perf_counter()
        try:
            outcome = read(case.path)
            bad = verdict(outcome, case.sample)
        except Exception as error:  # noqa: BLE001 - any error is a fault that is looked for
            outcome, bad = Outcome(0, 0, (), ''), f'{type(error).__name__}: {error}'
        signal.alarm(0)
        _tell(
            case=number,
            sample=case.sample,
            damages=case.damages,
            pictures=outcome.images,
            shown=outcome.sampled,
            losses=sorted({loss.kind.name for loss in outcome.losses}),
            error=bool(outcome.error),
            bad=bad,
            seconds=time.perf_counter() - began,
            peak_kib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        )
    return 0


def _address_space() -> int:
    """Bytes that this process has mapped."""
    pages = Path('/proc/self/statm').read_text().split()[0]
    return int(pages) * resource.getpagesize()


def _tell(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def _parent(first: int, end: int, folder: Path) -> int:
    write_samples(folder)
    done, bad = list[dict[str, Any]](), list[str]()
    while first < end:
        arguments = ['--first', str(first), '--cases', str(end - first), '--child', str(folder)]
        command = [sys.executable, '-m', 'tools.fuzz_bags', *arguments]
        process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        lines = [json.loads(line) for line in process.stdout.splitlines()]
        done += [line for line in lines if 'case' in line]
        started = [line['start'] for line in lines if 'start' in line]
        first = started[-1] + 1 if started else end
        # Without a last line the process crashed, or the alarm ended it.
        if not lines or 'case' not in lines[-1]:
            bad.append(f'case {first - 1}: the process ended with {process.returncode}')
    bad += [f'case {case["case"]} ({case["sample"]}, {", ".join(case["damages"])}): {case["bad"]}'
            for case in done if case['bad']]  # fmt: skip
    _print(done, bad)
    return 1 if bad or not done else 0


def _print(done: list[dict[str, Any]], bad: list[str]) -> None:
    print(f'{len(done)} cases read, {len(bad)} bad')
    if done:
        slowest = max(done, key=lambda case: case['seconds'])
        print(f'slowest: {slowest["seconds"]:.2f} s (case {slowest["case"]})')
        print(f'peak memory of a process: {max(case["peak_kib"] for case in done) / 1024:.0f} MiB')
    for name in SAMPLES:
        cases = [case for case in done if case['sample'] == name]
        if cases:
            share = sum(case['pictures'] for case in cases) / (PICTURES * len(cases))
            refused = sum(case['error'] for case in cases)
            print(f'{name}: {len(cases)} cases, {share:.0%} of pictures found, {refused} refused')
    kinds = Counter(kind for case in done for kind in case['losses'])
    print('told: ' + ', '.join(f'{kind} {count}' for kind, count in kinds.most_common()))
    for line in bad:
        print(line)


if __name__ == '__main__':
    sys.exit(main())
