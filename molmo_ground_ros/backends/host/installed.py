# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which packages a backend needs, which of them are installed, and whether they load.

A package is loaded in a process of its own: one that is broken may take its process with it, and a
large one takes seconds.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

_SECONDS = 120.0  # torch from a cold disk


@dataclass(frozen=True, slots=True)
class Package:
    """One distribution, as pyproject.toml asks for it."""

    name: str
    least: str  # version
    code: str  # that uses it: fails where it is broken

    @property
    def requirement(self) -> str:
        """As pip takes it."""
        return f'{self.name}>={self.least}'


TOKENIZERS = Package('tokenizers', '0.22', 'import tokenizers')
TORCH = Package('torch', '2.6', 'import torch; torch.zeros(1)')
CORE = (Package('numpy', '1.24', 'import numpy'),)
EXTRAS: dict[str, tuple[Package, ...]] = {
    'onnx': (Package('onnxruntime', '1.23', 'import onnxruntime'), TOKENIZERS),
    'torch': (TOKENIZERS, TORCH),
    'transformers': (
        Package('safetensors', '0.5', 'import safetensors'),
        TOKENIZERS,
        TORCH,
        Package('transformers', '5.23', 'from transformers import Molmo2ForConditionalGeneration'),
    ),
    'export': (
        Package('onnx', '1.19', 'import onnx'),
        Package('onnxscript', '0.5', 'import onnxscript'),
        Package('torch', '2.8', 'import torch; torch.zeros(1)'),
    ),
    'bag': (
        Package('rosbags', '0.11', 'import rosbags'),
        Package('scipy', '1.10', 'import scipy.optimize'),
    ),
}
"""What pyproject.toml has under these extras; a test holds the two to each other."""

Try = Callable[[Sequence[str]], str]


def attempt(arguments: Sequence[str]) -> str:
    """What a Python process prints. Raises OSError with the last line it complained with."""
    try:
        ran = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            errors='replace',
        )
    except subprocess.TimeoutExpired as err:
        raise OSError(f'no end after {_SECONDS:.0f} s') from err
    if ran.returncode:
        said = ran.stderr.strip().splitlines()
        raise OSError(said[-1] if said else f'ended with {ran.returncode}')
    return ran.stdout.strip()


def version_of(package: Package) -> str:
    """The installed version, '' where it is not installed."""
    try:
        return metadata.version(package.name)
    except metadata.PackageNotFoundError:
        return ''


def wrong_with(package: Package, run: Try = attempt) -> str:
    """Why a package cannot be used; '' where it can.

    One that loads and states no version will do: Debian's packages may leave that out.
    """
    version = version_of(package)
    if version and _numbers(version) < _numbers(package.least):
        return f'{version} is older than {package.least}'
    try:
        run(['-c', package.code])
    except OSError as err:
        return f'{version} is installed and does not load: {err}' if version else 'not installed'
    return ''


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version, '2.13.0+cpu': (2, 13, 0)."""
    found = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(one) for one in found[0].split('.')) if found else ()
