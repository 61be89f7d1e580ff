# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of images, and of how they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from rclpy.qos import ReliabilityPolicy
from rclpy.serialization import serialize_message

from molmo_ground_ros.ros import convert
from tools.faults.camera import STEP_NS
from tools.faults.fault import Fault
from tools.faults.node_process import NodeSetup
from tools.faults.planner import wait_until
from tools.faults.trial import ERROR, OK, WARN, Trial

RELIABLE = NodeSetup((('qos_reliability', 'reliable'),))


def _set(**fields: Any) -> Callable[[Any], None]:
    def spoil(message: Any) -> None:
        for name, value in fields.items():
            setattr(message, name, value)

    return spoil


def _raw(spoil: Callable[[Any], None], pattern: str) -> Callable[[Trial], None]:
    """Every image of the camera is bad, and then good again."""

    def inject(trial: Trial) -> None:
        camera = trial.new_camera()
        trial.use_cameras(trial.camera, camera)
        camera.jump(20 * 1_000_000_000)
        camera.show_bad(spoil)
        trial.ask(camera=camera.topic, **_from(camera.stamp_ns - 7 * STEP_NS), expect='NO_FRAMES')
        trial.expect_status(camera.topic, WARN, pattern)
        trial.recovered_s = trial.seconds_to_right_answer(trial.ended_s, camera)

    return inject


def _from(stamp_ns: int) -> dict[str, Any]:
    """The span of a request that begins there and ends with the newest image."""
    return {'start': convert.time_msg(stamp_ns)}


def _jpeg(spoil: Callable[[Any], None], pattern: str) -> Callable[[Trial], None]:
    def inject(trial: Trial) -> None:
        camera = trial.new_camera(is_compressed=True)
        trial.use_cameras(camera)
        trial.check(trial.seconds_to_right_answer(camera=camera) < 2, 'no answer before the fault')
        camera.jump(20 * 1_000_000_000)
        camera.show_bad(spoil)
        trial.ask(camera=camera.topic, **_from(camera.stamp_ns - 7 * STEP_NS), expect='NO_FRAMES')
        trial.expect_status(camera.topic, WARN, pattern)
        trial.recovered_s = trial.seconds_to_right_answer(trial.ended_s, camera)

    return inject


def _bomb(message: Any) -> None:
    """A small PNG of 30000 x 30000 pixels: 2.7 GB where it is decoded."""
    row = np.zeros((30_000, 30_000), np.uint8)
    message.format = 'png'
    message.data = bytes(cv2.imencode('.png', row)[1])


def _grows(trial: Trial) -> None:
    """The resolution changes in the middle of a clip."""
    trial.camera.show_bad(_resize(64, 48), 4)
    reply = trial.ask()
    trial.note(f'{reply.points.image_width} x {reply.points.image_height} pixels')
    size = (reply.points.image_width, reply.points.image_height)
    trial.check(size == (64, 48), f'the answer is about {size}, not the newest image')
    trial.expect_status(trial.camera.topic, OK, 'receiving')


def _resize(width: int, height: int) -> Callable[[Any], None]:
    return _set(width=width, height=height, step=3 * width, data=bytes(3 * width * height))


def _falls_silent(trial: Trial) -> None:
    time.sleep(2.2)
    trial.ask()
    trial.note('the buffer still answers')
    trial.is_over()
    trial.expect_status(trial.camera.topic, WARN, '^no image for 2')


def _one_of_two(trial: Trial) -> None:
    other = trial.new_camera()
    trial.use_cameras(trial.camera, other)
    end = time.monotonic() + 2.2
    while time.monotonic() < end:
        trial.camera.show(pause_s=0.1)
    trial.expect_status(other.topic, WARN, '^no image for 2')
    trial.expect_status(trial.camera.topic, OK, 'receiving')
    trial.ask(camera=trial.camera.topic)


def _never_came(trial: Trial) -> None:
    trial.planner.set_parameters(image_topics=['/nobody_publishes_this'])
    trial.ask(expect='NO_FRAMES')
    trial.expect_status('/nobody_publishes_this', WARN, 'no image received on')
    trial.is_over()
    trial.use_cameras(trial.camera)


def _floods(trial: Trial) -> None:
    """200 images a second for 2 s, of which ten a second are kept."""
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        trial.camera.show(step_ns=5_000_000, pause_s=0.005)
    trial.ask()
    trial.expect_status(trial.camera.topic, OK, 'receiving')


def _incompatible(trial: Trial) -> None:
    best_effort = trial.new_camera(ReliabilityPolicy.BEST_EFFORT)
    trial.planner.set_parameters(image_topics=[best_effort.topic])
    trial.expect_status(best_effort.topic, ERROR, 'a publisher has incompatible QoS')
    trial.ask(expect='NO_FRAMES')
    cured = trial.new_camera(topic=best_effort.topic)
    trial.is_over()
    wait_until(cured.publisher.get_subscription_count, 'a subscription')
    trial.recovered_s = trial.seconds_to_right_answer(trial.ended_s, cured)


def _garbage(trial: Trial) -> None:
    """Bytes that are no message: the middleware hands them on as they are."""
    whole = serialize_message(trial.camera.image())
    for part in (whole[:40], whole[:4] + b'\xff' * 60, b'\x00\x01\x00\x00', whole[:-100]):
        trial.camera.publisher.publish(part)
        time.sleep(0.02)
    trial.ask()


def _bad_utf8(trial: Trial) -> None:
    """A frame id that is not UTF-8."""
    camera = trial.camera
    camera.stamp_ns += STEP_NS
    name = camera.frame_id.encode()
    data = serialize_message(camera.image())
    camera.publisher.publish(data.replace(name, b'\xff' * len(name)))
    time.sleep(0.1)
    reply = trial.ask()
    frame_id = reply.points.points[0].frame_id
    trial.note(f'frame_id {frame_id!r}')
    trial.check('\ufffd' in frame_id, f'the frame id is {frame_id!r}')


_NOT_DECODED = (
    'it is not decoded, and counted in `undecodable`; the answer is about the sound images, '
    '`NO_FRAMES` if there are none'
)

IMAGES = (
    Fault(
        'jpeg-damaged',
        'A JPEG that is damaged',
        _NOT_DECODED,
        _jpeg(_set(data=b'\xff\xd8\xff\xe0' + bytes(400)), 'undecodable=[1-9]'),
        quick=True,
    ),
    Fault(
        'jpeg-empty',
        'A compressed image without a byte',
        _NOT_DECODED,
        _jpeg(_set(data=b''), 'undecodable=[1-9]'),
    ),
    Fault(
        'png-bomb',
        'A small file of 900 million pixels',
        _NOT_DECODED,
        _jpeg(_bomb, 'undecodable=[1-9]'),
    ),
    Fault(
        'data-truncated',
        'An image with less data than its header says',
        _NOT_DECODED,
        _raw(_set(data=bytes(100)), 'undecodable=[1-9]'),
    ),
    Fault(
        'step-wrong',
        'A step that does not fit the data',
        _NOT_DECODED,
        _raw(_set(step=200, data=bytes(3000)), 'undecodable=[1-9]'),
    ),
    Fault(
        'encoding-unknown',
        'An encoding that does not exist',
        _NOT_DECODED,
        _raw(_set(encoding='yuv9000'), 'undecodable=[1-9]'),
    ),
    Fault(
        'size-zero',
        'An image of 0 x 0 pixels',
        _NOT_DECODED,
        _raw(_set(width=0, height=0, step=0, data=b''), 'undecodable=[1-9]'),
    ),
    Fault(
        'size-huge',
        'A header of 4 thousand million rows',
        _NOT_DECODED,
        _raw(_set(height=2**32 - 1), 'undecodable=[1-9]'),
    ),
    Fault(
        'resolution-changes',
        'The resolution changes in the middle of a clip',
        'the answer is about the images as they are, in pixels of the newest',
        _grows,
    ),
    Fault(
        'message-damaged',
        'Bytes that are no image message',
        'they are dropped; other images are taken',
        _garbage,
    ),
    Fault(
        'frame-id-not-utf8',
        'A frame id that is not UTF-8',
        'U+FFFD in its place',
        _bad_utf8,
    ),
    Fault(
        'camera-silent',
        'A camera drops out',
        'diagnostics warn after 2 s; the buffer still answers',
        _falls_silent,
        quick=True,
    ),
    Fault(
        'one-of-two-silent',
        'One camera of two drops out',
        'diagnostics name it; the other answers',
        _one_of_two,
    ),
    Fault(
        'camera-never',
        'No camera ever comes',
        '`NO_FRAMES`; diagnostics name the topic',
        _never_came,
    ),
    Fault(
        'flood',
        'A camera sends 200 images a second',
        'ten a second are kept, without decoding',
        _floods,
    ),
    Fault(
        'qos-mismatch',
        'A best-effort camera for a node that is set to reliable',
        '`NO_FRAMES`; diagnostics say that the QoS does not fit',
        _incompatible,
        RELIABLE,
    ),
)
