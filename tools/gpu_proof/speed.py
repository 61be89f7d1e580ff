# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check: the bench at Molmo2-4B's size with random weights: `torch` beside transformers.

    python -m tools.gpu_proof.speed --device cuda

On a GPU both are in bfloat16 with their own copy of the weights. On a CPU it is a small model of
that shape.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench import report
from bench.checkpoints import REAL_4B, REDUCED_4B
from bench.large import large
from bench.machine import cores
from molmo_ground_ros.backends.molmo2.published import PUBLISHED
from molmo_ground_ros.errors import size as bytes_text
from tools.gpu_proof.outcome import Skipped, tell
from tools.rehearsal.checkpoint import checkpoint_bytes

_TIMES = 5
# Two copies of the weights in 16 bits, and room for caches and prompts.
_CARD = 2 * 2 / 4 * 1.2
_DISK = 2 / 4 * 1.1


def check(device: str, scratch: Path) -> tuple[str, dict[str, Any]]:
    """Measure. Raises Skipped where the card or the disk is too small."""
    size = REAL_4B if device != 'cpu' else REDUCED_4B
    if device != 'cpu':
        weights = checkpoint_bytes(PUBLISHED['Molmo2-4B'])
        free, _ = torch.cuda.mem_get_info()
        if free < _CARD * weights:
            needs = bytes_text(round(_CARD * weights))
            raise Skipped(f'it needs {needs} of the card, {bytes_text(free)} are free')
        disk = os.statvfs(scratch).f_bavail * os.statvfs(scratch).f_frsize
        if disk < _DISK * weights:
            needs = bytes_text(round(_DISK * weights))
            raise Skipped(f'it needs {needs} of disk, {bytes_text(disk)} are free')
    rows = large(size, scratch, device, cores(), _TIMES)
    figures = report.large_headline(rows)
    return f'{size.name}: {size.frames} frames, {size.tokens} tokens; ' + ', '.join(
        f'{name} {value:g}' for name, value in figures.items()
    ), figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; what it wrote is deleted, however it ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--device', default='cuda')
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix='speed-') as folder:
        act: Any = partial(check, options.device, Path(folder))
        return tell(act)


if __name__ == '__main__':
    sys.exit(main())
