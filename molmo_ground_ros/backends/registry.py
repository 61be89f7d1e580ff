# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Backends by name: chooses one for a model, and loads it.

A backend's file, and with it the backend's heavy packages, is imported only when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from molmo_ground_ros.backends.base import Backend, BackendSettings, ModelSettings, Savings
from molmo_ground_ros.backends.checkpoint import (
    NOT_FOR_MOLMO_POINT,
    find_folder,
    is_molmo_point,
)
from molmo_ground_ros.backends.molmo2.files import PLANS, exported_format
from molmo_ground_ros.backends.server.endpoint import is_address
from molmo_ground_ros.errors import BadModel, MissingPackage, UnknownBackend

AUTO = 'auto'


def _replay(settings: BackendSettings) -> Backend:
    from molmo_ground_ros.backends.replay import ReplayBackend

    return ReplayBackend.from_file(settings.model)


def _transformers(settings: BackendSettings) -> Backend:
    try:
        from molmo_ground_ros.backends.hf import TransformersBackend
    except ModuleNotFoundError as err:
        # transformers names nothing where one of its own modules could not be imported.
        package = (err.name or 'transformers').partition('.')[0]
        raise MissingPackage(package, 'transformers') from err
    return TransformersBackend(settings)


def _torch(settings: BackendSettings) -> Backend:
    try:
        from molmo_ground_ros.backends.molmo2.runtimes.torch import load as load_torch
        from molmo_ground_ros.backends.molmo_point.runtimes.torch import load as load_point
    except ModuleNotFoundError as err:
        raise MissingPackage((err.name or 'torch').partition('.')[0], 'torch') from err
    return load_point(settings) if _points(settings) else load_torch(settings)


def _onnx(settings: BackendSettings) -> Backend:
    try:
        from molmo_ground_ros.backends.molmo2.runtimes.onnx import load as load_onnx
        from molmo_ground_ros.backends.molmo_point.runtimes.onnx import load as load_point
    except ModuleNotFoundError as err:
        raise MissingPackage((err.name or 'onnxruntime').partition('.')[0], 'onnx') from err
    return load_point(settings) if _points(settings) else load_onnx(settings)


def _server(settings: BackendSettings) -> Backend:
    from molmo_ground_ros.backends.server.backend import ServerBackend

    return ServerBackend(settings)


def _tensorrt(settings: BackendSettings) -> Backend:
    try:
        from molmo_ground_ros.backends.molmo2.runtimes.tensorrt import load as load_tensorrt
    except ModuleNotFoundError as err:
        raise MissingPackage(err.name or 'cuda.bindings', 'tensorrt') from err
    if _points(settings):
        # Said before a GPU is looked for.
        raise BadModel(settings.model, NOT_FOR_MOLMO_POINT)
    return load_tensorrt(settings)


def _points(settings: BackendSettings) -> bool:
    """Whether the model is a MolmoPoint. What is wrong with a folder, its loader says."""
    try:
        return is_molmo_point(settings.model, find_folder(settings.model))
    except BadModel:
        return False


BACKENDS: dict[str, Callable[[BackendSettings], Backend]] = {
    'onnx': _onnx,
    'replay': _replay,
    'server': _server,
    'tensorrt': _tensorrt,
    'torch': _torch,
    'transformers': _transformers,
}


def choose(name: str, settings: BackendSettings) -> str:
    """The name itself, or for 'auto' the backend that fits the model.

    An address is for `server`. A folder is for the backend it was built for: `tensorrt` if it holds
    engines, `onnx` if it holds ONNX graphs, else `torch`. Engines are not chosen for the device
    'cpu', ONNX Runtime only for 'auto' and 'cpu'. The installed packages make no difference: a
    missing package is an error of the chosen backend, and never leads to another one.
    """
    if name != AUTO:
        return name
    if is_address(settings.model):
        return 'server'
    folder = Path(settings.model)
    if settings.device != 'cpu' and any(folder.glob(PLANS)):
        return 'tensorrt'
    exported = exported_format(folder, settings.dtype)
    return 'onnx' if exported and settings.device in ('auto', 'cpu') else 'torch'


def settings_of(settings: ModelSettings) -> BackendSettings:
    """The part of the settings that a backend is loaded with."""
    return BackendSettings(
        model=settings.model,
        device=settings.device,
        dtype=settings.dtype,
        threads=settings.threads,
        savings=Savings(
            reuse_prefix=settings.reuse_prefix,
            draft=settings.draft,
            feature_bytes=round(settings.feature_megabytes * 1e6),
        ),
    )


def load(name: str, settings: BackendSettings) -> Backend:
    """Load the backend that `choose` names. May take minutes for a large model.

    Raises UnknownBackend, MissingPackage (naming the pip extra), BadModel, BadSetting or
    BackendError. It never falls back to another backend, device or precision.
    """
    chosen = choose(name, settings)
    if chosen not in BACKENDS:
        raise UnknownBackend(chosen, [AUTO, *BACKENDS])
    return BACKENDS[chosen](settings)
