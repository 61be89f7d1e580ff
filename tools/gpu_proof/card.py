# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the card is, by its driver (NVML), and what power it takes while something runs.

`cuda.bindings`, which the engines need anyway, holds NVIDIA's own bindings of NVML.
"""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from tools.gpu_proof.outcome import ROOT

_PERIOD_S = 0.1
_PACKAGES = (
    *('torch', 'transformers', 'tensorrt', 'tensorrt-rtx', 'cuda-bindings', 'onnxruntime'),
    *('onnx', 'onnxscript', 'tokenizers', 'numpy'),
)


def missing(device: str) -> str:
    """What is missing for a proof on a GPU, in one line; '' where all is there."""
    if device == 'cpu':
        return ''
    import torch

    try:
        name = _ask(lambda nvml, card: nvml.device_get_name(card))
    except Exception as err:  # noqa: BLE001 - of a missing driver, or of the driver itself
        reason = str(err).strip().splitlines()[0]
        return f'it needs one NVIDIA card with its driver, which does not answer here: {reason}'
    if not torch.cuda.is_available():
        return (
            f'it needs a torch with CUDA, and torch {torch.__version__} here sees none of {name}: '
            "on x86-64, pip install --force-reinstall 'torch==2.13.0' brings it"
        )
    return ''


def facts(device: str) -> dict[str, str]:
    """What the page says of the machine: card, driver, versions, commit."""
    named: dict[str, str] = {}
    if device == 'cpu':
        named['card'] = 'none: the CPU stands in for it'
    else:
        import torch

        card = torch.cuda.get_device_properties(0)
        named['card'] = card.name
        named['compute capability'] = f'{card.major}.{card.minor}'
        named['memory of the card'] = f'{card.total_memory / 1e9:.1f} GB'
        named['driver'] = _or_reason(lambda nvml, _: nvml.system_get_driver_version())
        named['power limit'] = _or_reason(
            lambda nvml, one: f'{nvml.device_get_enforced_power_limit(one) / 1e3:.0f} W'
        )
        named['CUDA of torch'] = str(torch.version.cuda)
    named['system'] = f'{platform.system()} {platform.release()} {platform.machine()}'
    named['Python'] = platform.python_version()
    named |= {name: version for name in _PACKAGES if (version := _version(name))}
    named['commit'] = _commit()
    return named


class PowerMeter:
    """The power that the card takes while the block runs, ten times a second."""

    def __init__(self, device: str) -> None:
        """device: 'cpu' has no meter."""
        self._watts: list[float] = []
        self._reason = 'the CPU has no meter' if device == 'cpu' else ''
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PowerMeter:
        if not self._reason:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def text(self) -> str:
        """Mean and most, in words; why there is none."""
        if not self._watts:
            return self._reason or 'the driver does not tell'
        return f'{statistics.fmean(self._watts):.0f} W, at most {max(self._watts):.0f} W'

    def _watch(self) -> None:
        try:
            while not self._ended.wait(_PERIOD_S):
                self._watts.append(_ask(lambda nvml, one: nvml.device_get_power_usage(one)) / 1e3)
        except Exception as err:  # noqa: BLE001 - a Jetson's driver knows no power
            self._reason = f'the driver does not tell: {err}'


def _ask(question: Callable[[Any, Any], Any]) -> Any:
    """Ask NVML about the first card. Raises what it raises, and ImportError."""
    from cuda.bindings import nvml

    nvml.init_v2()
    return question(nvml, nvml.device_get_handle_by_index_v2(0))


def _or_reason(question: Callable[[Any, Any], Any]) -> str:
    try:
        return str(_ask(question))
    except Exception as err:  # noqa: BLE001 - a driver may know less than others
        return f'not told: {err}'


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ''


def _commit() -> str:
    """The commit of this source, and whether files were changed since."""

    def git(*words: str) -> str:
        command = ['git', '-C', str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git('status', '--porcelain', '--untracked-files=no')
        return git('rev-parse', 'HEAD') + (', with changes' if changed else '')
    except (OSError, subprocess.CalledProcessError):
        return 'unknown: this is no git checkout'
