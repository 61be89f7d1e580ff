# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check: torch on the device, with its CUDA graphs, beside torch on the CPU in float32.

    python -m tools.gpu_proof.compare --device cuda

Both read the same frames and the same tokens: those that the CPU chooses. Passes over 1, 4, 8 and
17 tokens are what a GPU replays as captured graphs; 3 and 12 are padded to the next of these. Then
the cache grows, so that graphs are captured anew, and all is read once more. Last, whole answers
about the shipped bag are compared, with drafting.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.inputs import COUNTS, TRACKS, read_inputs
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.runtime import Choice, Runtime, VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.molmo2.selfcheck import QUESTIONS, SECONDS, clip_image
from molmo_ground_ros.backends.pixels import frame_patches
from tools.gpu_proof.outcome import ROOT, tell

SHIPPED = ROOT / 'models' / 'tabletop'
# Tokens of the passes: see the module.
PASSES = (1, 4, 8, 17, 3, 12)
# So many tokens in between make the cache of every device grow.
_GROWTH = 1200
# The most that a log-probability may differ; and the difference of two tokens that makes a tie.
TOLERANCES = {'float32': 2e-3, 'bfloat16': 0.3}
_ANSWER = 200


class DifferentError(Exception):
    """The device does not say what the CPU says."""


def check(folder: Path, device: str) -> tuple[str, dict[str, Any]]:
    """Compare both formats token by token, and whole answers in float32. Raises DifferentError."""
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    cpu = choose_device('cpu')
    reference = TorchRuntime(checkpoint, cpu, choose_dtype('float32', cpu))
    figures: dict[str, Any] = {}
    texts = []
    for dtype, tolerance in TOLERANCES.items():
        place = choose_device(device)
        runtime = TorchRuntime(checkpoint, place, choose_dtype(dtype, place))
        apart, same, rows = compare(checkpoint, runtime, reference, tolerance)
        captured = runtime.captured_graphs
        if place.type == 'cuda' and not captured:
            raise DifferentError(f'{dtype}: no CUDA graph was captured')
        figures[f'{dtype}_logprobs_differ'] = round(apart, 6)
        graphs = f'CUDA graphs of {", ".join(map(str, captured))} tokens' if captured else (
            'no CUDA graphs on a CPU'
        )  # fmt: skip
        texts.append(f'{dtype}: {same} of {rows} tokens the same, log-probabilities differ by up '
                     f'to {apart:.2g}, {graphs}')  # fmt: skip
        runtime.close()
    tokens, ties = _answers(folder, device)
    figures['answer_tokens'] = tokens
    texts.append(f'answers in float32: all {tokens} tokens the same but for {ties} ties')
    return '; '.join(texts), figures


def compare(
    checkpoint: Checkpoint, runtime: Runtime, reference: Runtime, tolerance: float
) -> tuple[float, int, int]:
    """The largest difference of log-probabilities, and how many tokens of how many are the same.

    A token may be another one where both lie within the tolerance. Raises DifferentError.
    """
    tokens = list(_continued(checkpoint, reference))
    passes = list(_passes(tokens))
    ours, theirs = (_read(checkpoint, side, tokens, passes) for side in (runtime, reference))
    largest, same = 0.0, 0
    for place, (mine, right) in enumerate(zip(ours, theirs, strict=True)):
        apart = abs(mine.logprob - right.logprob)
        # A number that is none fails as well.
        if not apart <= tolerance:
            raise DifferentError(
                f'row {place}: the log-probability is {mine.logprob:.4g} in place of '
                f'{right.logprob:.4g} (token {mine.token} and {right.token})'
            )
        largest, same = max(largest, apart), same + (mine.token == right.token)
    return largest, same, len(ours)


def _video(checkpoint: Checkpoint, runtime: Runtime) -> tuple[list[int], VideoFeatures]:
    prompt = checkpoint.prompts.encode(SECONDS, QUESTIONS[1])
    patches = [frame_patches(clip_image(k), checkpoint.pixels) for k in range(len(SECONDS))]
    patch = checkpoint.prompts.patch
    counts = np.cumsum([token == patch for token in prompt.ids]).tolist()
    slots = [
        count if token == patch else 0 for count, token in zip(counts, prompt.ids, strict=True)
    ]
    return list(prompt.ids), VideoFeatures(prompt.visual, slots, encode_all(runtime, patches))


def _continued(checkpoint: Checkpoint, reference: Runtime) -> Iterator[int]:
    """The tokens that the reference writes after the prompt, stop tokens among them."""
    ids, video = _video(checkpoint, reference)
    (chosen,) = reference.read(ids, 0, 1, video)
    for step in range(sum(PASSES)):
        yield chosen.token
        (chosen,) = reference.read([chosen.token], len(ids) + step, 1)


def _passes(tokens: Sequence[int]) -> Iterator[list[int]]:
    left = iter(tokens)
    for size in PASSES:
        yield list(itertools.islice(left, size))


def _read(
    checkpoint: Checkpoint, runtime: Runtime, tokens: Sequence[int], passes: Sequence[list[int]]
) -> list[Choice]:
    """The choices after every token of the passes, before the cache has grown and after it."""
    ids, video = _video(checkpoint, runtime)
    choices = list(runtime.read(ids, 0, 1, video))
    end = len(ids)
    for again in range(2):
        for part in passes:
            choices += runtime.read(part, end, len(part))
            end += len(part)
        if not again:
            filling = [tokens[k % len(tokens)] for k in range(_GROWTH)]
            choices += runtime.read(filling, end, 1)
            end += _GROWTH
    return choices


def _answers(folder: Path, device: str) -> tuple[int, int]:
    """How many tokens of answers were compared, and how many answers ended at a tie."""
    inputs = read_inputs(16, 1, 1)
    asked = [(inputs.windows[0], COUNTS[:2]), (inputs.tracked[0], TRACKS)]
    tokens = ties = 0
    sides = [_backend(folder, name) for name in (device, 'cpu')]
    for clip, questions in asked:
        ours, theirs = (
            side.generate(clip, questions, GenerateOptions(_ANSWER), lambda *_: True)
            for side in sides
        )
        for mine, right in zip(ours, theirs, strict=True):
            pairs = list(zip(mine.tokens, right.tokens, strict=False))
            tokens += len(pairs)
            other = next(((a, b) for a, b in pairs if a.text != b.text), None)
            if other is None and len(mine.tokens) == len(right.tokens):
                continue
            if other is None or abs(other[0].logprob - other[1].logprob) > TOLERANCES['float32']:
                raise DifferentError(f'the device answers {mine.text!r}, the CPU {right.text!r}')
            ties += 1
    return tokens, ties


def _backend(folder: Path, device: str) -> EngineBackend:
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    place = choose_device(device)
    return EngineBackend(
        checkpoint, TorchRuntime(checkpoint, place, choose_dtype('float32', place))
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--model', type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    act: Any = partial(check, options.model, options.device)
    return tell(act)


if __name__ == '__main__':
    sys.exit(main())
