# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decoding in int4 on a CPU: its memory, and its speed beside what memory allows and beside torch.

    python -m tools.rehearsal.speed FOLDER

ONNX Runtime in int4 and a copy of memory, then it and torch in bfloat16, take turns in one process,
so that a busy machine is as busy for both. The copy moves as many bytes as a step of decoding
reads, with as many threads, and both what it reads and what it writes count; adding numbers up
reads as many and writes none. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, open_checkpoint
from molmo_ground_ros.backends.molmo2.files import graph_file
from molmo_ground_ros.backends.molmo2.memory import cache_bytes
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.molmo2.selfcheck import clip_image
from molmo_ground_ros.backends.pixels import frame_patches
from tools.rehearsal.watch import PeakMemory

DTYPE = 'int4.cpu'
# The question whose memory is measured: frames half a second apart, and tokens of its answer.
FRAMES, TOKENS = 9, 8
# Of a copy, by each thread: together more than a processor's cache holds.
_BLOCK_BYTES = 2**28
# A token of every vocabulary; which one does not change the speed.
_TOKEN = 5


def measure(folder: Path, turns: int, threads: int, *, with_torch: bool) -> dict[str, Any]:
    """All figures. The memory is that of a process that has answered, before torch is loaded."""
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    with PeakMemory(os.getpid()) as peak:
        began = time.monotonic()
        runtime = OnnxRuntime(checkpoint, DTYPE, threads)
        loaded_s = time.monotonic() - began
        times = _ask(checkpoint, runtime)
    figures = {
        'onnx_int4_load_s': round(loaded_s, 1),
        **times,
        'onnx_int4_peak_gb': round(peak.nbytes / 1e9, 2),
        'onnx_int4_rss_gb': round(_resident_bytes() / 1e9, 2),
    }
    return figures | _in_turns(checkpoint, runtime, turns, threads, with_torch=with_torch)


def _ask(checkpoint: Checkpoint, runtime: OnnxRuntime) -> dict[str, float]:
    """Seconds of the parts of one question, which also warm the runtime up."""
    seconds = [i / 2 for i in range(FRAMES)]
    prompt = checkpoint.prompts.encode(seconds, 'How many times was the red block grasped?')
    began = time.monotonic()
    frames = [frame_patches(clip_image(i % 4), checkpoint.pixels) for i in range(FRAMES)]
    features = encode_all(runtime, frames)
    encoded = time.monotonic()
    places = np.cumsum([token == checkpoint.prompts.patch for token in prompt.ids]).tolist()
    slots = [
        place if token == checkpoint.prompts.patch else 0
        for place, token in zip(places, prompt.ids, strict=True)
    ]
    runtime.read(prompt.ids, 0, 1, VideoFeatures(prompt.visual, slots, features))
    read = time.monotonic()
    for i in range(TOKENS):
        runtime.read([_TOKEN], len(prompt.ids) + i, 1)
    return {
        'frame_s': round((encoded - began) / FRAMES, 2),
        'prefill_tokens': len(prompt.ids),
        'prefill_s': round(read - encoded, 1),
    }


def _in_turns(
    checkpoint: Checkpoint, runtime: OnnxRuntime, turns: int, threads: int, *, with_torch: bool
) -> dict[str, Any]:
    decoder = checkpoint.folder / graph_file('decoder', DTYPE, 'fused')
    copies = decoder.with_name(f'{decoder.name}.data')
    rows = 64
    read_bytes = copies.stat().st_size + cache_bytes(checkpoint.config.text, rows, 4)

    def step() -> Any:
        return runtime.read([_TOKEN], rows - 1, 1)

    memory = _Memory(read_bytes, threads)
    decoding, copying, reading = _alternate([step, memory.copy, memory.read], turns)
    bandwidth = memory.moved_bytes / copying
    figures = {
        'bytes_a_token_gb': round(read_bytes / 1e9, 3),
        'copy_gb_s': round(bandwidth / 1e9, 2),
        'onnx_int4_tokens_s': round(1 / decoding, 3),
        'onnx_int4_decode_of_bandwidth': round(read_bytes / decoding / bandwidth, 3),
        'onnx_int4_decode_of_reading': round(reading / decoding, 3),
    }
    if not with_torch:
        return figures
    # Torch takes ten gigabytes: what the decoding does not need makes room.
    del runtime._vision, memory
    cpu = choose_device('cpu')
    other = TorchRuntime(checkpoint, cpu, choose_dtype('bfloat16', cpu))
    del other._vision
    other.read([_TOKEN] * rows, 0, 1)
    decoding, in_torch = _alternate([step, lambda: other.read([_TOKEN], rows - 1, 1)], turns)
    return figures | {
        'torch_bf16_tokens_s': round(1 / in_torch, 3),
        'onnx_int4_vs_torch_bf16': round(in_torch / decoding, 2),
    }


def _alternate(sides: Sequence[Callable[[], Any]], turns: int) -> list[float]:
    """The median seconds of things that are done in turns, so many times after a first one."""
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(turns + 1):
        for act, seconds in zip(sides, taken, strict=True):
            began = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds[1:]) for seconds in taken]


class _Memory:
    """Moves about as many bytes as a step of decoding reads, by some threads."""

    def __init__(self, nbytes: int, threads: int) -> None:
        self._pairs = [
            (np.ones(_BLOCK_BYTES // 4, np.float32), np.zeros(_BLOCK_BYTES // 4, np.float32))
            for _ in range(threads)
        ]
        self._nbytes = nbytes // threads
        self._times = max(1, round(self._nbytes / (2 * _BLOCK_BYTES)))
        self.moved_bytes = 2 * _BLOCK_BYTES * threads * self._times

    def copy(self) -> None:
        """Copy `moved_bytes`: half of them are read, half are written."""
        self._in_threads(self._copy)

    def read(self) -> None:
        """Read and add up as many bytes as a step of decoding reads."""
        self._in_threads(self._read)

    def _in_threads(self, act: Callable[..., None]) -> None:
        workers = [threading.Thread(target=act, args=pair) for pair in self._pairs]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _copy(self, source: Any, target: Any) -> None:
        for _ in range(self._times):
            np.copyto(target, source)

    def _read(self, source: Any, target: Any) -> None:
        left = self._nbytes // 4
        while left > 0:
            for array in (source, target):
                array[: max(left, 0)].sum()
                left -= len(array)


def _resident_bytes() -> int:
    """Memory of this process that is in RAM, mapped files included."""
    fields = dict(
        line.partition(':')[::2] for line in Path('/proc/self/status').read_text().splitlines()
    )
    return int(fields['VmRSS'].split()[0]) * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('folder', type=Path, help='a checkpoint that was built for onnx in int4')
    parser.add_argument('--turns', type=int, default=15)
    parser.add_argument('--threads', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--no-torch', action='store_true', help='torch needs 10 GB for Molmo2-4B')
    options = parser.parse_args(arguments)
    with_torch = not options.no_torch
    print(
        json.dumps(measure(options.folder, options.turns, options.threads, with_torch=with_torch))
    )
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
