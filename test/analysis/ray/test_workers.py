# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""With a real Ray on this machine, which one fixture starts: most tests share it."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
if importlib.util.find_spec('ray') is None:  # imported, it would read its settings too early
    pytest.skip("needs ray: pip install 'molmo_ground_ros[ray]'", allow_module_level=True)

from support.analyses import (
    BALL,
    CUP,
    Dying,
    Failing,
    Holding,
    Knowing,
    event_seconds,
    lacking,
    result,
    write_long_bag,
)

from molmo_ground_ros.analysis import run
from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.analysis.ray import cluster, workers
from molmo_ground_ros.analysis.ray.cluster import joined
from molmo_ground_ros.analysis.ray.share import Machine, Share
from molmo_ground_ros.analysis.ray.worker import Ready, Worker
from molmo_ground_ros.analysis.ray.workers import Workers, job_of
from molmo_ground_ros.analysis.store import Store, digest
from molmo_ground_ros.analysis.window import Failure, LocalRunner
from molmo_ground_ros.backends.base import Backend
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import open_cameras, open_recording

pytestmark = pytest.mark.slow  # Ray takes ten seconds to start

ROOT = Path(__file__).resolve().parents[3]
CAMERAS = ('/left', '/right')
ONE, TWO = (Share(workers=number, cpus=0.1, gpus=0.0, threads=1) for number in (1, 2))


def left_behind(mark: str) -> list[str]:
    """Processes with that text in their environment."""
    found = []
    for process in Path('/proc').glob('[0-9]*'):
        with suppress(OSError):
            if mark.encode() in (process / 'environ').read_bytes():
                found.append((process / 'cmdline').read_text())
    return found


@pytest.fixture(scope='module')
def ray() -> Iterator[list[Machine]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', f'{ROOT}:{ROOT / "test"}')  # workers import our models
        patch.setenv('MARK', mark := uuid.uuid4().hex)
        with joined('local') as machines:
            yield machines
        assert not left_behind(mark)


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    # 60 s is in two windows of each camera
    bag = tmp_path_factory.mktemp('long') / 'bag'
    return write_long_bag(bag, CAMERAS, corrupt=[20.0, 60.0, 95.0])


def analyze(
    bag: Path,
    load: Callable[[], Backend] = Knowing,
    folder: Path | None = None,
    takes: Share | None = TWO,  # None: without Ray
    **span: int,
) -> Analysis:
    recordings = open_cameras([bag])
    try:
        plan = run.make_plan([str(bag)], recordings, (CUP, BALL), {'model': 'knowing'}, **span)
        name = digest(plan.sources, plan.settings, plan.questions, plan.windows)
        if takes is None:
            asker = LocalRunner(recordings, Grounder(load()), plan.questions)
            with Store(folder, name, resume=True) as store:
                return run.analyze(plan, recordings, asker, store)
        with Workers(job_of(plan, recordings, '', lambda: Grounder(load())), takes) as asker:
            if folder is None:
                return run.analyze(plan, recordings, asker)
            with Store(folder, name, resume=True) as store:
                return run.analyze(plan, recordings, asker, store)
    finally:
        next(iter(recordings.values())).close()


@pytest.fixture(scope='module')
def alone(bag, tmp_path_factory) -> Analysis:
    return analyze(bag, folder=tmp_path_factory.mktemp('alone'), takes=None)


@pytest.fixture
def same(alone, tmp_path) -> Callable[[Analysis], bool]:
    def compare(analysis: Analysis) -> bool:
        found = result(analysis, tmp_path / 'found.jsonl')
        return found == result(alone, tmp_path / 'alone.jsonl')

    return compare


def test_result_is_that_of_one_process_bit_for_bit(ray, bag, alone, same) -> None:
    analysis = analyze(bag)
    assert same(analysis)
    assert analysis.complete and analysis.model == 'knowing'
    assert len(analysis.losses) == len(alone.losses) == 2  # of each camera: in the order of cameras
    assert all('3 messages' in loss for loss in analysis.losses)


def test_ray_listens_on_loopback_alone(ray) -> None:
    import ray

    (node,) = ray.nodes()
    assert node['NodeManagerAddress'] == '127.0.0.1'


def test_what_a_worker_unpacks_is_deleted_with_its_ray(ray) -> None:
    import ray

    folder = Path(ray.get(ray.remote(tempfile.gettempdir).options(num_cpus=0.1).remote()))
    assert folder != Path(tempfile.gettempdir())
    assert any(folder.glob('session_*'))


def test_worker_that_is_killed_is_replaced_and_its_window_asked_again(
    ray, bag, same, tmp_path
) -> None:
    deaths = tmp_path / 'deaths'
    deaths.mkdir()
    assert same(analyze(bag, partial(Knowing, Dying(deaths, (58.0,), 1))))
    assert len(list(deaths.iterdir())) == 1


def test_window_that_always_ends_its_worker_is_a_gap_and_the_rest_goes_on(
    ray, bag, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(workers, 'MOST_TRIES', 2)
    load = partial(Knowing, Dying(tmp_path, (58.0,), 99))
    analysis = analyze(bag, load)
    assert len(list(tmp_path.iterdir())) == 2 * 2  # the window is there of each camera
    for cup, ball in zip(analysis.findings[::2], analysis.findings[1::2], strict=True):
        assert [event_seconds(one) for one in (cup, ball)] == [[3.0, 60.25, 100.0], [60.5]]
        for finding in (cup, ball):
            (gap,) = finding.gaps
            assert gap.reason.startswith('the worker died 2 times: Worker unexpectedly exits')


def test_workers_that_die_while_they_load_are_an_error(ray, bag, monkeypatch) -> None:
    monkeypatch.setattr(workers, 'MOST_DEATHS', 2)
    with pytest.raises(BackendError, match='no worker could be started: it died 2 times in a row'):
        analyze(bag, partial(os._exit, 3), takes=ONE)


def test_without_any_worker_left_the_windows_left_are_gaps(ray, bag, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(workers, 'MOST_DEATHS', 1)
    analysis = analyze(bag, partial(Knowing, Dying(tmp_path, (58.0,), 99)), takes=ONE)
    assert [len(f.gaps) for f in analysis.findings] == [1, 1, 1, 1]
    left, right = analysis.findings[0], analysis.findings[2]
    assert event_seconds(left) == [3.0, 60.25]  # the first window
    assert event_seconds(right) == []
    assert right.gaps[0].reason.startswith('no worker is left: it died 1 times in a row: ')
    assert analysis.complete


def test_error_of_loading_names_the_machine_and_keeps_its_kind(ray, bag) -> None:
    words = f"worker on {socket.gethostname()}: model 'knowing': it lacks weights"
    with pytest.raises(BadModel, match=words):
        analyze(bag, lacking, takes=ONE)


class Unknown(Knowing):
    """In a module that a worker does not find."""


def test_model_that_a_worker_cannot_import_is_an_error(ray, bag) -> None:
    with pytest.raises(BackendError, match='worker: ModuleNotFoundError: No module named'):
        analyze(bag, Unknown, takes=ONE)


def test_worker_refuses_files_that_are_not_those_of_the_plan(bag) -> None:
    with open_recording([bag], '/left') as recording:
        plan = run.make_plan([str(bag)], {'/left': recording}, (CUP,), {})
        job = job_of(plan, {'/left': recording}, 'knowing', lambda: Grounder(Knowing()))
    worker = Worker()
    assert worker.load(job) == Ready(socket.gethostname(), 'knowing', ())
    worker.close()
    told = Worker().load(replace(job, recordings_digest='another'))
    assert isinstance(told, Failure)
    assert 'it reads another recording at ' in str(told.error)


def test_window_that_fails_is_the_gap_it_is_in_one_process_and_asked_when_resumed(
    ray, bag, same, tmp_path
) -> None:
    here = analyze(bag, partial(Knowing, Failing((58.0,))), tmp_path / 'out', None)
    spread = analyze(bag, partial(Knowing, Failing((58.0,))))
    assert result(spread, tmp_path / 'a') == result(here, tmp_path / 'b')
    assert [gap.reason for gap in spread.findings[0].gaps] == ['the GPU is gone']
    assert same(analyze(bag, Knowing, tmp_path / 'out', ONE))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt; a shell starts what runs in the background without that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('ray', 'interruptible')
def test_interrupt_keeps_what_is_finished_for_a_run_without_ray(bag, same, tmp_path) -> None:
    held, ended = tmp_path / 'held', threading.Event()

    def interrupt() -> None:
        while not held.exists() and not ended.wait(0.05):
            pass
        if held.exists():
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    broken = analyze(bag, partial(Knowing, Holding(held, 87.0)), tmp_path / 'out')
    ended.set()
    thread.join()
    assert not broken.complete
    assert broken.findings[-1].gaps[-1].reason == run.NOT_REACHED
    assert any((tmp_path / 'out').glob('windows-*'))
    assert same(analyze(bag, Knowing, tmp_path / 'out', None))


def test_command_that_joins_a_cluster_writes_the_same_files(ray, bag, tmp_path) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    answers = tmp_path / 'answers.jsonl'
    rows = '0.5 1 333 251;3.0 2 100 999'
    text = f'Counting the <points coords="{rows}">cup</points> shows a total of 2.'
    answers.write_text(json.dumps({'text': text, 'match': 'cup', 'logprobs': -0.1}))
    code = 'import sys; from molmo_ground_ros.cli import main; sys.exit(main())'
    said = {}
    for name, options in (('alone', []), ('spread', ['--ray', address, '--ray-workers', '1'])):
        command = [
            *(sys.executable, '-c', code, 'analyze', bag, '--query', CUP.query.text, '--json'),
            *('--topic', '/left', '--topic', '/right', '--out', tmp_path / name),
            *('--backend', 'replay', '--model', answers, *options),
        ]
        ran = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, 'windows: done, about 0 s left\n')
        said[name] = re.sub(r'"latency_ns": \d+', '', ran.stdout)
    assert said['alone'] == said['spread']
    alone, spread = (tmp_path / name for name in said)
    for file in ('records.jsonl', 'records.csv', 'overlay.mcap'):
        assert (alone / file).read_bytes() == (spread / file).read_bytes()
    names = [sorted(file.name for file in folder.iterdir()) for folder in (alone, spread)]
    assert names[0] == names[1]  # also of the finished windows: either goes on from the other


def test_address_that_is_no_ray_is_an_error_soon(monkeypatch) -> None:
    monkeypatch.setattr(cluster, 'JOIN_S', 2.0)
    with socket.create_server(('127.0.0.1', 0)) as server:
        address = f'127.0.0.1:{server.getsockname()[1]}'
        words = f'{address}.*no Ray answers there within 2 s'
        with pytest.raises(BadSetting, match=words), joined(address):
            pass
