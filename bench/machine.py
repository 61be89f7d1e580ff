# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine that the figures were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path

import torch

_PACKAGES = ('torch', 'transformers', 'onnxruntime', 'numpy', 'tokenizers')


def machine() -> dict[str, str | int | float]:
    """Processor, cores that may be used, memory, GPU ('' if none), system, versions, today."""
    model = re.search(r'^model name\s*:\s*(.+)$', Path('/proc/cpuinfo').read_text(), re.MULTILINE)
    total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return {
        'cpu': model[1] if model else platform.machine(),
        'cores': cores(),
        'memory_gb': round(total / 1e9, 1),
        'gpu': torch.cuda.get_device_name() if torch.cuda.is_available() else '',
        'system': f'{platform.system()} {platform.machine()}',
        'python': platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        'date': datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0))
