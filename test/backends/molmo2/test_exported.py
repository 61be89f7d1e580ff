# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from molmo_ground_ros.backends.molmo2 import exported
from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.exported import State, exporter_mark, metadata, state
from molmo_ground_ros.backends.molmo2.files import DIGEST, EXPORTER, PARTS, graph_file
from molmo_ground_ros.backends.molmo2.weights import digest, read_index


def digest_of(folder):
    return digest(read_index('m', folder), read_config('m', folder))


@pytest.fixture
def graph(with_graphs):
    return with_graphs / graph_file('decoder', 'float32', 'fused')


@pytest.mark.parametrize('part', PARTS)
def test_a_graph_just_exported_is_current_and_says_what_onnx_says(part, with_graphs):
    onnx = pytest.importorskip('onnx', reason="needs pip install '.[export]'")
    path = with_graphs / graph_file(part, 'float32', 'fused')
    props = onnx.load(path, load_external_data=False).metadata_props
    assert metadata(path) == {one.key: one.value for one in props}
    assert state(path, digest_of(with_graphs)) is State.CURRENT


def test_a_graph_of_another_checkpoint_or_of_other_code_is_told_apart(graph, monkeypatch):
    mark = metadata(graph)[DIGEST]
    assert state(graph, 'another') is State.FOREIGN
    monkeypatch.setattr(exported, '_CODE', exported._CODE[1:])
    assert state(graph, mark) is State.STALE


@pytest.mark.parametrize('kept', [1, 100, 0.5, -1])
def test_a_graph_that_was_cut_off_is_never_current(kept, graph, tmp_path):
    data = graph.read_bytes()
    end = int(kept * len(data)) if isinstance(kept, float) else kept
    path = tmp_path / 'cut.onnx'
    path.write_bytes(data[:end])
    assert state(path, metadata(graph)[DIGEST]) in (State.DAMAGED, State.FOREIGN)


@pytest.mark.parametrize(
    'data',
    [b'no graph', b'\xff' * 30, b'\x00\x00', b'\x0b', b'\x72\x05abc', b'\x72\x03\x0a\x09a'],
    ids=repr,
)
def test_what_is_no_graph_is_damaged(data, tmp_path):
    path = tmp_path / 'x.onnx'
    path.write_bytes(data)
    assert state(path, '') is State.DAMAGED


def test_what_is_not_there_is_missing(tmp_path):
    assert state(tmp_path / 'x.onnx', '') is State.MISSING


def test_the_mark_is_the_same_every_time_and_is_in_the_graph(graph):
    assert exporter_mark() == exporter_mark() == metadata(graph)[EXPORTER]
