# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `evaluate --list-formats` prints: a table of all formats, or all that is known of one."""

import re

import pytest

from molmo_ground_ros import cli
from molmo_ground_ros.benchmarks.datasets import FORMATS
from molmo_ground_ros.benchmarks.datasets.format_list import WIDTH, format_facts, format_list
from molmo_ground_ros.benchmarks.datasets.sources import SOURCES


def test_every_format_is_a_row_with_what_it_gives():
    header, _, *lines = format_list().partition('\n\n')[0].splitlines()
    names = [line.split()[0] for line in lines if not line.startswith(' ')]
    assert header.split()[:2] == ['format', 'gives']
    assert sorted(names) == sorted(FORMATS)
    (got10k,) = (line for line in lines if line.startswith('got10k '))
    assert re.split('  +', got10k) == [
        *('got10k', 'boxes, words', 'in the data', "its authors' loader")
    ]


def test_a_cell_that_is_wrapped_loses_no_word():
    _, _, row = format_list().partition('\nreasonvos ')
    first, second = row.splitlines()[:2]
    checked = f'{first.split("  ")[-1]} {second.strip()}'
    assert second.startswith(' ')
    assert checked == SOURCES['reasonvos'].compared


def test_the_table_fits_into_a_terminal():
    assert max(map(len, format_list().splitlines())) <= WIDTH <= 100


@pytest.mark.parametrize('name', FORMATS)
def test_all_that_is_known_of_a_format_fits_into_a_terminal(name):
    facts = format_facts(name).splitlines()
    assert max(map(len, facts)) <= WIDTH
    assert facts[0].split() == ['format', name]


@pytest.mark.parametrize('source', SOURCES.values(), ids=list(SOURCES))
def test_every_source_says_what_a_row_must(source):
    texts = (source.words, source.absence, source.called, source.licence, source.documented)
    assert all(texts) and source.signs
    assert source.rate == 'in the data' or float(source.rate) > 0
    facts = ' '.join(format_facts(source.name).split())
    assert all(' '.join(text.split()) in facts for text in (*texts, source.rate, source.checked))


def test_the_command_prints_it_and_needs_no_data(capsys):
    assert cli.main(['evaluate', '--list-formats']) == 0
    assert capsys.readouterr().out.strip() == format_list()


def test_the_command_prints_one_format_by_the_hubs_name_too(capsys):
    assert cli.main(['evaluate', '--list-formats', 'allenai/Molmo2-VideoPointEval']) == 0
    assert capsys.readouterr().out.strip() == format_facts('videopointeval')


def test_a_format_that_is_not_known_is_named(capsys):
    assert cli.main(['evaluate', '--list-formats', 'got11k']) == 2
    assert "format = 'got11k': is none of videopoint, " in capsys.readouterr().err
