# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the node's process runs: the real node, whose models may be scripted ones.

`python -m tools.faults.scripted_node --ros-args ...`, as molmo_ground_ros.ros.process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from molmo_ground_ros.backends import Backend, OwnProcessBackend, settings_of
from molmo_ground_ros.config import Settings
from molmo_ground_ros.ros import node, process
from tools.faults import scripted_model


def load_backend(
    settings: Settings, on_start: Callable[[OwnProcessBackend], None] | None = None
) -> Backend:
    """As the node's own, but with scripted models beside the real ones."""
    if not settings.own_process:
        return scripted_model.load(settings.backend, settings_of(settings))
    return OwnProcessBackend(
        settings.backend,
        settings_of(settings),
        kept_bytes=round(settings.decoded_megabytes * 1e6),
        patience_s=settings.stuck_seconds,
        module=scripted_model.__name__,
        on_start=on_start,
    )


if __name__ == '__main__':
    node.load_backend = load_backend
    sys.exit(process.main())
