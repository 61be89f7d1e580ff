# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: workers agree on gradients, and it goes on from its checkpoint."""

import threading
from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason='needs the pip extra [transformers]')

from torch import Tensor, nn

from tools.tabletop.loop import Board, Plan, run


class Line:
    """Fit y = 3 x; a worker's number seeds its x."""

    weights = {'loss': 1.0}  # noqa: RUF012

    def __init__(self, worker: int) -> None:
        torch.manual_seed(0)
        self.parts = nn.ModuleDict({'line': nn.Linear(1, 1, bias=False)})
        self._generator = torch.Generator().manual_seed(worker)

    def terms(self, step: int) -> dict[str, Tensor]:
        """Squared error, and a measure that must not count."""
        del step
        x = torch.randn(8, 1, generator=self._generator)
        return {'loss': (self.parts['line'](x) - 3 * x).square().mean(), 'm_far': x.sum() * 1e9}

    def refresh(self) -> int:
        """Nothing to look for."""
        return 0


def test_learns_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    plan = Plan(tmp_path / 'line.pt', minutes=0.01, rate=0.1, workers=1, warm_steps=1)
    run(Line, plan)
    first = torch.load(plan.checkpoint)
    run(Line, plan)
    second = torch.load(plan.checkpoint)
    assert second['step'] > first['step'] > 0
    assert float(second['parts']['line.weight']) == pytest.approx(3.0, abs=0.3)


def test_workers_get_the_mean_of_their_gradients() -> None:
    board = Board(torch.zeros(2, 3), torch.zeros(2), threading.Barrier(2))
    workers = [[nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))] for _ in range(2)]
    workers[0][0].grad = torch.tensor([2.0, 4.0])
    workers[1][0].grad, workers[1][1].grad = torch.tensor([0.0, 2.0]), torch.tensor([6.0])
    threads = [
        threading.Thread(target=board.average, args=(rank, parameters))
        for rank, parameters in enumerate(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    for first, second in workers:
        assert first.grad is not None
        assert second.grad is not None
        assert first.grad.tolist() == [1.0, 3.0]
        assert second.grad.tolist() == [3.0]
