# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The real node in a process of its own, over a recording that is played into it; and its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from molmo_ground_ros.recording import SpaceTopics

ROOT = Path(__file__).parents[1]
_END_S = 10.0


def parameters_for(
    model: str | Path, topic: str, space: SpaceTopics | None, frame: str, backend: str = 'onnx'
) -> dict[str, str]:
    """The node's parameters for the one camera of a recording.

    space: where depth and calibrations are, if there are any. frame: of positions in metres.
    """
    parameters = {
        'backend': backend,
        'model': str(model),
        'image_topics': f"['{topic}']",
        'camera_names': "['camera']",
        'buffer_seconds': '63.0',
        # Unlike a camera, the player can send an image again: a busy machine loses none.
        'qos_reliability': 'reliable',
        'qos_depth': '100',
    }
    if space is not None:
        parameters |= {
            'depth_topics': f"['{space.depth}']",
            'camera_info_topics': f"['{space.camera_info}']",
            'target_frame': frame,
        }
    return parameters


@contextmanager
def node_process(
    parameters: Mapping[str, str], output: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The node until the block ends. output: gets what it prints; None leaves it to ours."""
    command = [sys.executable, '-m', 'molmo_ground_ros.ros.process', '--ros-args']
    for name, value in parameters.items():
        command += ['-p', f'{name}:={value}']
    environment = {**os.environ, 'HF_HUB_OFFLINE': '1'}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        end(process, _END_S)


def end(process: subprocess.Popen[Any], within_s: float) -> None:
    """Ask a process to end, and kill it where it takes longer."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
