# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Programs that `doctor` runs in another process, so that a broken package cannot end its own."""

from __future__ import annotations

# Prints the GPU that torch sees, and nothing where it sees none.
TORCH_GPU = """
import torch
if torch.cuda.is_available():
    gpu = torch.cuda.get_device_properties(0)
    print(f'{gpu.name}, compute capability {gpu.major}.{gpu.minor}, '
          f'{gpu.total_memory / 1e9:.2f} GB, CUDA {torch.version.cuda}')
"""

# Prints the engine that would be loaded for the checkpoint in the folder of the first argument.
ENGINE = """
import sys
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.trt.choose import choose
from molmo_ground_ros.backends.molmo2.trt.cuda_memory import find_gpu
from molmo_ground_ros.backends.molmo2.trt.find import installed
recipe = choose(
    open_checkpoint(BackendSettings(sys.argv[1])), 'auto', installed(), find_gpu(0)
).decoder.recipe
print(f'{recipe.weights}, capacity {recipe.capacity}, by {recipe.tensorrt}')
"""
