# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Raw images between two processes with the transports of `config/fastdds_large_images.xml`."""

import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from bench.node.transports import large_images

IMAGES = 30
_COMMON = """
import time, rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('{role}')
deadline = time.monotonic() + 30
"""
CAMERA = f"""
publisher = node.create_publisher(Image, 'image', qos_profile_sensor_data)
image = Image(height=720, width=1280, step=3840, encoding='rgb8', data=bytes(1280 * 720 * 3))
while publisher.get_subscription_count() == 0 and time.monotonic() < deadline:
    time.sleep(0.01)
# The publisher can know of a subscription before the subscription knows of it.
time.sleep(1)
for number in range({IMAGES}):
    image.header.stamp.sec = number
    publisher.publish(image)
    time.sleep(0.1)
time.sleep(1)
"""
RECEIVER = f"""
stamps = []
take = lambda data: stamps.append(data[4])
node.create_subscription(Image, 'image', take, qos_profile_sensor_data, raw=True)
while (not stamps or stamps[-1] < {IMAGES - 1}) and time.monotonic() < deadline:
    rclpy.spin_once(node, timeout_sec=0.1)
print(stamps)
"""


def test_every_raw_image_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    # The context sets them for good, as the benchmark's process wants it.
    for name in ('ROS_AUTOMATIC_DISCOVERY_RANGE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        monkeypatch.setenv(name, '')
    with large_images():
        receiver, camera = (
            subprocess.Popen(
                [sys.executable, '-c', _COMMON.format(role=role) + code],
                stdout=subprocess.PIPE,
                text=True,
            )
            for role, code in (('receiver', RECEIVER), ('camera', CAMERA))
        )
        stamps, _ = receiver.communicate(timeout=60)
        camera.communicate(timeout=60)
    assert camera.returncode == 0
    assert stamps.strip() == str(list(range(IMAGES)))
