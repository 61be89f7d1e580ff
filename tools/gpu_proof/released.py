# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check: a random model of a released size in few bits: built as a user builds it, and its speed.

    python -m tools.gpu_proof.released --device cuda

On a GPU it is Molmo2-4B's size, as TensorRT engines. On a CPU it is a small model of that kind, as
graphs for ONNX Runtime. Answers mean nothing and go to their limit.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.inputs import COUNTS, fresh, read_inputs
from molmo_ground_ros import backends
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.engine import EngineBackend
from molmo_ground_ros.backends.molmo2.published import PUBLISHED
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.errors import size as bytes_text
from molmo_ground_ros.types import Clip
from tools.gpu_proof.outcome import Skipped, tell
from tools.rehearsal.checkpoint import checkpoint_bytes, write_checkpoint
from tools.rehearsal.watch import run

_SIZE, _DTYPE = 'Molmo2-4B', 'int4'
_FRAMES, _TOKENS, _TIMES = 64, 128, 5
# 64 frames take 31.5 s.
_WINDOW_S = 32
# What it takes beside the checkpoint: graphs with their codes, and the engines.
_DISK = 1.5


def check(device: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """Write, build and measure. Raises Skipped for what does not fit here, and BackendError."""
    config = PUBLISHED[_SIZE] if device != 'cpu' else reduced(PUBLISHED[_SIZE])
    needed, free = round(_DISK * checkpoint_bytes(config)), shutil.disk_usage(folder).free
    if needed > free:
        raise Skipped(f'it needs {bytes_text(needed)} of disk, {bytes_text(free)} are free')
    model = folder / 'model'
    began = time.monotonic()
    write_checkpoint(config, model)
    written_s = time.monotonic() - began
    backend = 'onnx' if device == 'cpu' else 'tensorrt'
    options = ['--backend', backend, '--dtype', _DTYPE, '--window', str(_WINDOW_S)]
    command = [sys.executable, '-m', 'molmo_ground_ros.cli', 'build', str(model), *options]
    planned = run([*command, '--dry-run'], model)
    if planned.code:
        # It says what does not fit.
        raise Skipped(planned.output.strip().splitlines()[-1])
    taken = run(command, model)
    if taken.code:
        raise BackendError(f'build ended with {taken.code}: {taken.output[-1500:]}')
    compared = [line.strip() for line in taken.output.splitlines() if line.startswith('compared')]
    settings = BackendSettings(str(model), device=device, dtype=_DTYPE)
    loaded: Any = backends.load(backend, settings)
    figures = measure(loaded)
    loaded.close()
    times = f'written in {written_s:.0f} s, built in {taken.wall_s:.0f} s'
    speeds = ', '.join(f'{name} {value:g}' for name, value in figures.items())
    size = f'{checkpoint_bytes(config) / 4e9:.3g} billion weights'
    return '; '.join([f'{size}, {times}', *compared, speeds]), figures


def measure(backend: EngineBackend) -> dict[str, float]:
    """Tokens a second, and the time to the first token on frames whose features are kept."""
    checkpoint, runtime = backend.parts
    # No token ends an answer.
    endless = EngineBackend(replace(checkpoint, stops=frozenset()), runtime)
    clip = read_inputs(_FRAMES, 0, 0).windows[0]
    _ask(endless, clip, _TOKENS)
    other = fresh(clip, 0)
    speeds, first = [], []
    for _ in range(_TIMES):
        # So that no prefix is kept.
        _ask(endless, other, 1)
        ttft_s, total_s = _ask(endless, clip, _TOKENS)
        first.append(ttft_s)
        speeds.append((_TOKENS - 1) / (total_s - ttft_s))
    return {
        f'{_DTYPE}_decode_tokens_s': round(statistics.median(speeds), 2),
        f'{_DTYPE}_ttft_{_FRAMES}_frames_ms': round(1e3 * statistics.median(first), 1),
    }


def reduced(config: Molmo2Config) -> Molmo2Config:
    """The same kind of model, small, with the released size of an image."""
    text = replace(
        config.text, hidden=128, layers=3, heads=4, kv_heads=2, head_dim=32, intermediate=256,
        vocabulary=4096, scaled_layers=frozenset(n for n in config.text.scaled_layers if n < 3),
    )  # fmt: skip
    vision = replace(config.vision, hidden=64, layers=3, heads=2, head_dim=32, intermediate=128)
    adapter = replace(
        config.adapter, hidden=64, heads=2, head_dim=32, intermediate=128, feature_layers=(2, 1)
    )
    return replace(config, text=text, vision=vision, adapter=adapter)


def _ask(backend: EngineBackend, clip: Clip, limit: int) -> tuple[float, float]:
    """Seconds to the first token, and to the last."""
    first: list[float] = []

    def on_text(*_: object) -> bool:
        if not first:
            first.append(time.perf_counter())
        return True

    began = time.perf_counter()
    backend.generate(clip, COUNTS[:1], GenerateOptions(limit), on_text)
    return first[0] - began, time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; what it wrote is deleted, however it ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--device', default='cuda')
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix='released-') as folder:
        act: Any = partial(check, options.device, Path(folder))
        return tell(act)


if __name__ == '__main__':
    sys.exit(main())
