# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from support.recorded import kinds, storage_file

from molmo_ground_ros.recording import (
    LossKind,
    metadata,
    open_recording,
)
from tools.fuzz_recordings import bags

COUNT = """rosbag2_bagfile_information:
  relative_file_paths:
    - bag.mcap
  topics_with_message_count:
    - topic_metadata:
        name: /image
        type: sensor_msgs/msg/Image
      message_count: few
"""


@pytest.mark.parametrize(
    'text',
    [
        pytest.param(b'', id='empty'),
        pytest.param(b': [', id='no YAML'),
        pytest.param(b'rosbag2_bagfile_information: 3', id='other content'),
        pytest.param(b'x' * ((1 << 24) + 1), id='too large'),
        pytest.param(b'rosbag2_bagfile_information:\n  version: 9\n', id='no files'),
        pytest.param(COUNT.encode(), id='count that is no number'),
        pytest.param(b'\xff\xfe\x00', id='no text'),
    ],
)
def test_metadata_that_cannot_be_understood_is_told(samples, tmp_path: Path, text: bytes) -> None:
    folder = tmp_path / 'bag'
    folder.mkdir()
    (folder / 'bag.mcap').write_bytes(storage_file(samples['mcap']).read_bytes())
    (folder / 'metadata.yaml').write_bytes(text)
    with open_recording(folder) as recording:
        assert len(recording.stamps) == bags.PICTURES
        assert kinds(recording) == {LossKind.BAD_METADATA}


def test_metadata_of_the_recorder_in_ros_is_read(tmp_path: Path) -> None:
    text = """rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  relative_file_paths:
    - "run_0.mcap"
    - other/run_1.mcap
  topics_with_message_count:
    - topic_metadata:
        name: /points
        type: sensor_msgs/msg/PointCloud2
        serialization_format: cdr
        offered_qos_profiles:
          - history: keep_last
            depth: 1
      message_count: 7
    - topic_metadata:
        name: /image
        type: sensor_msgs/msg/Image
        type_description_hash: RIHS01_d31d
        offered_qos_profiles:
          - history: keep_last
            depth: 1
      message_count: 12
  files:
    - path: run_0.mcap
      message_count: 19
"""
    (tmp_path / 'metadata.yaml').write_text(text)
    stated = metadata.read(tmp_path)
    assert stated == metadata.Metadata(('run_0.mcap', 'run_1.mcap'), {'/image': 12})
