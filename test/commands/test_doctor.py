# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground doctor`: one page, whatever is broken. Packages are not loaded for it here."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

import pytest

pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")

from molmo_ground_ros import cli
from molmo_ground_ros.backends import checkpoint
from molmo_ground_ros.backends.host import installed
from molmo_ground_ros.commands import doctor
from molmo_ground_ros.commands.checks import BACKENDS, Doctor

SHIPPED = Path(__file__).parents[2] / 'models' / 'tabletop'
GPU = 'NVIDIA GeForce RTX 4090, 8.9, 24564, 23000, 580.65.06\n'


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')  # what the command sets is taken back


def loads(arguments):
    """Every package loads, ROS is there, torch sees no GPU, no engine is kept."""
    code = arguments[1]
    if 'torch.cuda' in code:
        return ''
    if 'trt.choose' in code:
        raise OSError('molmo_ground_ros.errors.BadModel: there is no plan')
    return 'said'


def fails(arguments):
    raise OSError("ModuleNotFoundError: No module named 'x'")


def no_gpu(command):
    raise OSError('nvidia-smi: not there')


def page(model='', attempt=loads, ask=no_gpu, **options):
    return Doctor(str(model), attempt, ask, **options).report()


@pytest.fixture
def everything(monkeypatch):
    """Every package of every extra is installed, in a version that will do."""
    monkeypatch.setattr(metadata, 'version', lambda name: '99.0')


def line(report, name):
    [lines] = [check for check in report.lines if check.name == name]
    return lines


def test_the_model_that_ships_can_be_run(everything):
    report = page(SHIPPED)
    assert report.can_run == {'tensorrt': False, 'onnx': True, 'torch': True, 'transformers': True}
    assert report.code == 0
    assert report.chosen == 'onnx'
    assert line(report, 'graphs float32').text == 'decoder current, vision current'
    assert line(report, 'chosen').text == 'auto takes onnx'
    assert 'context 8192' in line(report, 'config').text


def test_without_a_gpu_it_says_what_fits_on_the_cpu(everything):
    report = page(SHIPPED)
    text = line(report, 'on the CPU').text
    assert text.startswith('onnx in int4 (')
    assert text.endswith('best: onnx in float32')
    assert 'build FOLDER --backend onnx, with --dtype int4' in line(report, 'GPU').advice
    assert not any(check.name == 'on the CPU' for check in page(SHIPPED, ask=lambda _: GPU).lines)


def test_without_a_model_it_says_what_could_run(everything):
    report = page()
    assert report.can_run == {'tensorrt': False, 'onnx': True, 'torch': True, 'transformers': True}
    assert report.code == 0
    assert report.chosen == ''
    assert not any(check.section == 'model' for check in report.lines)


def test_engines_that_fit_are_chosen(everything, tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / 'm')
    (folder / 'engines').mkdir()
    (folder / 'engines' / 'x.plan').touch()
    report = page(folder, attempt=lambda _: 'said', ask=lambda _: GPU)
    assert report.can_run['tensorrt']
    assert report.chosen == 'tensorrt'


def test_engines_that_do_not_fit_give_the_reason_and_the_command(everything):
    [tensorrt] = [
        check for check in page(SHIPPED, ask=lambda _: GPU).lines
        if (check.section, check.name) == ('backends', 'tensorrt')
    ]  # fmt: skip
    assert tensorrt.text == 'there is no plan'
    assert tensorrt.advice == f'molmo-ground build {SHIPPED} --backend tensorrt'


def test_engines_without_a_gpu_need_one(everything):
    [tensorrt] = [
        check for check in page(SHIPPED).lines
        if (check.section, check.name) == ('backends', 'tensorrt')
    ]  # fmt: skip
    assert tensorrt.text == 'no GPU'


def test_a_choice_that_cannot_run_says_what_could(everything, tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / 'm')
    (folder / 'engines').mkdir()
    (folder / 'engines' / 'x.plan').touch()
    chosen = line(page(folder), 'chosen')
    assert not chosen.ok
    assert chosen.text == 'auto takes tensorrt, which cannot run it'
    assert chosen.advice.endswith('--backend onnx')


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        (lambda f: f.write_bytes(f.read_bytes()[:-9]), 'decoder damaged, vision current'),
        (lambda f: f.unlink(), 'decoder missing, vision current'),
    ],
    ids=['cut off', 'missing'],
)
def test_graphs_that_are_not_current_say_how_to_write_them(change, text, everything, tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / 'm')
    change(folder / 'decoder.float32.opset24.onnx')
    report = page(folder)
    graphs = line(report, 'graphs float32')
    assert not graphs.ok
    assert graphs.text == text
    assert graphs.advice == f'molmo-ground build {folder} --backend onnx --dtype float32'
    assert not report.can_run['onnx']
    assert report.code == 0  # torch can


def test_a_gpu_is_named_and_one_that_torch_does_not_see_is_told(everything):
    report = page(ask=lambda _: GPU)
    assert 'RTX 4090, compute capability 8.9, 25.76 GB' in line(report, 'GPU').text
    assert not line(report, 'GPU in torch').ok
    assert report.can_run['tensorrt']


def test_a_gpu_that_only_torch_sees_counts(everything):
    report = page(attempt=lambda arguments: 'Orin, compute capability 8.7')
    assert line(report, 'GPU').ok
    assert 'Orin' in line(report, 'GPU').text


def test_a_jetson_is_named(everything, tmp_path):
    (tmp_path / 'etc').mkdir()
    (tmp_path / 'etc' / 'nv_tegra_release').write_text('# R39 (release)\n')
    assert line(page(root=tmp_path), 'Jetson').text == 'R39 (release)'


def test_memory_in_which_no_window_fits_rules_a_backend_out(everything, tmp_path):
    (tmp_path / 'proc').mkdir()
    (tmp_path / 'proc' / 'meminfo').write_text('MemTotal: 9000 kB\nMemAvailable: 5000 kB\n')
    report = page(SHIPPED, root=tmp_path)
    assert report.code == 2
    [torch] = [
        check for check in report.lines if (check.section, check.name) == ('backends', 'torch')
    ]
    assert '5.12 MB are free: no window fits' in torch.text


def test_missing_packages_give_the_command_that_installs_them(monkeypatch):
    def version(name):
        if name in ('onnxruntime', 'torch'):
            raise metadata.PackageNotFoundError(name)
        return '99.0'

    def attempt(arguments):
        if any(name in arguments[1] for name in ('onnxruntime', 'import torch')):
            raise OSError("ModuleNotFoundError: No module named 'x'")
        return 'said'

    monkeypatch.setattr(metadata, 'version', version)
    report = page(SHIPPED, attempt=attempt)
    assert not any(report.can_run[name] for name in ('onnx', 'torch', 'transformers'))
    lines = {check.name: check for check in report.lines if check.section == 'packages'}
    assert lines['onnx'].advice == "pip install 'onnxruntime>=1.23'"
    assert lines['onnx'].text == 'onnxruntime not installed; tokenizers 99.0'
    assert lines['bag'].ok


def raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


BROKEN = {
    'nothing more': lambda patch, folder: None,
    'metadata': lambda patch, folder: patch.setattr(metadata, 'version', raising(TypeError('x'))),
    'platform': lambda patch, folder: patch.setattr(platform, 'system', raising(OSError('x'))),
    'cores': lambda patch, folder: patch.setattr(os, 'cpu_count', lambda: None),
    'pip': lambda patch, folder: patch.setattr(installed, 'wrong_with', raising(MemoryError())),
    'hub': lambda patch, folder: patch.setattr(checkpoint, 'find_folder', raising(KeyError(3))),
    'no folder': lambda patch, folder: shutil.rmtree(folder),
    'a file': lambda patch, folder: (shutil.rmtree(folder), folder.write_text('x')),
    'no config': lambda patch, folder: (folder / 'config.json').unlink(),
    'config': lambda patch, folder: (folder / 'config.json').write_text('{'),
    'config of another': lambda patch, folder: (folder / 'config.json').write_text('{"a": []}'),
    'bytes for a config': lambda patch, folder: (folder / 'config.json').write_bytes(b'\xff\xfe'),
    'weights': lambda patch, folder: (folder / 'model.safetensors').write_bytes(b'\xff' * 99),
    'tokenizer': lambda patch, folder: (folder / 'tokenizer.json').write_text('[]'),
    'processor': lambda patch, folder: (folder / 'processor_config.json').write_text('[1]'),
    'a folder for a graph': lambda patch, folder: (
        (folder / 'vision.float32.opset24.onnx').unlink(),
        (folder / 'vision.float32.opset24.onnx').mkdir(),
    ),
    'manifest': lambda patch, folder: (
        (folder / 'engines').mkdir(),
        (folder / 'engines' / 'x.json').write_text('[]'),
    ),
}


@pytest.mark.parametrize('broken', BROKEN)
@pytest.mark.parametrize('attempt', [loads, fails, raising(RuntimeError('odd'))])
def test_whatever_is_broken_the_page_is_whole_and_says_what_to_do(
    broken, attempt, tmp_path, monkeypatch
):
    folder = shutil.copytree(SHIPPED, tmp_path / 'm')
    BROKEN[broken](monkeypatch, folder)
    report = page(folder, attempt=attempt, ask=raising(ValueError('odd')))
    assert {check.section for check in report.lines} == {
        'machine', 'packages', 'ROS 2', 'model', 'backends',
    }  # fmt: skip
    assert [check.name for check in report.lines[-5:]] == [*BACKENDS, 'chosen']
    failed = [check for check in report.lines if not check.ok]
    assert failed
    assert all(check.advice and check.text for check in failed)
    assert report.code == (0 if any(report.can_run.values()) else 2)
    if attempt is not loads:
        assert report.code == 2


@pytest.fixture
def quick(monkeypatch, everything):
    """The command itself, with nothing loaded."""
    report = functools.partial(Doctor, attempt=loads, ask=no_gpu)
    monkeypatch.setattr(doctor, 'Doctor', report)


def test_the_page_has_a_line_a_check_and_advice_below_the_failing(quick, capsys):
    assert cli.main(['doctor', '--model', str(SHIPPED)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 60
    assert [check for check in lines if not check.startswith(' ')] == [
        'machine', 'packages', 'ROS 2', 'model', 'backends',
    ]  # fmt: skip
    failing = [i for i, check in enumerate(lines) if check.startswith('  NO')]
    assert failing
    assert all(lines[i + 1].strip().startswith('->') for i in failing)


def test_json_is_one_object(quick, capsys):
    assert cli.main(['doctor', '--model', 'no/such/folder', '--json']) == 2
    record = json.loads(capsys.readouterr().out)
    assert record['exit_code'] == 2
    assert set(record['can_run']) == set(BACKENDS)
    assert {'section', 'name', 'ok', 'text', 'advice'} == set(record['lines'][0])
