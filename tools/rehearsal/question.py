# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks through the real node, and withdraws a question while it is read and while it is answered.

The model has random weights, so its words mean nothing: what counts is that a reply comes, and how
soon it comes after a cancel. The node is a process of its own, the model another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from molmo_ground_ros.client import GroundClient, NodeMissing, QuestionFailed
from molmo_ground_ros.errors import ErrorCode
from tools.node_process import node_process, parameters_for
from tools.rehearsal.watch import PeakMemory

TOPIC = '/rehearsal/image'
_START_S, _ANSWER_S, _POLL_S = 900.0, 1800.0, 0.05
_FRAMES, _PERIOD_S = 4, 0.5
_HEIGHT, _WIDTH = 480, 640
# After the first sign of reading: far enough into it, and long before its end.
_INTO_PREFILL_S = 1.0
_FIRST_NS = 10**18


@dataclass(frozen=True, slots=True)
class Asked:
    """What the node did. cancel_ms: from a cancel to its reply, by what the model was doing."""

    load_s: float
    answer_s: float
    tokens: int
    cancel_ms: dict[str, float]
    peak_bytes: int


def ask(folder: Path, log: Path, max_new_tokens: int = 64) -> Asked:
    """Start the node on a checkpoint, show it some images, ask, and cancel. Raises TimeoutError.

    log: gets what the node prints.
    """
    began = time.monotonic()
    with _client(folder, log, max_new_tokens) as (client, peak, publish):
        _wait(lambda: _is_ready(client), 'the model to be loaded', _START_S)
        loaded = time.monotonic()
        publish()
        tokens: list[int] = []
        client.ask(
            'Point to the red block.', timeout_s=_ANSWER_S,
            on_progress=lambda _stage, count: tokens.append(count),
        )  # fmt: skip
        answered = time.monotonic()
        # New images, so that their frames must be encoded and their prompt read again.
        publish()
        cancels = {'prefill': _cancel(client, in_prefill=True)}
        publish()
        cancels['decoding'] = _cancel(client, in_prefill=False)
        return Asked(
            load_s=loaded - began,
            answer_s=answered - loaded,
            tokens=max(tokens, default=0),
            cancel_ms=cancels,
            peak_bytes=peak.nbytes,
        )


def _cancel(client: GroundClient, *, in_prefill: bool) -> float:
    """Milliseconds from a cancel to its reply. Raises TimeoutError where nothing is answered."""
    stop, due = threading.Event(), threading.Event()

    def on_progress(stage: str, tokens: int) -> None:
        if stage == 'generating' and bool(tokens) is not in_prefill:
            due.set()

    answer = client.submit(
        'How many times was the red block grasped?', timeout_s=_ANSWER_S,
        on_progress=on_progress, stop=stop,
    )  # fmt: skip
    _wait(lambda: due.is_set() or answer.done(), 'the question to be read', _ANSWER_S)
    if in_prefill:
        time.sleep(_INTO_PREFILL_S)
    began = time.monotonic()
    stop.set()
    return 1000 * _until_canceled(answer, began)


def _until_canceled(answer: Future[Any], began: float) -> float:
    try:
        answer.result(_ANSWER_S)
    except QuestionFailed as err:
        if err.code is not ErrorCode.CANCELED:
            raise
        return time.monotonic() - began
    raise TimeoutError('the question was answered before it could be withdrawn')


@contextmanager
def _client(
    folder: Path, log: Path, max_new_tokens: int
) -> Iterator[tuple[GroundClient, PeakMemory, Callable[[], None]]]:
    """A client of a node that runs the model, the node's memory, and what shows new images."""
    parameters = parameters_for(folder, TOPIC, None, '') | {
        'dtype': 'int4',
        'max_new_tokens': str(max_new_tokens),
        'buffer_seconds': '2.0',
        # A busy CPU takes long for a frame of a large model.
        'stuck_seconds': '600.0',
    }
    with ExitStack() as stack:
        output = stack.enter_context(log.open('wb'))
        process = stack.enter_context(node_process(parameters, output))
        peak = stack.enter_context(PeakMemory(process.pid))
        rclpy.init()
        stack.callback(rclpy.try_shutdown)
        node = Node('rehearsal')
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=_spin, args=(executor,), daemon=True)
        thread.start()
        stack.callback(node.destroy_node)
        stack.callback(executor.shutdown)
        publisher = node.create_publisher(Image, TOPIC, 10)
        shown = [0]

        def publish() -> None:
            _wait(lambda: publisher.get_subscription_count() > 0, 'the camera', _START_S)
            for _ in range(_FRAMES):
                publisher.publish(_image(shown[0]))
                shown[0] += 1
                time.sleep(0.2)

        yield stack.enter_context(GroundClient(node)), peak, publish


def _image(number: int) -> Image:
    """Image `number`, half a second after the one before; no two are equal."""
    stamp = _FIRST_NS + round(number * _PERIOD_S * 1e9)
    image = Image(height=_HEIGHT, width=_WIDTH, encoding='rgb8', step=3 * _WIDTH)
    image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp, 10**9)
    image.header.frame_id = 'camera'
    pixels = np.random.default_rng(number).integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8)
    image.data = pixels.tobytes()
    return image


def _is_ready(client: GroundClient) -> bool:
    """Whether the model is loaded: before that a question is refused at once."""
    try:
        client.ask('Is it there?', timeout_s=_ANSWER_S)
    except NodeMissing:
        return False
    except QuestionFailed as err:
        if err.code is ErrorCode.NO_FRAMES:
            return True
        if err.code not in (ErrorCode.MODEL_LOADING, ErrorCode.NOT_ACTIVE):
            raise
        time.sleep(1.0)
        return False
    return True


def _wait(is_true: Callable[[], bool], what: str, seconds: float) -> None:
    """Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > until:
            raise TimeoutError(f'waited {seconds:g} s for {what}')
        time.sleep(_POLL_S)


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return
