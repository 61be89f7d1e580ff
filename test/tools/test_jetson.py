# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest

from molmo_ground_ros.backends.molmo2 import memory
from molmo_ground_ros.backends.molmo2.memory import window_of
from tools import jetson, write_docs

PAGE = write_docs.JETSON.read_text()


def test_its_tables_are_what_memory_says():
    assert write_docs.with_jetson_tables(PAGE) == PAGE, 'run python -m tools.write_docs'


def test_it_says_first_that_nothing_was_run():
    title, first, _ = PAGE.split('\n\n', 2)
    assert title == '# On a Jetson'
    assert first.startswith('**Nothing on this page has been run on a Jetson.**')


@pytest.mark.parametrize('plan', jetson.PLANS, ids=str)
def test_every_plan_fits_its_board(plan):
    board, name, dtype, seconds = plan
    model = jetson.model_of(name)
    window = window_of(seconds, model)
    free = jetson.free_bytes(board)
    needed = memory.fit(model, dtype, window, free, 'memory', features=jetson.FEATURES)
    assert f'| {board} GB | {name} | {dtype} | {seconds} s | {window.frames} |' in PAGE
    assert f'| {needed.total / 1e9:.2f} |' in PAGE


def test_every_board_has_a_plan():
    assert {board for board, *_ in jetson.PLANS} == set(jetson.BOARDS_GB)


def test_every_source_that_is_cited_is_listed():
    body, sources = PAGE.split('## Sources')
    assert set(re.findall(r'\[(\d+)\]', body)) == set(re.findall(r'\[(\d+)\]', sources))


def test_the_features_are_those_that_a_backend_keeps():
    pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
    from molmo_ground_ros.backends.molmo2.engine import SAVE_ALL

    assert SAVE_ALL.feature_bytes == jetson.FEATURES
