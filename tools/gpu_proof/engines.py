# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check: TensorRT's engines of the shipped model, built here, beside the reference, and their use.

    python -m tools.gpu_proof.engines --device cuda --dtype float16

`build_engines` compares new engines with the reference before it lets them be loaded. Then they
answer about the shipped bag. Without a GPU they are built for one that is not here, and not run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.inputs import TRACKS, read_inputs
from molmo_ground_ros import backends
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.engines import Target, build_engines
from molmo_ground_ros.backends.molmo2.trt.plans import read_plans
from tools.engines import FRAMES, ROWS, SHIPPED
from tools.gpu_proof.outcome import Skipped, tell

# Built for where there is no GPU.
_ABSENT = 'SM89'
_ANSWER = 200


def check(device: str, dtype: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """Build, compare and answer. folder: takes a copy of the shipped model and the engines."""
    copy = shutil.copytree(SHIPPED, folder / f'engines-{dtype}')
    capability = _ABSENT if device == 'cpu' else ''
    target = Target(dtype, ROWS, FRAMES, capability)
    built = build_engines(open_checkpoint(BackendSettings(str(copy))), target, lambda _: None)
    seconds = sum(engine.seconds for engine in built)
    fused = sum(engine.fused_attention for engine in built)
    words = f'{len(built)} engines in {seconds:.0f} s, {fused} attentions fused'
    if device == 'cpu':
        raise Skipped(f'{words} for {_ABSENT}; running them needs a GPU')
    plans, _ = read_plans(copy)
    checks = {plan.recipe.part: plan.facts.self_check for plan in plans}
    said = '; '.join(f'{part}: {text}' for part, text in sorted(checks.items()))
    tokens = _answer(copy, dtype)
    return f'{words}; {said}; {tokens} tokens of answers', {
        f'engines_{dtype}_fused': fused,
        f'engines_{dtype}_build_s': round(seconds, 1),
    }


def _answer(folder: Path, dtype: str) -> int:
    """Tokens of the answers about a clip, through the backend as it is used."""
    backend = backends.load('tensorrt', BackendSettings(str(folder), dtype=dtype))
    clip = read_inputs(16, 1, 1).tracked[0]
    answers = backend.generate(clip, TRACKS, GenerateOptions(_ANSWER), lambda *_: True)
    backend.close()
    return sum(len(answer.tokens) for answer in answers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--dtype', default='float16')
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix='engines-') as folder:
        act: Any = partial(check, options.device, options.dtype, Path(folder))
        return tell(act)


if __name__ == '__main__':
    sys.exit(main())
