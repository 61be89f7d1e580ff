# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""New engines against the reference, on a stand-in of TensorRT; what becomes of wrong ones."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

WHY = "needs pip install '.[onnx,export]'"
pytest.importorskip('onnxruntime', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
pytest.importorskip('torch', reason=WHY)

from support.host_tensorrt import HostMemory, HostTensorrt, host_plan

from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.molmo2 import engines
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.formats import compute_dtype
from molmo_ground_ros.backends.molmo2.runtimes.tensorrt import TensorrtRuntime
from molmo_ground_ros.backends.molmo2.trt import reference
from molmo_ground_ros.backends.molmo2.trt.choose import PlanPair
from molmo_ground_ros.backends.molmo2.trt.graphs import prepare_graphs
from molmo_ground_ros.backends.molmo2.trt.plans import (
    ENGINES,
    PENDING,
    BuildFacts,
    Recipe,
    write_manifest,
    write_plan,
)
from molmo_ground_ros.backends.molmo2.trt.profiles import (
    DECODER,
    VISION,
    decoder_profiles,
    vision_profiles,
)
from molmo_ground_ros.errors import BadModel

ROWS, FRAMES = 512, 4


@pytest.fixture(scope='module')
def checkpoint(exported, tmp_path_factory):
    folder = shutil.copytree(exported['qwen3'], tmp_path_factory.mktemp('checked') / 'm')
    return open_checkpoint(BackendSettings(str(folder)))


def put(checkpoint, dtype, graphs):
    """Plans of the stand-in for these graphs, kept as not compared yet."""
    profiles = {
        DECODER: decoder_profiles(checkpoint.config, 4, ROWS, FRAMES),
        VISION: vision_profiles(checkpoint.config, 4, 9),
    }
    plans = {}
    for part, graph in graphs.items():
        weights = dtype if part == DECODER else compute_dtype(dtype)
        fields = {'part': part, 'checkpoint': '', 'graph': graph.name, 'files': {}}
        fields |= {'weights': weights, 'capacity': ROWS, 'frames': FRAMES, 'profiles': ''}
        fields |= {'tensorrt': 'tensorrt 10.16', 'capability': 'SM87', 'gpu': 'Orin'}
        recipe = Recipe(**fields, multiprocessors=16, system='here')
        plan = write_plan(checkpoint.folder, recipe, memoryview(host_plan(graph, profiles[part])))
        plans[part] = write_manifest(plan, recipe, BuildFacts(2, 2, 4, 1.0, PENDING))
    return plans


def make_runtime(checkpoint, dtype):
    """The graphs as a build makes them, and the runtime on them."""
    entries = put(checkpoint, dtype, prepare_graphs(checkpoint, dtype, ROWS, lambda *_: None))
    chosen = PlanPair(HostTensorrt().installed(), entries[DECODER], entries[VISION])
    return TensorrtRuntime(checkpoint, chosen, HostMemory())


@pytest.mark.parametrize('dtype', ['float16', 'int4'])
def test_engines_that_compute_what_they_should_pass(dtype, checkpoint):
    runtime = make_runtime(checkpoint, dtype)
    summary = reference.compare(checkpoint, dtype, runtime)
    assert summary.startswith('0.0')
    assert 'of 0.2 standard deviations of the logits' in summary
    assert not list(checkpoint.folder.glob('*.int4.float32.*')), 'as large as an engine'
    read = runtime._run
    runtime._run = lambda outputs, ids, *others: read(outputs, [*ids[:-1], 40], *others)
    with pytest.raises(BadModel, match='self-check: a logit differs'):
        reference.compare(checkpoint, dtype, runtime)


def test_a_quantised_graph_is_not_made_again_while_it_is_the_same(checkpoint):
    first = prepare_graphs(checkpoint, 'int4', ROWS, lambda *_: None)
    data = checkpoint.folder / 'decoder.int4.opset24.onnx.data'
    before = data.stat().st_mtime_ns
    assert prepare_graphs(checkpoint, 'int4', ROWS, lambda *_: None) == first
    assert data.stat().st_mtime_ns == before
    data.write_bytes(b'other')
    prepare_graphs(checkpoint, 'int4', ROWS, lambda *_: None)
    assert data.stat().st_size > 1000


@pytest.fixture
def pending(checkpoint):
    folder = checkpoint.folder
    shutil.rmtree(folder / ENGINES, ignore_errors=True)
    graphs = {VISION: folder / 'v.onnx', DECODER: folder / 'd.onnx'}
    entries = put(checkpoint, 'float16', graphs)
    job = SimpleNamespace(checkpoint=checkpoint, tensorrt=None, on_step=lambda step: None)
    return job, [entries[VISION], entries[DECODER]]


def test_what_a_self_check_found_is_kept_with_the_engine(pending, monkeypatch):
    job, entries = pending
    monkeypatch.setattr(reference, 'self_check', lambda *_: '0.01 of 0.2')
    plans = engines._check_plans(job, entries)
    assert [plan.facts.self_check for plan in plans] == ['0.01 of 0.2'] * 2


def test_engines_that_do_not_pass_are_deleted(pending, monkeypatch):
    job, entries = pending

    def wrong(*_):
        raise BadModel('m', 'self-check: a logit differs')

    monkeypatch.setattr(reference, 'self_check', wrong)
    with pytest.raises(BadModel, match='a logit differs'):
        engines._check_plans(job, entries)
    assert not list((job.checkpoint.folder / ENGINES).glob('*.plan'))
    assert not list((job.checkpoint.folder / ENGINES).glob('*.json'))
