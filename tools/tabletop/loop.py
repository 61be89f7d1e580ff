# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The training loop of both stages: AdamW, one single-threaded process a core.

The workers average their gradients once a step. On a machine shared with others that is several
times quicker than threads, which wait for the slowest core at every single operation. (Updating
shared weights without waiting was tried: at these rates it undid a quarter hour of training.)
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, multiprocessing, nn

log = logging.getLogger(__name__)
REPORT, KEEP = 50, 200  # steps of worker 0 between log lines, and between checkpoints
PATIENCE_S = 600.0  # a worker that waits longer for the others gives up


class Task(Protocol):
    """What is trained. parts: every trained module; weights: the loss terms that count."""

    parts: nn.ModuleDict
    weights: dict[str, float]

    def terms(self, step: int) -> dict[str, Tensor]:
        """The loss terms, and measures beside them, of a fresh batch."""
        ...

    def refresh(self) -> int:
        """Look for new data; returns how much there is."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long and how fast. The rate warms up, then falls along a cosine of wall time."""

    checkpoint: Path
    minutes: float
    rate: float
    workers: int = 2
    warm_steps: int = 100
    floor: float = 0.0  # the rate ends at this share of its peak


def run(make: Callable[[int], Task], plan: Plan) -> None:
    """Train until the minutes are spent, from the checkpoint if there is one.

    make: builds a worker's task from the worker's number; must be picklable.
    """
    parts = make(0).parts
    size = sum(parameter.numel() for parameter in parts.parameters())
    context = multiprocessing.get_context('spawn')
    board = Board(
        torch.zeros(plan.workers, size).share_memory_(),
        torch.zeros(2).share_memory_(),
        context.Barrier(plan.workers, timeout=PATIENCE_S),
    )
    del parts
    if plan.workers == 1:
        _work(0, make, plan, board)
        return
    workers = [
        context.Process(target=_work, args=(rank, make, plan, board), daemon=True)
        for rank in range(plan.workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f'a worker ended with {[worker.exitcode for worker in workers]}')


@dataclass(frozen=True)
class Board:
    """What the workers share. gradients: (workers, size); control: rate, and 1 when time is up."""

    gradients: Tensor
    control: Tensor
    barrier: Any

    def average(self, rank: int, parameters: list[nn.Parameter]) -> None:
        """Set every worker's gradients to the mean of all."""
        own = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        torch.cat([part.reshape(-1) for part in own], out=self.gradients[rank])
        self.barrier.wait()
        mean = self.gradients.mean(0)
        parts = mean.split([parameter.numel() for parameter in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        self.barrier.wait()


def _work(rank: int, make: Callable[[int], Task], plan: Plan, board: Board) -> None:
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    torch.set_num_threads(1)
    state: dict[str, Any] = torch.load(plan.checkpoint) if plan.checkpoint.exists() else {'step': 0}
    first = step = int(state['step'])
    torch.manual_seed(rank + 10 * first)
    task = make(rank + 10 * first)
    parameters = list(task.parts.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.02, betas=(0.9, 0.98))
    if step:
        task.parts.load_state_dict(state['parts'])
        optimizer.load_state_dict(state['optimizer'])
    del state
    diary, began, stop = _Diary(), time.monotonic(), False
    while not stop:
        spent = (time.monotonic() - began) / 60 / plan.minutes
        if rank == 0:
            board.control[0] = plan.rate * _share(plan, step - first, spent)
            board.control[1] = float(spent >= 1.0)
        diary.add(_gradients(task, step))
        board.average(rank, parameters)
        rate, stop = float(board.control[0]), bool(board.control[1])
        for group in optimizer.param_groups:
            group['lr'] = rate
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        board.barrier.wait()
        if rank == 0 and step % REPORT == 0:
            diary.report(step, spent * plan.minutes)
        if step % KEEP == 0:
            task.refresh()
        if rank == 0 and (step % KEEP == 0 or stop):
            _save(task.parts, optimizer, step, plan.checkpoint)


class _Diary:
    """Means of the loss terms between two log lines."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}

    def add(self, terms: dict[str, float]) -> None:
        for key, value in terms.items():
            self._sums[key] = self._sums.get(key, 0.0) + value

    def report(self, step: int, minutes: float) -> None:
        shown = ' '.join(f'{key} {value / REPORT:.3f}' for key, value in self._sums.items())
        log.info('step %d  %.1f min  %s', step, minutes, shown)
        self._sums.clear()


def _share(plan: Plan, steps: int, spent: float) -> float:
    """The learning rate's share of its peak."""
    cosine = 0.5 * (1 + float(np.cos(np.pi * spent)))
    return min(1.0, (steps + 1) / plan.warm_steps) * (plan.floor + (1 - plan.floor) * cosine)


def _gradients(task: Task, step: int) -> dict[str, float]:
    terms = task.terms(step)
    counted = [task.weights[k] * v for k, v in terms.items() if k in task.weights]
    loss = torch.stack(counted).sum()
    task.parts.zero_grad()
    loss.backward()
    return {key: float(value.detach()) for key, value in terms.items()}


def _save(parts: nn.ModuleDict, optimizer: torch.optim.Optimizer, step: int, path: Path) -> None:
    state = {'parts': parts.state_dict(), 'optimizer': optimizer.state_dict(), 'step': step}
    partial = path.with_suffix('.partial')
    torch.save(state, partial)
    partial.rename(path)
