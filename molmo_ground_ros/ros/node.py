# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: puts images into buffers, gives questions to the session, publishes answers.

Callbacks only convert messages and pass them on. The executor's pool has more threads than
questions can be open, so other callbacks never have to wait for a thread.
"""

from __future__ import annotations

import dataclasses
import functools
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from molmo_ground_ros.backends import Backend, choose, settings_of
from molmo_ground_ros.backends import load as load_by_name
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import GroundError, describe
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.msg import PointArray, TrackArray
from molmo_ground_ros.ros import convert, diagnostics, params
from molmo_ground_ros.ros.camera_input import CameraInput
from molmo_ground_ros.ros.executor import NodeExecutor
from molmo_ground_ros.ros.question_server import QuestionServer
from molmo_ground_ros.types import Answer, Task

# Seconds after which one Python thread gives way to another.
SWITCH_INTERVAL_S = 0.0005


class GroundNode(Node):
    """Buffers the images of cameras, answers `~/ground` (service and action), publishes answers."""

    def __init__(self, load: Callable[[Settings], Backend] | None = None, **kwargs: Any):
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
        self.cameras = {
            name: CameraInput(self, name, topic, self.settings, decoded)
            for name, topic in zip(self.settings.cameras, self.settings.image_topics, strict=True)
        }
        buffers = {name: camera.buffer for name, camera in self.cameras.items()}
        make = functools.partial(self._load, load or load_backend)
        self.session = Session(make, buffers, self.settings)
        self.add_on_set_parameters_callback(params.on_change(self._apply))
        self._publish_answers()
        for camera in self.cameras.values():
            camera.subscribe()
        self._questions = QuestionServer(
            self, self.session.submit, self.session.cancel, self._publish
        )
        self._watch_clock()

    # -- set-up ---------------------------------------------------------------------------------

    def _load(self, load: Callable[[Settings], Backend]) -> Backend:
        """Load the model, in the session's worker, and log how that went."""
        backend = choose(self.settings.backend, settings_of(self.settings))
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

    # -- while it runs --------------------------------------------------------------------------

    def _on_jump(self, jump: TimeJump) -> None:
        for camera in self.cameras.values():
            camera.buffer.clear('time jumped back')
        self.get_logger().warning(
            f'time jumped by {jump.delta.nanoseconds / 1e9:.3f} s: forgot all'
        )

    def _publish(self, answer: Answer, query_id: str) -> None:
        """Publish an answer with tracks on ~/tracks, others on ~/points, one with both on both."""
        if answer.task is Task.TRACK or answer.tracks:
            self._tracks.publish(convert.track_array(answer, query_id))
        if answer.task is not Task.TRACK or answer.points:
            self._points.publish(convert.point_array(answer, query_id))

    def _diagnose(self) -> None:
        name = self.get_name()
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        status = [diagnostics.model_status(name, self.settings.model, self.session.stats())]
        status += [camera.status() for camera in self.cameras.values()]
        array.status = status
        self._diagnostics.publish(array)

    def close(self) -> None:
        """Answer open questions with SHUTTING_DOWN, wait for those replies, stop the worker."""
        self.session.close()
        self._questions.wait_replied()

    def destroy_node(self) -> None:
        """Destroy the action server and everything else that the node created in the middleware."""
        self._questions.destroy()
        super().destroy_node()


def load_backend(settings: Settings) -> Backend:
    """The backend that the settings name."""
    return load_by_name(settings.backend, settings_of(settings))


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


if __name__ == '__main__':
    sys.exit(main())
