# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loads SAM 2, and imports torch and transformers only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.errors import MissingPackage

if TYPE_CHECKING:
    from molmo_ground_ros.backends.sam2 import Segmenter


def load_segmenter(model: str, device: str = 'auto', dtype: str = 'auto') -> Segmenter:
    """Load SAM 2. Raises MissingPackage (naming the pip extra), BadModel, BadSetting.

    model: a folder or a hub id, such as facebook/sam2.1-hiera-large. No weights are shipped.
    device, dtype: as for backends; 'auto' is bfloat16 on a GPU if there is one, else the CPU.
    """
    settings = BackendSettings(model, device=device, dtype=dtype)
    try:
        from molmo_ground_ros.backends.sam2 import Segmenter
    except ModuleNotFoundError as err:
        package = (err.name or 'transformers').partition('.')[0]
        raise MissingPackage(package, 'transformers') from err
    return Segmenter(settings.model, settings.device, settings.dtype)
