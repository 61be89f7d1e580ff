# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Prove on a GPU what was built without one, and write a page to post. At most ten minutes.

    make gpu-proof

Engines and CUDA graphs of the shipped model are compared with the reference; a random model of
Molmo2-4B's size runs in bfloat16 and int4, with its speed and the card's power. Nothing is
downloaded. Each check has a process of its own, and one that fails ends no other. The last line is
one JSON object. `--device cpu` runs the same with the CPU in the card's place, as the tests do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tools.gpu_proof import card
from tools.gpu_proof.outcome import ROOT, Outcome, Status, run
from tools.gpu_proof.page import figures_of, page

PAGE = ROOT / 'build' / 'gpu-proof.md'
MINUTES = 10.0
# Below this a check is not begun.
_LEAST_S = 20.0
_HERE = 'tools.gpu_proof'


def checks(device: str) -> dict[str, list[str]]:
    """The command of each check, by its name, in their order: what takes long comes last."""
    on = ['--device', device]
    python = [sys.executable, '-m']
    return {
        'torch and its CUDA graphs, shipped model': [*python, f'{_HERE}.compare', *on],
        'TensorRT engines in float16, shipped model': [
            *python, f'{_HERE}.engines', *on, '--dtype', 'float16'
        ],
        'TensorRT engines in int4, shipped model': [
            *python, f'{_HERE}.engines', *on, '--dtype', 'int4'
        ],
        'torch in bfloat16 beside transformers, 4B size': [*python, f'{_HERE}.speed', *on],
        'engines in int4, 4B size': [*python, f'{_HERE}.released', *on],
    }  # fmt: skip


def prove(device: str, names: Sequence[str], minutes: float) -> dict[str, Outcome]:
    """The outcome of each check. names: of those that are made; the others are left out."""
    outcomes: dict[str, Outcome] = {}
    until = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix='gpu-proof-') as scratch:
        environment = _environment(Path(scratch), device)
        for name, command in checks(device).items():
            if name not in names:
                continue
            left_s, began = until - time.monotonic(), time.monotonic()
            if left_s < _LEAST_S:
                reason = f'the {minutes:g} minutes are over: --minutes gives more'
                outcomes[name] = Outcome(Status.SKIPPED, reason)
            else:
                with card.PowerMeter(device) as meter:
                    outcome = run(command, environment, left_s)
                outcomes[name] = replace(
                    outcome, power=meter.text(), seconds=time.monotonic() - began
                )
            status, text = outcomes[name].status, outcomes[name].text
            print(f'{status:8} {name}: {text}', flush=True)
    return outcomes


def _environment(scratch: Path, device: str) -> Mapping[str, str]:
    """Of the checks: no network, one card, and temporary files where they are deleted."""
    hidden = {'CUDA_VISIBLE_DEVICES': ''} if device == 'cpu' else {}
    offline = {'HF_HUB_OFFLINE': '1', 'TRANSFORMERS_OFFLINE': '1'}
    return {**os.environ, **offline, **hidden, 'TMPDIR': str(scratch)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove; 1 where a check failed, 2 without a card."""
    parser = argparse.ArgumentParser(
        prog='make gpu-proof', description=(__doc__ or '').splitlines()[0]
    )
    parser.add_argument('--device', default='cuda', choices=['cuda', 'cpu'])
    parser.add_argument('--out', type=Path, default=PAGE, metavar='FILE', help='the page')
    parser.add_argument('--minutes', type=float, default=MINUTES)
    parser.add_argument('--only', nargs='+', default=[], metavar='WORD', help='in their names')
    options = parser.parse_args(arguments)
    if needs := card.missing(options.device):
        print(f'gpu-proof: {needs}', file=sys.stderr)
        return 2
    names = [
        name
        for name in checks(options.device)
        if not options.only or any(word in name for word in options.only)
    ]
    began = time.monotonic()
    outcomes = prove(options.device, names, options.minutes)
    facts = card.facts(options.device)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(facts, outcomes, (time.monotonic() - began) / 60))
    print(f'the page is in {options.out}')
    counts = {
        str(status): sum(outcome.status is status for outcome in outcomes.values())
        for status in Status
    }
    print(json.dumps({'card': facts['card'], **counts, **figures_of(outcomes)}))
    return int(counts[Status.FAILED] > 0)


if __name__ == '__main__':
    sys.exit(main())
