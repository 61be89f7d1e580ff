# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The mask of the plugin, on batches as vLLM makes them. vLLM itself runs in `make vllm`."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")

from molmo_ground_ros.vllm_plugin.all_frames import (
    AttentionOverAllFrames,
    PromptSplit,
    Videos,
    find_videos,
)

HEADS, KV_HEADS, SIZE = 4, 2, 8
# v: a visual token, t: a word. Two frames with a label between, then a question.
PROMPT = 'tvvtvvvtt'


def batch(*pieces):
    """(visual, positions) of (tokens, first position) one behind the other."""
    visual = [letter == 'v' for tokens, _ in pieces for letter in tokens]
    positions = [first + i for tokens, first in pieces for i in range(len(tokens))]
    return torch.tensor(visual), torch.tensor(positions)


def rows(*pieces):
    generator = torch.Generator().manual_seed(7)
    count = sum(len(tokens) for tokens, _ in pieces)
    return [
        torch.randn(count, heads * SIZE, generator=generator)
        for heads in (HEADS, KV_HEADS, KV_HEADS)
    ]


def attend(query, key, value, mask):
    """Written out: (tokens, heads * SIZE) under a mask (tokens, tokens)."""
    outputs = []
    for head in range(HEADS):
        other = head // (HEADS // KV_HEADS)
        q = query[:, head * SIZE : (head + 1) * SIZE]
        k, v = (rows[:, other * SIZE : (other + 1) * SIZE] for rows in (key, value))
        weights = (q @ k.T) * SIZE**-0.5
        outputs.append(weights.masked_fill(~mask, -torch.inf).softmax(-1) @ v)
    return torch.cat(outputs, -1)


def masks(*pieces):
    """(causal, over all frames), each request by itself."""
    visual, _ = batch(*pieces)
    owners = torch.tensor([i for i, (tokens, _) in enumerate(pieces) for _ in tokens])
    own = owners[:, None] == owners[None]
    causal = torch.ones(len(owners), len(owners), dtype=torch.bool).tril() & own
    return causal, causal | (visual[:, None] & visual[None] & own)


class Causal(torch.nn.Module):
    """In the place of vLLM's attention: each request by itself, looking at nothing ahead."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def forward(self, query, key, value):
        return attend(query, key, value, self.mask)


@pytest.mark.parametrize(
    'pieces',
    [
        pytest.param([(PROMPT, 0)], id='one prompt'),
        pytest.param([(PROMPT, 0), ('tvvvt', 0)], id='two prompts'),
        pytest.param([('t', 31), (PROMPT, 0), ('t', 12), ('tvt', 0)], id='with new tokens'),
        pytest.param([('ttt', 0), (PROMPT, 0)], id='behind a prompt without a video'),
        pytest.param([('vv', 0)], id='nothing but frames'),
    ],
)
def test_every_visual_token_sees_those_of_all_frames_of_its_own_prompt(pieces):
    visual, positions = batch(*pieces)
    causal, full = masks(*pieces)
    videos = Videos(find_videos(visual, positions))
    attention = AttentionOverAllFrames(Causal(causal), videos, SIZE, SIZE**-0.5)
    query, key, value = rows(*pieces)
    computed = attention(query, key, value)
    torch.testing.assert_close(computed, attend(query, key, value, full))
    assert not torch.allclose(computed, attend(query, key, value, causal))


def test_without_a_video_nothing_is_computed_twice():
    visual, positions = batch(('tttt', 0), ('t', 9))
    assert find_videos(visual, positions) == []


@pytest.mark.parametrize(
    ('pieces', 'position'),
    [
        pytest.param([('vvt', 16)], 16, id='the rest of a cached prompt'),
        pytest.param([(PROMPT, 0), ('vt', 5)], 5, id='the second piece of a prompt'),
        pytest.param([('tv', 0), ('tv', 8)], 9, id='after a shorter prompt'),
    ],
)
def test_a_prompt_that_was_split_is_refused_and_never_answered_wrongly(pieces, position):
    with pytest.raises(PromptSplit, match=f'position {position} .*prefix caching'):
        find_videos(*batch(*pieces))
