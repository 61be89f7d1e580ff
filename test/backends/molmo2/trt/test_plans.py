# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plans on disk: which may be loaded on a machine, which not, and what is said of those.

TensorRT is a bare object here: whatever is refused is refused before it is touched.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.errors import BadModel

pytest.importorskip('torch', reason="makes the models: needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="makes the models: needs pip install '.[transformers]'")

from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.trt.choose import choose
from molmo_ground_ros.backends.molmo2.trt.content import file_hashes
from molmo_ground_ros.backends.molmo2.trt.find import FULL, RTX, Tensorrt
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu, system
from molmo_ground_ros.backends.molmo2.trt.plans import (
    ENGINES,
    PENDING,
    BuildFacts,
    Recipe,
    built_parts,
    checkpoint_hashes,
    delete_plan,
    find_plan,
    read_plans,
    write_manifest,
    write_plan,
)
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.storage.atomic import delete_unfinished

ORIN = TargetGpu('Orin', 'SM87', 16)
INSTALLED = Tensorrt(FULL, '10.16.2.10', object())
PLAN = bytes(range(256)) * 40
FACTS = BuildFacts(36, 36, 72, 400.0, '0.01 of 0.2 standard deviations')


@pytest.fixture
def model(make_checkpoint):
    folder = make_checkpoint(nested=False)
    (folder / 'graph.onnx').write_bytes(b'the graph')
    return open_checkpoint(BackendSettings(str(folder)))


def recipe(model, part='decoder', **changes):
    """What a plan for this machine is made of."""
    folder = model.folder
    fields = {
        'part': part,
        'checkpoint': digest(read_index(model.model, folder), model.config),
        'graph': 'graph.onnx',
        'files': checkpoint_hashes(folder, ['graph.onnx', 'model.safetensors']),
        'weights': 'float16',
        'capacity': 1024,
        'frames': 64,
        'profiles': 'ids 1x1 1x8 1x17',
        'tensorrt': str(INSTALLED),
        'capability': ORIN.capability,
        'gpu': ORIN.name,
        'multiprocessors': ORIN.multiprocessors,
        'system': system(),
    }
    return Recipe(**fields | changes)


def put(model, part='decoder', facts=FACTS, **changes):
    new_recipe = recipe(model, part, **changes)
    return write_manifest(write_plan(model.folder, new_recipe, memoryview(PLAN)), new_recipe, facts)


def both(model, **changes):
    weights = changes.get('weights', 'float16')
    precision = weights if weights == 'bfloat16' else 'float16'
    put(model, 'vision', **changes | {'weights': precision, 'capacity': 0, 'frames': 0})
    return put(model, **changes)


def chosen(checkpoint, dtype='auto', tensorrts=(INSTALLED,), gpu=ORIN):
    return choose(checkpoint, dtype, tensorrts, gpu)


def test_what_was_kept_is_chosen_and_read_back_whole(model):
    plan = both(model)
    pair = chosen(model)
    assert pair.decoder == plan == find_plan(model.folder, recipe(model))
    assert pair.vision.recipe.part == 'vision'
    assert pair.tensorrt is INSTALLED
    manifest = json.loads(plan.file.path.with_suffix('.json').read_text())
    assert manifest['made_of']['gpu'] == 'Orin' and manifest['plan']['bytes'] == len(PLAN)


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'tensorrt': 'tensorrt 10.13.3'}, 'built by tensorrt 10.13.3, here tensorrt 10.16.2.10'),
        ({'tensorrt': 'tensorrt_rtx 1.7'}, 'built by tensorrt_rtx 1.7, here tensorrt 10.16.2.10'),
        ({'gpu': 'Thor', 'capability': 'SM110'}, 'compute capability SM110, here SM87; .* Thor'),
        ({'gpu': 'Orin Nano'}, 'built for the GPU Orin Nano, here Orin'),
        ({'multiprocessors': 8}, 'built for multiprocessors: 8, here 16'),
        ({'gpu': '', 'multiprocessors': 0, 'capability': 'SM86'}, 'capability SM86, here SM87;'),
        ({'system': 'windows arm64'}, r'built on windows arm64, here linux \w+;'),
        ({'checkpoint': 'x'}, r'is stale: config\.json or the layout of the weights changed'),
        ({'files': {'model.safetensors': 'x'}}, r'is stale: model\.safetensors changed since'),
        ({'files': {'graph.onnx': 'x'}}, r'is stale: graph\.onnx changed since'),
        ({'facts': replace(FACTS, self_check=PENDING)}, 'never compared with the reference'),
    ],
)
def test_a_plan_of_something_else_is_refused_by_what_differs(changes, reason, model):
    plan = both(model, **changes)
    with pytest.raises(BadModel, match=rf'{plan.file.path.name} .*{reason}') as raised:
        chosen(model)
    assert f'molmo-ground build --backend tensorrt {model.folder}' in str(raised.value)


def test_weights_of_the_same_layout_and_size_are_told_apart(model):
    both(model)
    weights = model.folder / 'model.safetensors'
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BadModel, match=r'is stale: model\.safetensors changed since it was built'):
        chosen(model)


def test_a_graph_that_is_gone_does_not_make_a_plan_stale(model):
    both(model)
    (model.folder / 'graph.onnx').unlink()
    assert chosen(model).decoder.recipe.graph == 'graph.onnx'


def cut_short(path):
    path.write_bytes(PLAN[:-1])


def flip_a_bit(path):
    path.write_bytes(PLAN[:5000] + bytes([PLAN[5000] ^ 4]) + PLAN[5001:])


@pytest.mark.parametrize(
    ('harm', 'reason'),
    [
        (cut_short, 'truncated or was changed: 10239 bytes, not 10240'),
        (flip_a_bit, 'is damaged: its bytes are not those that were written'),
        (os.unlink, 'is not there, its manifest is'),
    ],
)
@pytest.mark.parametrize('part', ['decoder', 'vision'])
def test_a_damaged_plan_is_refused_and_is_not_taken_for_built(part, harm, reason, model):
    decoder = both(model)
    path = decoder.file.path if part == 'decoder' else chosen(model).vision.file.path
    harm(path)
    with pytest.raises(BadModel, match=f'{path.name} .*{reason}'):
        chosen(model)
    rows = {'decoder': {}, 'vision': {'capacity': 0, 'frames': 0}}[part]
    assert find_plan(model.folder, recipe(model, part, **rows)) is None


@pytest.mark.parametrize(
    ('harm', 'reason'),
    [
        (lambda text: text[:100], 'is damaged: JSONDecodeError'),
        (lambda text: '[]', 'is damaged: TypeError'),
        (lambda text: text.replace('"gpu"', '"cpu"'), 'is damaged: ValueError: cpu is'),
        (lambda text: text.replace('"capacity": 1024', '"capacity": 4096'), 'is damaged: what it'),
        (lambda text: text.replace('"format": 1', '"format": 9'), 'manifest of format 9, not 1'),
    ],
)
def test_a_damaged_manifest_is_named(harm, reason, model):
    manifest = both(model).file.path.with_suffix('.json')
    manifest.write_text(harm(manifest.read_text()))
    with pytest.raises(BadModel, match=rf'{manifest.name} .*{reason}'):
        chosen(model)
    assert find_plan(model.folder, recipe(model)) is None


def test_no_plans_at_all_says_how_to_build_one(model):
    with pytest.raises(
        BadModel, match=r'there is no plan in .*engines; build one with molmo-ground'
    ):
        chosen(model)
    both(model)
    with pytest.raises(BadModel, match=r'no plan of int4 .* --backend tensorrt --dtype int4 '):
        chosen(model, 'int4')
    delete_plan(chosen(model).vision.file.path)
    with pytest.raises(BadModel, match='there is no plan of the vision tower in float16'):
        chosen(model)


def test_auto_takes_the_most_exact_format_and_the_largest_capacity(model):
    for weights, capacity in (('int4', 8192), ('float16', 1024), ('float16', 2048), ('int8', 4096)):
        both(model, weights=weights, capacity=capacity)
    chosen_recipe = chosen(model).decoder.recipe
    assert (chosen_recipe.weights, chosen_recipe.capacity) == ('float16', 2048)
    assert chosen(model, 'int4').decoder.recipe.capacity == 8192
    both(model, weights='bfloat16')
    assert chosen(model).decoder.recipe.weights == 'bfloat16'


def test_a_plan_made_ahead_of_time_serves_every_gpu_of_its_capability(model):
    both(model, tensorrt='tensorrt_rtx 1.7.1.116', gpu='', multiprocessors=0, capability='SM89')
    rtx = Tensorrt(RTX, '1.7.1.116', object())
    for name in ('RTX 4090', 'L4'):
        assert chosen(model, 'auto', (INSTALLED, rtx), TargetGpu(name, 'SM89', 99)).tensorrt is rtx


def test_every_part_of_a_recipe_changes_its_key(model):
    plain = recipe(model)
    other = {'files': {}, 'capacity': 1, 'frames': 1, 'multiprocessors': 1}
    for name in Recipe.__dataclass_fields__:
        assert replace(plain, **{name: other.get(name, 'other')}).key != plain.key, name
    assert recipe(model).key == plain.key


def test_content_is_read_again_only_where_size_or_time_changed(tmp_path):
    file, memory = tmp_path / 'weights', tmp_path / 'memory.json'
    file.write_bytes(b'one')
    os.utime(file, ns=(1, 1))
    first = file_hashes(tmp_path, ['weights', 'gone'], memory)
    assert first['gone'] == ''
    file.write_bytes(b'two')
    os.utime(file, ns=(1, 1))
    assert file_hashes(tmp_path, ['weights'], memory)['weights'] == first['weights']
    os.utime(file, ns=(2, 2))
    second = file_hashes(tmp_path, ['weights'], memory)['weights']
    assert second != first['weights']
    memory.write_text('no json')
    assert file_hashes(tmp_path, ['weights'], memory)['weights'] == second


def test_what_a_killed_build_left_is_deleted_and_the_plans_stay(model):
    both(model)
    (model.folder / ENGINES / '0123.plan.ab12cd34.partial').write_bytes(
        b'half'
    )  # of a build that was killed
    delete_unfinished(model.folder / ENGINES)
    assert not list((model.folder / ENGINES).glob('*.partial'))
    assert len(read_plans(model.folder)[0]) == 2


def test_parts_that_have_a_plan_are_those_of_the_format_and_the_gpu(model):
    formats = {'decoder': 'int4', 'vision': 'float16'}
    assert built_parts(model.folder, formats, 'SM86') == set()
    put(model, 'vision', capability='SM86')
    put(model, 'decoder', capability='SM86', weights='int8')
    put(model, 'decoder', capability='SM89', weights='int4')
    assert built_parts(model.folder, formats, 'SM86') == {'vision'}
    assert built_parts(model.folder, formats, 'SM89') == {'decoder'}
    assert built_parts(model.folder, formats | {'decoder': 'int8'}, 'SM86') == {'vision', 'decoder'}
