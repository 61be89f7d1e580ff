# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table that `evaluate --list-formats` prints."""

import pytest

from molmo_ground_ros import cli
from molmo_ground_ros.benchmarks.datasets import FORMATS
from molmo_ground_ros.benchmarks.datasets.format_list import format_list
from molmo_ground_ros.benchmarks.datasets.sources import SOURCES


def test_every_format_is_a_line_with_what_it_gives():
    header, _, *lines = format_list().splitlines()
    names = [line.split()[0] for line in lines]
    assert header.split()[:2] == ['format', 'gives']
    assert sorted(names) == sorted(FORMATS)
    (got10k,) = (line for line in lines if line.startswith('got10k '))
    assert 'boxes, words' in got10k and 'absence.label' in got10k and 'got10k.py' in got10k


@pytest.mark.parametrize('source', SOURCES.values(), ids=list(SOURCES))
def test_every_source_says_what_a_row_must(source):
    texts = (source.words, source.absence, source.called, source.licence, source.documented)
    assert all(texts) and source.signs
    assert source.rate == 'in the data' or float(source.rate) > 0


def test_the_command_prints_it_and_needs_no_data(capsys):
    assert cli.main(['evaluate', '--list-formats']) == 0
    assert capsys.readouterr().out.strip() == format_list()
