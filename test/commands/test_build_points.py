# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground build` and `doctor` on a MolmoPoint."""

from __future__ import annotations

import pytest
from support.molmo_point import write_checkpoint
from support.molmo_point_cases import CASES

pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")

from molmo_ground_ros import cli
from molmo_ground_ros.commands.checks import Doctor
from molmo_ground_ros.commands.estimate import too_large

GRAPHS = [f'{part}.float32.opset24.onnx' for part in ('decoder', 'vision', 'subpatches')]


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path, CASES['points'].tiny)


def test_three_graphs_are_written_once_and_compared_with_torch(folder, capsys):
    for package in ('torch', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason="needs pip install '.[onnx,export]'")
    onnx = pytest.importorskip('onnx', reason="needs pip install '.[export]'")
    build = ['build', str(folder), '--backend', 'onnx', '--window', '8']
    assert cli.main(build) == 0
    captured = capsys.readouterr()
    assert captured.err.count(': done') >= 3
    for name in GRAPHS:
        assert f'graph     {folder / name}, ' in captured.out
    assert 'compared  6 rows of logits with torch in float32' in captured.out
    assert '6 of 6 likeliest tokens are the same' in captured.out
    written = [(folder / name).stat().st_mtime_ns for name in GRAPHS]
    assert cli.main(build) == 0
    assert capsys.readouterr().err.count('there already') == 3
    assert [(folder / name).stat().st_mtime_ns for name in GRAPHS] == written

    states = 'decoder current, vision current, subpatches current'
    assert graphs_line(folder) == (True, states)
    assert verdicts(folder)['onnx'] == (True, 'can run this model')

    # The keys of subpatches are checked, which no logit depends on.
    path = folder / GRAPHS[2]
    graph = onnx.load(path, load_external_data=False)
    keys = graph.graph.output[0]
    negated = onnx.helper.make_node('Neg', [f'{keys.name}.before'], [keys.name])
    for node in graph.graph.node:
        for i, name in enumerate(node.output):
            if name == keys.name:
                node.output[i] = f'{keys.name}.before'
    graph.graph.node.append(negated)
    path.write_bytes(graph.SerializeToString())
    assert cli.main(build) == 1
    captured = capsys.readouterr()
    assert 'self-check: keys of subpatches differ from the reference by' in captured.err
    assert not list(folder.glob('*.onnx'))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['onnx', '--dtype', 'int4'], 'onnx has MolmoPoint in float32 and float16 only'),
        (['onnx', '--dtype', 'int8'], 'onnx has MolmoPoint in float32 and float16 only'),
        (['tensorrt'], 'MolmoPoint runs on the backends torch and onnx alone'),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(folder, arguments, message, capsys):
    assert cli.main(['build', str(folder), '--backend', *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ''


def test_doctor_names_the_command_that_writes_the_graphs(folder):
    command = f'molmo-ground build {folder} --backend onnx --dtype float32'
    missing = 'decoder missing, vision missing, subpatches missing'
    assert graphs_line(folder) == (False, missing)
    assert too_large(folder, 'onnx', [], 10**9) == ('no current graphs in the folder', command)
    # It has none in int4, which Molmo2 would be advised.
    assert too_large(folder, 'onnx', [], 10**5)[1] == 'more memory or a smaller model'
    assert verdicts(folder)['tensorrt'][0] is False
    [cpu] = [line for line in report(folder).lines if line.name == 'on the CPU']
    assert 'onnx in float32' in cpu.text and 'int4' not in cpu.text


def report(folder):
    """What doctor finds where every package loads and there is no GPU."""
    from importlib import metadata

    def loads(arguments):
        return '' if 'torch.cuda' in arguments[1] else 'there'

    def no_gpu(command):
        raise OSError('nvidia-smi: not there')

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HF_HUB_OFFLINE', '1')
        patch.setattr(metadata, 'version', lambda name: '99.0')
        return Doctor(str(folder), loads, no_gpu).report()


def graphs_line(folder):
    [line] = [line for line in report(folder).lines if line.name.startswith('graphs')]
    return line.ok, line.text


def verdicts(folder):
    lines = report(folder).lines
    return {line.name: (line.ok, line.text) for line in lines if line.section == 'backends'}
