# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The options of the model and the workers that recordings are asked with."""

from __future__ import annotations

import argparse

from molmo_ground_ros import backends, config
from molmo_ground_ros.analysis.ray import cluster
from molmo_ground_ros.commands.settings import add_settings
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.grounding.loader import GrounderLoader

# The settings that an answer may depend on.
MODEL_SETTINGS = (
    *('backend', 'model', 'answer_format', 'device', 'dtype', 'threads', 'max_new_tokens'),
    'track_rate_hz',
)
_SETTINGS = (*MODEL_SETTINGS, 'calibration')


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_settings(parser, _SETTINGS)


def add_ray(parser: argparse.ArgumentParser) -> None:
    """Declare the options of workers on Ray."""
    parser.add_argument(
        '--ray', default='', metavar='ADDRESS',
        help="spread the windows over Ray: 'local' for all CPUs or GPUs of this machine, 'auto' or "
        'host:port for a cluster that runs (docs/bags.md)',
    )  # fmt: skip
    parser.add_argument(
        '--ray-workers', type=int, default=0, metavar='N',
        help='workers on Ray, each with the model loaded. Default: one a GPU, or one for each '
        '--threads CPUs',
    )  # fmt: skip


def check_ray(arguments: argparse.Namespace) -> None:
    """Raise BadSetting and MissingPackage as `cluster.check` does."""
    number = arguments.ray_workers
    if number < 0 or (number and not arguments.ray):
        why = 'below zero' if arguments.ray else 'there are none without --ray'
        raise BadSetting('ray-workers', number, why)
    if arguments.ray:
        cluster.check(arguments.ray)


def loader_of(arguments: argparse.Namespace) -> tuple[GrounderLoader, config.Settings]:
    """What loads the model, and all settings. Raises BadSetting."""
    settings = config.settings({name: getattr(arguments, name) for name in _SETTINGS})
    loader = GrounderLoader(
        settings.backend,
        backends.settings_of(settings),
        settings.max_new_tokens,
        settings.answer_format,
        settings.calibration,
        settings.track_rate_hz,
    )
    return loader, settings
