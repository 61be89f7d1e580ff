# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The gate measures the files that it names, and no name is without a file."""

from __future__ import annotations

from pathlib import Path

import pytest

coverage = pytest.importorskip('coverage', reason="needs pip install '.[dev]'")

from tools import coverage_gate

ROOT = Path(__file__).resolve().parents[2]
MODULE = 'def sign(x):\n    if x < 0:\n        return -1\n    return 1\n'


@pytest.mark.parametrize('entry', coverage_gate.CORE)
def test_every_entry_is_a_file_or_a_folder_with_code(entry: str) -> None:
    path = ROOT / coverage_gate.PACKAGE / entry
    assert path.is_file() if entry.endswith('.py') else list(path.rglob('*.py'))


def test_name_without_a_file_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(coverage_gate, 'CORE', ('types.py', 'bag.py', 'grammar'))
    assert coverage_gate.main() == 1
    assert capsys.readouterr().out.endswith('in molmo_ground_ros: bag.py, grammar\n')


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a core and something else, of which nothing has been measured."""
    folder = tmp_path / coverage_gate.PACKAGE
    for name in ('core', 'shell'):
        (folder / name).mkdir(parents=True)
        (folder / name / 'sign.py').write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(coverage_gate, 'CORE', ('core',))
    monkeypatch.delenv('COVERAGE_PROCESS_START', raising=False)
    return folder


def measure(folder: Path, lines: dict[str, set[tuple[int, int]]]) -> None:
    """Write `.coverage` with these jumps from line to line, by folder."""
    data = coverage.CoverageData('.coverage')
    data.add_arcs({str(folder / name / 'sign.py'): arcs for name, arcs in lines.items()})
    data.write()


ALL = {(-1, 1), (1, -1), (-1, 2), (2, 3), (3, -1), (2, 4), (4, -1)}
HALF = ALL - {(2, 3), (3, -1)}


@pytest.mark.parametrize(
    ('core', 'shell', 'code', 'said'),
    [
        pytest.param(ALL, HALF, 0, '100.0 % of 2 branches', id='what is no core is not judged'),
        pytest.param(HALF, ALL, 1, '50.0 % of 2 branches', id='half of the core'),
    ],
)
def test_core_alone_is_judged(
    measured: Path,
    capsys: pytest.CaptureFixture[str],
    core: set[tuple[int, int]],
    shell: set[tuple[int, int]],
    code: int,
    said: str,
) -> None:
    (measured.parent / '.coveragerc').write_text('[run]\nbranch = true\n')
    measure(measured, {'core': core, 'shell': shell})
    assert coverage_gate.main() == code
    assert f'coverage of the core: {said}' in capsys.readouterr().out
