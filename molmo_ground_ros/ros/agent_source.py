# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A running node as agents ask it: `molmo-ground mcp --node`. It does what an asker may, no more.

Cameras are those that /diagnostics tells of. Frames are those that the node shows on ~/overlay: for
an answer the frame of its newest points, for each event of a standing question its own frame.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image as ImageMsg

from molmo_ground_ros.errors import BadRequest, Canceled, NoFrames
from molmo_ground_ros.frames import image as images
from molmo_ground_ros.reports.agent_record import (
    AgentAnswer,
    AgentQuestion,
    Record,
    answer_of_clip,
    moment_ns,
    point_entry,
)
from molmo_ground_ros.reports.contact_sheet import Tile, contact_sheet
from molmo_ground_ros.reports.drawing import Image
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.client import GroundClient
from molmo_ground_ros.ros.replies import GroundedEvent, NodeMissing, WatchState
from molmo_ground_ros.types import Point

# Overlays that are held, undecoded.
MOST_OVERLAYS = 64
# How long the first diagnostics, and the overlay of an answer that is there, may take.
DIAGNOSTICS_S, OVERLAY_S = 15.0, 3.0
# What is told of a camera, of what diagnostics say.
CAMERA_KEYS = ('topic', 'rate_hz', 'silent_s', 'newest_age_s', 'span_s', 'frames')
_POLL_S = 0.1


class NodeSource:
    """Asks a running node, with a node and an executor of its own."""

    def __init__(self, target: str) -> None:
        """target: the full name of the node that is asked. It need not run yet."""
        self._target = target.rstrip('/')
        self._context = rclpy.Context()
        # Signals are the command's: it ends by the protocol, or by Ctrl-C.
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node(
            'asker', context=self._context, enable_rosout=False, start_parameter_services=False
        )
        self._changed = threading.Condition()
        # Guarded by _changed.
        self._overlays: OrderedDict[tuple[int, str], ImageMsg] = OrderedDict()
        self._cameras: dict[str, Record] = {}
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, 10)
        overlay = f'{self._target}/overlay'
        self._node.create_subscription(ImageMsg, overlay, self._hold, MOST_OVERLAYS)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name='agents', daemon=True)
        self._thread.start()
        self._client = GroundClient(self._node, self._target)

    def close(self) -> None:
        """Withdraw what is open, and disconnect."""
        self._client.close()
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def cameras(self, recording: str) -> list[Record]:
        """Each camera, whether it is well, its rate and the age of its newest image."""
        del recording
        with self._changed:
            if not self._changed.wait_for(lambda: self._cameras, DIAGNOSTICS_S):
                raise NodeMissing(self._target, DIAGNOSTICS_S)
            return list(self._cameras.values())

    def ask(self, question: AgentQuestion) -> AgentAnswer:
        """The answer of the node."""
        span_ns = moment_ns(question.start, None, 0), moment_ns(question.end, None, 0)
        if (span_ns[0] == 0) != (span_ns[1] == 0):
            raise BadRequest('start and end: of a running node give both, or none')

        def on_progress(stage: str, tokens: int) -> None:
            question.on_progress(0.0, None, f'{stage}, {tokens} tokens' if tokens else stage)

        answer = self._client.ask(
            question.text,
            task=question.task,
            camera=question.camera,
            span_ns=span_ns,
            timeout_s=question.timeout_s,
            on_progress=on_progress,
            stop=question.stop,
        )
        points = {point.id: point for point in answer.points}
        points |= {track.id: track.points[-1] for track in answer.tracks if track.points}
        subject = _Subject(answer.query.text, (answer.start_ns, answer.end_ns), points)
        return self._answer(answer_of_clip(answer, {}), subject)

    def watch(self, question: AgentQuestion, seconds: float, most: int) -> AgentAnswer:
        """The events that a standing question finds in the next seconds."""
        cameras = [question.camera] if question.camera else []
        events: list[GroundedEvent] = []
        with self._client.watch(question.text, task=question.task, cameras=cameras) as stream:
            deadline = time.monotonic() + seconds
            while len(events) < most and (left_s := deadline - time.monotonic()) > 0:
                if question.stop.is_set():
                    raise Canceled('watching')
                event = stream.next_within(min(left_s, _POLL_S))
                if event is not None:
                    events.append(event)
                question.on_progress(0.0, None, f'{len(events)} events')
            state = stream.state()
        return self._watched(question, events, state)

    def _watched(
        self, question: AgentQuestion, events: Sequence[GroundedEvent], state: WatchState
    ) -> AgentAnswer:
        stamps = [event.point.stamp_ns for event in events]
        span_ns = (min(stamps), max(stamps)) if stamps else (0, 0)
        record = {
            'question': question.text,
            'events': [_event_entry(event, span_ns[0]) for event in events],
            'coverage': round(state.coverage, 4),
            'answered': state.answered,
            'skipped': state.skipped,
            'failed': state.failed,
            'not_seen': [{'reason': state.last_error}] if state.last_error else [],
        }
        points = {number: event.point for number, event in enumerate(events, start=1)}
        return self._answer(record, _Subject(question.text, span_ns, points))

    # -- frames ---------------------------------------------------------------------------------

    def _answer(self, record: Record, subject: _Subject) -> AgentAnswer:
        return AgentAnswer(
            record, lambda: self._sheet(subject), lambda number: self._frame(subject, number)
        )

    def _frame(self, subject: _Subject, number: int) -> Image:
        if number not in subject.points:
            which = sorted(subject.points) or 'no points'
            raise BadRequest(f'number = {number}: the answer has {which}')
        point = subject.points[number]
        message = self._overlay(point, OVERLAY_S)
        if message is None:
            why = f'the node showed no frame of #{number} on ~/overlay: of an answer it shows that '
            raise NoFrames(point.frame_id, f'{why}of the newest point, and of each event its own')
        return images.decode(convert.image(message))

    def _sheet(self, subject: _Subject) -> Image:
        """The frames of the points that the node showed."""
        tiles = []
        newest = max(subject.points.values(), key=lambda point: point.stamp_ns, default=None)
        for number, point in subject.points.items():
            message = self._overlay(point, OVERLAY_S if point is newest else 0.0)
            if message is not None:
                seconds = (point.stamp_ns - subject.span_ns[0]) / 1e9
                image = images.decode(convert.image(message))
                caption = f'{seconds:.1f} s   #{number}'
                tiles.append(Tile(image, caption, point.stamp_ns, (point,)))
        if not tiles:
            raise NoFrames('', 'the node showed none of the answer on ~/overlay')
        summary = f'{len(tiles)} of {len(subject.points)} frames'
        return contact_sheet(subject.question, summary, tiles, subject.span_ns)

    def _overlay(self, point: Point, wait_s: float) -> ImageMsg | None:
        """What the node showed of the frame that a point lies in; waits for what is on its way."""
        key = point.stamp_ns, point.frame_id
        with self._changed:
            self._changed.wait_for(lambda: key in self._overlays, wait_s)
            return self._overlays.get(key)

    # -- in the executor ------------------------------------------------------------------------

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def _hold(self, message: ImageMsg) -> None:
        key = convert.stamp_ns(message.header.stamp), message.header.frame_id
        with self._changed:
            self._overlays[key] = message
            self._overlays.move_to_end(key)
            while len(self._overlays) > MOST_OVERLAYS:
                self._overlays.popitem(last=False)
            self._changed.notify_all()

    def _hear(self, array: DiagnosticArray) -> None:
        """Take note of the cameras that the node tells of: the states that have a topic."""
        cameras = {}
        for status in array.status:
            values = {pair.key: pair.value for pair in status.values}
            if status.name.startswith(f'{self._target.rpartition("/")[2]}: ') and 'topic' in values:
                state = {'camera': status.hardware_id, 'state': status.message}
                details = {key: values[key] for key in CAMERA_KEYS if key in values}
                cameras[status.hardware_id] = {**state, **details}
        if cameras:
            with self._changed:
                self._cameras = cameras
                self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an answer points at, by the number that `show` takes."""

    question: str
    span_ns: tuple[int, int]
    points: dict[int, Point]


def _event_entry(event: GroundedEvent, zero_ns: int) -> Record:
    return {
        **point_entry(event.point, zero_ns),
        'number': event.number,
        'total': event.total,
        'camera': event.camera,
        'label': event.label,
        'coverage': round(event.coverage, 4),
        'doubts': list(event.doubts),
    }
