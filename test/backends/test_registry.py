# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from molmo_ground_ros.backends import BACKENDS, BackendSettings, choose, load
from molmo_ground_ros.errors import BackendError, BadSetting, MissingPackage, UnknownBackend

ROOT = Path(__file__).parents[2]


def forget_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the files that import torch and transformers read again."""
    files = ('device', 'hf', 'molmo2.export', 'molmo2.graph', 'molmo2.load', 'molmo2.ops')
    files += ('molmo2.runtimes.cuda_graphs', 'molmo2.runtimes.onnx', 'molmo2.runtimes.torch')
    files += ('molmo2.runtimes.onnx_decoder', 'molmo2.runtimes.onnx_session')
    files += ('molmo2.runtimes.tensorrt', 'molmo2.trt.choose', 'molmo2.trt.cuda_memory')
    for name in (*files, 'molmo2.engine', 'molmo2.tokens', 'molmo2.vision', 'weights'):
        monkeypatch.delitem(sys.modules, f'molmo_ground_ros.backends.{name}', raising=False)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownBackend, match=r"'vllm'.*'auto', 'onnx', 'replay', 'server', 'ten"):
        load('vllm', BackendSettings('x'))


FEW_BITS = ['decoder.int4.cpu.opset24.onnx', 'vision.int8.cpu.opset24.onnx']
GRAPHS = ['decoder.float32.opset24.onnx', 'vision.float32.opset20.onnx']


@pytest.mark.parametrize(
    ('held', 'changes', 'chosen'),
    [
        ([], {}, 'torch'),
        (GRAPHS, {}, 'onnx'),
        (GRAPHS, {'device': 'cpu'}, 'onnx'),
        (GRAPHS, {'device': 'cuda'}, 'torch'),
        (GRAPHS, {'dtype': 'float16'}, 'torch'),
        (GRAPHS, {'dtype': 'int4'}, 'torch'),
        (FEW_BITS, {}, 'onnx'),
        (FEW_BITS, {'dtype': 'int4'}, 'onnx'),
        (FEW_BITS, {'dtype': 'int8'}, 'torch'),
        (GRAPHS[:1], {}, 'torch'),
        ([*GRAPHS, 'engines/0123.plan'], {}, 'tensorrt'),
        ([*GRAPHS, 'engines/0123.plan'], {'device': 'cpu'}, 'onnx'),
    ],
)
def test_auto_takes_what_the_folder_was_built_for(held, changes, chosen, tmp_path):
    for name in held:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    settings = BackendSettings(str(tmp_path), **changes)
    assert choose('auto', settings) == chosen
    assert choose('transformers', settings) == 'transformers'


def test_auto_does_not_fall_back_where_the_package_is_missing(tmp_path, monkeypatch):
    for name in GRAPHS:
        (tmp_path / name).touch()
    forget_loaded(monkeypatch)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(MissingPackage, match=r'molmo_ground_ros\[onnx\]'):
        load('auto', BackendSettings(str(tmp_path)))


def test_replay_is_loaded_from_an_answers_file(tmp_path):
    path = tmp_path / 'answers.txt'
    path.write_text('There are none.\n')
    assert load('replay', BackendSettings(str(path))).model == str(path)


@pytest.mark.parametrize(
    ('name', 'package'),
    [
        ('transformers', 'torch'),
        ('transformers', 'transformers'),
        ('torch', 'torch'),
        ('torch', 'tokenizers'),
        ('onnx', 'onnxruntime'),
        ('tensorrt', 'cuda.bindings'),
        ('tensorrt', 'tokenizers'),
    ],
)
def test_a_missing_package_names_the_extra(name, package, monkeypatch):
    forget_loaded(monkeypatch)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=rf"'{package}'.*molmo_ground_ros\[{name}\]"):
        load(name, BackendSettings('x'))


class Stub(types.ModuleType):
    """A transformers whose names cannot be had."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__('transformers')
        self.error = error

    def __getattr__(self, name: str) -> object:
        if self.error and name == 'AutoTokenizer':
            raise ModuleNotFoundError('Could not import module') from self.error
        raise AttributeError(name)


@pytest.mark.parametrize(
    ('stub', 'message'),
    [
        pytest.param(Stub(), 'has no Molmo2', id='too old'),
        pytest.param(
            Stub(RuntimeError('operator torchvision::nms does not exist')),
            'torchvision::nms does not exist .*uninstall it',
            id='torchvision of another torch',
        ),
    ],
)
def test_a_transformers_that_cannot_serve_is_told_from_a_missing_one(stub, message, monkeypatch):
    pytest.importorskip('torch', reason="needs pip install '.[transformers]'")
    forget_loaded(monkeypatch)
    outputs = types.ModuleType('transformers.modeling_outputs')
    outputs.BaseModelOutputWithPooling = object
    monkeypatch.setattr(stub, 'DynamicCache', object, raising=False)
    monkeypatch.setitem(sys.modules, 'transformers', stub)
    monkeypatch.setitem(sys.modules, 'transformers.modeling_outputs', outputs)
    with pytest.raises(BackendError, match=message):
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
    ('name', 'dtype'),
    [
        *(('torch', 'int8'), ('torch', 'fp8'), ('transformers', 'int8'), ('transformers', 'fp8')),
        ('onnx', 'fp8'),
    ],
)
def test_formats_of_engines_are_refused_by_the_other_backends(name, dtype):
    pytest.importorskip(name.replace('onnx', 'onnxruntime'), reason="needs that backend's package")
    with pytest.raises(BadSetting, match=f"dtype = '{dtype}'"):
        load(name, BackendSettings('x', dtype=dtype, device='cpu'))


@pytest.mark.parametrize(
    ('name', 'value'),
    [('device', 'gpu'), ('device', 'cuda:x'), ('dtype', 'int3'), ('threads', -1)],
)
def test_a_bad_setting_is_refused_with_its_name_and_value(name, value):
    with pytest.raises(BadSetting, match=f'{name} = {value!r}'):
        BackendSettings('x', **{name: value})


def test_the_dict_is_the_list_of_backends():
    assert sorted(BACKENDS) == ['onnx', 'replay', 'server', 'tensorrt', 'torch', 'transformers']
