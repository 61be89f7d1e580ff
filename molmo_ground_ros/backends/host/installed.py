# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Knows the packages that each backend needs, and finds out whether they are installed and load.

A package is imported in another process, because a broken one may crash its process and a large
one takes seconds.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

# Importing torch from a disk that was not read before takes long.
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution that pyproject.toml requires.

    least: the oldest version that will do. code: Python that fails where the package is broken.
    below: the first version that was not tried; '' where there is no such bound.
    """

    name: str
    least: str
    code: str
    below: str = ''

    @property
    def requirement(self) -> str:
        """The requirement as pip reads it."""
        return f'{self.name}>={self.least}' + (f',<{self.below}' if self.below else '')


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
        Package(
            'transformers',
            '5.23',
            'from transformers import Molmo2ForConditionalGeneration',
            below='5.25',
        ),
    ),
    'export': (
        Package('onnx', '1.19', 'import onnx'),
        Package('onnxscript', '0.5', 'import onnxscript'),
        Package('torch', '2.8', 'import torch; torch.zeros(1)'),
    ),
    'bag': (
        Package('av', '17', 'import av'),
        Package('jinja2', '3.1', 'import jinja2'),
        Package('rosbags', '0.11', 'import rosbags'),
        Package('scipy', '1.10', 'import scipy.optimize'),
    ),
}
"""The packages of pyproject.toml's extras; a test compares the two."""

Try = Callable[[Sequence[str]], str]


def attempt(arguments: Sequence[str]) -> str:
    """Run Python with these arguments and return its output.

    Raises OSError, whose message is the last line on stderr, where it fails or does not end.
    """
    try:
        process = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            errors='replace',
        )
    except subprocess.TimeoutExpired as err:
        raise OSError(f'no end after {_TIMEOUT_S:.0f} s') from err
    if process.returncode:
        complaints = process.stderr.strip().splitlines()
        raise OSError(complaints[-1] if complaints else f'ended with {process.returncode}')
    return process.stdout.strip()


def version_of(package: Package) -> str:
    """The installed version, '' where it is not installed."""
    try:
        return metadata.version(package.name)
    except metadata.PackageNotFoundError:
        return ''


def wrong_with(package: Package, run: Try = attempt) -> str:
    """Why a package cannot be used; '' where it can.

    A package that loads and states no version counts as usable: some of Debian's state none.
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
    """The release numbers of a version: (2, 13, 0) for '2.13.0+cpu'."""
    release = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(number) for number in release[0].split('.')) if release else ()
