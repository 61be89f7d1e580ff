# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loads networks and tokenizers with transformers, from a folder that was checked before.

Only safetensors and classes that transformers ships are used. Importing this file raises
BackendError where the installed transformers cannot be used.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from molmo_ground_ros.errors import BackendError, BadModel

try:
    from transformers import AutoTokenizer, Molmo2ForConditionalGeneration
    from transformers.utils import logging as transformers_logging
except ModuleNotFoundError as err:
    if err.name == 'transformers' or err.__cause__ is None:
        raise
    raise BackendError(
        f'transformers cannot load Molmo2: {err.__cause__} (most often a torchvision built for '
        'another torch: uninstall it, it is not needed here)'
    ) from err
except ImportError as err:
    raise BackendError(f'this transformers has no Molmo2 (5.23 has): {err}') from err

_LOG = logging.getLogger(__name__)
# flash_attention_2 would drop the block mask of the visual tokens.
_ATTENTION = 'sdpa'


# Any stands for Molmo2ForConditionalGeneration, whose annotations do not pass mypy --strict.
def load_network(model: str, folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """Load Molmo2. Raises BadModel, also where a tensor is missing."""
    return load_class(Molmo2ForConditionalGeneration, model, folder, device, dtype)


def load_class(
    network_class: Any,
    model: str,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
) -> Any:
    """Load a network of any class of transformers. Raises BadModel, also where a tensor is missing.

    model: its name, for messages.
    """
    try:
        with _no_progress_bar():
            network, report = network_class.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                attn_implementation=_ATTENTION,
                output_loading_info=True,
            )
        network = network.to(device).eval()
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, SafetensorError) as err:
        raise BadModel(model, f'cannot load its weights: {_first_line(err)}') from err
    if missing := sorted(report['missing_keys']):
        raise BadModel(model, f'its weights lack {len(missing)} tensors, {missing[0]} among them')
    _LOG.info('loaded %s on %s in %s', folder, device, dtype)
    return network


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Switch off the progress bar that transformers draws on stderr while it loads."""
    was_enabled = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            transformers_logging.enable_progress_bar()


def load_tokenizer(model: str, folder: Path) -> Any:
    """Load a tokenizer. Raises BadModel."""
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise BadModel(model, f'cannot load its tokenizer: {_first_line(err)}') from err


def _first_line(err: BaseException) -> str:
    return str(err).strip().split('\n')[0] or type(err).__name__
