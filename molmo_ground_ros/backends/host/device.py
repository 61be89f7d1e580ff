# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns names of devices and number formats into torch's, and torch's errors into BackendError."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

import torch

from molmo_ground_ros.errors import BackendError, BadSetting


def choose_device(name: str) -> torch.device:
    """The device of a name. 'auto' is a GPU if there is one, else the CPU.

    Raises BadSetting for a GPU that is not there; it is never replaced by the CPU.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    device = torch.device(name)
    count = torch.cuda.device_count()
    if device.type == 'cuda' and (device.index or 0) >= count:
        raise BadSetting('device', name, f'torch {torch.__version__} sees {count} GPUs')
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number format of a name. 'auto' is float32 on a CPU and bfloat16 on a GPU.

    bfloat16 takes half the memory of float32, the format of the released weights. Raises BadSetting
    for a format that torch does not compute in.
    """
    if name == 'auto':
        return torch.float32 if device.type == 'cpu' else torch.bfloat16
    if name not in ('bfloat16', 'float16', 'float32'):
        raise BadSetting('dtype', name, 'only the tensorrt backend has it')
    dtype: torch.dtype = getattr(torch, name)
    return dtype


@contextlib.contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Turn errors of torch into BackendError, and free the memory that the failed call held."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as err:
        traceback.clear_frames(err.__traceback__)
        if isinstance(err, torch.OutOfMemoryError):
            torch.cuda.empty_cache()
        reason = str(err).strip().split('\n')[0]
        raise BackendError(f'{doing}: {type(err).__name__}: {reason}') from err
