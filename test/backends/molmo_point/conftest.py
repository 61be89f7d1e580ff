# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tiny checkpoints of `support.molmo_point_cases`, and our backends on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from support.molmo_point import write_checkpoint
from support.molmo_point_cases import CASES

from molmo_ground_ros.backends import BackendSettings, load


@pytest.fixture(scope='session')
def point_folders(tmp_path_factory) -> dict[str, Path]:
    """A folder for each of CASES. Read only: copy one to change it."""
    return {
        name: write_checkpoint(tmp_path_factory.mktemp('molmo_point'), case.tiny)
        for name, case in CASES.items()
    }


@pytest.fixture(scope='session')
def exported_points(point_folders, tmp_path_factory) -> Callable[[str], Path]:
    """A copy of a case's checkpoint with its ONNX graphs beside the weights. Read only."""
    for package in ('onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason="needs pip install '.[onnx,export]'")

    @cache
    def exported(name: str) -> Path:
        from molmo_ground_ros.backends.molmo_point.point_export import export_point_graphs

        folder = shutil.copytree(point_folders[name], tmp_path_factory.mktemp('exported') / 'm')
        export_point_graphs(name, folder)
        return folder

    return exported


@pytest.fixture
def load_point(point_folders, request):
    """Load a case's checkpoint with a backend."""

    def loaded(name, backend, **settings):
        if backend == 'onnx':
            folder = str(request.getfixturevalue('exported_points')(name))
        else:
            folder = str(point_folders[name])
        return load(backend, BackendSettings(folder, device='cpu', threads=1, **settings))

    return loaded
