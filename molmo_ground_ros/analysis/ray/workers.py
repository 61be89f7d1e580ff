# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Workers on Ray as one `WindowRunner`: hands windows out, and replaces workers that die.

It holds the windows that are being asked, and one outcome at a time. Ray itself repeats nothing.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from molmo_ground_ros.analysis.ray.cluster import joined
from molmo_ground_ros.analysis.ray.share import Share, on_gpu, share
from molmo_ground_ros.analysis.ray.stretches import Stretches
from molmo_ground_ros.analysis.ray.worker import Ready, Worker, WorkerTask, fingerprint
from molmo_ground_ros.analysis.run import AnalysisPlan
from molmo_ground_ros.analysis.window import Failure, WindowAnswers, Work, failed
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Question

MOST_TRIES = 3  # of a window whose worker dies
# A worker that dies so often in a row, without asking a window in between, is not replaced.
MOST_DEATHS = 6
# How long workers may take to delete what they unpacked.
CLOSE_S = 10.0
# After this long without any worker a warning is logged.
PATIENCE_S = 60.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Slot:
    """A worker and those that replace it."""

    number: int
    actor: Any = None
    # How often it died since it was last asked about a window.
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class _Death:
    """What came instead of a result."""

    why: str


@dataclass(slots=True)
class Workers:
    """Workers in a Ray that was joined. Use as a context manager, once; for one thread."""

    job: WorkerTask
    share: Share
    # The name of the model; '' until a worker is ready.
    model: str = ''
    _slots: list[_Slot] = field(default_factory=list)
    _idle: deque[_Slot] = field(default_factory=deque)
    # By Ray's reference; the work is None while the worker loads.
    _pending: dict[Any, tuple[_Slot, Work | None]] = field(default_factory=dict)
    _ready: Ready | None = None  # of the first worker
    # Why the last worker was given up.
    _last: str = ''

    def __enter__(self) -> Workers:
        """Start, and wait until one of them is ready. Raises what loading raised."""
        try:
            self._slots += [_Slot(number) for number in range(self.share.workers)]
            for slot in self._slots:
                self._begin(slot)
            while self._ready is None:
                if not self._pending:
                    raise BackendError(f'no worker could be started: {self._last}')
                slot, _, came = self._wait()
                self._loaded(slot, came)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End them all; those that are asked nothing delete what they unpacked."""
        import ray

        closing = [slot.actor.close.remote() for slot in self._idle]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=CLOSE_S)
        for slot in self._slots:
            if slot.actor is not None:
                ray.kill(slot.actor)

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """The outcome of each window, as it comes.

        A window whose worker dies is asked again, MOST_TRIES times in all. Raises what Ray
        itself does.
        """
        stretches = Stretches(works)
        tries = Counter[Work]()
        unanswered = len(works)
        while unanswered:
            self._hand_out(stretches)
            if not self._pending:
                yield from self._give_up(stretches)
                return
            slot, work, came = self._wait()
            if work is None:
                self._loaded(slot, came)
                continue
            if isinstance(came, _Death):
                stretches.leave(slot.number)
                self._replace(slot, came)
                tries[work] += 1
                if tries[work] < MOST_TRIES:
                    stretches.put_back(work)
                    continue
                why = f'the worker died {MOST_TRIES} times: {came.why}'
                outcome = failed(work, Failure(BackendError(why)))
            else:
                slot.deaths = 0
                self._idle.append(slot)
                outcome = failed(work, came) if isinstance(came, Failure) else came
            unanswered -= 1
            # Workers go on while the caller deals with the outcome.
            self._hand_out(stretches)
            yield outcome

    def _begin(self, slot: _Slot) -> None:
        """Start a worker, which loads."""
        import ray

        takes = {'num_cpus': self.share.cpus, 'num_gpus': self.share.gpus}
        actor_class = ray.remote(Worker).options(
            **takes, max_restarts=0, scheduling_strategy='SPREAD'
        )
        try:
            slot.actor = actor_class.remote()
        except ImportError as err:
            # With ray:// the cluster unpacks our class immediately.
            raise BackendError(f'worker: {err}: it must be installed there') from err
        self._pending[slot.actor.load.remote(self.job)] = slot, None

    def _wait(self) -> tuple[_Slot, Work | None, Any]:
        """Wait for what comes next: Ready (without work), WindowAnswers, a Failure or a _Death."""
        import ray

        while True:
            done, _ = ray.wait(list(self._pending), num_returns=1, timeout=PATIENCE_S)
            if done:
                break
            if all(work is None for _, work in self._pending.values()):
                _log.warning('no worker is ready yet: it loads, or Ray has no room for it now')
        slot, work = self._pending.pop(done[0])
        try:
            return slot, work, ray.get(done[0])
        except ray.exceptions.RayError as err:
            begun = not (isinstance(err, ray.exceptions.RayActorError) and err.actor_init_failed)
            if begun and not isinstance(err, ray.exceptions.RayTaskError):
                return slot, work, _Death(_why(err))
            # Our class raises nothing: it could not be imported there, or not be sent back.
            why = str(err).splitlines()[-1].strip()
            return slot, work, Failure(BackendError(f'worker: {why}'), str(err))

    def _loaded(self, slot: _Slot, came: Ready | Failure | _Death) -> None:
        """Take a worker that has loaded, or has not. Raises its error before any is ready."""
        if isinstance(came, _Death):
            self._replace(slot, came)
        elif isinstance(came, Ready):
            first = self._ready = self._ready or came
            self.model = first.model
            if came.files != first.files:
                why = f'the model on {came.machine} is not that on {first.machine}'
                self._drop(slot, why)
            else:
                self._idle.append(slot)
        elif self._ready is None:
            if came.trace:
                _log.error('%s', came.trace)
            raise came.error
        else:
            self._drop(slot, str(came.error))

    def _replace(self, slot: _Slot, death: _Death) -> None:
        import ray

        # The worker may be alive and out of reach.
        ray.kill(slot.actor)
        slot.deaths += 1
        _log.warning('a worker died: %s', death.why)
        if slot.deaths < MOST_DEATHS:
            self._begin(slot)
        else:
            self._drop(slot, f'it died {slot.deaths} times in a row: {death.why}')

    def _drop(self, slot: _Slot, why: str) -> None:
        """Do without a worker."""
        import ray

        ray.kill(slot.actor)
        self._last = why
        _log.warning('a worker is given up: %s', why)

    def _hand_out(self, stretches: Stretches) -> None:
        while self._idle and len(stretches):
            slot = self._idle.popleft()
            work = stretches.next(slot.number)
            self._pending[slot.actor.ask.remote(work)] = slot, work

    def _give_up(self, stretches: Stretches) -> Iterator[WindowAnswers]:
        why = Failure(BackendError(f'no worker is left: {self._last}'))
        while (work := stretches.next(0)) is not None:
            yield failed(work, why)


@contextmanager
def spread(
    address: str,
    workers: int,
    plan: AnalysisPlan,
    recordings: Mapping[str, Recording],
    loader: GrounderLoader,
) -> Iterator[Workers]:
    """Workers on Ray at an address (cluster.joined), no more than there are windows.

    workers: how many; 0 leaves it to `share`. Raises as `joined`, `on_gpu`, `share` and Workers do,
    and BackendError where Ray itself fails.
    """
    task = partial(job_of, plan, recordings, loader.settings.model)
    windows = sum(map(len, plan.windows.values()))
    with _crew(address, workers, windows, task, loader) as running:
        yield running


@contextmanager
def spread_separate(
    address: str, workers: int, questions: Sequence[Question], loader: GrounderLoader
) -> Iterator[Workers]:
    """As `spread`, for windows of any recordings: their cameras are keys of `separate`."""

    def task(load: Callable[[], Grounder]) -> WorkerTask:
        """A task that names no recording."""
        nowhere = str(Path.cwd()), (), (), ''
        return WorkerTask(*nowhere, loader.settings.model, tuple(questions), load, separate=True)

    with _crew(address, workers, sys.maxsize, task, loader) as running:
        yield running


@contextmanager
def _crew(
    address: str,
    workers: int,
    windows: int,
    task: Callable[[Callable[[], Grounder]], WorkerTask],
    loader: GrounderLoader,
) -> Iterator[Workers]:
    """Workers for a task, which is made from what loads the model."""
    # What 'auto' stands for is decided once, so that all workers load the same backend.
    loader = loader.chosen()
    with joined(address) as machines:
        gpu = on_gpu(loader.backend, loader.settings.device, machines)
        takes = share(machines, workers, loader.settings.threads, gpu=gpu)
        takes = replace(takes, workers=min(takes.workers, windows))
        job = task(loader.with_threads(takes.threads).load)
        import ray

        try:
            with Workers(job, takes) as running:
                yield running
        except ray.exceptions.RayError as err:
            raise BackendError(f'Ray itself failed: {_why(err)}') from err


def job_of(
    plan: AnalysisPlan,
    recordings: Mapping[str, Recording],
    model: str,
    load: Callable[[], Grounder],
) -> WorkerTask:
    """The task of workers that ask as this process would. load: goes to them pickled."""
    return WorkerTask(
        folder=str(Path.cwd()),
        sources=plan.sources,
        cameras=tuple(recordings),
        recordings_digest=fingerprint(recordings),
        questions=plan.questions,
        model=model,
        load=load,
    )


def _why(error: Exception) -> str:
    """What Ray says of a death, in one line without the ids of its processes."""
    text = str(error)
    detail = text.partition('Worker exit detail: ')[2] or text
    return detail.partition('. Some common causes')[0].splitlines()[0].strip()
