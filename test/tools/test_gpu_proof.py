# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make gpu-proof` with the CPU in the card's place: the same code, but what only a GPU runs."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="the peer: needs pip install '.[transformers]'")
pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

import torch

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.runtime import Choice
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.errors import BackendError, MissingPackage
from tools.gpu_proof import __main__ as proof
from tools.gpu_proof import card, compare, released
from tools.gpu_proof.outcome import ROOT, Outcome, Skipped, Status, run, tell
from tools.gpu_proof.page import page

CPU = torch.device('cpu')
NO_EXPORT = importlib.util.find_spec('onnxscript') is None


@pytest.fixture(scope='module')
def checkpoint():
    return open_checkpoint(BackendSettings(str(compare.SHIPPED)))


@pytest.fixture(scope='module')
def reference(checkpoint):
    return TorchRuntime(checkpoint, CPU, torch.float32)


class Off:
    """A runtime that is wrong in one of its choices."""

    def __init__(self, runtime, by: float, at: int = 60) -> None:
        self._runtime, self._by, self._at = runtime, by, at
        self.capacity, self.batch, self.encode = runtime.capacity, runtime.batch, runtime.encode
        self._count = 0

    def read(self, *arguments):
        choices = []
        for choice in self._runtime.read(*arguments):
            self._count += 1
            by = self._by if self._count == self._at else 0.0
            choices.append(Choice(choice.token, choice.logprob + by))
        return choices


def test_a_device_that_says_the_same_passes(checkpoint, reference):
    other = TorchRuntime(checkpoint, CPU, torch.float32)
    apart, same, rows = compare.compare(checkpoint, other, reference, 1e-3)
    # Every token of every pass, twice, and the tokens after the prompt and after the growth.
    assert rows == same == 2 * sum(compare.PASSES) + 2
    assert apart < 1e-4
    assert other.captured_graphs == ()


@pytest.mark.parametrize('by', [0.01, -1.0, math.nan, math.inf])
def test_one_number_that_is_off_fails_with_its_row(checkpoint, reference, by):
    other = Off(TorchRuntime(checkpoint, CPU, torch.float32), by)
    with pytest.raises(compare.DifferentError, match=r'row 59: the log-probability is'):
        compare.compare(checkpoint, other, reference, 2e-3)


def test_a_gpu_that_captures_no_graph_fails(checkpoint, monkeypatch):
    """As if 'cuda' were chosen, with the CPU's numbers."""
    cuda = SimpleNamespace(type='cuda')

    class Pretended(TorchRuntime):
        def __init__(self, checkpoint, device, dtype):
            super().__init__(checkpoint, CPU, dtype)

    monkeypatch.setattr(compare, 'choose_device', lambda name: CPU if name == 'cpu' else cuda)
    monkeypatch.setattr(compare, 'choose_dtype', lambda name, _: getattr(torch, name))
    monkeypatch.setattr(compare, 'TorchRuntime', Pretended)
    with pytest.raises(compare.DifferentError, match='no CUDA graph was captured'):
        compare.check(compare.SHIPPED, 'cuda')


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs a machine without a GPU')
def test_without_a_card_one_line_says_what_is_needed(capsys, tmp_path):
    assert proof.main(['--out', str(tmp_path / 'page.md')]) == 2
    said = capsys.readouterr()
    assert said.out == ''
    assert said.err.count('\n') == 1
    assert said.err.startswith('gpu-proof: it needs one NVIDIA card with its driver')
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs a torch without CUDA')
def test_a_card_without_a_torch_for_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(card, '_ask', lambda _: 'NVIDIA T4')
    assert card.missing('cpu') == ''
    assert 'sees none of NVIDIA T4' in card.missing('cuda')
    assert 'pip install' in card.missing('cuda')


def test_power_is_read_while_a_check_runs_or_the_page_says_why_not(monkeypatch):
    with card.PowerMeter('cpu') as none:
        pass
    assert none.text() == 'the CPU has no meter'
    milliwatts = iter([50_000, 70_000] * 1000)
    monkeypatch.setattr(card, '_PERIOD_S', 0.001)
    monkeypatch.setattr(card, '_ask', lambda _: next(milliwatts))
    with card.PowerMeter('cuda') as meter:
        while len(meter._watts) < 2:
            time.sleep(0.001)
    assert meter.text().endswith('W, at most 70 W')

    def refuses(_):
        raise RuntimeError('Not Supported')

    monkeypatch.setattr(card, '_ask', refuses)
    with card.PowerMeter('cuda') as silent:
        silent._thread.join(10)
    assert silent.text() == 'the driver does not tell: Not Supported'


@pytest.mark.parametrize(
    ('raised', 'status', 'text'),
    [
        (Skipped('it needs 12 GB'), Status.SKIPPED, 'it needs 12 GB'),
        (MissingPackage('tensorrt', 'tensorrt'), Status.SKIPPED, 'tensorrt'),
        (BackendError('CUDA is lost'), Status.FAILED, 'CUDA is lost'),
        (ZeroDivisionError('by zero'), Status.FAILED, 'ZeroDivisionError: by zero'),
    ],
)
def test_what_a_check_raises_is_its_outcome(raised, status, text, capsys):
    def check():
        raise raised

    assert tell(check) == (status is Status.FAILED)
    record = json.loads(capsys.readouterr().out)
    assert record['status'] == status
    assert text in record['text']


@pytest.mark.parametrize(
    ('code', 'text'),
    [
        ('import os; os.abort()', 'ended with exit code -6'),
        ('print("no outcome")', 'ended with exit code 0'),
        ('print("[]")', 'ended with exit code 0'),
        ('import time; print("begun", flush=True); time.sleep(60)', 'was ended after 1 s'),
    ],
)
def test_a_check_that_tells_no_outcome_has_failed(code, text):
    outcome = run([sys.executable, '-c', code], os.environ, 1.0)
    assert (outcome.status, outcome.text) == (Status.FAILED, text)
    assert 'begun' in outcome.output or 'sleep' not in code


def test_a_check_is_ended_with_what_it_started(tmp_path):
    started = tmp_path / 'pid'
    code = (
        'import subprocess, sys, time\n'
        f'child = subprocess.Popen(["sleep", "60"]); open({str(started)!r}, "w")'
        '.write(str(child.pid)); time.sleep(60)'
    )
    run([sys.executable, '-c', code], os.environ, 2.0)
    state = Path(f'/proc/{started.read_text()}/stat')
    assert not state.exists() or state.read_text().split()[2] == 'Z'


def test_what_does_not_fit_into_the_time_is_left_out_with_its_reason(capsys):
    outcomes = proof.prove('cpu', list(proof.checks('cpu')), 0.0)
    assert {outcome.status for outcome in outcomes.values()} == {Status.SKIPPED}
    assert 'the 0 minutes are over: --minutes gives more' in capsys.readouterr().out


def test_the_page_holds_all_and_names_no_owner():
    outcomes = {
        'one': Outcome(Status.PASSED, 'a | b\nc', {'tokens_s': 3.5}, seconds=2.0, power='50 W'),
        'two': Outcome(Status.FAILED, 'lost', output=f'{ROOT}/x.py and {Path.home()}/y'),
        'three': Outcome(Status.SKIPPED, 'it needs 12 GB'),
    }
    text = page(card.facts('cpu'), outcomes, 1.25)
    assert '1 passed, 1 failed, 1 skipped' in text
    assert '| one | passed | a \\| b c | 50 W | 2 |' in text
    assert '| two | **failed** | lost |' in text
    assert '| `tokens_s` | 3.5 |' in text
    assert './x.py and ~/y' in text
    assert str(ROOT) not in text
    assert '| commit |' in text


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(NO_EXPORT, reason="needs pip install '.[export]'")
def test_the_whole_proof_runs_with_the_cpu_in_the_cards_place(tmp_path):
    out = tmp_path / 'page.md'
    command = [sys.executable, '-m', 'tools.gpu_proof', '--device', 'cpu', '--out', str(out)]
    # A busy machine is no failure.
    command += ['--minutes', '25']
    environment = os.environ | {'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert (record['passed'], record['failed'], record['skipped']) == (3, 0, 2)
    names = {'decode_tokens_s', 'decode_vs_eager_ratio', 'ttft_64_frames_ms'}
    names |= {'int4_decode_tokens_s', 'int4_ttft_64_frames_ms', 'float32_logprobs_differ'}
    assert record.keys() >= names
    text = out.read_text()
    assert all(f'| `{name}` |' in text for name in names)
    # Engines are built for a GPU that is not here, where TensorRT-RTX is installed.
    assert text.count('| skipped |') == 2


def test_a_model_that_does_not_fit_is_left_out_in_the_words_of_build(monkeypatch, tmp_path):
    class Refused:
        code, output = 2, 'memory about 9.9 GB\nmolmo-ground: it needs 9.9 GB, 2.0 GB are free\n'

    monkeypatch.setattr(released, 'write_checkpoint', lambda _, folder: folder.mkdir())
    monkeypatch.setattr(released, 'run', lambda *_: Refused)
    with pytest.raises(Skipped, match=r'^molmo-ground: it needs 9.9 GB, 2.0 GB are free$'):
        released.check('cpu', tmp_path)


def test_a_model_for_which_the_disk_is_too_small_is_left_out(monkeypatch, tmp_path):
    usage = SimpleNamespace(free=10**9)
    monkeypatch.setattr(released.shutil, 'disk_usage', lambda _: usage)
    with pytest.raises(Skipped, match=r'of disk, 1\.00 GB are free'):
        released.check('cuda', tmp_path)
