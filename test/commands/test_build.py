# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground build` on the model that ships; engines by a stand-in for their builder."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")

from molmo_ground_ros import cli
from molmo_ground_ros.commands import build

ROOT = Path(__file__).parents[2]
ENGINES = 'molmo_ground_ros.backends.molmo2.engines'


SHIPPED = ROOT / 'models' / 'tabletop'


@pytest.fixture
def model(tmp_path):
    """The model that ships, without its graphs."""
    return shutil.copytree(SHIPPED, tmp_path / 'm', ignore=shutil.ignore_patterns('*.onnx'))


@pytest.fixture
def built(tmp_path):
    """The same with them: all that a build for onnx writes is there."""
    for package in ('torch', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason="needs pip install '.[onnx,export]'")
    return shutil.copytree(SHIPPED, tmp_path / 'm')


def test_dry_run_says_what_it_takes_and_writes_nothing(model, capsys):
    before = sorted(model.iterdir())
    assert cli.main(['build', str(model), '--backend', 'onnx', '--window', '8', '--dry-run']) == 0
    out = capsys.readouterr().out
    for text in (
        'onnx in float32',
        '18 frames',
        'capacity',
        'keys and values',
        'building',
        'disk',
        'a guess',
    ):
        assert text in out
    assert sorted(model.iterdir()) == before


def test_graphs_that_are_there_are_compared_with_the_reference(built, capsys):
    assert cli.main(['build', str(built), '--backend', 'onnx']) == 0
    captured = capsys.readouterr()
    assert captured.err.count('there already') == 2
    assert 'compared  25 rows of logits with torch in float32' in captured.out
    assert '25 of 25 likeliest tokens are the same' in captured.out


def test_only_the_step_that_is_not_finished_is_done_again(built, capsys):
    decoder, vision = sorted(built.glob('*.onnx'))
    before = decoder.stat().st_mtime_ns
    vision.write_bytes(vision.read_bytes()[:-9])
    assert cli.main(['build', str(built), '--backend', 'onnx']) == 0
    err = capsys.readouterr().err
    assert 'exporting decoder: there already' in err
    assert 'exporting vision: done' in err
    assert decoder.stat().st_mtime_ns == before
    assert vision.read_bytes() == (SHIPPED / vision.name).read_bytes()


def test_few_bits_for_a_cpu_are_compared_with_torch_that_has_the_same_weights(built, capsys):
    said = ['build', str(built), '--backend', 'onnx', '--dtype', 'int4']
    assert cli.main(said) == 0
    captured = capsys.readouterr()
    names = ['decoder.int4.cpu.opset24.onnx', 'vision.int8.cpu.opset24.onnx']
    for name in names:
        assert f'graph     {built / name}, ' in captured.out
        assert (built / f'{name}.data').stat().st_size > 1e6
    assert 'onnx in int4 of' in captured.out
    assert 'compared  25 rows of logits with torch in float32' in captured.out
    assert '(0.3 are allowed)' in captured.out
    assert 'exporting decoder: done' in captured.err
    before = [(built / name).stat().st_mtime_ns for name in names]
    assert cli.main(said) == 0
    assert capsys.readouterr().err.count('there already') == 2
    assert [(built / name).stat().st_mtime_ns for name in names] == before


def test_graphs_that_compute_something_else_are_refused_and_deleted(built, capsys):
    onnx = pytest.importorskip('onnx', reason="needs pip install '.[export]'")
    decoder = min(built.glob('*.onnx'))
    graph = onnx.load(decoder, load_external_data=False)
    norm = next(node for node in graph.graph.node if node.op_type == 'RMSNormalization')
    next(name for name in norm.attribute if name.name == 'epsilon').f = 0.1
    decoder.write_bytes(graph.SerializeToString())
    assert cli.main(['build', str(built), '--backend', 'onnx']) == 1
    captured = capsys.readouterr()
    assert 'self-check: a logit differs from the reference' in captured.err
    assert f'deleted   {decoder}' in captured.err
    assert 'compared' not in captured.out
    assert not list(built.glob('*.onnx'))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        pytest.param(['--dtype', 'fp8'], "dtype = 'fp8': onnx has float32, float16", id='dtype'),
        pytest.param(['--window', '64'], 'window = 64.0: not in 0.5 to 63 s', id='long window'),
        pytest.param(['--window', '0.5'], 'holds less than 4 frames', id='short window'),
        pytest.param(['--capability', 'SM86'], 'onnx builds for no GPU', id='capability'),
    ],
)
def test_bad_input_is_exit_code_2_before_anything_is_printed(model, capsys, arguments, message):
    assert cli.main(['build', str(model), '--backend', 'onnx', *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ''


def test_a_model_that_is_no_folder_is_not_looked_for_elsewhere(capsys):
    assert cli.main(['build', 'allenai/Molmo2-4B', '--backend', 'onnx']) == 2
    assert "model 'allenai/Molmo2-4B': no such folder" in capsys.readouterr().err


def test_a_folder_without_a_checkpoint_is_exit_code_2(tmp_path, capsys):
    assert cli.main(['build', str(tmp_path), '--backend', 'onnx']) == 2
    assert 'config.json' in capsys.readouterr().err


def test_what_does_not_fit_is_refused_after_the_numbers_and_before_any_step(
    model, capsys, monkeypatch
):
    monkeypatch.setattr(build, '_memory', lambda *_: (300_000_000, 'memory'))
    assert cli.main(['build', str(model), '--backend', 'onnx', '--window', '63']) == 2
    captured = capsys.readouterr()
    assert 'keys and values' in captured.out
    assert '300.00 MB of memory free; a window of ' in captured.err
    assert not list(model.glob('*.onnx'))


def test_a_full_disk_is_told_before_any_step(model, capsys, monkeypatch):
    usage = types.SimpleNamespace(free=1000)
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage)
    assert cli.main(['build', str(model), '--backend', 'onnx']) == 2
    assert f'1.0 kB of the disk of {model} free; nothing smaller fits' in capsys.readouterr().err


def test_a_missing_package_names_the_extra(model, capsys, monkeypatch):
    monkeypatch.setattr(build, '_NEEDED', ('torch', 'no_such_exporter'))
    assert cli.main(['build', str(model), '--backend', 'onnx']) == 2
    err = capsys.readouterr().err
    assert "'no_such_exporter' is not installed: pip install 'molmo_ground_ros[export]'" in err


@dataclass(frozen=True)
class Target:
    dtype: str
    capacity: int
    frames: int
    capability: str = ''


@dataclass(frozen=True)
class BuildStep:
    name: str
    done: int
    total: int


@dataclass(frozen=True)
class BuiltEngine:
    part: str
    path: Path
    nbytes: int
    seconds: float
    fused_attention: int
    in_place_kv: int


class StandIn(types.ModuleType):
    """The interface of engines.py, which builds nothing."""

    def __init__(self, broken_off: bool = False):
        super().__init__(ENGINES)
        self.Target, self.BuildStep, self.BuiltEngine = Target, BuildStep, BuiltEngine
        self.targets = []
        self._broken_off = broken_off

    def build_engines(self, checkpoint, target, on_step):
        self.targets.append((checkpoint.folder, target))
        on_step(BuildStep('exporting the graphs', 0, 1))
        on_step(BuildStep('exporting the graphs', 1, 1))
        if self._broken_off:
            raise KeyboardInterrupt
        for done in range(3):
            on_step(BuildStep('building decoder', done, 2))
        return [
            BuiltEngine('decoder', checkpoint.folder / 'engines' / 'x.plan', 2 * 10**9, 75.0, 6, 12)
        ]


def test_engines_are_built_for_the_capacity_of_the_window(model, capsys, monkeypatch):
    engines = StandIn()
    monkeypatch.setitem(sys.modules, ENGINES, engines)
    options = ['--backend', 'tensorrt', '--dtype', 'int4', '--capability', 'SM86']
    assert cli.main(['build', str(model), *options, '--window', '8']) == 0
    captured = capsys.readouterr()
    [(folder, target)] = engines.targets
    assert folder == model
    assert (target.dtype, target.frames, target.capability) == ('int4', 18, 'SM86')
    assert f'capacity  {target.capacity} rows' in captured.out
    assert target.capacity % 256 == 0
    assert 'x.plan, 2.00 GB: decoder, built in 75 s, 6 fused attentions, 12 caches' in captured.out
    assert [line.partition(':')[0] for line in captured.err.splitlines()] == [
        'exporting the graphs',
        'building decoder',
    ]


def test_the_default_of_engines_is_bfloat16_for_the_gpu_that_is_here(model, monkeypatch):
    engines = StandIn()
    monkeypatch.setitem(sys.modules, ENGINES, engines)
    assert cli.main(['build', str(model), '--backend', 'tensorrt']) == 0
    [(_, target)] = engines.targets
    assert (target.dtype, target.capability) == ('bfloat16', '')


def test_a_build_that_is_broken_off_says_how_it_goes_on(model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, ENGINES, StandIn(broken_off=True))
    assert cli.main(['build', str(model), '--backend', 'tensorrt']) == 130
    assert 'stopped: finished steps are kept, the same command goes on' in capsys.readouterr().err


def test_the_stand_in_has_the_interface_of_the_builder():
    engines = pytest.importorskip(ENGINES, reason='needs backends/molmo2/engines.py')
    for ours in (Target, BuildStep, BuiltEngine):
        theirs = getattr(engines, ours.__name__)
        assert [name.name for name in dataclasses.fields(ours)] == [
            name.name for name in dataclasses.fields(theirs)
        ]
    assert list(inspect.signature(engines.build_engines).parameters) == [
        'checkpoint',
        'target',
        'on_step',
    ]
