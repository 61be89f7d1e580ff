# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras of the running node that send video, packet by packet, as real encoders make it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")
foxglove = pytest.importorskip('foxglove_msgs.msg', reason='needs foxglove_msgs: `make setup`')
ffmpeg = pytest.importorskip('ffmpeg_image_transport_msgs.msg', reason='needs it: `make setup`')

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from support.clips import stamp
from support.films import number_of
from support.packets import COUNT, ENCODERS, SIZE, decoded, packets
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.ros import convert, transports
from molmo_ground_ros.types import Clip

Start = Callable[..., World]
RATE_HZ = 30
NONE = 'There are none.'
GRASP = '<points coords="1.0 1 500 100">grasp</points>'


class Watcher(ReplayBackend):
    """Answers as it is told to, and keeps the clips that it was shown."""

    def __init__(self, *answers: str) -> None:
        super().__init__(answers or [NONE], repeat=True)
        self.clips: list[Clip] = []

    def generate(self, clip: Clip, *arguments: Any) -> Any:
        self.clips.append(clip)
        return super().generate(clip, *arguments)


def at(number: int) -> Any:
    return convert.time_msg(stamp(number / RATE_HZ))


def message(kind: type, number: int, data: bytes, form: str) -> Any:
    if kind is foxglove.CompressedVideo:
        return kind(timestamp=at(number), frame_id='optical', data=data, format=form)
    header = Header(stamp=at(number), frame_id='optical')
    if kind is CompressedImage:
        return kind(header=header, format=form, data=data)
    width, height = SIZE
    return kind(
        header=header, width=width, height=height, encoding=f'{form};yuv420p;bgr8;bgr8',
        pts=number, flags=0, is_bigendian=False, data=data,
    )  # fmt: skip


def film(world: World, kind: type, topic: str, camera: str, name: str = 'h264') -> None:
    publisher = world.publisher(kind, topic)
    for number, data in packets(name):
        world.send(publisher, camera, message(kind, number, data, name.split()[0]))


def number_at(stamp_ns: int) -> int:
    return round((stamp_ns - stamp(0)) * RATE_HZ / 1e9)


def test_four_cameras_lose_no_packet_and_show_what_decoding_all_of_it_gives(start: Start) -> None:
    made, truth = packets('h264'), decoded('h264', packets('h264'))
    topics = [f'cam_{number}' for number in range(4)]
    backend = Watcher()
    world = start(backend, image_topics=topics, image_transport='foxglove_video')
    publishers = [world.publisher(foxglove.CompressedVideo, topic) for topic in topics]
    for number, data in made:
        for publisher in publishers:
            publisher.publish(message(foxglove.CompressedVideo, number, data, 'h264'))
        time.sleep(1 / RATE_HZ)
    cameras = [world.node.cameras[topic] for topic in topics]
    for camera in cameras:
        wait_until(
            lambda camera=camera: camera.buffer.stats().received + camera.reception.lost == COUNT,
            'every packet to be taken or reported lost',
        )
        assert camera.reception.failed == 0
        if not camera.reception.lost:
            assert camera.buffer.stats().no_keyframe == 0
    for topic in topics:
        assert world.ask(query='How many?', camera=topic).points.count == 0
        clip = backend.clips[-1]
        assert clip.camera == topic
        assert len(clip.frames) == clip.frames_expected == 4
        for frame in clip.frames:
            assert np.array_equal(frame.image, truth[number_at(frame.stamp_ns)])


@pytest.mark.parametrize(
    ('transport', 'topic', 'subscribed', 'kind'),
    [
        ('compressed', 'cam', 'cam/compressed', CompressedImage),
        ('foxglove_video', 'cam', 'cam', foxglove.CompressedVideo),
        ('ffmpeg', 'cam', 'cam/ffmpeg', ffmpeg.FFMPEGPacket),
        ('raw', 'cam/foxglove', 'cam/foxglove', foxglove.CompressedVideo),
        ('raw', 'cam/ffmpeg', 'cam/ffmpeg', ffmpeg.FFMPEGPacket),
    ],
)
def test_video_comes_in_each_type_of_message(
    start: Start, transport: str, topic: str, subscribed: str, kind: type
) -> None:
    backend = Watcher()
    world = start(backend, image_topics=[topic], image_transport=transport)
    film(world, kind, subscribed, topic)
    assert world.ask(query='How many?').frames_used == 4
    frames = backend.clips[-1].frames
    assert [number_of(frame.image) for frame in frames] == [0, 15, 30, 44]
    assert {frame.frame_id for frame in frames} == {'optical'}


@pytest.mark.parametrize('name', [name for name in ENCODERS if name != 'h264'])
def test_video_comes_in_each_codec(start: Start, name: str) -> None:
    backend = Watcher()
    world = start(backend, image_topics=['cam'], image_transport='foxglove_video')
    film(world, foxglove.CompressedVideo, 'cam', 'cam', name)
    assert world.ask(query='How many?').frames_used == 4
    assert [number_of(frame.image) for frame in backend.clips[-1].frames] == [0, 15, 30, 44]


def test_overlay_is_drawn_on_the_image_of_a_packet(start: Start) -> None:
    world = start(ReplayBackend([GRASP]), image_topics=['cam'], image_transport='foxglove_video')
    overlays = world.listen(Image, '/molmo_ground/overlay')
    film(world, foxglove.CompressedVideo, 'cam', 'cam')
    assert world.ask(query='Point to the grasp').points.points[0].stamp == at(30)
    wait_until(lambda: bool(overlays), 'the overlay')
    assert overlays[0].header.stamp == at(30)
    assert overlays[0].header.frame_id == 'optical'
    top = decode(convert.image(overlays[0]))[2, 2].astype(int)
    assert np.abs(top - (220, 30, 30)).max() < 12


def test_diagnostics_say_that_a_keyframe_is_waited_for(start: Start) -> None:
    world = start(
        ReplayBackend([NONE]), image_topics=['cam'], image_transport='foxglove_video',
        diagnostics_period_seconds=0.1,
    )  # fmt: skip
    heard = world.listen(DiagnosticArray, '/diagnostics')
    publisher = world.publisher(foxglove.CompressedVideo, 'cam')
    made = packets('h264')
    for number, data in [*made[:5], *made[6:9]]:
        world.send(publisher, 'cam', message(foxglove.CompressedVideo, number, data, 'h264'))

    def status() -> Any:
        return next((s for array in heard[-1:] for s in array.status if 'cam' in s.name), None)

    def told() -> tuple[str, ...]:
        """The words and the counts of what was told last: packets may still be on their way."""
        if not status():
            return ()
        values = {item.key: item.value for item in status().values}
        return status().message, values['received'], values['no_keyframe']

    words = 'waits for a keyframe: a packet was lost'
    wait_until(lambda: told() == (words, '8', '3'), 'the words and counts of diagnostics')
    for number, data in made[15:]:
        world.send(publisher, 'cam', message(foxglove.CompressedVideo, number, data, 'h264'))
    wait_until(lambda: status().message == 'receiving', 'the keyframe')


def test_message_without_video_is_counted_with_its_format(start: Start) -> None:
    world = start(ReplayBackend([NONE]), image_topics=['cam'], image_transport='foxglove_video')
    camera = world.node.cameras['cam']
    publisher = world.publisher(foxglove.CompressedVideo, 'cam')
    publisher.publish(message(foxglove.CompressedVideo, 0, b'something', 'mystery'))
    wait_until(lambda: camera.reception.failed == 1, 'the message')
    assert "a message of video with the format 'mystery'" in camera.reception.last_error


@pytest.mark.parametrize(
    ('transport', 'package', 'apt'),
    [
        ('foxglove_video', 'foxglove_msgs', 'foxglove-msgs'),
        ('ffmpeg', 'ffmpeg_image_transport_msgs', 'ffmpeg-image-transport-msgs'),
    ],
)
def test_missing_package_of_messages_is_named_at_configure(
    start: Start, monkeypatch: pytest.MonkeyPatch, transport: str, package: str, apt: str
) -> None:
    monkeypatch.setitem(sys.modules, f'{package}.msg', None)
    world = start(ReplayBackend([NONE]), autostart=False, image_transport=transport)
    errors: list[str] = []
    monkeypatch.setattr(world.node.get_logger(), 'error', errors.append)
    assert world.node.autostart() is False
    assert world.node.cameras == {}
    assert [text for text in errors if 'cannot configure' in text and f"'{package}'" in text]
    with pytest.raises(BadSetting, match=f"'{package}' is not installed.*{apt}"):
        transports.transport_of('image', transport)


def test_missing_decoders_are_named_at_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(BadSetting, match="video cannot be decoded: the package 'av'"):
        transports.transport_of('image', 'ffmpeg')
