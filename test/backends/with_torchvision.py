# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the processors of transformers usable in this process; ends it with 3 where they cannot be.

They need torchvision, which the package does not, and which breaks `import transformers` wherever
it was built for another torch; so only a process of its own imports this. It is looked for in
`<sys.prefix>/reference` last; exit code 3 and one line on stdout say that it is nowhere.
0.28.0 is the torchvision of torch 2.13.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

_FOLDER = Path(sys.prefix) / 'reference'
_INSTALL = f'pip install --no-deps --target {_FOLDER} torchvision==0.28.0 pillow==13.0.0'
_OPS: list[Any] = []  # declared as long as they are held


def prepare() -> None:
    """To be called before the first import of torch and transformers."""
    sys.path.append(str(_FOLDER))
    if not all(importlib.util.find_spec(name) for name in ('torchvision', 'PIL')):
        print(f'needs {_INSTALL}')  # noqa: T201
        sys.exit(3)
    import torch

    # The wheel on PyPI is built for CUDA: on a CPU torch its own operators are not there, and
    # torchvision only needs to find these two declared.
    for name in ('nms', 'qnms'):
        if not hasattr(torch.ops.torchvision, name):
            _OPS.append(torch.library.Library('torchvision', 'FRAGMENT'))
            _OPS[-1].define(f'{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
