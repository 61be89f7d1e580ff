# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a training whose first process is killed. As a program it is such a training."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tools.tabletop.loop import Plan, load_state, run

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Numbers:
    """A batch."""

    values: Tensor


class Line:
    """A source of equal batches."""

    def draw(self, step: int) -> Numbers:
        del step
        return Numbers(torch.ones(4, 2))

    def refresh(self) -> int:
        return 1


class Task:
    """A layer that learns to give zeros."""

    def __init__(self, worker: int) -> None:
        del worker
        self.weights = {'off': 1.0}
        self.parts = nn.ModuleDict({'layers': nn.ModuleList([nn.Linear(2, 2)])})

    def source(self, worker: int) -> Line:
        del worker
        return Line()

    def terms(self, batch: Numbers) -> dict[str, Tensor]:
        layers = self.parts['layers']
        assert isinstance(layers, nn.ModuleList)
        return {'off': layers[0](batch.values).square().mean()}

    def held_out(self) -> list[Numbers]:
        return [Numbers(torch.ones(4, 2))]


def plan_of(checkpoint: Path) -> Plan:
    """Two workers for ten minutes, that would keep nothing before their end."""
    return Plan(checkpoint, 10.0, 1e-3, workers=2, keep=10**9, report=1)


def test_workers_of_a_killed_training_stop_and_keep_its_steps(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / 'line.pt')
    training = subprocess.Popen([sys.executable, __file__, str(plan.checkpoint)], cwd=ROOT)
    end = time.monotonic() + PATIENCE_S
    while not plan.curve.exists():
        assert training.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    training.kill()
    training.wait()
    while not plan.checkpoint.exists():
        assert time.monotonic() < end, 'the workers go on'
        time.sleep(0.05)
    assert load_state(plan.checkpoint)['step'] > 0


if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))
    run(Task, plan_of(Path(sys.argv[1])))
