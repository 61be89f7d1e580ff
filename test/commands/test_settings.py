# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Options of `molmo-ground` have hyphens; the underscores of earlier ones are read until 0.2."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest

from molmo_ground_ros import cli, config
from molmo_ground_ros.commands import COMMANDS, module_of
from molmo_ground_ros.commands.settings import add_settings, with_hyphens

ROOT = Path(__file__).resolve().parents[2]
# Options of Ai2's own programs, which docs/finetune.md calls.
OF_AI2 = {
    '--save_folder', '--max_duration', '--override_max_model_len',
    '--save_final_unsharded_checkpoint',
}  # fmt: skip


@pytest.mark.parametrize('command', COMMANDS)
def test_no_option_is_spelled_with_an_underscore(command: str) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(module_of(command)).add_arguments(parser)
    assert '--' in parser.format_help()
    assert not re.findall(r'--\w*_\w*', parser.format_help())


def test_documentation_names_no_option_with_an_underscore() -> None:
    pages = [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')]
    assert not [
        f'{page.name}: {option}'
        for page in pages
        for option in re.findall(r'--[a-z]+_[a-z_]+', page.read_text())
        if option not in OF_AI2
    ]


@pytest.mark.parametrize(
    ('words', 'rewritten', 'old'),
    [
        pytest.param(['--max-new-tokens', '3'], ['--max-new-tokens', '3'], [], id='hyphens'),
        pytest.param(
            ['--max_new_tokens', '3'], ['--max-new-tokens', '3'], ['--max_new_tokens'], id='old'
        ),
        pytest.param(
            ['--answer_format=qwen3-vl', '--answer_format', 'gemini'],
            ['--answer-format=qwen3-vl', '--answer-format', 'gemini'],
            ['--answer_format'],
            id='joined to its value, and twice',
        ),
        pytest.param(['--max_n', '3'], ['--max-n', '3'], ['--max_n'], id='shortened'),
        pytest.param(['a_b.mcap', '--out=a_b'], ['a_b.mcap', '--out=a_b'], [], id='values'),
        pytest.param(['--my_option'], ['--my_option'], [], id='never was an option'),
        pytest.param(['--', '--max_new_tokens'], ['--', '--max_new_tokens'], [], id='behind --'),
    ],
)
def test_old_spelling_is_rewritten_and_noted(
    words: list[str], rewritten: list[str], old: list[str]
) -> None:
    got, notes = with_hyphens(words)
    assert got == rewritten
    assert [note.split()[0] for note in notes] == old


def test_option_takes_the_settings_type_default_and_explanation() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, ['max_new_tokens'])
    assert parser.parse_args([]).max_new_tokens == config.Settings().max_new_tokens
    assert parser.parse_args(['--max-new-tokens', '7']).max_new_tokens == 7
    first_words = config.limits()['max_new_tokens'].text.split()[:4]
    assert ' '.join(first_words) in ' '.join(parser.format_help().split())


def test_command_reads_the_old_spelling_and_says_so_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ['analyze', 'missing.mcap', '--query', 'x?', '--answer_format', 'molmo2']
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ''
    note, error = err.splitlines()
    assert note.startswith('molmo-ground: --answer_format is now spelled --answer-format;')
    assert 'missing.mcap' in error
