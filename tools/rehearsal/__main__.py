# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rehearse a released model's size: all that a user does, on random weights, on this machine.

    make rehearsal SIZE=4b

Writes a checkpoint of 4B, 8B or O-7B size, and runs doctor, the builds for a CPU and for GPUs that
are not here, a question through the node with cancels, and what must be refused. Beside each figure
stands what `build` had said. A step that does not fit here is left out, and says what it needs. The
last line is one JSON object. The checkpoint is deleted at the end, however it ends.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.published import PUBLISHED
from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.errors import size as bytes_text
from tools.rehearsal import builds
from tools.rehearsal.checkpoint import SIZES, checkpoint_bytes, write_checkpoint
from tools.rehearsal.watch import run

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'build' / 'rehearsal'
STEPS = ('doctor', 'onnx', 'speed', 'node', 'engines', 'refusals')
# How far a figure may be from what was said.
_TOLERANCE = 0.2
# Memory that torch takes beside ONNX Runtime when both are timed, in bytes a weight.
_TORCH_BYTES = 2


@dataclass
class Rehearsal:
    """One size on this machine. figures: the JSON object. misses: what was not as it was said."""

    size: str
    folder: Path
    figures: dict[str, Any] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    # (said, taken) bytes of memory of each build.
    _peaks: list[tuple[float, float]] = field(default_factory=list)
    _engines: int = 0

    def doctor(self) -> None:
        """What doctor advises for a folder as downloaded, on a machine without a GPU."""
        report, taken = builds.doctor(self.folder)
        lines = {line['name']: line for line in report['lines']}
        advice = lines.get('on the CPU', {}).get(
            'text', 'a GPU is here: nothing is said of the CPU'
        )
        self._print('doctor', f'{taken.wall_s:.0f} s, {advice}')

    def onnx(self) -> None:
        """The graphs of few bits for a CPU."""
        for dtype in ('int4', 'int8'):
            self._build('onnx', dtype)

    def speed(self) -> None:
        """Memory and speed of int4 on this CPU, beside a copy of memory and torch."""
        weights = checkpoint_bytes(PUBLISHED[SIZES[self.size]]) / 4
        needed = weights * (_TORCH_BYTES + 0.75)
        free = available_bytes() or 0
        command = [sys.executable, '-m', 'tools.rehearsal.speed', str(self.folder)]
        if needed > free:
            self._skip('torch beside int4', f'{bytes_text(round(needed))} of memory', free)
            command += ['--no-torch']
        taken = run(command, self.folder)
        if taken.code:
            self._miss('speed', taken.output)
            return
        figures = json.loads(taken.output.strip().splitlines()[-1])
        self.figures |= figures
        self._print('speed', ', '.join(f'{name} {value}' for name, value in figures.items()))

    def node(self) -> None:
        """A question through the node, and two that are withdrawn."""
        from tools.rehearsal.question import ask

        log = self.folder / 'node.log'
        try:
            asked = ask(self.folder, log)
        except (GroundError, TimeoutError) as err:
            self._miss(f'node: {err}', log.read_text(errors='replace')[-2000:])
            return
        self.figures['cancel_ms'] = {name: round(ms) for name, ms in asked.cancel_ms.items()}
        self._print(
            'node',
            f'loaded in {asked.load_s:.0f} s, answered in {asked.answer_s:.0f} s, canceled in '
            f'{self.figures["cancel_ms"]} ms, {bytes_text(asked.peak_bytes)} with the node',
        )

    def engines(self) -> None:
        """Engines for GPUs that are not here.

        The engine of a vision tower is kept for all formats, as are rounded weights for all GPUs.
        """
        for dtype in builds.ENGINE_DTYPES:
            for capability in builds.CAPABILITIES:
                if not builds.has_format(capability, dtype):
                    self._print(f'tensorrt {dtype} {capability}', 'left out: it has no fp8')
                    continue
                self._build('tensorrt', dtype, capability)
                builds.delete_decoder_plans(self.folder)
        self.figures['engines_built'] = self._engines

    def refusals(self) -> None:
        """What must be refused, in words."""
        names = []
        for refusal in builds.refusals(self.folder, available_bytes() or 0):
            refused, taken = builds.is_refused(refusal, self.folder)
            if refused:
                names.append(refusal.name)
                self._print('refused', f'{refusal.name} ({taken.wall_s:.0f} s)')
            else:
                self._miss(f'not refused: {refusal.name}', taken.output)
        self.figures['refused'] = names

    def finish(self) -> None:
        """The largest build, as it was said and as it was."""
        if self._peaks:
            said, taken = max(self._peaks, key=lambda pair: pair[1])
            self.figures['predicted_peak_gb'] = round(said / 1e9, 2)
            self.figures['peak_gb'] = round(taken / 1e9, 2)

    def _build(self, backend: str, dtype: str, capability: str = '') -> None:
        name = ' '.join(filter(None, (backend, dtype, capability)))
        said = builds.plan(self.folder, backend, dtype, capability)
        free = available_bytes() or 0
        disk = shutil.disk_usage(self.folder).free
        if said.building > free:
            self._skip(name, f'{bytes_text(round(said.building))} of memory', free)
            return
        if said.disk > disk:
            self._skip(name, f'{bytes_text(round(said.disk))} of disk', disk)
            return
        taken = builds.build(self.folder, backend, dtype, capability)
        if taken.code:
            self._miss(name, taken.output)
            return
        self._engines += 2 * (backend == 'tensorrt')
        self._peaks.append((said.building, taken.peak_bytes))
        pairs = {'memory': (said.building, taken.peak_bytes), 'disk': (said.disk, taken.disk_bytes)}
        words = [
            f'{what} {bytes_text(round(got))} of {bytes_text(round(told))} said'
            for what, (told, got) in pairs.items()
        ]
        times = f'{taken.wall_s:.0f} s, {taken.cpu_s:.0f} s of processors'
        self._print(name, ', '.join([times, *words, *_compared(taken.output)]))
        for what, (told, got) in pairs.items():
            if abs(got - told) > _TOLERANCE * told:
                self.misses.append(f'{name}: {what} {got / told:.2f} times what was said')

    def _skip(self, name: str, needs: str, free: int) -> None:
        self._print(name, f'left out: needs {needs}, {bytes_text(free)} are free')

    def _miss(self, name: str, output: str) -> None:
        self.misses.append(name)
        print(output, file=sys.stderr)
        self._print(name, 'FAILED, see above')

    @staticmethod
    def _print(name: str, text: str) -> None:
        print(f'{name:24}  {text}', flush=True)


def _compared(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.startswith('compared')]


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse one size; 1 where something failed or was not as it was said."""
    parser = argparse.ArgumentParser(
        prog='make rehearsal', description=(__doc__ or '').split('\n')[0]
    )
    parser.add_argument('--size', default='4b', choices=list(SIZES), help='Default: 4b.')
    parser.add_argument('--only', nargs='+', default=STEPS, choices=STEPS, metavar='STEP')
    parser.add_argument('--folder', type=Path, default=FOLDER, help='emptied first, deleted after')
    parser.add_argument('--keep', action='store_true', help='use and keep what is in the folder')
    options = parser.parse_args(arguments)
    # An end from outside deletes the checkpoint too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    needed, began = checkpoint_bytes(PUBLISHED[SIZES[options.size]]), time.monotonic()
    folder = options.folder / options.size
    rehearsal = Rehearsal(options.size, folder)
    try:
        if not (options.keep and folder.is_dir()):
            shutil.rmtree(folder, ignore_errors=True)
            options.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(options.folder).free
            if needed > free:
                print(f'the checkpoint takes {bytes_text(needed)} of disk, {bytes_text(free)} are '
                      'free', file=sys.stderr)  # fmt: skip
                return 2
            write_checkpoint(PUBLISHED[SIZES[options.size]], folder)
            print(f'{"checkpoint":24}  {bytes_text(needed)} in {time.monotonic() - began:.0f} s')
        for name in options.only:
            step: Callable[[], None] = getattr(rehearsal, name)
            step()
        rehearsal.finish()
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f'{"all":24}  {(time.monotonic() - began) / 60:.0f} min')
    for miss in rehearsal.misses:
        print(f'MISSED  {miss}')
    print(json.dumps(rehearsal.figures))
    return int(bool(rehearsal.misses))


if __name__ == '__main__':
    sys.exit(main())
