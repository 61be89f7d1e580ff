# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which TensorRT is taken. Full TensorRT cannot be had here, so it is a module of that name."""

from __future__ import annotations

import sys
import types
from types import SimpleNamespace

import pytest

from molmo_ground_ros.backends.molmo2.trt.find import FULL, RTX, find_tensorrts
from molmo_ground_ros.errors import BackendError, MissingPackage


@pytest.fixture
def install(monkeypatch):
    """Put modules of these versions in the place of both; None is a package that is not there."""

    def put(**versions):
        for flavour in (FULL, RTX):
            module = None
            if versions.get(flavour):
                module = types.ModuleType(flavour)
                module.__version__ = versions[flavour]
                module.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=3)
                module.ComputeCapability = SimpleNamespace(
                    __members__={'NONE': 0, 'CURRENT': 1, 'SM86': 2, 'SM120': 3}
                )
            monkeypatch.setitem(sys.modules, flavour, module)

    return put


def test_full_tensorrt_comes_first_and_both_are_told(install):
    install(tensorrt='10.16.2.10', tensorrt_rtx='1.7.1.116')
    assert [str(tensorrt) for tensorrt in find_tensorrts()] == [
        'tensorrt 10.16.2.10',
        'tensorrt_rtx 1.7.1.116',
    ]
    assert [tensorrt.flavour for tensorrt in find_tensorrts((RTX,))] == [RTX]


def test_only_rtx_builds_for_a_gpu_that_is_not_here(install):
    install(tensorrt='11.4.0.106', tensorrt_rtx='1.7.1.116')
    full, rtx = find_tensorrts()
    assert full.capabilities == ()
    assert rtx.capabilities == ('SM86', 'SM120')


def test_networks_are_strongly_typed_where_that_must_be_said(install):
    install(tensorrt='10.16.2.10', tensorrt_rtx='1.7.1.116')
    full, rtx = find_tensorrts()
    assert full.network_flags == 1 << 3
    del rtx.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED
    assert rtx.network_flags == 0


def test_none_at_all_names_the_extra(install):
    install()
    with pytest.raises(MissingPackage, match=r"'tensorrt' .*molmo_ground_ros\[tensorrt\]"):
        find_tensorrts()
    with pytest.raises(MissingPackage, match=r"'tensorrt_rtx' .*molmo_ground_ros\[tensorrt-rtx\]"):
        find_tensorrts((RTX,))


@pytest.mark.parametrize('version', ['10.3.0', '10.14.1.48', '8.6.1.post1'])
def test_one_that_is_too_old_is_refused_by_its_number(version, install):
    install(tensorrt=version)
    with pytest.raises(BackendError, match=f'tensorrt {version} is too old: .* 10.16 or later'):
        find_tensorrts()


def test_one_that_is_too_old_does_not_hide_the_other(install, caplog):
    install(tensorrt='10.3.0', tensorrt_rtx='1.7.1.116')
    assert [tensorrt.flavour for tensorrt in find_tensorrts()] == [RTX]
    assert 'tensorrt 10.3.0 is too old' in caplog.text
    assert 'using tensorrt_rtx 1.7.1.116' in caplog.text


@pytest.mark.parametrize(
    'line',
    [
        "raise ImportError('libnvonnxparser.so.10: cannot open shared object file')",
        'import tensorrt_bindings_of_nobody',
    ],
)
def test_one_that_cannot_be_loaded_is_told_from_a_missing_one(line, install, tmp_path, monkeypatch):
    install()
    (tmp_path / 'tensorrt.py').write_text(line)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, FULL)
    with pytest.raises(BackendError, match=r'tensorrt is installed and cannot be loaded: .*(so|N)'):
        find_tensorrts()
