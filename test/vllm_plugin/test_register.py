# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the plugin does when vLLM starts. vLLM is a stand-in here: it runs in `make vllm`."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from molmo_ground_ros import vllm_plugin
from molmo_ground_ros.backends.server.probe import PLUGIN_PAGE
from molmo_ground_ros.vllm_plugin import ARCHITECTURE, TESTED, PluginPage, StartUp

PROJECT = tomllib.loads((Path(__file__).parents[2] / 'pyproject.toml').read_text())['project']


class Vllm:
    """The parts of vLLM that the plugin asks at its start."""

    def __init__(self, monkeypatch, version, *, has_config_map=True):
        self.models, self.rules = {}, {'LlamaForCausalLM': object}
        self.platform = SimpleNamespace(
            is_cpu=lambda: True, is_cuda_alike=lambda: False, device_name='cpu'
        )
        registry = SimpleNamespace(register_model=self.models.__setitem__)
        parts = {
            'vllm': {'__version__': version, 'ModelRegistry': registry},
            'vllm.model_executor': {},
            'vllm.model_executor.models': {},
            'vllm.model_executor.models.config': (
                {'MODELS_CONFIG_MAP': self.rules} if has_config_map else {}
            ),
            'vllm.platforms': {'current_platform': self.platform},
        }
        for name, content in parts.items():
            module = ModuleType(name)
            module.__dict__.update(content)
            monkeypatch.setitem(sys.modules, name, module)


def settings(**changed):
    parallel = {
        'pipeline_parallel_size': 1,
        'decode_context_parallel_size': 1,
        'prefill_context_parallel_size': 1,
        'enable_dbo': False,
    }
    own = {name: changed.pop(name) for name in tuple(changed) if name in parallel}
    return SimpleNamespace(
        parallel_config=SimpleNamespace(**{**parallel, **own}),
        cache_config=SimpleNamespace(enable_prefix_caching=True),
        scheduler_config=SimpleNamespace(
            enable_chunked_prefill=True,
            max_num_batched_tokens=2048,
            max_num_encoder_input_tokens=2048,
            encoder_cache_size=2048,
        ),
        model_config=SimpleNamespace(enforce_eager=False, max_model_len=36864),
        **{'kv_transfer_config': None, 'speculative_config': None, **changed},
    )


@pytest.mark.parametrize('build', ['', '+cpu', '+cu130'])
def test_a_tested_version_gets_the_mended_model(monkeypatch, build):
    vllm = Vllm(monkeypatch, TESTED[-1] + build)
    vllm_plugin.register()
    vllm_plugin.register()  # vLLM may call it again
    assert vllm.models == {ARCHITECTURE: 'molmo_ground_ros.vllm_plugin.molmo2:Molmo2OverAllFrames'}
    vllm.rules[ARCHITECTURE].verify_and_update_model_config(SimpleNamespace())


def test_another_version_refuses_molmo2_in_one_line_and_nothing_else(monkeypatch):
    vllm = Vllm(monkeypatch, '0.33.0')
    vllm_plugin.register()
    assert vllm.models == {}
    assert set(vllm.rules) == {'LlamaForCausalLM', ARCHITECTURE}
    with pytest.raises(SystemExit) as refusal:
        vllm.rules[ARCHITECTURE].verify_and_update_model_config(SimpleNamespace())
    line = str(refusal.value.code)
    assert line.startswith('molmo_ground_ros: vLLM 0.33.0 was not tested')
    assert "pip install 'vllm==0.32.0'" in line
    assert '\n' not in line


def test_a_version_without_the_hook_is_refused_too(monkeypatch):
    Vllm(monkeypatch, '0.40.0', has_config_map=False)
    with pytest.raises(SystemExit, match=r'vLLM 0\.40\.0 was not tested'):
        vllm_plugin.register()


def test_what_splits_a_prompt_is_switched_off_with_the_reason(monkeypatch, caplog):
    Vllm(monkeypatch, TESTED[-1])
    asked = settings()
    StartUp.verify_and_update_config(asked)
    assert not asked.cache_config.enable_prefix_caching
    scheduler = asked.scheduler_config
    assert not scheduler.enable_chunked_prefill
    # A step must hold the longest prompt that is allowed.
    assert scheduler.max_num_batched_tokens == 36864
    assert scheduler.max_num_encoder_input_tokens == scheduler.encoder_cache_size == 36864
    assert asked.model_config.enforce_eager
    texts = [record.message for record in caplog.records]
    assert [text.split(': ')[1] for text in texts] == [
        'prefix caching is off',
        'chunked prefill is off',
        'graphs are off',
    ]
    caplog.clear()
    StartUp.verify_and_update_config(asked)
    assert not caplog.records


@pytest.mark.parametrize(
    ('changed', 'option'),
    [
        ({'pipeline_parallel_size': 2}, '--pipeline-parallel-size'),
        ({'decode_context_parallel_size': 2}, '--decode-context-parallel-size'),
        ({'prefill_context_parallel_size': 2}, '--prefill-context-parallel-size'),
        ({'enable_dbo': True}, '--enable-dbo'),
        ({'kv_transfer_config': object()}, '--kv-transfer-config'),
        ({'speculative_config': object()}, '--speculative-config'),
    ],
)
def test_what_takes_the_frames_apart_is_refused_by_name(monkeypatch, changed, option):
    Vllm(monkeypatch, TESTED[-1])
    with pytest.raises(SystemExit, match=f'cannot be served with {option}: leave that out'):
        StartUp.verify_and_update_config(settings(**changed))


def test_a_device_on_which_it_cannot_be_had_is_refused_by_name(monkeypatch):
    vllm = Vllm(monkeypatch, TESTED[-1])
    vllm.platform.is_cpu = lambda: False
    vllm.platform.device_name = 'tpu'
    with pytest.raises(SystemExit, match='cannot be served on tpu'):
        StartUp.verify_and_update_config(settings())


def test_the_entry_points_and_the_extra_name_what_is_there():
    groups = PROJECT['entry-points']
    for group in ('vllm.general_plugins', 'vllm.endpoint_plugins'):
        module, _, name = groups[group]['molmo_ground_ros'].partition(':')
        assert callable(getattr(import_module(module), name))
    assert PROJECT['optional-dependencies']['vllm'] == [f'vllm=={TESTED[-1]}']


def test_the_page_is_where_a_client_looks_for_it(monkeypatch):
    monkeypatch.setattr('importlib.metadata.version', lambda name: f'{name} 1')
    pages = {}
    PluginPage().attach_router(SimpleNamespace(add_api_route=pages.__setitem__))
    assert {path: page() for path, page in pages.items()} == {
        PLUGIN_PAGE: {'version': 'molmo_ground_ros 1'}
    }
