# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from molmo_ground_ros.backends.molmo2 import exported
from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_state, metadata
from molmo_ground_ros.backends.molmo2.files import DIGEST, EXPORT_VERSION, PARTS, graph_file
from molmo_ground_ros.backends.molmo2.weights import digest, read_index

SHIPPED = Path(__file__).parents[3] / 'models' / 'tabletop'
GRAPHS = {  # sha256 of decoder and vision of the model that ships, by EXPORT_VERSION
    1: [
        '1120418115702b52143aad2633ac273cd0c0dd4e8e7697a425b40852cfc92240',
        '67cb00502b332f03e145af255fa6ac74e27d46aa7bc4561a91121a51ec104256',
    ]
}


def digest_of(folder):
    return digest(read_index('m', folder), read_config('m', folder))


@pytest.fixture
def graph():
    return SHIPPED / graph_file('decoder', 'float32', 'fused')


@pytest.mark.parametrize('part', PARTS)
def test_a_graph_that_ships_is_current_and_says_what_onnx_says(part):
    onnx = pytest.importorskip('onnx', reason="needs pip install '.[export]'")
    path = SHIPPED / graph_file(part, 'float32', 'fused')
    props = onnx.load(path, load_external_data=False).metadata_props
    assert metadata(path) == {prop.key: prop.value for prop in props}
    assert graph_state(path, digest_of(SHIPPED)) is GraphState.CURRENT


def test_a_graph_of_another_checkpoint_or_of_other_code_is_told_apart(graph, monkeypatch):
    checkpoint_digest = metadata(graph)[DIGEST]
    assert graph_state(graph, 'another') is GraphState.FOREIGN
    monkeypatch.setattr(exported, 'EXPORT_VERSION', EXPORT_VERSION + 1)
    assert graph_state(graph, checkpoint_digest) is GraphState.STALE


@pytest.mark.parametrize('length', [1, 100, 0.5, -1])
def test_a_graph_that_was_cut_off_is_never_current(length, graph, tmp_path):
    data = graph.read_bytes()
    end = int(length * len(data)) if isinstance(length, float) else length
    path = tmp_path / 'cut.onnx'
    path.write_bytes(data[:end])
    assert graph_state(path, metadata(graph)[DIGEST]) in (GraphState.DAMAGED, GraphState.FOREIGN)


@pytest.mark.parametrize(
    'data',
    [b'no graph', b'\xff' * 30, b'\x00\x00', b'\x0b', b'\x72\x05abc', b'\x72\x03\x0a\x09a'],
    ids=repr,
)
def test_what_is_no_graph_is_damaged(data, tmp_path):
    path = tmp_path / 'x.onnx'
    path.write_bytes(data)
    assert graph_state(path, '') is GraphState.DAMAGED


def test_what_is_not_there_is_missing(tmp_path):
    assert graph_state(tmp_path / 'x.onnx', '') is GraphState.MISSING


def test_the_version_is_raised_when_a_graph_changes():
    """Its graphs in folders of others would be taken for current ones."""
    digests = [
        hashlib.sha256((SHIPPED / graph_file(part, 'float32', 'fused')).read_bytes()).hexdigest()
        for part in PARTS
    ]
    assert digests == GRAPHS[EXPORT_VERSION], 'raise EXPORT_VERSION in files.py, note it here'
