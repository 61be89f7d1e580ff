# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Behaviours for trees of py_trees: ask a question, and go on by its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

import py_trees
from py_trees.common import Access, Status

from molmo_ground_ros.errors import ErrorCode, GroundError
from molmo_ground_ros.ros.client import GroundClient
from molmo_ground_ros.ros.replies import QuestionFailed
from molmo_ground_ros.types import Answer

Condition = Callable[[Answer], bool]
"""Whether an answer is what the tree wants."""


def count_at_least(number: int) -> Condition:
    """Whether the model states a total of at least `number`; an answer without one is none."""
    return lambda answer: answer.count is not None and answer.count >= number


def has_point(answer: Answer) -> bool:
    """Whether the model pointed at anything."""
    return bool(answer.points)


class AskQuestion(py_trees.behaviour.Behaviour):
    """Asks when it is entered: RUNNING until the answer, then SUCCESS if the condition holds.

    FAILURE where it does not hold, and on an error of the node that is not among `retry`; on one of
    those it asks again. Each answer is written to the blackboard under `key`, if one is given, and
    the reason of a FAILURE is the feedback message. Leaving it cancels the question.
    """

    def __init__(
        self,
        name: str,
        client: GroundClient,
        question: str,
        condition: Condition = has_point,
        *,
        key: str = '',
        retry: Collection[ErrorCode] = (ErrorCode.BUSY, ErrorCode.MODEL_LOADING),
        **options: Any,
    ) -> None:
        """Make the behaviour. options: of `GroundClient.submit`, such as camera and timeout_s."""
        super().__init__(name)
        self._client, self._question, self._condition = client, question, condition
        self._retry, self._options = frozenset(retry), options
        self._key = key
        self._future: Future[Answer] | None = None
        self._stop = threading.Event()
        if key:
            self._blackboard = self.attach_blackboard_client(name=name)
            self._blackboard.register_key(key=key, access=Access.WRITE)

    def initialise(self) -> None:
        """Ask."""
        self._stop = threading.Event()
        self._future = self._client.submit(self._question, stop=self._stop, **self._options)

    def update(self) -> Status:
        """Look whether the answer is there; never waits."""
        if self._future is None or not self._future.done():
            self.feedback_message = 'asking'
            return Status.RUNNING
        try:
            answer = self._future.result()
        except QuestionFailed as error:
            return self._after(error)
        except GroundError as error:
            self.feedback_message = str(error)
            return Status.FAILURE
        if self._key:
            self._blackboard.set(self._key, answer)
        self.feedback_message = answer.text
        return Status.SUCCESS if self._condition(answer) else Status.FAILURE

    def terminate(self, new_status: Status) -> None:
        """Cancel the question where the tree leaves before its answer."""
        if new_status == Status.INVALID:
            self._stop.set()

    def _after(self, error: QuestionFailed) -> Status:
        self.feedback_message = str(error)
        if error.code not in self._retry:
            return Status.FAILURE
        self.initialise()
        return Status.RUNNING
