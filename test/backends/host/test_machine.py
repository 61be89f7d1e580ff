# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What nvidia-smi and a Jetson say is read; the texts are as NVIDIA documents them."""

from __future__ import annotations

import sys

import pytest

from molmo_ground_ros.backends.host.machine import Gpu, ask, gpus, jetson

TWO = (
    'NVIDIA GeForce RTX 4090, 8.9, 24564, 23000, 580.65.06\n'
    'NVIDIA H200, 9.0, 143771, 143000, 580.65.06\n'
)


def test_gpus_are_listed_with_their_memory():
    assert gpus(lambda command: TWO) == [
        Gpu('NVIDIA GeForce RTX 4090', '8.9', 24564 * 2**20, 23000 * 2**20, '580.65.06'),
        Gpu('NVIDIA H200', '9.0', 143771 * 2**20, 143000 * 2**20, '580.65.06'),
    ]


def test_what_a_jetson_does_not_tell_is_none():
    text = 'Orin (nvgpu), 8.7, [N/A], [Not Supported], 540.4.0\n'
    assert gpus(lambda command: text) == [Gpu('Orin (nvgpu)', '8.7', None, None, '540.4.0')]


@pytest.mark.parametrize('text', ['', 'No devices were found\n', 'a,b\n'])
def test_no_gpu_is_an_error_that_shows_what_was_said(text):
    with pytest.raises(OSError, match='nvidia-smi lists no GPU'):
        gpus(lambda command: text)


@pytest.mark.parametrize(
    'command',
    [['no-such-program-here'], [sys.executable, '-c', 'raise SystemExit(9)']],
    ids=['missing', 'failing'],
)
def test_a_program_that_is_missing_or_fails_is_an_oserror(command):
    with pytest.raises(OSError, match=r'.'):
        ask(command)


@pytest.mark.parametrize(
    ('files', 'board'),
    [
        pytest.param({}, '', id='a desktop'),
        pytest.param({'proc/device-tree/model': 'Raspberry Pi 5\0'}, '', id='another board'),
        pytest.param(
            {
                'proc/device-tree/model': 'NVIDIA Jetson Orin Nano Developer Kit\0',
                'etc/nv_tegra_release': '# R36 (release), REVISION: 4.7, GCID: 1\nmore\n',
            },
            'NVIDIA Jetson Orin Nano Developer Kit, R36 (release), REVISION: 4.7, GCID: 1',
            id='a Jetson',
        ),
        pytest.param({'etc/nv_tegra_release': '# R39 (release)'}, 'R39 (release)', id='in Docker'),
    ],
)
def test_a_jetson_is_told_by_its_files(files, board, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert jetson(tmp_path) == board
