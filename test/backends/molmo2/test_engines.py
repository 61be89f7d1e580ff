# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Engines through TensorRT's own parser and builder, ahead of time, without a GPU.

What that shows: the parser takes every node, the cache update is TensorRT's in-place layer, and
attention is fused: unless it is told that it may take attention apart, the builder fails where no
kernel does all of it. What it cannot show is a number: engines do not run here.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections import Counter
from dataclasses import replace

import pytest
from support.molmo2_styles import STYLES

WHY = 'needs pip install tensorrt-rtx==1.7.1.116 and .[export]: no GPU, Linux x86_64 or aarch64'
trt = pytest.importorskip('tensorrt_rtx', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
pytest.importorskip('torch', reason=WHY)

from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.engines import Target, build_engines
from molmo_ground_ros.backends.molmo2.export import export_graphs
from molmo_ground_ros.backends.molmo2.trt.build import build_plan, parse
from molmo_ground_ros.backends.molmo2.trt.find import RTX, find_tensorrts
from molmo_ground_ros.backends.molmo2.trt.graph_file import graph_and_weight_files, weight_bytes
from molmo_ground_ros.backends.molmo2.trt.plans import (
    ENGINES,
    NOT_CHECKED,
    read_plans,
    write_manifest,
    write_plan,
)
from molmo_ground_ros.backends.molmo2.trt.profiles import decoder_profiles, vision_profiles
from molmo_ground_ros.errors import BackendError, BadSetting

ROWS, FRAMES, LAYERS = 512, 8, {'qwen3': 2, 'olmo': 3}
STYLE = pytest.mark.parametrize('style', LAYERS)
TENSORRT = find_tensorrts((RTX,))[0]


@pytest.fixture(scope='module')
def checkpoints(make_checkpoint):
    """Heads as wide as the released models': there are kernels for those."""
    by_style = {}
    for style, text in STYLES.items():
        folder = make_checkpoint(text=text | {'head_dim': 128}, tower={'head_dim': 72})
        by_style[style] = open_checkpoint(BackendSettings(str(folder)))
    return by_style


@pytest.fixture(scope='module')
def built(checkpoints):
    """The engines of one of them, and the steps that were told."""
    steps = []
    target = Target('float16', ROWS, FRAMES, 'SM86')
    return build_engines(checkpoints['qwen3'], target, steps.append), steps


@pytest.fixture(scope='module')
def graphs(checkpoints, built):
    """By style and part; those of the engines are there already."""
    folder = checkpoints['olmo'].folder
    [olmo] = export_graphs(str(folder), folder, 'float16', parts=['decoder'])
    folder = checkpoints['qwen3'].folder
    return {
        ('qwen3', 'decoder'): folder / f'decoder.float16.opset24.rows{ROWS}.onnx',
        ('qwen3', 'vision'): folder / 'vision.float16.opset24.onnx',
        ('olmo', 'decoder'): fix_capacity(olmo, ROWS),
    }


def profiles(checkpoint, part):
    if part == 'vision':
        return vision_profiles(checkpoint.config, 4, 9)
    return decoder_profiles(checkpoint.config, 4, ROWS, FRAMES)


@STYLE
def test_the_cache_is_updated_in_place_and_attention_is_one_layer(style, graphs):
    logger = trt.Logger(trt.Logger.ERROR)
    network = trt.Builder(logger).create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse_from_file(str(graphs[style, 'decoder']))
    counts = Counter(network.get_layer(i).type for i in range(network.num_layers))
    assert counts[trt.LayerType.KV_CACHE_UPDATE] == 2 * LAYERS[style]
    assert counts[trt.LayerType.ATTENTION_INPUT] == LAYERS[style]
    assert counts[trt.LayerType.ROTARY_EMBEDDING] == 2 * LAYERS[style]
    assert not counts.keys() & {trt.LayerType.NON_ZERO, trt.LayerType.SCATTER}
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    assert not any(tensor.is_shape_tensor for tensor in inputs), 'its place would be on the host'
    types = {tensor.name: tensor.dtype.name for tensor in inputs}
    assert {types[name] for name in ('ids', 'slots', 'start', 'wanted')} == {'INT64'}
    assert {types[name] for name in ('visual', 'seen_visual')} == {'BOOL'}
    inspection = parse(TENSORRT, graphs[style, 'decoder'])
    assert (inspection.attention, inspection.in_place_kv) == (LAYERS[style], 2 * LAYERS[style])


@pytest.mark.parametrize('capability', ['SM86', 'SM89', 'SM120'])
@pytest.mark.parametrize(
    ('style', 'part', 'fused', 'in_place'),
    [('qwen3', 'decoder', 2, 4), ('olmo', 'decoder', 3, 6), ('qwen3', 'vision', 3, 0)],
)
def test_an_engine_with_fused_attention_and_a_cache_in_place_is_built(
    style, part, fused, in_place, capability, graphs, checkpoints
):
    graph = graphs[style, part]
    plan = build_plan(TENSORRT, graph, profiles(checkpoints[style], part), capability)
    assert (plan.fused_attention, plan.inspection.in_place_kv) == (fused, in_place)
    assert len(plan.data) > weight_bytes(graph) > 10_000


def test_bfloat16_is_built_as_float16_is(checkpoints):
    folder = checkpoints['olmo'].folder
    [decoder] = export_graphs(str(folder), folder, 'bfloat16', parts=['decoder'])
    graph = fix_capacity(decoder, ROWS)
    plan = build_plan(TENSORRT, graph, profiles(checkpoints['olmo'], 'decoder'), 'SM120')
    assert (plan.fused_attention, plan.inspection.in_place_kv) == (3, 6)


def test_attention_without_a_kernel_is_taken_apart_and_said_to_be(
    exported, tmp_path, checkpoints, caplog
):
    """In float32 there is none for a prompt."""
    folder = shutil.copytree(exported['qwen3'], tmp_path / 'm')
    graph = fix_capacity(folder / 'decoder.float32.opset24.onnx', ROWS)
    limits = profiles(checkpoints['qwen3'], 'decoder')
    with caplog.at_level(logging.WARNING):
        plan = build_plan(TENSORRT, graph, limits, 'SM86')
    assert (plan.inspection.attention, plan.fused_attention, plan.inspection.in_place_kv) == (
        2,
        0,
        4,
    )
    assert len(plan.data) > weight_bytes(graph)
    assert 'no fused attention for decoder.float32' in caplog.text
    assert 'attention is taken apart, which is slower' in caplog.text


def test_engines_are_kept_with_what_they_were_made_of(built, checkpoints):
    engines, steps = built
    folder = checkpoints['qwen3'].folder
    assert [(engine.part, engine.fused_attention, engine.in_place_kv) for engine in engines] == [
        ('vision', 3, 0),
        ('decoder', 2, 4),
    ]
    assert all(engine.path.parent == folder / ENGINES for engine in engines)
    assert [engine.nbytes for engine in engines] == [
        engine.path.stat().st_size for engine in engines
    ]
    manifests, wrong = read_plans(folder)
    decoder = next(plan for plan in manifests if plan.recipe.part == 'decoder')
    assert not wrong and len(manifests) == 2
    assert decoder.facts.self_check.startswith(NOT_CHECKED)
    assert set(decoder.recipe.files) == {decoder.recipe.graph, 'model.safetensors'}
    assert (decoder.recipe.capability, decoder.recipe.gpu) == ('SM86', '')
    names = list(dict.fromkeys(step.name for step in steps))
    assert names[0] == 'exporting the graphs' and names[-1] == 'building decoder'
    assert all(0 <= step.done <= step.total for step in steps)
    assert steps[-1].done == steps[-1].total > 1


def test_a_second_build_keeps_what_is_whole_and_makes_again_what_is_not(built, checkpoints):
    vision, decoder = built[0]
    decoder.path.write_bytes(decoder.path.read_bytes()[:-1])
    before = vision.path.stat().st_mtime_ns
    steps = []
    target = Target('float16', ROWS, FRAMES, 'SM86')
    again = build_engines(checkpoints['qwen3'], target, steps.append)
    assert vision.path.stat().st_mtime_ns == before
    assert again[0] == vision
    assert again[1].path == decoder.path
    assert decoder.path.stat().st_size == again[1].nbytes
    assert 'building vision: there already' in [step.name for step in steps]
    assert len(read_plans(checkpoints['qwen3'].folder)[0]) == 2


def test_engines_of_weights_that_changed_are_replaced_and_no_others(built, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints['qwen3'].folder, tmp_path / 'm')
    weights = folder / 'model.safetensors'
    content = bytearray(weights.read_bytes())
    content[-2] ^= 1
    weights.write_bytes(content)
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    other = next(plan for plan in read_plans(folder)[0] if plan.recipe.part == 'vision')
    write_manifest(
        write_plan(folder, of_sm89 := replace(other.recipe, capability='SM89'), b'x'),
        of_sm89,
        other.facts,
    )
    again = build_engines(checkpoint, Target('float16', ROWS, FRAMES, 'SM86'), lambda step: None)
    left = {plan.file.path for plan in read_plans(folder)[0]}
    assert left == {engine.path for engine in again} | {folder / ENGINES / f'{of_sm89.key}.plan'}
    assert not {path.name for path in left} & {engine.path.name for engine in built[0]}


def test_a_folder_that_cannot_be_written_to_is_named(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints['olmo'].folder, tmp_path / 'm')
    (folder / ENGINES).write_text('a file where the folder should be')
    with pytest.raises(BackendError, match=r'building in .*/m: .*engines'):
        build_engines(
            open_checkpoint(BackendSettings(str(folder))),
            Target('float16', ROWS, FRAMES, 'SM86'),
            lambda step: None,
        )


def test_two_builds_at_once_are_refused(built, checkpoints):
    target = Target('float16', ROWS, FRAMES, 'SM86')
    with (checkpoints['qwen3'].folder / ENGINES / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackendError, match=r'another build is under way in .*engines'):
            build_engines(checkpoints['qwen3'], target, lambda step: None)


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'dtype': 'float32'}, "dtype = 'float32': engines have bfloat16, float16"),
        ({'frames': 0}, 'frames = 0: must be at least 4'),
        ({'capacity': 32}, 'capacity = 32: 8 frames alone are 32 tokens'),
        ({'capacity': 9999}, 'capacity = 9999: .* the model takes 1024'),
        ({'capability': 'SM87'}, "capability = 'SM87': tensorrt_rtx .* for SM75, .*SM121"),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_its_value(changes, reason, checkpoints):
    target = Target(
        **{'dtype': 'float16', 'capacity': 512, 'frames': 8, 'capability': 'SM86'} | changes
    )
    with pytest.raises(BadSetting, match=reason):
        build_engines(checkpoints['olmo'], target, lambda step: None)
    assert not (checkpoints['olmo'].folder / ENGINES).exists()


def test_what_the_caller_raises_ends_the_build_and_is_raised(graphs, checkpoints):
    def stop(done, total):
        raise KeyboardInterrupt

    limits = profiles(checkpoints['qwen3'], 'vision')
    with pytest.raises(KeyboardInterrupt):
        build_plan(TENSORRT, graphs['qwen3', 'vision'], limits, 'SM86', stop)


def test_a_graph_that_the_parser_does_not_take_is_named_with_its_words(tmp_path):
    (tmp_path / 'graph.onnx').write_bytes(b'no graph')
    with pytest.raises(BackendError, match=r'tensorrt_rtx 1\.\S+ cannot read graph\.onnx: .{10}'):
        parse(TENSORRT, tmp_path / 'graph.onnx')


def test_a_failed_build_says_what_tensorrt_says(graphs, checkpoints):
    limits = profiles(checkpoints['qwen3'], 'vision')[0] | {'patches': ((1, 7, 7),) * 3}
    with pytest.raises(BackendError, match=r'cannot build vision\.float16.*patches'):
        build_plan(TENSORRT, graphs['qwen3', 'vision'], [limits], 'SM86')


def test_the_files_of_a_graph_are_its_own_and_the_weights(graphs):
    graph = graphs['olmo', 'decoder']
    assert graph_and_weight_files(graph) == [graph.name, 'model.safetensors']


def test_each_attention_has_a_mask_of_its_own(graphs):
    """Or a step of few tokens is not built: see capacity._own_masks."""
    onnx_ir = pytest.importorskip('onnx_ir', reason=WHY)
    graph = onnx_ir.load(graphs['olmo', 'decoder']).graph
    masks = [node.inputs[3].name for node in graph if node.op_type == 'Attention']
    assert len(set(masks)) == len(masks) == LAYERS['olmo']
