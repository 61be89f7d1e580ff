# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All faults by kind, in the order of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.faults.fault import Fault
from tools.faults.of_clients import CLIENTS
from tools.faults.of_clock import CLOCK
from tools.faults.of_depth import DEPTHS
from tools.faults.of_images import IMAGES
from tools.faults.of_model import MODEL
from tools.faults.of_stamps import STAMPS
from tools.faults.of_standing import STANDING
from tools.faults.of_states import STATES
from tools.faults.of_storage import STORAGE
from tools.faults.of_text import TEXT

KINDS: Mapping[str, Sequence[Fault]] = {
    'The model': MODEL,
    'What the model writes': TEXT,
    'Images': IMAGES,
    'Stamps': STAMPS,
    'Simulated time': CLOCK,
    'Depth and transforms': DEPTHS,
    'Clients': CLIENTS,
    'Parameters and states': STATES,
    'Standing questions': STANDING,
    'Disks, models, networks': STORAGE,
}
FAULTS: tuple[Fault, ...] = tuple(fault for faults in KINDS.values() for fault in faults)
