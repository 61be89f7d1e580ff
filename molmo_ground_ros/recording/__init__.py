# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings without ROS: bags and videos, intact or damaged, of any length.

with open_recording(['monday', 'tuesday'], '/camera/image') as recording:
    for start_ns, end_ns in recording.windows():
        clip = recording.clip(start_ns, end_ns)
    for loss in recording.loss:
        print(loss)

recording.py  one camera: its messages, windows and clips
index.py      the files of a recording: its cameras, where their messages lie, what is lost
files.py      the files that a path means
metadata.py   the message counts of metadata.yaml
source.py     the seam to the kinds of files, and the index of one topic in one file
mcap.py       MCAP files, with records.py: the records of a file or chunk, across damage, and
              channels.py: what they say
rosbag1.py    ROS 1 bags, with bag_records.py: the records of a file or chunk, across damage
sqlite.py     SQLite files (.db3), with pages.py: the rows of a damaged one
video.py      videos
picture_folder.py  folders of pictures with a file of their times
lerobot/      LeRobot data sets, and their annotated copies
open_files.py  how many files are open at once
unpack.py     zstd, LZ4 and bzip2
formats.py    the messages that hold pictures, by type and encoding
foxglove.py   Foxglove's messages in protobuf, JSON, FlatBuffers and CDR
video_topic.py  the images of a topic of video packets
camera_messages.py  camera_info and transforms as bytes
recorded_space.py  the depth, calibration and transforms around a camera
recorded_transforms.py  the transforms at any stamp
timeline.py   one camera's messages of all files, in order, each stamp once
recorded_frames.py  the frames of several cameras, for reports that draw on them
loss.py       what is lost
"""

from molmo_ground_ros.frames.cdr import COMPRESSED, RAW, ImageMessage
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, OVERLAP_NS
from molmo_ground_ros.recording.index import Camera, SeveralCameras
from molmo_ground_ros.recording.loss import Loss, LossKind
from molmo_ground_ros.recording.recorded_space import (
    RecordedSpace,
    SeveralDepths,
    SpaceTopics,
    find_space,
)
from molmo_ground_ros.recording.recording import Recording, open_cameras, open_recording

__all__ = [
    'COMPRESSED',
    'MAX_WINDOW_NS',
    'OVERLAP_NS',
    'RAW',
    'Camera',
    'ImageMessage',
    'Loss',
    'LossKind',
    'RecordedSpace',
    'Recording',
    'SeveralCameras',
    'SeveralDepths',
    'SpaceTopics',
    'find_space',
    'open_cameras',
    'open_recording',
]
