# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decoding at a released model's size with random weights, in the device's usual precision.

Answers go to their token limit and mean nothing; in bfloat16 two implementations that are both
right may choose different ones, so no text is compared here. Not run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.checkpoints import Size, write_random
from bench.inputs import COUNTS, fresh, read_inputs
from bench.ours import load
from bench.peer import Peer
from bench.rows import PEER, Row, against_peer
from bench.timing import Sample, Spread, alternate, spread


def large(size: Size, scratch: Path, device: str, threads: int, times: int) -> list[Row]:
    """Rows of tokens per second and time to first token on cached frames, on `torch` and the peer.

    The clip is the same all along; in between another one is asked about, so that no prefix is
    kept. The peer encodes its frames with every question: its time to first token says what
    keeping them saves.
    """
    folder = write_random(size, scratch / size.name, device)
    peer = Peer(folder, device, endless=True)
    ours = load('torch', folder, device, threads, endless=True)
    clip = read_inputs(size.frames, 0, 0).windows[0]
    other = fresh(clip, 0)
    pixels = peer.pixels(clip)

    def of_peer(_number: int) -> Sample:
        return peer.ask(clip, COUNTS[0], size.tokens, pixels)

    def of_ours(_number: int) -> Sample:
        ours.ask(other, COUNTS[:1], 1)
        return ours.ask(clip, COUNTS[:1], size.tokens)

    sides: dict[str, Callable[[int], Sample]] = {PEER: of_peer, ours.name: of_ours}
    alternate(sides, 1)  # warms up, encodes the frames, captures graphs
    samples_by_side = alternate(sides, times)
    speeds = {
        side: spread([_tokens_s(sample) for sample in samples])
        for side, samples in samples_by_side.items()
    }
    ratio = speeds[ours.name].median / speeds[PEER].median
    first = {
        side: spread([sample.ttft_s for sample in samples])
        for side, samples in samples_by_side.items()
    }
    return [
        Row(
            key='decode_speed',
            title=f'{size.name}: decoding, tokens per second',
            unit='/s',
            cells=speeds,
            ratios={ours.name: ratio},
        ),
        against_peer(
            'cached_ttft', f'{size.name}: {size.frames} cached frames to first token', first
        ),
        Row('passes', f'{size.name}: tokens per forward pass', '', _per_pass(samples_by_side)),
    ]


def _tokens_s(sample: Sample) -> float:
    """Tokens after the first one per second."""
    return (sample.tokens - 1) / (sample.total_s - sample.ttft_s)


def _per_pass(samples_by_side: dict[str, list[Sample]]) -> dict[str, Spread]:
    return {
        side: spread([sample.tokens / sample.passes for sample in samples])
        for side, samples in samples_by_side.items()
    }
