# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a fault has in hand: a node that is well, a camera, a planner, and what it finds."""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.srv import GetState
from rclpy.context import Context
from rclpy.qos import ReliabilityPolicy

from molmo_ground_ros.ros import convert
from tools.faults.camera import HEIGHT, WIDTH, Camera
from tools.faults.node_process import NodeProcess, runs
from tools.faults.planner import POLL_S, START_S, NoSign, Planner, code_of, wait_done, wait_until
from tools.faults.scripted_model import RIGHT_X, RIGHT_Y

_MARKS = itertools.count(1)
_TOPICS = itertools.count(1)
# How long one question of `seconds_to_right_answer` may take, and all of them.
ASK_S = 1.0
RECOVERY_S = 20.0
# How long diagnostics may take to say what they are to say.
TELL_S = 3.0
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
_LEVELS = {OK: 'OK', WARN: 'WARN', ERROR: 'ERROR'}


def new_mark() -> str:
    """A word that no question had before: the answer must hold it."""
    return f'mark-{next(_MARKS)}x'


@dataclass
class Trial:
    """One fault on one node. What it finds is kept for the row."""

    node: NodeProcess
    planner: Planner
    context: Context
    camera: Camera = field(init=False)
    client: list[str] = field(default_factory=list)
    diagnostics: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    # When the fault ended, by the steady clock; its end is the end of its function if this is 0.
    ended_s: float = 0.0
    # The measured time to the next right answer, where a fault measures it itself.
    recovered_s: float = math.nan
    # Shows the next good image in place of the camera, and what else must hold of a right answer.
    feed: Callable[[], None] | None = None
    also: Callable[[Any], bool] | None = None
    _began_s: float = field(default_factory=time.monotonic)
    _cameras: list[Camera] = field(default_factory=list)

    # -- before ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Give the node a camera of its own, and wait for a right answer. Raises NoSign."""
        self.wait_active()
        self.camera = self.new_camera(topic=self.node.setup.topic)
        if self.node.setup.topic:
            self.find_camera(self.camera)
        else:
            self.use_cameras(self.camera)
        self.is_over()
        if math.isnan(self.seconds_to_right_answer()):
            raise NoSign(f'no right answer before the fault: {self.last_reply}')
        self._began_s = time.monotonic()
        self.ended_s = 0.0

    def end(self) -> None:
        """Take the cameras away."""
        self.feed = self.also = None
        while self._cameras:
            self._cameras.pop().close()

    def start_again(self) -> None:
        """Start a node of the same setup and folder in place of one that has ended.

        The time to the next right answer counts from when it is active.
        """
        self.node.end()
        self.node.clear_orders()
        self.node = NodeProcess(self.node.setup, self.node.folder)
        self.planner.turn_to(self.node.name)
        self.end()
        self.begin()

    def wait_active(self) -> None:
        """Wait until the node is active. Raises NoSign."""
        state = self.planner.client(GetState, 'get_state', START_S)
        wait_until(lambda: self._state(state) == 'active', 'an active node', START_S)

    def _state(self, client: Any) -> str:
        future = client.call_async(GetState.Request())
        wait_done(future, 'the state of the node')
        return str(future.result().current_state.label)

    def new_camera(
        self,
        reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
        *,
        is_compressed: bool = False,
        topic: str = '',
    ) -> Camera:
        """A camera on a topic that was not used before; the node does not know it yet."""
        suffix = '/compressed' if is_compressed else ''
        topic = topic or f'/{self.node.name}_camera_{next(_TOPICS)}{suffix}'
        camera = Camera(self.planner.node, topic, reliability, is_compressed=is_compressed)
        self._cameras.append(camera)
        return camera

    def use_cameras(self, *cameras: Camera) -> None:
        """Let the node look through these cameras, and wait until it has found them."""
        refused = self.planner.set_parameters(image_topics=[camera.topic for camera in cameras])
        self.check(not refused, f'image_topics are refused: {refused}')
        for camera in cameras:
            self.find_camera(camera)

    def find_camera(self, camera: Camera) -> None:
        """Wait until the node has found a camera. Raises NoSign."""
        publisher = camera.publisher
        wait_until(publisher.get_subscription_count, f'a subscription of {camera.topic}')
        camera.show(2)

    # -- questions ------------------------------------------------------------------------------

    last_reply = ''

    def ask(self, order: str = '', *, expect: str = 'OK', **request: Any) -> Any:
        """Ask with an order to the model; note the reply, and expect its code. Raises NoSign."""
        began = time.monotonic()
        reply = self.planner.ask(f'Where is {new_mark()}? {order}'.strip(), **request)
        self.saw(reply, time.monotonic() - began, expect)
        return reply

    def wait_running(self, mark: str) -> None:
        """Wait until diagnostics say that the model is at the question about a mark."""

        def is_running() -> bool:
            status = next(iter(self.planner.statuses('model')), None)
            values = {value.key: value.value for value in status.values} if status else {}
            return values.get('stage') == 'generating' and mark in values.get('question', '')

        wait_until(is_running, f'the model to be at {mark}')

    def saw(self, reply: Any, seconds: float, expect: str) -> None:
        """Note a reply that came after so many seconds, and expect its code. The fault is over."""
        code = code_of(reply)
        words = f': {reply.error_msg}' if reply.error_msg else ''
        self.client.append(f'{code} after {seconds:.2f} s{words}')
        self.check(code == expect, f'{expect} was expected, and {code} came')
        self.is_over()

    def seconds_to_right_answer(self, since_s: float = 0.0, camera: Camera | None = None) -> float:
        """Ask until the answer is right; returns the seconds since then, or nan if none came."""
        since_s = since_s or time.monotonic()
        camera = camera or self.camera
        while self.node.lives and time.monotonic() < since_s + RECOVERY_S:
            (self.feed or camera.show)()
            mark = new_mark()
            try:
                reply = self.planner.ask(
                    f'Where is {mark}?', ASK_S, RECOVERY_S, camera=camera.topic
                )
            except NoSign as error:
                self.last_reply = str(error)
                return math.nan
            if self.is_right(reply, mark, camera) and (not self.also or self.also(reply)):
                return time.monotonic() - since_s
            self.last_reply = f'{code_of(reply)} {reply.error_msg}'
            time.sleep(0.02)
        return math.nan

    def is_right(self, reply: Any, mark: str, camera: Camera | None = None) -> bool:
        """Whether a reply is the answer to the question about that mark, on an image of ours."""
        camera = camera or self.camera
        if code_of(reply) != 'OK' or len(reply.points.points) != 1:
            return False
        point = reply.points.points[0]
        off = max(abs(point.x - RIGHT_X * WIDTH), abs(point.y - RIGHT_Y * HEIGHT))
        return (
            mark in reply.points.query
            and reply.points.label == mark
            and reply.points.camera == camera.topic
            and point.frame_id == camera.frame_id
            and convert.stamp_ns(point.stamp) in camera.stamps_ns
            and off < 0.1
        )

    # -- what comes of it -----------------------------------------------------------------------

    def check(self, holds: bool, failure: str) -> None:
        """Note a failure unless something holds."""
        if not holds:
            self.failures.append(failure)

    def check_ended(self, processes: Iterable[int]) -> None:
        """Note a failure for each of these processes that has not ended within half a second."""
        deadline = time.monotonic() + 0.5
        while (left := [pid for pid in processes if runs(pid)]) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        self.check(not left, f'processes {left} are left')

    def note(self, words: str) -> None:
        """Note something that the client saw."""
        self.client.append(words)

    def is_over(self) -> None:
        """Note that the fault has ended: from now on the time to the next right answer counts."""
        self.ended_s = time.monotonic()

    def note_status(self) -> None:
        """Note what diagnostics say of the model now."""
        newest = next(iter(self.planner.statuses('model')), None)
        if newest is not None:
            self.diagnostics.append(f'{_LEVELS[newest.level]}: {newest.message}')

    def expect_status(
        self,
        part: str,
        level: bytes,
        pattern: str,
        since_s: float = 0.0,
        patience_s: float = TELL_S,
    ) -> None:
        """Expect of diagnostics that a status with this level and words came since the fault began.

        part: 'model' or a camera's name. pattern: a regular expression for message or 'key=value'.
        since_s: in place of the fault's beginning, by the steady clock. A camera that is to be well
        shows good images meanwhile: on a busy machine it is silent before its status comes.
        """
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            for status in self.planner.statuses(part, since_s or self._began_s):
                words = _matching(status, pattern)
                if status.level == level and words:
                    self.diagnostics.append(f'{_LEVELS[status.level]}: {words}')
                    return
            for camera in self._cameras:
                if level == OK and camera.topic == part:
                    camera.show()
            time.sleep(20 * POLL_S)
        newest = next(iter(self.planner.statuses(part)), None)
        words = f'{_LEVELS[newest.level]}: {newest.message}' if newest else 'nothing'
        self.diagnostics.append(words)
        self.failures.append(f'diagnostics of {part} never said {pattern!r}, but {words}')


def _matching(status: DiagnosticStatus, pattern: str) -> str:
    """The message of a status, or that of its values, that a pattern is found in."""
    texts = [status.message, *(f'{value.key}={value.value}' for value in status.values)]
    return next((text for text in texts if re.search(pattern, text)), '')
