# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The training loop of both stages: Muon and AdamW, one process a core, resumable.

The workers average their gradients once a step: on a machine shared with others that is several
times quicker than threads, which wait for the slowest core at every single operation. Every KEEP
steps the parts are measured on episodes that are never trained on; the best are kept beside the
newest. A line of JSON for each report goes to the curve.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, multiprocessing, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

log = logging.getLogger(__name__)
REPORT, KEEP = 50, 200  # steps of worker 0 between lines of the curve, and between checkpoints
PATIENCE_S = 1200.0  # a worker that waits longer for the others gives up


class Source(Protocol):
    """Where batches come from: dataclasses of tensors."""

    def draw(self, step: int) -> Any:
        """A fresh batch."""
        ...

    def refresh(self) -> int:
        """Look for new data; returns how much there is."""
        ...


class Task(Protocol):
    """What is trained. parts: every trained module; weights: the loss terms that count."""

    parts: nn.ModuleDict
    weights: dict[str, float]

    def source(self, worker: int) -> Source:
        """A source of batches, with random numbers of its own."""
        ...

    def terms(self, batch: Any) -> dict[str, Tensor]:
        """The loss terms of a batch, and measures beside them."""
        ...

    def held_out(self) -> list[Any]:
        """Batches of episodes that are never trained on; always the same."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long and how fast. The rate warms up, then falls along a cosine of wall time.

    checkpoint: NAME.pt; the best goes to NAME.best.pt, the curve to NAME.curve.jsonl. On a GPU
    there is one worker, and `loaders` processes make its batches.
    """

    checkpoint: Path
    minutes: float
    rate: float
    workers: int = 2
    warm_steps: int = 100
    floor: float = 0.1  # the rate ends at this share of its peak
    keep: int = KEEP
    report: int = REPORT
    device: str = 'cpu'
    loaders: int = 0  # processes that make a worker's batches; 0: it makes them itself

    @property
    def best(self) -> Path:
        """Where the best parts are kept."""
        return self.checkpoint.with_suffix('.best.pt')

    @property
    def curve(self) -> Path:
        """Where the measures go, a line of JSON each."""
        return self.checkpoint.with_suffix('.curve.jsonl')


def run(make: Callable[[int], Task], plan: Plan) -> None:
    """Train until the minutes are spent, from the checkpoint if there is one.

    make: builds a worker's task from the worker's number; must be picklable.
    """
    plan.checkpoint.parent.mkdir(parents=True, exist_ok=True)
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


class Optimizers:
    """Muon for the matrices inside layers, AdamW for everything else.

    Muon learns more from a step at this size; its updates are scaled to AdamW's, so one rate does.
    """

    def __init__(self, parts: nn.ModuleDict, rate: float) -> None:
        hidden: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in parts.named_parameters():
            inside = parameter.ndim == 2 and ('layers.' in name or name.startswith('adapter'))
            (hidden if inside else rest).append(parameter)
        self._all = [
            torch.optim.Muon(
                hidden, lr=rate, weight_decay=0.02, adjust_lr_fn='match_rms_adamw', ns_steps=4
            ),
            torch.optim.AdamW(rest, lr=rate, weight_decay=0.01, betas=(0.9, 0.98)),
        ]

    def step(self, rate: float) -> None:
        """Update the parameters at a rate."""
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group['lr'] = rate
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Both states."""
        return [optimizer.state_dict() for optimizer in self._all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Take both states."""
        for optimizer, state in zip(self._all, states, strict=True):
            optimizer.load_state_dict(state)


def load_state(path: Path) -> dict[str, Any]:
    """A checkpoint's parts, step, and optimizer if it has one; step 0 where there is no file."""
    return dict(torch.load(path, map_location='cpu')) if path.exists() else {'step': 0}


def _take(parts: nn.ModuleDict, state: dict[str, Tensor]) -> None:
    """Load a state; throw-away heads that it does not have begin anew. Raises ValueError."""
    wrong = parts.load_state_dict(state, strict=False)
    lacks = [name for name in wrong.missing_keys if not name.startswith('probes.')]
    if lacks or wrong.unexpected_keys:
        raise ValueError(f'not a state of these parts: {lacks + wrong.unexpected_keys}')


def _work(rank: int, make: Callable[[int], Task], plan: Plan, board: Board) -> None:
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    torch.set_num_threads(1)
    state = load_state(plan.checkpoint)
    first = step = int(state['step'])
    torch.manual_seed(rank + 10 * first)
    task = make(rank + 10 * first)
    task.parts.to(plan.device)
    batches = _batches(task, rank + 10 * first, first, plan)
    parameters = list(task.parts.parameters())
    optimizers = Optimizers(task.parts, plan.rate)
    if step:
        _take(task.parts, state['parts'])
        if 'optimizer' in state:
            optimizers.load_state_dict(state['optimizer'])
    diary = _Diary(plan, float(state.get('hours', 0.0)), float(state.get('best', np.inf)))
    del state
    stop = False
    while not stop:
        spent = diary.minutes / plan.minutes
        if rank == 0:
            board.control[0] = plan.rate * _share(plan, first, step, spent)
            board.control[1] = float(spent >= 1.0 or _is_orphan())
        with torch.device(plan.device):
            diary.add(_gradients(task, moved(next(batches), plan.device)))
        if plan.workers > 1:
            board.average(rank, parameters)
        rate, stop = float(board.control[0]), bool(board.control[1])
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizers.step(rate)
        step += 1
        if plan.workers > 1:
            board.barrier.wait()
        if rank == 0 and step % plan.report == 0:
            diary.report(step, rate)
        if rank == 0 and (step % plan.keep == 0 or stop):
            diary.keep(task, optimizers, step)


def _is_orphan() -> bool:
    """Whether the process that began the training was killed; what it trained is kept then."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


class _Diary:
    """Means of the loss terms between two reports, the curve, and the checkpoints."""

    def __init__(self, plan: Plan, hours: float, best: float) -> None:
        self._plan, self._hours, self._best = plan, hours, best
        self._began = time.monotonic()
        self._sums: dict[str, float] = {}
        self._steps = 0

    @property
    def minutes(self) -> float:
        """Of this run."""
        return (time.monotonic() - self._began) / 60

    def add(self, terms: dict[str, float]) -> None:
        self._steps += 1
        for key, value in terms.items():
            self._sums[key] = self._sums.get(key, 0.0) + value

    def report(self, step: int, rate: float) -> None:
        means = {key: value / self._steps for key, value in self._sums.items()}
        self._write({'step': step, 'rate': rate, **means})
        self._sums.clear()
        self._steps = 0

    def keep(self, task: Task, optimizers: Optimizers, step: int) -> None:
        """Measure on unseen episodes, write the checkpoint, and the best if it is the best."""
        with torch.device(self._plan.device):
            measures = unseen(task, self._plan.device)
        self._write({'step': step, **{f'unseen_{key}': value for key, value in measures.items()}})
        state = {'parts': task.parts.state_dict(), 'step': step, 'hours': self._spent()}
        if measures['loss'] < self._best:
            self._best = measures['loss']
            _save(state, self._plan.best)
        state |= {'optimizer': optimizers.state_dict(), 'best': self._best}
        _save(state, self._plan.checkpoint)

    def _spent(self) -> float:
        return self._hours + self.minutes / 60

    def _write(self, row: dict[str, float]) -> None:
        rounded = {key: round(value, 6) for key, value in row.items()} | {
            'hours': round(self._spent(), 4)
        }
        log.info('%s', ' '.join(f'{key} {value:.4g}' for key, value in rounded.items()))
        with self._plan.curve.open('a') as file:
            file.write(json.dumps(rounded) + '\n')


def _share(plan: Plan, first: int, step: int, spent: float) -> float:
    """The learning rate's share of its peak at a step of a run that began at `first`."""
    warm = plan.warm_steps if first == 0 else plan.warm_steps // 5 + 1
    cosine = 0.5 * (1 + float(np.cos(np.pi * min(spent, 1.0))))
    return min(1.0, (step - first + 1) / warm) * (plan.floor + (1 - plan.floor) * cosine)


class _Stream(IterableDataset[Any]):
    """A task's batches without end; each loader has random numbers of its own."""

    def __init__(self, source: Callable[[int], Source], worker: int, first: int) -> None:
        self._source, self._worker, self._first = source, worker, first

    def __iter__(self) -> Iterator[Any]:
        """Draw, and look for new data now and then."""
        loader = get_worker_info()
        number, loaders = (loader.id, loader.num_workers) if loader else (0, 1)
        source = self._source(1000 * number + self._worker)
        for turn in count():
            if turn % KEEP == KEEP - 1:
                source.refresh()
            yield source.draw(self._first + turn * loaders)


def _batches(task: Task, worker: int, first: int, plan: Plan) -> Iterator[Any]:
    stream = _Stream(task.source, worker, first)
    if not plan.loaders:
        return iter(stream)
    return iter(DataLoader(stream, None, num_workers=plan.loaders, multiprocessing_context='fork'))


def moved(batch: Any, device: str) -> Any:
    """A batch's tensors on a device."""
    if device == 'cpu':
        return batch
    return replace(batch, **{f.name: getattr(batch, f.name).to(device) for f in fields(batch)})


@torch.no_grad()
def unseen(task: Task, device: str) -> dict[str, float]:
    """Means over the batches that are never trained on; 'loss' decides which parts are best."""
    rows = [task.terms(moved(batch, device)) for batch in task.held_out()]
    means = {key: float(torch.stack([row[key] for row in rows]).mean()) for key in rows[0]}
    return means | {'loss': sum(task.weights[key] * means[key] for key in task.weights)}


def _gradients(task: Task, batch: Any) -> dict[str, float]:
    terms = task.terms(batch)
    loss = total(task, terms)
    task.parts.zero_grad()
    loss.backward()
    return {key: float(value.detach()) for key, value in terms.items()} | {
        'loss': float(loss.detach())
    }


def total(task: Task, terms: dict[str, Tensor]) -> Tensor:
    """The weighted sum of the terms that count."""
    return torch.stack([task.weights[k] * v for k, v in terms.items() if k in task.weights]).sum()


def _save(state: dict[str, Any], path: Path) -> None:
    partial = path.with_suffix('.partial')
    torch.save(state, partial)
    partial.rename(path)
