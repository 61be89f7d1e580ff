# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the installed TensorRT: the full one or TensorRT-RTX, which share one API.

Full TensorRT comes first if both are installed: a Jetson has it, and it times its kernels on the
GPU that will run them. TensorRT-RTX can also build for a GPU of another machine.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from molmo_ground_ros.errors import BackendError, MissingPackage

FULL, RTX = 'tensorrt', 'tensorrt_rtx'
FLAVOURS = (FULL, RTX)

# The oldest supported versions. 10.15 was the first to update a cache in place (tensorrt.md 4.5),
# and JetPack 7.2 has 10.16. TensorRT-RTX before 1.7 was not tried.
_LEAST = {FULL: (10, 16), RTX: (1, 7)}
_EXTRAS = {FULL: 'tensorrt', RTX: 'tensorrt-rtx'}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tensorrt:
    """One installed TensorRT. flavour: FULL or RTX. module: the imported package."""

    flavour: str
    version: str
    module: Any = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f'{self.flavour} {self.version}'

    @property
    def network_flags(self) -> int:
        """Flags for Builder.create_network.

        Only with its flag STRONGLY_TYPED does TensorRT 10 compute in the graph's own number types.
        """
        flags = self.module.NetworkDefinitionCreationFlag
        return 1 << int(flags.STRONGLY_TYPED) if hasattr(flags, 'STRONGLY_TYPED') else 0

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Compute capabilities ('SM86') that it builds for without a GPU; none for the full one."""
        if self.flavour != RTX:
            return ()
        members = self.module.ComputeCapability.__members__
        return tuple(name for name in members if name.startswith('SM'))


def find_tensorrts(flavours: Sequence[str] = FLAVOURS) -> list[Tensorrt]:
    """The usable ones of these flavours, in this order; at least one.

    Raises MissingPackage if none is installed, and BackendError if what is installed is too old or
    cannot be loaded.
    """
    usable: list[Tensorrt] = []
    refused: list[BackendError] = []
    for flavour in flavours:
        try:
            usable.append(_load(flavour))
        except ModuleNotFoundError as err:
            if err.name != flavour:
                refused.append(_broken(flavour, err))
        except ImportError as err:
            refused.append(_broken(flavour, err))
        except BackendError as err:
            refused.append(err)
    if not usable and refused:
        raise refused[0]
    if not usable:
        raise MissingPackage(flavours[0], _EXTRAS[flavours[0]])
    for error in refused:
        _LOG.warning('%s; using %s', error, usable[0])
    return usable


def _load(flavour: str) -> Tensorrt:
    module = importlib.import_module(flavour)
    version = str(module.__version__)
    least = _LEAST[flavour]
    if tuple(int(number) for number in version.split('.')[:2]) < least:
        raise BackendError(
            f'{flavour} {version} is too old: it has no in-place update of a cache; '
            f'{".".join(map(str, least))} or later is needed'
        )
    return Tensorrt(flavour, version, module)


def _broken(flavour: str, err: ImportError) -> BackendError:
    reason = str(err).strip().split('\n')[0]
    error = BackendError(f'{flavour} is installed and cannot be loaded: {reason}')
    error.__cause__ = err
    return error
