# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Callers set, list, remove and ask while the worker asks: nothing is lost, and nothing blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from support.clips import stamp
from support.standing import OTHER, QUESTION, Day, TruthfulBackend

from molmo_ground_ros.grounding.standing import StandingRequest
from molmo_ground_ros.grounding.standing.request import UnknownStanding
from molmo_ground_ros.types import Query

GRASPS = [(float(time), 0.1 + 0.2 * (time // 7 % 4), 0.4) for time in range(6, 400, 7)]
PATIENCE_S = 20.0


def test_callers_and_the_worker_do_not_disturb_each_other(tmp_path: Path) -> None:
    lab = Day(
        TruthfulBackend(GRASPS),
        standing_queries=(QUESTION,),
        state_file=str(tmp_path / 'state.json'),
    )
    over, errors = threading.Event(), []

    def repeat(act: Callable[[int], None]) -> None:
        number = 0
        try:
            while not over.is_set():
                act(number)
                number += 1
                time.sleep(0.001)
        except Exception as error:  # noqa: BLE001 - the test shows it
            errors.append(error)

    def change(number: int) -> None:
        lab.standing.set(StandingRequest(OTHER, id=f'other-{number % 3}'))
        try:
            lab.standing.remove(f'other-{(number + 1) % 3}')
        except UnknownStanding:
            return

    def read(_: int) -> None:
        for status in lab.standing.statuses():
            assert 0.0 <= status.coverage <= 1.0
        asked = Query(QUESTION, start_ns=stamp(1), end_ns=stamp(lab.now + 1))
        answer = lab.standing.recall(asked, lab.grounder.question(asked))
        assert answer is None or answer.count == len(answer.points)

    threads = [threading.Thread(target=repeat, args=(act,)) for act in (change, read, read)]
    for thread in threads:
        thread.start()
    try:
        lab.film(80)
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert errors == [] and not any(thread.is_alive() for thread in threads)
    ours = [event for item in lab.deliveries if item.request.text == QUESTION
            for event in item.events]  # fmt: skip
    assert [event.point.stamp_ns for event in ours] == [stamp(t) for t, *_ in GRASPS if t <= 78.5]
    again = Day(TruthfulBackend(), state_file=str(tmp_path / 'state.json'))
    assert again.standing.concern == ''
    assert set(again.standing._entries) <= {'standing-1', 'other-0', 'other-1', 'other-2'}
