# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SAM 2 by its name or folder, loaded when it is asked for. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.errors import MissingPackage

if TYPE_CHECKING:
    from molmo_ground_ros.backends.sam2 import Segmenter


def load_segmenter(model: str, device: str = 'auto', dtype: str = 'auto') -> Segmenter:
    """Load SAM 2. Raises MissingPackage (naming the pip extra), BadModel, BadSetting.

    model: a folder or a hub id, e.g. facebook/sam2.1-hiera-large; the weights are the user's.
    device, dtype: as for backends; 'auto' is a GPU in bfloat16 where there is one, else the CPU.
    """
    settings = BackendSettings(model, device=device, dtype=dtype)
    try:
        from molmo_ground_ros.backends.sam2 import Segmenter
    except ModuleNotFoundError as err:
        package = (err.name or 'transformers').partition('.')[0]
        raise MissingPackage(package, 'transformers') from err
    return Segmenter(settings.model, settings.device, settings.dtype)
