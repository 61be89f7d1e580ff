# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One fault, what the node does about it, and the row that came of trying it."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.faults.node_process import DEFAULT, NodeSetup

if TYPE_CHECKING:
    from tools.faults.trial import Trial

# Seconds from the end of a fault to the next right answer.
BAR_S = 2.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be tried.

    name: for `--only`. what: what happens. does: what the node does then, for docs/faults.md.
    inject: does it to the node of a trial, and notes what came of it. setup: of the node.
    reloads: whether the model is loaded again, which may take its time beside the bar.
    quick: whether the short form in the tests runs it. untried: why it cannot be tried; '' if it
    can.
    """

    name: str
    what: str
    does: str
    inject: Callable[[Trial], None] | None
    setup: NodeSetup = DEFAULT
    reloads: bool = False
    quick: bool = False
    untried: str = ''


class Verdict(enum.Enum):
    """What came of a fault."""

    PASSED = 'passed'
    FAILED = 'failed'
    UNTRIED = 'not tried'


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault.

    client: what the client saw. diagnostics: what /diagnostics said. seconds: until the next right
    answer, from the end of the fault; nan where it was not tried or there was none. bar_s: how
    long that may take. failures: what was not as expected.
    """

    fault: Fault
    client: str = ''
    diagnostics: str = ''
    seconds: float = math.nan
    bar_s: float = BAR_S
    failures: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether the node did what it was to do."""
        if self.fault.untried:
            return Verdict.UNTRIED
        return Verdict.FAILED if self.failures else Verdict.PASSED
