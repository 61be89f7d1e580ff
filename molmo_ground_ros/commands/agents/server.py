# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tools of the Model Context Protocol, over a running node, over recordings, or over both.

All of them only look. Every error that can be expected is a tool's error with the code of the
node's own replies and what to do about it; whatever else goes wrong is told to the log alone.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from molmo_ground_ros.commands.agents.recorded import RecordingSource
from molmo_ground_ros.commands.agents.source import AgentSource
from molmo_ground_ros.errors import (
    BadArgument,
    BadRequest,
    BadSetting,
    BagError,
    ErrorCode,
    GroundError,
    describe,
)
from molmo_ground_ros.reports.agent_record import AgentAnswer, AgentQuestion, Record
from molmo_ground_ros.reports.figures import jpeg
from molmo_ground_ros.types import Task

NAME = 'molmo_ground'
# Answers that can still be shown.
MOST_ANSWERS = 50
# The longest that one call may take, seconds, and the most events of one.
LONGEST_S, MOST_EVENTS = 3600.0, 100
# Of an image that is shown, in pixels and as JPEG.
LONGEST_SIDE, MOST_BYTES = 1280, 300_000
_PERIOD_S = 0.2  # between two looks at the progress
_READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=False, open_world_hint=False)
_Outcome = TypeVar('_Outcome')
# How much is done, of how much if that is known, and in words.
_Note = tuple[float, float | None, str]

INSTRUCTIONS = """\
Asks what a robot's cameras saw, now (a running node) or in recordings, and shows the frames.
Begin with list_cameras or find_recordings. A count is what a model says, not the truth: look at the
points, their scores, `coverage` and `not_seen`, and at the frames with `show`. Stamps are header
times in seconds, as text; hand them back as they are. Pixels count from the top-left corner.
"""

WHAT_TO_DO = {
    ErrorCode.BUSY: 'other questions are waiting: ask again in some seconds',
    ErrorCode.TIMEOUT: 'ask about a shorter span, or with a longer timeout_s',
    ErrorCode.NO_FRAMES: 'list_cameras says what there is',
    ErrorCode.WINDOW_NOT_COVERED: 'ask about a span within what the error names',
    ErrorCode.BAD_REQUEST: 'correct what the error names',
    ErrorCode.MODEL_LOADING: 'ask again in half a minute',
    ErrorCode.BACKEND_FAILED: 'another question may still be answered; the log says more',
    ErrorCode.CANCELED: 'it was not answered: ask again if you want to know',
    ErrorCode.SHUTTING_DOWN: 'the node is going away: a person must start it again',
    ErrorCode.NOT_ACTIVE: 'a person must start the node, or configure and activate it',
}


class AgentServer:
    """The tools, and the answers that they may show."""

    def __init__(self, live: AgentSource | None, recorded: RecordingSource | None) -> None:
        """live: a running node. recorded: recordings. At least one of them."""
        self._live, self._recorded = live, recorded
        # The oldest first.
        self._answers: OrderedDict[str, AgentAnswer] = OrderedDict()
        self._numbers = itertools.count(1)
        self.server = MCPServer(NAME, instructions=INSTRUCTIONS, log_level='WARNING')
        tools = self.find_recordings, self.list_cameras, self.ask, self.track, self.watch
        for tool in tools:
            self.server.add_tool(tool, annotations=_READ_ONLY)
        self.server.add_tool(self.show, annotations=_READ_ONLY, structured_output=False)

    async def find_recordings(self, words: str = '') -> Record:
        """List the recordings that can be asked about, by name. Opens none of them.

        Args:
            words: Only those whose name has all of these words in it.
        """
        if self._recorded is None:
            return {'recordings': [], 'note': 'only a running node is served, no folder'}
        entries = await self._done(self._recorded.recordings)
        parts = words.lower().split()
        chosen = [
            entry for entry in entries if all(part in entry['recording'].lower() for part in parts)
        ]
        return {'recordings': chosen}

    async def list_cameras(self, recording: str = '') -> Record:
        """List the cameras of a recording, or of the running node, with what they show now.

        Args:
            recording: Its name, as find_recordings gives it. Empty: the running node, or the only
                recording.
        """
        source = self._source(recording)
        return {'cameras': await self._done(lambda: source.cameras(recording))}

    async def ask(
        self,
        question: str,
        context: Context[Any, Any],
        camera: str = '',
        recording: str = '',
        start: str = '',
        end: str = '',
        task: str = 'auto',
        timeout_s: float = 120.0,
    ) -> Record:
        """Ask one question about what a camera saw: a count, every place and time, or in words.

        Args:
            question: In plain words, such as "How many times was the red block grasped?"
            context: Of the call.
            camera: Its name. Empty: the only or first one.
            recording: Empty: the running node, or the only recording.
            start: A stamp, or "+12.5" for seconds after a recording's first image. Empty: from the
                first image on.
            end: As start. Empty: the newest image.
            task: auto, point, count, track or text.
            timeout_s: The longest to wait for the answer.
        """
        query = AgentQuestion(
            question, _task(task), camera, recording, start, end, _within(timeout_s, 'timeout_s')
        )
        source = self._source(recording)
        return self._keep(await self._followed(query, context, lambda q: source.ask(q)))

    async def track(
        self,
        what: str,
        context: Context[Any, Any],
        camera: str = '',
        recording: str = '',
        start: str = '',
        end: str = '',
        timeout_s: float = 120.0,
    ) -> Record:
        """Follow objects through a span: for each its place in every frame that shows it.

        Args:
            what: The objects in plain words, such as "the red block".
            context: Of the call.
            camera: As in ask.
            recording: As in ask.
            start: As in ask.
            end: As in ask.
            timeout_s: As in ask.
        """
        return await self.ask(
            what, context, camera, recording, start, end, Task.TRACK.name, timeout_s
        )

    async def watch(
        self,
        question: str,
        context: Context[Any, Any],
        camera: str = '',
        recording: str = '',
        start: str = '',
        seconds: float = 30.0,
        most: int = 20,
        timeout_s: float = 600.0,
    ) -> Record:
        """Wait for events: each time that what is asked about happens within the next seconds.

        Args:
            question: What to watch for, such as "How many times was the red block grasped?"
            context: Of the call.
            camera: As in ask.
            recording: Empty: the running node, which is watched as long as that takes. Else the
                recording's images from `start` on are looked at, as fast as the model can.
            start: Of a recording, as in ask.
            seconds: How long to watch, in the camera's time.
            most: End after so many events, from 1 to 100.
            timeout_s: The longest to wait for what a recording shows.
        """
        if not 1 <= most <= MOST_EVENTS:
            raise _tool_error(BadRequest(f'most = {most}: must be from 1 to {MOST_EVENTS}'))
        length_s = _within(seconds, 'seconds')
        query = AgentQuestion(
            question, Task.AUTO, camera, recording, start, '', _within(timeout_s, 'timeout_s')
        )
        source = self._source(recording)
        return self._keep(
            await self._followed(query, context, lambda q: source.watch(q, length_s, most))
        )

    async def show(self, answer: str, number: int = 0) -> Image:
        """Show what an answer is about: its frames side by side, or one frame in full size.

        Args:
            answer: The `answer` of a result of ask, track or watch, such as "a1".
            number: 0 for all frames; else the id of a point, an event's number, or a track's id.
        """
        if answer not in self._answers:
            which = ', '.join(self._answers) or 'none'
            raise _tool_error(BadRequest(f"answer = '{answer[:40]}': there is {which}"))
        held = self._answers[answer]
        image = await self._done(lambda: held.frame(number) if number else held.sheet())
        return Image(data=jpeg(image, LONGEST_SIDE, MOST_BYTES), format='jpeg')

    # -- how they work --------------------------------------------------------------------------

    def _source(self, recording: str) -> AgentSource:
        if self._live is not None and not recording:
            return self._live
        if self._recorded is None:
            why = f"recording = '{recording[:40]}': only a running node is served, no folder"
            raise _tool_error(BadRequest(why))
        return self._recorded

    def _keep(self, answer: AgentAnswer) -> Record:
        """The record of an answer, which `show` shows from now on."""
        name = f'a{next(self._numbers)}'
        self._answers[name] = answer
        while len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
        return {'answer': name, **answer.record}

    async def _done(self, act: Callable[[], _Outcome]) -> _Outcome:
        """What a blocking function gives. Raises ToolError."""
        return self._value(await anyio.to_thread.run_sync(_tried, act, abandon_on_cancel=True))

    async def _followed(
        self,
        question: AgentQuestion,
        context: Context[Any, Any],
        act: Callable[[AgentQuestion], AgentAnswer],
    ) -> AgentAnswer:
        """As `_done`, with progress to the agent, who withdraws the question by cancelling."""
        progress = _Progress()
        followed = replace(question, on_progress=progress.note)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(progress.report, context)
                outcome = await anyio.to_thread.run_sync(
                    _tried, lambda: act(followed), abandon_on_cancel=True
                )
                group.cancel_scope.cancel()
            await progress.send(context)
        finally:
            followed.stop.set()
        return self._value(outcome)

    def _value(self, outcome: _Outcome | Exception) -> _Outcome:
        if isinstance(outcome, Exception):
            raise _tool_error(outcome, self._recorded)
        return outcome


class _Progress:
    """Passes on how far a question is, seldom enough for any agent, and always further.

    The first note since the last report is passed on too, and the newest once more at the end.
    """

    def __init__(self) -> None:
        self._began_s, self._sent = time.monotonic(), -1.0
        self._lock = threading.Lock()
        # Both are guarded by _lock: the thread that asks sets them, the event loop reads them.
        self._first: _Note | None = None
        self._newest: _Note | None = None

    def note(self, done: float, total: float | None, message: str) -> None:
        """Take note of how far it is, from any thread."""
        with self._lock:
            self._newest = (done, total, message)
            self._first = self._first or self._newest

    async def report(self, context: Context[Any, Any]) -> None:
        """Report until cancelled."""
        while True:
            await self.send(context)
            await anyio.sleep(_PERIOD_S)

    async def send(self, context: Context[Any, Any]) -> None:
        """Report what is further than all that was reported."""
        with self._lock:
            first, newest = self._first, self._newest
        for done, total, message in filter(None, (first, newest)):
            if total is None:
                # What is not known to end is told by the time that it takes.
                done = round(time.monotonic() - self._began_s, 1)
            if done > self._sent:
                await context.report_progress(done, total, message)
                self._sent = done
        with self._lock:
            if self._first is first:
                self._first = None


def _tried(act: Callable[[], _Outcome]) -> _Outcome | Exception:
    """What a function gives, or an error that can be expected."""
    try:
        return act()
    except (GroundError, OSError) as error:
        return error


def _tool_error(error: Exception, recorded: RecordingSource | None = None) -> ToolError:
    """An error with its code and what to do, and with no path that an agent does not know."""
    code = getattr(error, 'code', ErrorCode.BAD_REQUEST)
    if isinstance(error, (BagError, BadSetting, BadArgument)):
        code = ErrorCode.BAD_REQUEST
    text = describe(error)
    if recorded is not None:
        text = recorded.folders.without_roots(text)
    text = text.removeprefix(f'{code.name}: ')
    return ToolError(f'{code.name}: {text}. What to do: {WHAT_TO_DO[code]}.')


def _task(name: str) -> Task:
    try:
        return Task[name.upper()]
    except KeyError:
        names = ', '.join(task.name.lower() for task in Task)
        raise _tool_error(BadRequest(f"task = '{name[:40]}': must be one of {names}")) from None


def _within(seconds: float, name: str) -> float:
    # `not (0 < value)` also refuses nan.
    if not 0 < seconds <= LONGEST_S:
        raise _tool_error(BadRequest(f'{name} = {seconds}: must be over 0, up to {LONGEST_S:g}'))
    return seconds
