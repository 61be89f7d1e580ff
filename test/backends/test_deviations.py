# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Deviations of a server, imitated by our runtime, against transformers' network with its own mask.

There the embeddings are replaced and the mask is written out, as it is in the servers.
"""

from __future__ import annotations

import pytest

pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")

import numpy as np
import torch

from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices
from molmo_ground_ros.backends.server.deviations import (
    ALL_FRAMES,
    EVERY,
    ITS_FRAME,
    RIGHT,
    Answered,
    Deviation,
    diagnose,
    fixed_clip,
    open_reference,
)
from molmo_ground_ros.backends.weights import load_network

QUESTION = 'How many?'
ANSWER = [7, 50, 3]


@pytest.fixture(scope='module')
def model(checkpoint):
    return open_reference(str(checkpoint), fixed_clip())


@pytest.fixture(scope='module')
def network(checkpoint):
    return load_network('m', checkpoint, torch.device('cpu'), torch.float32)


def features(network, pixels):
    patches = [frame_patches(frame.image, pixels) for frame in fixed_clip().frames]
    pooling = torch.from_numpy(pooling_indices(pixels))
    grid = torch.tensor([[1, *pixels.grid]])
    return torch.cat(
        [
            network.get_video_features(torch.from_numpy(frame)[None], pooling, grid).pooler_output[
                0
            ]
            for frame in patches
        ]
    )


def mask(visual, deviation):
    """(1, 1, n, n): 0 where a token attends, -inf elsewhere."""
    visual = torch.tensor(visual, dtype=torch.bool)
    count = len(visual)
    allowed = torch.tril(torch.ones(count, count, dtype=torch.bool))
    frame = torch.cumsum(~visual, 0)  # tokens between frames are not visual
    ahead = visual[:, None] & visual[None, :]
    if deviation.attends == ITS_FRAME:
        ahead &= frame[:, None] == frame[None, :]
    if deviation.attends in (ALL_FRAMES, ITS_FRAME):
        allowed |= ahead
    return torch.zeros(count, count).masked_fill(~allowed, float('-inf'))[None, None]


def expected(network, model, deviation):
    """The log-probabilities by transformers."""
    prompt = model.prompt(QUESTION)
    token = model.checkpoint.prompts.token_id
    ids = torch.tensor([*prompt.ids, *ANSWER])
    patches = ids == model.checkpoint.prompts.patch
    if deviation.markers:
        ids[ids == token('<im_start>')] = token('<frame_start>')
        ids[ids == token('<im_end>')] = token('<frame_end>')
    with torch.inference_mode():
        embedded = network.get_input_embeddings()(ids).clone()
        shown = features(network, model.checkpoint.pixels).to(embedded.dtype)
        embedded[patches] = shown if deviation.replaced else embedded[patches] + shown
        visual = [*prompt.visual, *[0] * len(ANSWER)]
        states = network.model.language_model(
            inputs_embeds=embedded[None], attention_mask=mask(visual, deviation)
        ).last_hidden_state
        logits = network.lm_head(states)[0, -len(ANSWER) - 1 :]
    return torch.log_softmax(logits, -1).numpy()


@pytest.mark.parametrize('deviation', EVERY, ids=str)
def test_an_imitation_is_what_transformers_computes_with_that_mask(network, model, deviation):
    ours = model.logprobs(QUESTION, ANSWER, deviation)
    np.testing.assert_allclose(ours, expected(network, model, deviation), atol=2e-4)


def test_the_deviation_that_was_computed_is_found(network, model):
    stock = Deviation(True, True, ITS_FRAME)
    rows = expected(network, model, stock)
    own = tuple(float(rows[i, token]) for i, token in enumerate(ANSWER))
    finding = diagnose(model, [Answered(QUESTION, tuple(ANSWER), own)])
    assert finding.nearest == stock
    assert finding.distances[stock] < 1e-4
    assert finding.largest > 0.05 > 0 == len(RIGHT.words)


def test_without_a_token_nothing_is_found(model):
    with pytest.raises(ValueError, match='no token'):
        diagnose(model, [Answered(QUESTION, (), ())])
