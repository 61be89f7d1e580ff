# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the server makes of a source: progress, cancelling, errors, how many answers it holds."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

pytest.importorskip('mcp', reason="needs pip install '.[mcp]'")

import anyio
from mcp import Client

from molmo_ground_ros.commands.agents.server import MOST_ANSWERS, AgentServer
from molmo_ground_ros.errors import Busy, GroundError, NotActive
from molmo_ground_ros.reports.agent_record import AgentAnswer, AgentQuestion

ANSWER = AgentAnswer(
    {'count': 3},
    lambda: np.zeros((6, 8, 3), np.uint8),
    lambda number: np.full((60, 80, 3), number, np.uint8),
)


class Scripted:
    """A source that answers, waits or fails."""

    def __init__(self, error: Exception | None = None, waits: bool = False) -> None:
        self.error, self.waits = error, waits
        self.withdrawn = threading.Event()

    def cameras(self, recording: str) -> list[dict[str, Any]]:
        del recording
        return [{'camera': 'front'}]

    def ask(self, question: AgentQuestion) -> AgentAnswer:
        if self.error is not None:
            raise self.error
        if self.waits:
            question.on_progress(0.0, None, 'generating, 7 tokens')
            assert question.stop.wait(20.0)
            self.withdrawn.set()
        return ANSWER

    def watch(self, question: AgentQuestion, seconds: float, most: int) -> AgentAnswer:
        del seconds, most
        return self.ask(question)

    def close(self) -> None:
        pass


def talk(source: Scripted, conversation: Any) -> None:
    async def connected() -> None:
        async with Client(AgentServer(source, None).server) as client:
            await conversation(client)

    anyio.run(connected)


def test_agent_that_cancels_withdraws_its_question_after_it_heard_of_progress() -> None:
    source, heard = Scripted(waits=True), []

    async def note(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))

    async def conversation(client: Client) -> None:
        with anyio.move_on_after(1.0):
            await client.call_tool('ask', {'question': 'how many?'}, progress_callback=note)
        assert await anyio.to_thread.run_sync(source.withdrawn.wait, 10.0)

    talk(source, conversation)
    assert heard[0][1:] == (None, 'generating, 7 tokens')
    times = [done for done, _, _ in heard]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ('error', 'code', 'what_to_do'),
    [
        (Busy(5), 'BUSY', 'ask again in some seconds'),
        (NotActive('inactive'), 'NOT_ACTIVE', 'configure and activate'),
        (GroundError('BACKEND_FAILED: it broke'), 'BACKEND_FAILED', 'another question'),
        (PermissionError(13, 'Permission denied'), 'BAD_REQUEST', 'correct'),
    ],
)
def test_error_of_the_source_is_told_with_its_code_and_what_to_do(
    error: Exception, code: str, what_to_do: str
) -> None:
    async def conversation(client: Client) -> None:
        result = await client.call_tool('track', {'what': 'the cup'})
        assert result.is_error
        text = result.content[0].text
        assert text.count(f'{code}: ') == 1
        assert what_to_do in text

    talk(Scripted(error), conversation)


def test_fault_of_ours_is_told_to_the_log_alone() -> None:
    async def conversation(client: Client) -> None:
        result = await client.call_tool('ask', {'question': 'how many?'})
        assert result.is_error
        assert 'secret' not in result.content[0].text

    talk(Scripted(ZeroDivisionError('a secret')), conversation)


def test_only_the_newest_answers_can_be_shown() -> None:
    async def conversation(client: Client) -> None:
        for _ in range(MOST_ANSWERS + 1):
            await client.call_tool('ask', {'question': 'how many?'})
        assert (await client.call_tool('show', {'answer': 'a1'})).is_error
        for number in (0, 5):
            shown = await client.call_tool('show', {'answer': 'a2', 'number': number})
            assert shown.content[0].type == 'image'

    talk(Scripted(), conversation)


def test_node_alone_has_no_recordings() -> None:
    async def conversation(client: Client) -> None:
        listed = (await client.call_tool('find_recordings', {})).structured_content
        assert listed['recordings'] == []
        assert 'only a running node' in listed['note']
        refused = await client.call_tool('ask', {'question': 'how many?', 'recording': 'a.mcap'})
        assert refused.is_error
        assert 'no folder' in refused.content[0].text
        cameras = (await client.call_tool('list_cameras', {})).structured_content
        assert cameras == {'cameras': [{'camera': 'front'}]}

    talk(Scripted(), conversation)
