# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which TensorRT is installed: the full one or TensorRT-RTX. One API, so one path for both.

Full TensorRT comes first where both are there: it is what a Jetson has, and it times its kernels on
the very GPU. TensorRT-RTX also builds for a GPU that is not here.
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

# The first that are supported. 10.15 brought the in-place update of a cache (tensorrt.md 4.5),
# JetPack 7.2 has 10.16; RTX before 1.7 was not tried.
_LEAST = {FULL: (10, 16), RTX: (1, 7)}
_EXTRAS = {FULL: 'tensorrt', RTX: 'tensorrt-rtx'}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tensorrt:
    """One installed TensorRT."""

    flavour: str  # FULL or RTX
    version: str
    module: Any = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f'{self.flavour} {self.version}'

    @property
    def network_flags(self) -> int:
        """For Builder.create_network: 10.x must be told to keep to the graph's number types."""
        flags = self.module.NetworkDefinitionCreationFlag
        return 1 << int(flags.STRONGLY_TYPED) if hasattr(flags, 'STRONGLY_TYPED') else 0

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Compute capabilities ('SM86') that it builds for with no GPU; none for the full one."""
        if self.flavour != RTX:
            return ()
        members = self.module.ComputeCapability.__members__
        return tuple(name for name in members if name.startswith('SM'))


def installed(flavours: Sequence[str] = FLAVOURS) -> list[Tensorrt]:
    """Those of the flavours that can be used, in that order; at least one.

    Raises MissingPackage where none is installed, BackendError where what is installed is too old
    or cannot be loaded.
    """
    found: list[Tensorrt] = []
    refused: list[BackendError] = []
    for flavour in flavours:
        try:
            found.append(_load(flavour))
        except ModuleNotFoundError as err:
            if err.name != flavour:
                refused.append(_broken(flavour, err))
        except ImportError as err:
            refused.append(_broken(flavour, err))
        except BackendError as err:
            refused.append(err)
    if not found and refused:
        raise refused[0]
    if not found:
        raise MissingPackage(flavours[0], _EXTRAS[flavours[0]])
    for error in refused:
        _LOG.warning('%s; using %s', error, found[0])
    return found


def _load(flavour: str) -> Tensorrt:
    module = importlib.import_module(flavour)
    version = str(module.__version__)
    least = _LEAST[flavour]
    if tuple(int(one) for one in version.split('.')[:2]) < least:
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
