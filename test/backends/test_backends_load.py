# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from molmo_ground_ros.backends import BACKENDS, BackendSettings, load
from molmo_ground_ros.errors import BackendError, BadSetting, MissingPackage, UnknownBackend

ROOT = Path(__file__).parents[2]


def forget_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the files that import torch and transformers read again."""
    for name in ('features', 'hf', 'weights'):
        monkeypatch.delitem(sys.modules, f'molmo_ground_ros.backends.{name}', raising=False)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownBackend, match=r"'vllm'.*'replay', 'transformers'"):
        load('vllm', BackendSettings('x'))


def test_replay_is_loaded_from_an_answers_file(tmp_path):
    path = tmp_path / 'answers.txt'
    path.write_text('There are none.\n')
    assert load('replay', BackendSettings(str(path))).model == str(path)


@pytest.mark.parametrize('package', ['torch', 'transformers'])
def test_a_missing_package_names_the_extra(package, monkeypatch):
    forget_loaded(monkeypatch)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=rf"'{package}'.*molmo_ground_ros\[transformers\]"):
        load('transformers', BackendSettings('x'))


def test_a_transformers_without_molmo2_is_told_from_a_missing_one(monkeypatch):
    pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")
    import types

    forget_loaded(monkeypatch)
    monkeypatch.setitem(sys.modules, 'transformers', types.ModuleType('transformers'))
    outputs = types.ModuleType('transformers.modeling_outputs')
    outputs.BaseModelOutputWithPooling = object
    monkeypatch.setitem(sys.modules, 'transformers.modeling_outputs', outputs)
    with pytest.raises(BackendError, match='has no Molmo2'):
        load('transformers', BackendSettings('x'))


def test_importing_the_names_imports_nothing_heavy():
    code = (
        'import sys, molmo_ground_ros.backends\n'
        "print([n for n in ('torch', 'transformers', 'cv2', 'numpy.random') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 'torch' not in done.stdout
    assert 'transformers' not in done.stdout


@pytest.mark.parametrize(
    ('name', 'value'),
    [('device', 'gpu'), ('device', 'cuda:x'), ('dtype', 'int8'), ('threads', -1)],
)
def test_a_bad_setting_is_refused_with_its_name_and_value(name, value):
    with pytest.raises(BadSetting, match=f'{name} = {value!r}'):
        BackendSettings('x', **{name: value})


def test_the_dict_is_the_list_of_backends():
    assert sorted(BACKENDS) == ['replay', 'transformers']
