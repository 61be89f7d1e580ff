# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The option of the longest clip that recordings are asked with."""

from __future__ import annotations

import argparse
import math

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.grounding.loader import GrounderLoader


def add_window(parser: argparse.ArgumentParser, of: str = '') -> None:
    """Declare the option. of: what it is about, with a colon, where that is not clear."""
    parser.add_argument(
        '--window', type=float, default=None, metavar='S',
        help=f'{of}longest clip the model is shown at once. Default: as long as those that it was '
        'trained on, by its own files; without any 63',
    )  # fmt: skip


def check_window(arguments: argparse.Namespace) -> None:
    """Raise BadSetting for what is no number of seconds."""
    if arguments.window is not None and not math.isfinite(arguments.window):
        raise BadSetting('window', arguments.window, 'must be a number of seconds')


def window_ns(arguments: argparse.Namespace, loader: GrounderLoader) -> int:
    """The longest clip, in ns. Raises BadSetting, BadModel."""
    check_window(arguments)
    return loader.window_ns() if arguments.window is None else round(arguments.window * 1e9)
