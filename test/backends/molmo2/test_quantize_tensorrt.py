# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quantised decoders through TensorRT's own parser and builder, ahead of time, without a GPU.

A plan far smaller than the float16 one shows that the matrices stay in few bits inside the engine.
What the engine computes cannot be shown here.
"""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
from support.molmo2_styles import STYLES

WHY = 'needs pip install tensorrt-rtx==1.7.1.116 and .[export]: no GPU, Linux x86_64 or aarch64'
trt = pytest.importorskip('tensorrt_rtx', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
pytest.importorskip('torch', reason=WHY)
pytest.importorskip('transformers', reason="makes checkpoints: needs '.[transformers]'")

from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
from molmo_ground_ros.backends.molmo2.export import export_graphs
from molmo_ground_ros.backends.molmo2.formats import CODE_BITS
from molmo_ground_ros.backends.molmo2.quantize import quantize_weights

ROWS, HIDDEN = 512, 1024
WIDTHS = {'hidden_size': HIDDEN, 'head_dim': 128, 'intermediate_size': 3072}
LAYERS = 2
TOKENS = [(1, 1), (1, 64), (1, ROWS)]
LIMITS = {  # least, usual and most of each input whose size may change
    **dict.fromkeys(['ids', 'slots', 'visual'], TOKENS),
    'features': [(1, HIDDEN), (40, HIDDEN), (400, HIDDEN)],
    'wanted': [(1,), (1,), (17,)],
}
LARGEST = {'int4': 0.35, 'int8': 0.58, 'fp8': 0.58}  # share of the float16 plan's bytes
TARGETS = [(weights, chip) for weights in ('int4', 'int8') for chip in ('SM86', 'SM89', 'SM120')]
TARGETS += [('fp8', 'SM89'), ('fp8', 'SM120')]


class Log(trt.ILogger):
    """Keeps what the builder says of a failure."""

    def __init__(self):
        super().__init__()
        self.errors = []

    def log(self, severity, message):
        if severity <= trt.ILogger.ERROR:
            self.errors.append(message)


@pytest.fixture(scope='module')
def graphs(make_checkpoint):
    """Decoders of fixed capacity by style and format; 'float16' is not quantised."""
    graphs = {}
    for style, text in STYLES.items():
        text = text | WIDTHS | {'num_hidden_layers': LAYERS}
        folder = make_checkpoint(text=text)
        [graph] = export_graphs(str(folder), folder, 'float16', parts=['decoder'])
        graphs[style, 'float16'] = fix_capacity(graph, ROWS)
        for weights in CODE_BITS:
            graphs[style, weights] = fix_capacity(quantize_weights(graph, weights), ROWS)
    return graphs


def parsed(path, log):
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    read = parser.parse_from_file(str(path))
    assert read, [parser.get_error(i).desc() for i in range(parser.num_errors)]
    return builder, network, parser


def built(path, chip, log):
    builder, network, _parser = parsed(path, log)
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, chip), 0)
    profile = builder.create_optimization_profile()
    for name, limits in LIMITS.items():
        profile.set_shape(name, *limits)
    config.add_optimization_profile(profile)
    return builder.build_serialized_network(network, config)


@pytest.mark.parametrize('weights', CODE_BITS)
@pytest.mark.parametrize('style', STYLES)
def test_attention_stays_fused_and_the_cache_in_place(style, weights, graphs):
    _builder, network, _parser = parsed(graphs[style, weights], Log())
    counts = Counter(network.get_layer(i).type for i in range(network.num_layers))
    assert counts[trt.LayerType.KV_CACHE_UPDATE] == 2 * LAYERS
    assert counts[trt.LayerType.ATTENTION_INPUT] == LAYERS
    assert counts[trt.LayerType.DEQUANTIZE] == 4 * LAYERS + (weights == 'int4')
    assert not counts.keys() & {trt.LayerType.NON_ZERO, trt.LayerType.SCATTER}


@pytest.fixture(scope='module')
def float16_plan(graphs):
    return built(graphs['qwen3', 'float16'], 'SM86', Log())


@pytest.mark.parametrize(('weights', 'chip'), TARGETS)
def test_the_plan_is_as_small_as_its_weights(weights, chip, graphs, float16_plan):
    log = Log()
    plan = built(graphs['qwen3', weights], chip, log)
    assert plan is not None, log.errors
    assert plan.nbytes < LARGEST[weights] * float16_plan.nbytes


def test_norms_after_the_sublayers_build_too(graphs):
    log = Log()
    assert built(graphs['olmo', 'int4'], 'SM86', log) is not None, log.errors


def test_fp8_is_refused_where_the_chip_has_none(graphs):
    log = Log()
    assert built(graphs['qwen3', 'fp8'], 'SM86', log) is None
    assert any('fp8_e4m3' in line and 'sm86' in line for line in log.errors)


def test_missing_codes_are_an_error_of_the_parser(graphs, tmp_path):
    path = graphs['qwen3', 'int4']
    alone = shutil.copy(path, tmp_path / path.name)
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    assert not parser.parse_from_file(str(alone))
    assert parser.num_errors > 0
