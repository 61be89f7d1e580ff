# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training's fast paths against the model's and the package's own."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs the pip extra [transformers]')
pytest.importorskip('transformers', reason='needs the pip extra [transformers]')

from molmo_ground_ros.backends.pixels import PixelConfig, pooling_indices
from tools.tabletop.clips import Clip, Coder, pack
from tools.tabletop.network import SIDE, TOKENS, WIDTH, encode, patches_of, pooling_index
from tools.tabletop.questions import ClipTruth
from tools.tabletop.train_language import build_model, hidden_states

FRAMES = 3


@pytest.fixture(scope='module')
def coder() -> Coder:
    return Coder()


@pytest.fixture(scope='module')
def model(coder: Coder) -> Any:
    return build_model(coder, 0).eval()


def clip(seed: int) -> Clip:
    rng = np.random.default_rng(seed)
    point = rng.random((FRAMES, 6, 2), np.float32)
    lifted = np.zeros((FRAMES, 6), bool)
    lifted[1, 0] = True
    truth = ClipTruth(('0.0', '0.5', '0.8'), point, np.ones((FRAMES, 6), bool), lifted)
    features = rng.standard_normal((FRAMES, TOKENS, WIDTH)).astype(np.float16)
    return Clip(features, truth, np.array([True] * 5 + [False]))


def test_packed_branches_give_what_the_model_gives_each_alone(coder: Coder, model: Any) -> None:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    one = clip(1)
    batch = pack(coder, [one, clip(2)], np.random.default_rng(0))
    prefix = len(coder.prefix(list(one.truth.labels)))
    starts = (batch.position[0] == prefix).nonzero()[:, 0].tolist()
    assert len(starts) > 3
    with torch.inference_mode():
        packed = model.lm_head(hidden_states(model, batch)[1])[0]
        for start, end in pairwise(starts[:4]):
            alone = torch.cat([batch.ids[:1, :prefix], batch.ids[:1, start:end]], 1)
            features = batch.features[0].reshape(-1, WIDTH)
            seen = BaseModelOutputWithPooling(pooler_output=(features,))
            kinds = (alone >= coder.base).long()
            logits = model(
                input_ids=alone, mm_token_type_ids=kinds, mm_encoder_outputs={'video': seen}
            ).logits[0, prefix:]
            assert torch.allclose(packed[start:end], logits, atol=1e-4)


def test_vision_path_is_the_models(model: Any) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    patches, inner = patches_of(frames), model.model
    with torch.inference_mode():
        _, tokens = encode(inner.vision_tower, inner.multi_modal_projector, patches)
        grids = torch.tensor([[2, 3, 3]])
        index = pooling_index(2)
        theirs = inner.get_video_features(patches, index, grids).pooler_output
    assert torch.allclose(tokens.reshape(-1, WIDTH), torch.cat(list(theirs)), atol=1e-5)


def test_pooling_is_the_packages() -> None:
    config = PixelConfig(SIDE, 14, (3, 3), 1 / 255, (0.5,) * 3, (0.5,) * 3)
    assert np.array_equal(pooling_index(1).numpy(), pooling_indices(config))


def test_prefix_is_the_tokenizers(coder: Coder) -> None:
    labels = ['0.0', '0.5', '12.5', '12.8']
    block = '<im_start>' + TOKENS * '<im_patch>' + '<im_end>'
    text = '<|im_end|>' + ' '.join(f'{label} {block}' for label in labels)
    assert coder.prefix(labels) == coder.ids(text)
