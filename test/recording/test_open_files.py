# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording of many files holds few of them open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.recording.open_files import MOST_OPEN, OpenFiles
from tools.fuzz_recordings.bags import TOPIC

MANY = 40


def held(root: Path) -> int:
    """How many files below a folder this process has open."""
    links = list(Path('/proc/self/fd').iterdir())
    return sum(link.resolve().is_relative_to(root) for link in links if link.exists())


@pytest.mark.parametrize('name', ['sqlite', 'video_mp4', 'mcap', 'rosbag1'])
def test_many_files_are_read_with_few_of_them_open(name, samples, tmp_path: Path) -> None:
    (file,) = (path for path in samples[name].iterdir() if path.name != 'metadata.yaml')
    copies = [tmp_path / f'{number}{file.suffix}' for number in range(MANY)]
    for copy in copies:
        shutil.copy(file, copy)
    topic = '' if name.startswith('video') else TOPIC
    with open_recording(copies, topic) as recording:
        # The copies have the same stamps: all are read to tell so, and each stamp is taken once.
        assert held(tmp_path) <= MOST_OPEN
        for source, log in zip(recording.index.sources, recording.index.losses, strict=True):
            (index,) = (one for one in source.index(log) if topic in ('', one.topic))
            source.message(index.places[-1], index.kind)
            assert held(tmp_path) <= MOST_OPEN
        assert list(recording.messages())
    assert held(tmp_path) == 0


def test_used_longest_ago_is_closed_first() -> None:
    closed, files = [], OpenFiles(2)
    holders = {name: [name] for name in 'abc'}
    for name in 'abac':
        files.note(holders[name], lambda name=name: closed.append(name))
    assert closed == ['b']
    files.close()
    files.close()
    assert sorted(closed) == ['a', 'b', 'c']
