# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason="needs the 'transformers' extra")
pytest.importorskip('transformers', reason="needs the 'transformers' extra")

from support import truths

from tools.tabletop import network, slots
from tools.tabletop.augment import View
from tools.tabletop.truth import Thing

MIRROR = View(np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), np.ones(3))


def test_restated_vision_equals_transformers():
    tower, adapter = network.build_vision(0)
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (2, network.SIDE, network.SIDE, 3), np.uint8)
    patches = network.patches_of(frames)
    states = tower(patches, output_hidden_states=True).hidden_states
    index = network.windows().repeat(2, 1)
    index[network.TOKENS :] += network.ROW**2
    with torch.inference_mode():
        encoded = network.encode(tower, adapter, patches)
        features, tokens = encoded.features, encoded.tokens
        layers = adapter.config.vision_feature_layer
        reference = torch.cat([states[layer + 1] for layer in layers], -1)
        pooled = adapter(reference, index).last_hidden_state
    torch.testing.assert_close(features, reference, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(tokens.flatten(0, 1), pooled, atol=1e-4, rtol=1e-4)


def test_restated_language_equals_transformers():
    from transformers.models.molmo2.modeling_molmo2 import Molmo2TextModel

    config = network.make_config(50, 10, {name: n for n, name in enumerate(network.IDS)})
    text = Molmo2TextModel(config.text_config)
    network.initialise(text, torch.Generator().manual_seed(0))
    ids = torch.arange(24).reshape(2, 12) % 50
    causal = torch.zeros(2, 1, 12, 12).masked_fill(~torch.ones(12, 12).tril().bool(), -1e9)
    position = torch.arange(12).expand(2, 12)
    with torch.inference_mode():
        _, last = network.read(text, text.embed_tokens(ids), causal, position, 3)
        reference = text(input_ids=ids).last_hidden_state
    torch.testing.assert_close(last, reference, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('has_amx', [True, False])
def test_bfloat16_is_for_gpus_and_for_processors_that_have_amx(has_amx, monkeypatch):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'amx_bf16': has_amx})
    assert network.quickest_dtype(torch.device('cuda')) == torch.bfloat16
    expected = torch.bfloat16 if has_amx else torch.float32
    assert network.quickest_dtype(torch.device('cpu')) == expected
    monkeypatch.setattr(torch.cpu, 'get_capabilities', dict)
    assert network.quickest_dtype(torch.device('cpu')) == torch.float32


def test_a_token_carries_the_things_of_its_colour_from_left_to_right():
    things = (
        Thing('cup', 'blue', 'small'),
        Thing('cup', 'blue', 'large'),
        Thing('block', 'red', 'medium'),
        Thing('ball', 'red', 'medium'),
    )
    truth = truths.truth(things, [(0.8, 0.5), (0.2, 0.5), (0.9, 0.1), (0.1, 0.1)])
    found = slots.slots_of(truth, np.array([0]))
    red, blue = 0, 4
    assert found.thing[0, [red, red + 1, blue, blue + 1]].tolist() == [3, 2, 1, 0]
    assert (found.thing[0] >= 0).sum() == 4
    turned = slots.slots_of(MIRROR.truth(truth, np.array([0])), np.array([0]))
    assert turned.thing[0, [blue, blue + 1]].tolist() == [0, 1]


def test_a_code_tells_where_a_thing_is():
    things = (Thing('duck', 'yellow', 'small'),)
    place = (0.371, 0.642)
    truth = truths.truth(things, [place])
    written = slots.code(slots.slots_of(truth, np.array([0])))[0, 6]
    where = [float(slots.coordinates(written[slots.PLACE[axis]])) for axis in 'xy']
    assert where == pytest.approx(place, abs=1e-3)
