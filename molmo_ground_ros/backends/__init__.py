# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The models that answer questions about a clip, behind one protocol, `base.Backend`.

registry       backends by name: chooses one and loads it
base           the protocol, and the values that pass through it
replay         recorded answers in place of a model, for tests and demonstrations
hf             Molmo2 by transformers, the reference: the backend named `transformers`
molmo2/        our own graph of Molmo2: the backends `torch`, `onnx` and `tensorrt`
own_process/   any of them in a child process, which may crash and is started again
server/        a model on a server that speaks OpenAI's chat protocol
segmenter      loads SAM 2, which turns boxes and points into masks
sam2           SAM 2 by transformers
checkpoint     finds a model's folder and reads what its processor files say
weights        loads networks and tokenizers with transformers
pixels         an image to the patches that the vision tower reads
prompt_ids     time labels and a question to token ids
text_stream    token ids to text, piece by piece
features       fingerprints of images, under which features are cached
host/          the machine: GPU, memory, installed packages, names of devices
"""

from __future__ import annotations

from molmo_ground_ros.backends.base import Backend, BackendSettings
from molmo_ground_ros.backends.own_process import OwnProcessBackend
from molmo_ground_ros.backends.registry import AUTO, BACKENDS, choose, load, settings_of

__all__ = [
    'AUTO',
    'BACKENDS',
    'Backend',
    'BackendSettings',
    'OwnProcessBackend',
    'choose',
    'load',
    'settings_of',
]
