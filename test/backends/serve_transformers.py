# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`transformers serve MODEL`, with what it needs besides found in `<sys.prefix>/reference`.

    python serve_transformers.py MODEL --host 127.0.0.1 --port N ...

A process of its own, for the reasons of molmo2_reference.py; exit code 3 and one line on stdout say
what is missing.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_FOLDER = Path(sys.prefix) / 'reference'
_INSTALL = f'pip install --no-deps --target {_FOLDER} -r requirements/reference.txt'
_NEEDED = ('PIL', 'fastapi', 'openai', 'torchvision', 'uvicorn')
sys.path.append(str(_FOLDER))
if not all(importlib.util.find_spec(name) for name in _NEEDED):
    print(f'needs {_INSTALL}')  # noqa: T201
    sys.exit(3)

import cv2
import torch

# As in molmo2_reference.py: torchvision's own operators need only be declared.
_OPS = torch.library.Library('torchvision', 'FRAGMENT')
for _name in ('nms', 'qnms'):
    if not hasattr(torch.ops.torchvision, _name):
        _OPS.define(f'{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')

import torchvision.io
from transformers.cli.serve import Serve
from transformers.cli.serving.model_manager import ModelManager
from transformers.cli.serving.utils import Modality

# transformers 5.23 takes every model that sees for one that hears as well, looks for sound in the
# video and fails on one without (cli/serving/chat_completion.py:142). Molmo2 hears nothing.
ModelManager.get_model_modality = staticmethod(lambda *_, **__: Modality.VLM)


def decode_image(data: torch.Tensor, **_: object) -> torch.Tensor:
    """As torchvision's: bytes to (3, H, W) RGB. Its own is one of the missing operators."""
    picture = cv2.imdecode(data.numpy(), cv2.IMREAD_COLOR)
    return torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)


torchvision.io.decode_image = decode_image

if __name__ == '__main__':
    model, host, port = sys.argv[1:]
    Serve(
        model, host=host, port=int(port), device='cpu', dtype='float32', continuous_batching=False
    )
