# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A plugin of vLLM, with which it computes what Molmo2 was trained to compute.

    __init__     the versions that were tested, and the start-up settings: needs no vLLM to import
    molmo2       vLLM's own model of Molmo2, with its three deviations mended
    all_frames   attention of every visual token to those of all frames

vLLM calls `register` in each of its processes. With a tested version, other models are served as
without it.
"""

from __future__ import annotations

import logging
from importlib import metadata
from typing import Any, NoReturn

TESTED = ('0.32.0',)
ARCHITECTURE = 'Molmo2ForConditionalGeneration'
_MODEL = f'{__name__}.molmo2:Molmo2OverAllFrames'
# What an `EndpointPlugin` of vLLM answers with, and where: a client can tell by it that the plugin
# is loaded.
PAGE = '/molmo_ground_ros'
_log = logging.getLogger(__name__)


def register() -> None:
    """The entry point in `vllm.general_plugins`: register the mended model.

    With a version that was not tested, Molmo2 is refused when it is asked for; where that version
    has no place to do so, every model is, because Molmo2 would be answered wrongly.
    """
    import vllm

    tested = is_tested(vllm.__version__)
    try:
        from vllm.model_executor.models.config import MODELS_CONFIG_MAP
    except ImportError:
        _refuse(untested(vllm.__version__))
    MODELS_CONFIG_MAP[ARCHITECTURE] = StartUp
    if tested:
        from vllm import ModelRegistry

        ModelRegistry.register_model(ARCHITECTURE, _MODEL)


def is_tested(version: str) -> bool:
    """Whether a version of vLLM is one of TESTED; what follows '+' names only its build."""
    return version.partition('+')[0] in TESTED


def untested(version: str) -> str:
    """What is said about a version that is not one of TESTED."""
    return (
        f'vLLM {version} was not tested with the plugin molmo_ground_ros, which serves Molmo2 '
        f"exactly with vLLM {' or '.join(TESTED)}: pip install 'vllm=={TESTED[-1]}'"
    )


class StartUp:
    """What vLLM asks about its settings when it starts with Molmo2."""

    @staticmethod
    def verify_and_update_model_config(model_config: Any) -> None:  # noqa: ARG004
        """Refuse a version that was not tested, in one line."""
        import vllm

        if not is_tested(vllm.__version__):
            _refuse(untested(vllm.__version__))

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Switch off what would compute something else, and refuse what cannot be switched off."""
        if problem := obstacle(vllm_config):
            _refuse(problem)
        for text in switch_off(vllm_config):
            _log.warning('Molmo2 over all frames: %s', text)


def obstacle(vllm_config: Any) -> str:
    """Why the mask over all frames cannot be had with these settings; '' if it can."""
    from vllm.platforms import current_platform

    parallel = vllm_config.parallel_config
    # A split prompt, or a piece of it from elsewhere, has frames that this process does not hold.
    used = {
        '--pipeline-parallel-size': parallel.pipeline_parallel_size > 1,
        '--decode-context-parallel-size': parallel.decode_context_parallel_size > 1,
        '--prefill-context-parallel-size': parallel.prefill_context_parallel_size > 1,
        '--enable-dbo': parallel.enable_dbo,
        '--kv-transfer-config': vllm_config.kv_transfer_config is not None,
        '--speculative-config': vllm_config.speculative_config is not None,
    }
    if options := [option for option, is_used in used.items() if is_used]:
        return f'Molmo2 over all frames cannot be served with {", ".join(options)}: leave that out'
    if not (current_platform.is_cpu() or current_platform.is_cuda_alike()):
        return f'Molmo2 over all frames cannot be served on {current_platform.device_name}'
    return ''


def switch_off(vllm_config: Any) -> list[str]:
    """Switch off what the mask over all frames forbids; returns what was, with the reason."""
    reasons: list[str] = []
    cache, scheduler = vllm_config.cache_config, vllm_config.scheduler_config
    model = vllm_config.model_config
    if cache.enable_prefix_caching:
        cache.enable_prefix_caching = False
        reasons.append(
            'prefix caching is off: a cached piece ends inside the video, and the rest of the '
            'video must see what is in it'
        )
    if scheduler.enable_chunked_prefill:
        scheduler.enable_chunked_prefill = False
        longest = max(scheduler.max_num_batched_tokens, model.max_model_len)
        scheduler.max_num_batched_tokens = longest
        scheduler.max_num_encoder_input_tokens = scheduler.encoder_cache_size = longest
        reasons.append(
            'chunked prefill is off: the first frames look ahead to the last ones, so a prompt is '
            'read in one step'
        )
    if not model.enforce_eager:
        model.enforce_eager = True
        reasons.append('graphs are off: which tokens are frames is told to no captured graph')
    return reasons


class PluginPage:
    """The entry point in `vllm.endpoint_plugins`: a page that tells that the plugin is loaded.

    vLLM loads it only where VLLM_PLUGINS names it.
    """

    name = 'molmo_ground_ros'
    required_tasks = None

    def attach_router(self, app: Any) -> None:
        """Add PAGE to vLLM's own pages."""
        app.add_api_route(PAGE, lambda: {'version': metadata.version('molmo_ground_ros')})

    async def init_state(self, engine_client: Any, state: Any, args: Any) -> None:
        """Nothing is kept."""


def _refuse(problem: str) -> NoReturn:
    # vLLM would show any other exception with some hundred lines of its own.
    raise SystemExit(f'molmo_ground_ros: {problem}')
