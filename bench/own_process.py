# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a process of its own costs the shipped model: `python -m bench.own_process`.

The same backend in this process and in a child, in turn on the same clips: a question on new
images, a further one, one after the window slid by one image, and one image prepared. The texts
must be the same. Prints one JSON object: medians in milliseconds, and the time of processors that a
repetition took in both processes together, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.inputs import COUNTS, ROOT, Inputs, fresh, read_inputs
from bench.machine import machine
from bench.timing import alternate, spread
from molmo_ground_ros import backends
from molmo_ground_ros.backends import Backend, BackendSettings, OwnProcessBackend
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.types import Clip

_MODEL = ROOT / 'models' / 'tabletop'
_LIMIT = 300  # tokens
_KEPT_BYTES = 256_000_000
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one repetition, and all that was answered."""

    first: float
    second: float
    slid: float
    prepared: float
    cpu: float
    texts: tuple[str, ...]


def main() -> int:
    """Measure; 1 if a text differed."""
    parser = argparse.ArgumentParser(prog='python -m bench.own_process')
    parser.add_argument('--frames', type=int, default=40, help='of a window')
    parser.add_argument('--times', type=int, default=9, help='repetitions')
    parser.add_argument('--threads', type=int, default=1, help='of the model')
    options = parser.parse_args()
    settings = BackendSettings(str(_MODEL), device='cpu', threads=options.threads)
    inputs = read_inputs(options.frames, 1, 0)
    own = OwnProcessBackend('onnx', settings, kept_bytes=_KEPT_BYTES, patience_s=_PATIENCE_S)
    sides = {'in_process': backends.load('onnx', settings), 'own_process': own}
    for backend in sides.values():
        costs(backend, inputs, 200)
    measures = {name: partial(costs, backend, inputs) for name, backend in sides.items()}
    measured = alternate(measures, options.times)
    for backend in sides.values():
        backend.close()
    texts = [[cost.texts for cost in of_side] for of_side in measured.values()]
    figures = {
        name: {
            f'{what}_ms': round(1e3 * spread([getattr(cost, what) for cost in of_side]).median, 2)
            for what in ('first', 'second', 'slid', 'prepared', 'cpu')
        }
        for name, of_side in measured.items()
    }
    same = texts[0] == texts[1]
    print(json.dumps({**figures, 'same_texts': same, **vars(options), 'machine': machine()}))
    return 0 if same else 1


def costs(backend: Backend, inputs: Inputs, number: int) -> Costs:
    """Ask three questions about images that are new to the backend."""
    cpu_s = _cpu_s()
    clip, slid = (fresh(window, number) for window in inputs.windows)
    # The windows overlap: all but the newest image are the same arrays.
    frames = (*clip.frames[1:], slid.frames[-1])
    slid = Clip(slid.camera, frames, slid.seconds, slid.start_ns, slid.end_ns, len(frames))
    first_s, first = _asked(backend, clip, COUNTS[0])
    second_s, second = _asked(backend, clip, COUNTS[1])
    began = time.perf_counter()
    backend.prepare('camera', slid.frames[-1])
    prepared_s = time.perf_counter() - began
    slid_s, third = _asked(backend, slid, COUNTS[0])
    cpu_s = _cpu_s() - cpu_s
    return Costs(first_s, second_s, slid_s, prepared_s, cpu_s, (first, second, third))


def _cpu_s() -> float:
    """The time of processors that this process and its children took so far."""
    children = [
        pid
        for task in Path('/proc/self/task').iterdir()
        for pid in (task / 'children').read_text().split()
    ]
    files = [*Path('/proc/self/task').iterdir()]
    files += [task for pid in children for task in Path(f'/proc/{pid}/task').iterdir()]
    return sum(int((file / 'schedstat').read_text().split()[0]) for file in files) / 1e9


def _asked(backend: Backend, clip: Clip, question: str) -> tuple[float, str]:
    began = time.perf_counter()
    (answer,) = backend.generate(clip, [question], GenerateOptions(_LIMIT), lambda *_: True)
    return time.perf_counter() - began, answer.text


if __name__ == '__main__':
    sys.exit(main())
