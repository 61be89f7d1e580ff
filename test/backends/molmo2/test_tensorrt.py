# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The float16 graphs through TensorRT's own parser and builder, ahead of time, without a GPU.

What that shows: the parser takes every node, the cache update is TensorRT's in-place layer, and
attention is fused: unless it is told that it may take attention apart, the builder fails where no
kernel does all of it. What it cannot show is a number: engines do not run here.
"""

from __future__ import annotations

from collections import Counter

import pytest
from molmo2_styles import STYLES

WHY = 'needs pip install tensorrt-rtx==1.7.1.116 and .[export]: no GPU, Linux x86_64 or aarch64'
trt = pytest.importorskip('tensorrt_rtx', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
pytest.importorskip('torch', reason=WHY)

from molmo_ground_ros.backends.molmo2.capacity import fix_capacity  # noqa: E402
from molmo_ground_ros.backends.molmo2.export import export_graphs  # noqa: E402

ROWS, LAYERS = 512, {'qwen3': 2, 'olmo': 3}
STYLE = pytest.mark.parametrize('style', LAYERS)
LIMITS = {  # least, usual and most of each input whose size may change
    'ids': [(1, 1), (1, 64), (1, ROWS)],
    'slots': [(1, 1), (1, 64), (1, ROWS)],
    'visual': [(1, 1), (1, 64), (1, ROWS)],
    'features': [(1, 32), (40, 32), (400, 32)],
    'wanted': [(1,), (1,), (17,)],
    'patches': [(1, 36, 588), (1, 36, 588), (8, 36, 588)],
    'pooling': [(4, 9), (4, 9), (4, 9)],
}


@pytest.fixture(scope='module')
def graphs(make_checkpoint, tmp_path_factory):
    """Heads as wide as the released models': there are kernels for those."""
    found = {}
    for style, text in STYLES.items():
        folder = make_checkpoint(text=text | {'head_dim': 128}, tower={'head_dim': 72})
        parts = ('decoder', 'vision') if style == 'qwen3' else ('decoder',)
        for path in export_graphs(str(folder), folder, 'float16', parts=parts):
            part = path.name.partition('.')[0]
            found[style, part] = fix_capacity(path, ROWS) if part == 'decoder' else path
    return found


def parsed(path):
    log = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    read = parser.parse_from_file(str(path))
    assert read, [parser.get_error(i).desc() for i in range(parser.num_errors)]
    return builder, network, parser


def built(path, capability):
    builder, network, _parser = parsed(path)
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        if tensor.name in LIMITS:
            profile.set_shape(tensor.name, *LIMITS[tensor.name])
    config.add_optimization_profile(profile)
    return builder.build_serialized_network(network, config)


def layers(network):
    return Counter(network.get_layer(i).type for i in range(network.num_layers))


@STYLE
def test_the_cache_is_updated_in_place_and_attention_is_one_layer(style, graphs):
    _builder, network, _parser = parsed(graphs[style, 'decoder'])
    found = layers(network)
    assert found[trt.LayerType.KV_CACHE_UPDATE] == 2 * LAYERS[style]
    assert found[trt.LayerType.ATTENTION_INPUT] == LAYERS[style]
    assert found[trt.LayerType.ROTARY_EMBEDDING] == 2 * LAYERS[style]
    assert not found.keys() & {trt.LayerType.NON_ZERO, trt.LayerType.SCATTER}


@pytest.mark.parametrize('capability', ['SM86', 'SM89', 'SM120'])
@pytest.mark.parametrize('graph', [('qwen3', 'decoder'), ('olmo', 'decoder'), ('qwen3', 'vision')])
def test_an_engine_with_fused_attention_is_built(graph, capability, graphs):
    plan = built(graphs[graph], capability)
    assert plan is not None
    assert plan.nbytes > 100_000
