# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The options of the model that recordings are asked with, and what loads it."""

from __future__ import annotations

import argparse

from molmo_ground_ros import backends, config
from molmo_ground_ros.commands.settings import add_settings
from molmo_ground_ros.grounding.loader import GrounderLoader

# The settings that an answer may depend on.
MODEL_SETTINGS = (
    *('backend', 'model', 'answer_format', 'device', 'dtype', 'threads', 'max_new_tokens'),
)
_SETTINGS = (*MODEL_SETTINGS, 'calibration')


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_settings(parser, _SETTINGS)


def loader_of(arguments: argparse.Namespace) -> tuple[GrounderLoader, config.Settings]:
    """What loads the model, and all settings. Raises BadSetting."""
    settings = config.settings({name: getattr(arguments, name) for name in _SETTINGS})
    loader = GrounderLoader(
        settings.backend,
        backends.settings_of(settings),
        settings.max_new_tokens,
        settings.answer_format,
        settings.calibration,
    )
    return loader, settings
