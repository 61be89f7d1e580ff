# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings without ROS: rosbag2 folders and files, videos; whole or damaged, of any length.

with open_recording(['monday', 'tuesday'], '/camera/image') as recording:
    for start_ns, end_ns in recording.windows():
        clip = recording.clip(start_ns, end_ns)
    for loss in recording.loss:
        print(loss)
"""

from molmo_ground_ros.recording.bags import Bags, Camera, SeveralCameras
from molmo_ground_ros.recording.cdr import COMPRESSED, RAW, Picture
from molmo_ground_ros.recording.loss import Loss, LossKind
from molmo_ground_ros.recording.recording import Recording, open_cameras, open_recording

__all__ = [
    'COMPRESSED',
    'RAW',
    'Bags',
    'Camera',
    'Loss',
    'LossKind',
    'Picture',
    'Recording',
    'SeveralCameras',
    'open_cameras',
    'open_recording',
]
