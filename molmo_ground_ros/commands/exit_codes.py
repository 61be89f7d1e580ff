# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The exit code of an error that a command ends with: 1 if the model failed, 2 for bad input."""

from __future__ import annotations

from molmo_ground_ros.errors import (
    BackendError,
    BadEngine,
    BadModel,
    DoesNotFit,
    GroundError,
    MissingPackage,
    UnknownBackend,
)

# What a command may raise. Anything else is a fault of ours, and shows its traceback.
EXPECTED = (GroundError, OSError)

# These are the backend's, and yet of what it was given.
_BAD_INPUT = (BadModel, DoesNotFit, MissingPackage, UnknownBackend)


def exit_code(error: Exception) -> int:
    """The exit code of one of EXPECTED."""
    if isinstance(error, BadEngine):
        return 1
    return 1 if isinstance(error, BackendError) and not isinstance(error, _BAD_INPUT) else 2
