# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The short form of `make faults`, and the page that its table writes."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from tools.faults.__main__ import PAGE, main
from tools.faults.fault import Fault, Row, Verdict
from tools.faults.harness import harness
from tools.faults.node_process import NodeSetup
from tools.faults.report import last_line, page, row_text
from tools.faults.table import FAULTS, KINDS
from tools.faults.trial import Trial


def test_quick_faults_pass(capfd: pytest.CaptureFixture[str]) -> None:
    assert 8 <= sum(fault.quick for fault in FAULTS) <= 12
    assert main(['--quick']) == 0, capfd.readouterr().out
    assert capfd.readouterr().out.splitlines()[-1].endswith(' passed, 0 failed')


def _expects_too_much(trial: Trial) -> None:
    trial.ask('!raise RuntimeError', expect='OK')


def _breaks_the_node(trial: Trial) -> None:
    trial.node.end()


def test_fault_that_the_node_does_not_bear_fails_and_the_next_one_is_tried() -> None:
    faults = [
        Fault('a', 'a', 'a', _expects_too_much),
        Fault('b', 'b', 'b', _breaks_the_node, NodeSetup((('timeout_seconds', 5.0),))),
        Fault('c', 'c', 'c', lambda trial: None),
        Fault('d', 'd', 'd', None, untried='it needs a GPU'),
    ]
    with harness() as tried:
        rows = [tried.run(fault) for fault in faults]
    verdicts = [row.verdict for row in rows]
    assert verdicts == [Verdict.FAILED, Verdict.FAILED, Verdict.PASSED, Verdict.UNTRIED]
    assert rows[0].failures[0] == 'OK was expected, and BACKEND_FAILED came'
    assert any('log: ' in failure for failure in rows[0].failures)
    assert 'no answer' in row_text(rows[1])
    assert last_line(rows) == '(1 not tried)\n1 passed, 2 failed'


def test_row_shows_what_is_wrong_on_lines_without_control_characters() -> None:
    row = Row(FAULTS[0], 'a\x1b[2Jb', 'c', 0.5, failures=('it is wrong',))
    assert 'a<1b>[2Jb' in row_text(row)
    assert 'WRONG        it is wrong' in row_text(row)


def test_names_are_distinct_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 45
    assert main(['--list', '--only', 'jpeg*']) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        name for name in names if name.startswith('jpeg')
    ]


def test_name_that_there_is_not_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--only', 'nothing'])
    assert 'no fault is named nothing' in capsys.readouterr().err


def test_page_is_what_the_table_writes() -> None:
    assert PAGE.read_text() == page(KINDS), 'run `python -m tools.faults --docs`'
