# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tool that changes code to see whether tests notice."""

import ast

import pytest

from tools.mutate import chosen_mutants, is_caught, near_tests

SOURCE = 'def larger(a, b):\n    if a < b:\n        return b\n    return a\n'
CHECKS = 'from molmo_ground_ros.pure.sums import larger\n\n\ndef test_larger():\n    assert {}\n'


@pytest.fixture
def tree(tmp_path):
    """A small project whose one function has one near test."""
    for folder in ('molmo_ground_ros/pure', 'test/pure'):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ('molmo_ground_ros', 'molmo_ground_ros/pure'):
        (tmp_path / folder / '__init__.py').touch()
    (tmp_path / 'molmo_ground_ros/pure/sums.py').write_text(SOURCE)
    (tmp_path / 'pyproject.toml').write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return tmp_path


def mutants(tree):
    file = tree / 'molmo_ground_ros' / 'pure'
    return chosen_mutants(tree, [file.relative_to(tree)], places=10, seed=0)


def test_every_mutant_differs_from_the_file_and_can_be_parsed(tree):
    changed = {mutant.source for mutant in mutants(tree)}
    assert len(changed) == len(mutants(tree)) == 3  # the comparison, and the branch both ways
    for source in changed:
        ast.parse(source)
        assert source.strip() != SOURCE.strip()


def test_same_seed_gives_the_same_mutants(tree):
    assert mutants(tree) == mutants(tree)


@pytest.mark.parametrize(('check', 'caught'), [('larger(1, 2) == 2', True), ('larger', False)])
def test_mutant_is_caught_by_a_test_that_fails_on_it(tree, check, caught):
    (tree / 'test/pure/test_sums.py').write_text(CHECKS.format(check))
    never = next(m for m in mutants(tree) if 'if False' in m.change)
    assert is_caught(tree, never) is caught
    assert (tree / 'molmo_ground_ros/pure/sums.py').read_text() == SOURCE


def test_near_tests_are_the_mirrored_file_and_its_folder(tree):
    (tree / 'test/pure/test_sums.py').touch()
    file = mutants(tree)[0].file
    assert near_tests(tree, file) == ['test/pure/test_sums.py', 'test/pure']


def test_mutant_names_the_line_and_both_texts(tree):
    changes = {mutant.change: mutant.line for mutant in mutants(tree)}
    assert changes['if a < b:  ->  if a <= b:'] == 2
