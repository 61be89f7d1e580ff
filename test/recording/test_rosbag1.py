# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')
pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

from rosbags.rosbag1 import Reader

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.recording import LossKind, open_recording
from molmo_ground_ros.recording.bag_records import bag_records
from molmo_ground_ros.recording.records import BytesReader
from molmo_ground_ros.recording.rosbag1 import MAGIC
from tools.fuzz_recordings.bags import PERIOD_NS, PICTURES, RAW_TOPIC, TOPIC, ZERO_NS

NAMES = ['rosbag1', 'rosbag1_bz2', 'rosbag1_lz4']


def bag(samples: dict[str, Path], name: str) -> Path:
    return samples[name] / f'{name}.bag'


def numbers(path: Path) -> list[int]:
    """Of the pictures that are read, which all have their bytes."""
    with open_recording(path, TOPIC) as recording:
        return [(one.stamp_ns - ZERO_NS) // PERIOD_NS for one in recording.messages()]


@pytest.mark.parametrize('name', NAMES)
def test_every_picture_is_that_of_rosbags(samples, name) -> None:
    path = bag(samples, name)
    with Reader(path) as reader:
        theirs = [raw for link, _, raw in reader.messages() if link.topic == TOPIC]
    with open_recording(path) as recording:
        assert recording.topic == TOPIC
        assert list(recording.cameras) == [TOPIC, RAW_TOPIC]
        ours = [bytes(message.image.data) for message in recording.messages()]
        assert [message.frame_id for message in recording.messages()] == ['optical'] * PICTURES
        assert len(recording.clip(*recording.span).frames) == 6
        assert recording.loss == ()
    assert [raw[-len(data) :] for raw, data in zip(theirs, ours, strict=True)] == ours


@pytest.mark.parametrize('name', NAMES)
def test_bag_without_its_end_is_read_as_far_as_it_goes(samples, name, tmp_path: Path) -> None:
    data = bag(samples, name).read_bytes()
    path = tmp_path / 'cut.bag'
    path.write_bytes(data[: len(data) * 3 // 5])
    read = numbers(path)
    assert PICTURES // 3 < len(read) < PICTURES
    assert read == list(range(len(read)))
    with open_recording(path, TOPIC) as recording:
        assert LossKind.CUT_OFF in {loss.kind for loss in recording.loss}


@pytest.mark.parametrize('name', NAMES)
def test_hole_costs_its_own_chunks_alone(samples, name, tmp_path: Path) -> None:
    data = bytearray(bag(samples, name).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path = tmp_path / 'hole.bag'
    path.write_bytes(data)
    read = numbers(path)
    assert PICTURES - 4 <= len(read) < PICTURES
    assert {0, PICTURES - 1} <= set(read)
    with open_recording(path, TOPIC) as recording:
        assert not all(loss.harmless for loss in recording.loss)


def test_folder_of_bags_and_a_bag_of_any_name_are_read(samples, tmp_path: Path) -> None:
    assert numbers(samples['rosbag1']) == list(range(PICTURES))
    path = tmp_path / 'monday.active'
    path.write_bytes(bag(samples, 'rosbag1').read_bytes())
    assert numbers(path) == list(range(PICTURES))


def test_bag_that_was_not_closed_is_told(samples, tmp_path: Path) -> None:
    data = bytearray(bag(samples, 'rosbag1').read_bytes())
    place = data.index(b'index_pos=') + len(b'index_pos=')
    data[place : place + 8] = bytes(8)
    path = tmp_path / 'run.bag'
    path.write_bytes(data)
    with open_recording(path) as recording:
        assert [loss.kind for loss in recording.loss] == [LossKind.NOT_CLOSED]


@pytest.mark.parametrize(
    ('data', 'why'),
    [
        pytest.param(b'#ROSBAG V1.2\n' + bytes(99), 'it does not begin with', id='older'),
        pytest.param(b'#ROSBAG V2.0\n' + bytes(99), 'no topic of a ROS 1 bag', id='empty'),
        pytest.param(b'', 'it is empty', id='no bytes'),
    ],
)
def test_what_is_no_bag_is_refused(data, why, tmp_path: Path) -> None:
    path = tmp_path / 'run.bag'
    path.write_bytes(data)
    with pytest.raises(BagError, match=why):
        open_recording(path)


def test_bag_that_ends_between_two_records_is_told_to_be_cut_off(samples, tmp_path: Path) -> None:
    data = bag(samples, 'rosbag1_lz4').read_bytes()
    reader, gaps = BytesReader(memoryview(data), len(data)), []
    ends = [record.end for record in bag_records(reader, len(MAGIC), lambda *gap: gaps.append(gap))]
    assert not gaps
    path = tmp_path / 'cut.bag'
    for end in ends[1:]:
        path.write_bytes(data[:end])
        try:
            with open_recording(path, TOPIC) as recording:
                is_told = any(loss.kind is LossKind.CUT_OFF for loss in recording.loss)
                assert is_told or len(recording.stamps) == PICTURES
        except BagError:
            continue
