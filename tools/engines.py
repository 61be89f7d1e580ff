# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build the engines of the shipped model ahead of time, for several GPUs, and print a table.

    make engines

TensorRT-RTX builds them in build/engines, on a copy of the model. None is run, so no GPU is needed.
The model is tiny, and most of a plan is kernels: sizes and times tell little about a released
model. The table shows that every part can be built with fused attention and with a cache that is
updated in place.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.engines import BuildStep, BuiltEngine, Target, build_engines
from molmo_ground_ros.backends.molmo2.formats import compute_dtype
from molmo_ground_ros.errors import GroundError

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / 'models' / 'tabletop'
FOLDER = ROOT / 'build' / 'engines'
CAPABILITIES = ('SM86', 'SM89', 'SM120')
FORMATS = ('float16', 'int4')
ROWS, FRAMES = 1024, 32
_HEAD = ('part', 'GPU', 'weights', 'rows', 'MiB', 's', 'fused attention', 'cache in place')


@dataclass(frozen=True, slots=True)
class Row:
    """One engine of the table."""

    target: Target
    built: BuiltEngine

    def cells(self) -> tuple[str, ...]:
        """As text, in the order of the table's head."""
        built, target = self.built, self.target
        decoder = built.part == 'decoder'
        return (
            built.part,
            target.capability,
            target.dtype if decoder else compute_dtype(target.dtype),
            str(target.capacity) if decoder else '-',
            f'{built.nbytes / 2**20:.1f}',
            f'{built.seconds:.1f}',
            str(built.fused_attention),
            str(built.in_place_kv) if decoder else '-',
        )


def build(folder: Path, capabilities: Sequence[str], formats: Sequence[str]) -> Iterator[Row]:
    """Build each engine once, in a folder with a copy of the shipped model."""
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    built_paths = set()
    for capability in capabilities:
        for dtype in formats:
            target = Target(dtype, ROWS, FRAMES, capability)
            for built in build_engines(checkpoint, target, _log_step):
                if built.path not in built_paths:
                    built_paths.add(built.path)
                    yield Row(target, built)


def table(rows: Sequence[Row]) -> str:
    """Engines by line, in columns."""
    cells = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _log_step(step: BuildStep) -> None:
    logging.getLogger(__name__).debug('%s: %d of %d', step.name, step.done, step.total)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and print; 1 where an engine has attention that is not fused."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--capability', nargs='+', default=CAPABILITIES)
    parser.add_argument('--weights', nargs='+', default=FORMATS)
    parser.add_argument('--folder', type=Path, default=FOLDER, help='emptied first')
    options = parser.parse_args(arguments)
    shutil.rmtree(options.folder, ignore_errors=True)
    shutil.copytree(SHIPPED, options.folder)
    try:
        rows = list(build(options.folder, options.capability, options.weights))
    except GroundError as err:
        print(f'engines: {err}', file=sys.stderr)
        return 1
    print(table(rows))
    apart = [row for row in rows if not row.built.fused_attention]
    if apart:
        print(f'{len(apart)} engines have attention that is not fused', file=sys.stderr)
    return bool(apart)


if __name__ == '__main__':
    sys.exit(main())
