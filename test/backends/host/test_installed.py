# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from molmo_ground_ros.backends.host.installed import CORE, EXTRAS, Package, attempt, wrong_with

PROJECT = tomllib.loads((Path(__file__).parents[3] / 'pyproject.toml').read_text())['project']


@pytest.mark.parametrize('extra', EXTRAS)
def test_what_is_asked_for_is_what_pyproject_declares(extra):
    declared = PROJECT['optional-dependencies'][extra]
    assert sorted(package.requirement for package in EXTRAS[extra]) == sorted(declared)


def test_the_core_is_what_pyproject_declares():
    assert {package.requirement for package in CORE} <= set(PROJECT['dependencies'])


def test_a_package_that_is_there_and_loads_is_fine():
    assert wrong_with(Package('numpy', '1.24', 'import numpy')) == ''


def test_a_package_that_loads_and_states_no_version_is_fine():
    assert wrong_with(Package('no-such-package', '1', 'import numpy')) == ''


@pytest.mark.parametrize(
    ('package', 'why'),
    [
        pytest.param(
            Package('no-such-package', '1', 'import no_such'), 'not installed', id='missing'
        ),
        pytest.param(Package('numpy', '99.1', ''), 'is older than 99.1', id='old'),
        pytest.param(
            Package('numpy', '1', 'raise ImportError("libcuda.so: no such file")'),
            'does not load: ImportError: libcuda.so: no such file',
            id='broken',
        ),
        pytest.param(
            Package('numpy', '1', 'import os; os.abort()'), 'does not load: ', id='takes it along'
        ),
    ],
)
def test_what_is_wrong_with_a_package_is_said(package, why):
    assert why in wrong_with(package)


def test_a_process_that_says_nothing_gives_its_exit_code():
    with pytest.raises(OSError, match='ended with 3'):
        attempt(['-c', 'raise SystemExit(3)'])
