# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process: starts it, runs its callbacks, and ends it on SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException
from rclpy.signals import SignalHandlerOptions

from molmo_ground_ros.errors import GroundError, describe
from molmo_ground_ros.ros.executor import NodeExecutor
from molmo_ground_ros.ros.node import GroundNode

# Seconds after which one Python thread gives way to another.
SWITCH_INTERVAL_S = 0.0005
# Seconds for which a signal may go unnoticed.
SIGNAL_POLL_S = 0.2


def executor_for(node: GroundNode) -> NodeExecutor:
    """An executor with a thread for each question that can be open, and some for the rest."""
    questions = node.settings.queue_size + 1
    threads = questions + len(node.settings.cameras) + 4
    executor = NodeExecutor(num_threads=threads, context=node.context)
    executor.add_node(node)
    return executor


def open_context(args: list[str] | None) -> Context:
    """Begin with ROS. Where no log can be written, the node logs to the console alone."""
    context = Context()
    try:
        rclpy.init(args=args, context=context, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        # RCLError, which rclpy does not export.
        if 'failed to initialize logging' not in str(error):
            raise
        print(f'molmo_ground: no log file: {describe(error)}', file=sys.stderr)  # noqa: T201
        context = Context()
        args = [*(sys.argv if args is None else args), '--ros-args', '--disable-external-lib-logs']
        rclpy.init(args=args, context=context, signal_handler_options=SignalHandlerOptions.NO)
    return context


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM. Exit code 2 for a bad parameter."""
    # The model's thread then gives way to an image callback sooner than after Python's 5 ms.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # rclpy's own signal handlers would close the context before open questions are answered.
    context = open_context(args)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        node = GroundNode(context=context)
    except GroundError as error:
        print(f'molmo_ground: {error}', file=sys.stderr)  # noqa: T201 - before there is a logger
        rclpy.shutdown(context=context)
        return 2
    executor = executor_for(node)
    spinner = threading.Thread(target=spin, args=(executor, node), name='executor')
    spinner.start()
    if node.settings.autostart:
        node.autostart()
    # A signal that comes just before a wait begins does not end it: Python runs the handler after.
    while not stop.wait(SIGNAL_POLL_S):
        pass
    node.close()
    executor.shutdown()
    rclpy.shutdown(context=context)
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
