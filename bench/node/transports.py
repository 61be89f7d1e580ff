# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The middleware's transports for the benchmark: those that raw images need, on loopback only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.inputs import ROOT

PROFILES = ROOT / 'config' / 'fastdds_large_images.xml'
_UDP = '<type>UDPv4</type>'
_LOOPBACK = '<interfaceWhiteList><address>127.0.0.1</address></interfaceWhiteList>'


@contextmanager
def large_images() -> Iterator[None]:
    """Give every process started inside the transports of `config/fastdds_large_images.xml`.

    Raises:
        ValueError: the file has not one transport over UDP to keep on loopback.
    """
    text = PROFILES.read_text()
    if text.count(_UDP) != 1:
        raise ValueError(f'{PROFILES} has {text.count(_UDP)} times {_UDP!r}, not once')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PROFILES.name
        path.write_text(text.replace(_UDP, _UDP + _LOOPBACK))
        # LOCALHOST would put the middleware's own transports in place of the file's.
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'SYSTEM_DEFAULT'
        os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(path)
        yield
