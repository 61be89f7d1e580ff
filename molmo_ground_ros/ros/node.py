# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: puts images into buffers, gives questions to the session, publishes answers.

Callbacks only convert messages and pass them on. The handler of a question waits for its answer in
a thread of the executor's pool. The pool has more threads than questions can be open, so other
callbacks never have to wait for a thread.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from molmo_ground_ros import backends
from molmo_ground_ros.action import Ground as GroundAction
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import BackendError, Canceled, GroundError, clean, describe
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.grounding.job import Job
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.msg import PointArray, TrackArray
from molmo_ground_ros.ros import convert, diagnostics, params
from molmo_ground_ros.ros.camera_watch import CameraWatch, Reception
from molmo_ground_ros.ros.executor import NodeExecutor
from molmo_ground_ros.srv import Ground as GroundService
from molmo_ground_ros.types import Answer, Task

# Requests of each kind that may wait in the middleware.
REQUEST_DEPTH = 1000
# Seconds between two checks of a waiting action for a cancel request and for progress.
POLL_S = 0.02
# Seconds for which the result of a finished goal can still be fetched.
RESULT_TIMEOUT_S = 60
# Seconds after which one Python thread gives way to another.
SWITCH_INTERVAL_S = 0.0005
# Seconds that a shutdown waits for open replies to be sent.
REPLY_GRACE_S = 0.5


class GroundNode(Node):
    """Buffers the images of cameras, answers `~/ground` (service and action), publishes answers."""

    def __init__(self, load: Callable[[Settings], backends.Backend] | None = None, **kwargs: Any):
        """Declare parameters, subscribe, and start loading the model.

        load: makes the backend, in place of `load_backend`. Raises BadSetting for a bad parameter.
        """
        super().__init__('molmo_ground', **kwargs)
        try:
            self.settings = params.declare(self)
        except GroundError:
            super().destroy_node()
            raise
        decoded = DecodedCache(round(self.settings.decoded_megabytes * 1e6))
        self._buffers = {
            name: _buffer(name, self.settings, decoded) for name in self.settings.cameras
        }
        self._reception = {name: Reception() for name in self.settings.cameras}
        now_ns = time.monotonic_ns()
        self._watches = {name: CameraWatch(now_ns) for name in self.settings.cameras}
        self._topics: dict[str, str] = {}
        make = functools.partial(self._load, load or load_backend)
        self.session = Session(make, self._buffers, self.settings)
        self._query_numbers = itertools.count(1)
        self._open_replies = 0  # guarded by _replied
        self._replied = threading.Condition()
        self.add_on_set_parameters_callback(params.on_change(self._apply))
        self._publish_answers()
        for camera, topic in zip(self.settings.cameras, self.settings.image_topics, strict=True):
            self._subscribe(camera, topic)
        self._serve()
        self._watch_clock()

    # -- set-up ---------------------------------------------------------------------------------

    def _load(self, load: Callable[[Settings], backends.Backend]) -> backends.Backend:
        """Load the model, in the session's worker, and log how that went."""
        backend = backends.choose(self.settings.backend, backends.settings_of(self.settings))
        model = f"model '{self.settings.model}' with backend '{backend}'"
        self.get_logger().info(f'loading {model}')
        began_ns = time.monotonic_ns()
        try:
            loaded = load(self.settings)
        except BaseException as error:
            self.get_logger().error(f'cannot load {model}: {describe(error)}')
            raise
        self.get_logger().info(f'loaded {model} in {(time.monotonic_ns() - began_ns) / 1e9:.1f} s')
        return loaded

    def _publish_answers(self) -> None:
        self._points = self.create_publisher(PointArray, '~/points', 10)
        self._tracks = self.create_publisher(TrackArray, '~/tracks', 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # A steady clock: a paused simulation does not silence the diagnostics.
        self.create_timer(
            self.settings.diagnostics_period_seconds,
            self._diagnose,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def _subscribe(self, camera: str, topic: str) -> None:
        compressed = topic.endswith('/compressed')
        if self.settings.image_transport == 'compressed' and not compressed:
            topic, compressed = f'{topic}/compressed', True
        reception = self._reception[camera]
        subscription = self.create_subscription(
            CompressedImage if compressed else Image,
            topic,
            functools.partial(self._on_image, self._buffers[camera], reception),
            _image_qos(self.settings),
            callback_group=MutuallyExclusiveCallbackGroup(),
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=functools.partial(self._on_incompatible_qos, reception, topic),
                message_lost=functools.partial(_on_lost, reception),
            ),
        )
        self._topics[camera] = subscription.topic_name
        self.get_logger().info(f"camera '{camera}': {subscription.topic_name}")

    def _serve(self) -> None:
        group = ReentrantCallbackGroup()
        # The default depth of 10 silently drops requests when many askers come at once.
        qos = QoSProfile(depth=REQUEST_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        self.create_service(
            GroundService, '~/ground', self._on_service, callback_group=group, qos_profile=qos
        )
        self._action = ActionServer(
            self,
            GroundAction,
            '~/ground',
            execute_callback=self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
            goal_service_qos_profile=qos,
            result_service_qos_profile=qos,
            cancel_service_qos_profile=qos,
            result_timeout=RESULT_TIMEOUT_S,
        )

    def _watch_clock(self) -> None:
        """Drop the frames as soon as simulated time jumps back, before the next image arrives."""
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False
            ),
            post_callback=self._on_jump,
        )

    def _apply(self, changes: dict[str, object]) -> None:
        self.settings = dataclasses.replace(self.settings, **changes)  # type: ignore[arg-type]
        self.session.configure(self.settings)

    # -- images ---------------------------------------------------------------------------------

    def _on_image(
        self, buffer: ClipBuffer, reception: Reception, msg: Image | CompressedImage
    ) -> None:
        reception.note_arrival(time.monotonic_ns())
        try:
            image = convert.image(msg)
            buffer.push(convert.stamp_ns(msg.header.stamp), image, clean(msg.header.frame_id))
        except Exception as error:  # noqa: BLE001 - one bad message must not end the node
            reception.failed += 1
            reception.last_error = describe(error)
            self.get_logger().error(reception.last_error, throttle_duration_sec=5.0)

    def _on_incompatible_qos(self, reception: Reception, topic: str, event: Any) -> None:
        reception.incompatible_qos = event.total_count
        self.get_logger().error(
            f'{topic}: a publisher offers QoS that qos_reliability='
            f'{self.settings.qos_reliability} cannot receive'
        )

    def _on_jump(self, jump: TimeJump) -> None:
        for buffer in self._buffers.values():
            buffer.clear('time jumped back')
        self.get_logger().warning(
            f'time jumped by {jump.delta.nanoseconds / 1e9:.3f} s: forgot all'
        )

    # -- questions ------------------------------------------------------------------------------

    def _on_service(
        self, request: GroundService.Request, response: GroundService.Response
    ) -> GroundService.Response:
        self._answer(request, response, Job.wait)
        return response

    def _on_goal(self, goal: Any) -> GroundAction.Result:
        result = GroundAction.Result()
        error = self._answer(
            goal.request, result, functools.partial(self._wait_with_feedback, goal)
        )
        if error is None:
            goal.succeed()
        elif isinstance(error, Canceled) and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return result

    def _answer(
        self, request: Any, reply: Any, wait: Callable[[Job], object]
    ) -> GroundError | None:
        """Ask the session and fill `reply` with the answer or the error; returns the error."""
        began_ns = time.monotonic_ns()
        query_id = f'{self.get_name()}-{next(self._query_numbers)}'
        with self._replied:
            self._open_replies += 1
        try:
            query = convert.query(request)
            job = self.session.submit(query, convert.stamp_ns(request.timeout))
            wait(job)
            answer = job.result()
            convert.fill_answer(reply, answer, query_id, time.monotonic_ns() - began_ns)
            self._publish(answer, query_id)
        except GroundError as error:
            return self._fail(reply, error, began_ns)
        except Exception as error:  # noqa: BLE001 - a reply always comes
            self.get_logger().error(describe(error))
            return self._fail(reply, BackendError(describe(error)), began_ns)
        finally:
            with self._replied:
                self._open_replies -= 1
                self._replied.notify_all()
        return None

    def _fail(self, reply: Any, error: GroundError, began_ns: int) -> GroundError:
        convert.fill_error(reply, error, time.monotonic_ns() - began_ns)
        self.get_logger().warning(f'{error.code.name}: {error}')
        return error

    def _publish(self, answer: Answer, query_id: str) -> None:
        """Publish an answer with tracks on ~/tracks, others on ~/points, one with both on both."""
        if answer.task is Task.TRACK or answer.tracks:
            self._tracks.publish(convert.track_array(answer, query_id))
        if answer.task is not Task.TRACK or answer.points:
            self._points.publish(convert.point_array(answer, query_id))

    def _wait_with_feedback(self, goal: Any, job: Job) -> None:
        """Wait for an action's job; publish its progress as feedback, and cancel it on request."""
        progress = None
        while not job.wait(POLL_S):
            if goal.is_cancel_requested:
                self.session.cancel(job)
            elif job.progress is not progress:
                progress = job.progress
                goal.publish_feedback(
                    GroundAction.Feedback(
                        stage=progress.stage,
                        windows_total=1,
                        tokens=progress.tokens,
                        points=PointArray(
                            points=convert.points_of(progress.points),
                            query=job.question.query.text,
                            count=-1,
                        ),
                    )
                )

    # -- the node itself ------------------------------------------------------------------------

    def _diagnose(self) -> None:
        name = self.get_name()
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        status = [diagnostics.model_status(name, self.settings.model, self.session.stats())]
        for camera, buffer in self._buffers.items():
            stats, reception = buffer.stats(), self._reception[camera]
            concern = self._watches[camera].concern(time.monotonic_ns(), stats, reception)
            status.append(
                diagnostics.camera_status(
                    name, camera, self._topics[camera], stats, reception, concern
                )
            )
        array.status = status
        self._diagnostics.publish(array)

    def close(self) -> None:
        """Answer open questions with SHUTTING_DOWN, wait for those replies, stop the worker."""
        self.session.close()
        with self._replied:
            self._replied.wait_for(lambda: not self._open_replies, REPLY_GRACE_S)

    def destroy_node(self) -> None:
        """Destroy the action server and everything else that the node created in the middleware."""
        self._action.destroy()
        super().destroy_node()


def load_backend(settings: Settings) -> backends.Backend:
    """The backend that the settings name."""
    return backends.load(settings.backend, backends.settings_of(settings))


def executor_for(node: GroundNode) -> NodeExecutor:
    """An executor with a thread for each question that can be open, and some for the rest."""
    questions = node.settings.queue_size + 1
    threads = questions + len(node.settings.cameras) + 4
    executor = NodeExecutor(num_threads=threads, context=node.context)
    executor.add_node(node)
    return executor


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM. Exit code 2 for a bad parameter."""
    # The model's thread then gives way to an image callback sooner than after Python's 5 ms.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # rclpy's own signal handlers would close the context before open questions are answered.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        node = GroundNode()
    except GroundError as error:
        print(f'molmo_ground: {error}', file=sys.stderr)  # noqa: T201 - before there is a logger
        rclpy.shutdown()
        return 2
    executor = executor_for(node)
    spinner = threading.Thread(target=spin, args=(executor, node), name='executor')
    spinner.start()
    stop.wait()
    node.close()
    executor.shutdown()
    rclpy.shutdown()
    spinner.join()
    return 0


def spin(executor: NodeExecutor, node: GroundNode) -> None:
    """Run callbacks until the context is shut down. An error in a callback is only logged."""
    while node.context.ok():
        try:
            executor.spin()
            return
        except ExternalShutdownException:
            return
        except Exception as error:  # noqa: BLE001 - the thread's last line: the node lives on
            node.get_logger().error(f'in a callback: {describe(error)}')


def _buffer(camera: str, settings: Settings, decoded: DecodedCache) -> ClipBuffer:
    return ClipBuffer(
        camera,
        horizon_ns=round(settings.buffer_seconds * 1e9),
        max_bytes=round(settings.buffer_megabytes * 1e6),
        keep_period_ns=round(1e9 / settings.buffer_rate_hz),
        decode=decoded.decode,
    )


def _image_qos(settings: Settings) -> QoSProfile:
    policies = {
        'best_effort': ReliabilityPolicy.BEST_EFFORT,
        'reliable': ReliabilityPolicy.RELIABLE,
    }
    return QoSProfile(depth=settings.qos_depth, reliability=policies[settings.qos_reliability])


def _on_lost(reception: Reception, event: Any) -> None:
    reception.note_lost(event.total_count_change)


if __name__ == '__main__':
    sys.exit(main())
