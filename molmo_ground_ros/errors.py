# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The errors of this package. Each keeps the offending value and writes its own message.

    GroundError
    |-- BadRequest
    |   |-- BadQuestion
    |   |-- UnknownCamera
    |   |-- UnknownTask
    |   |-- BadSpan
    |   `-- BadTimeout
    |-- NoFrames
    |-- WindowNotCovered
    |-- Busy
    |-- TimedOut
    |-- Canceled
    |-- ModelLoading
    |-- ShuttingDown
    |-- NotActive
    |-- BackendError
    |   |-- ModelStuck
    |   |-- UnknownBackend
    |   |-- MissingPackage
    |   |-- DoesNotFit
    |   `-- BadModel
    |       `-- BadEngine
    |-- ImageError
    |-- BagError
    |   `-- TopicNotFound
    |-- BadRecord
    |-- BadField
    |   `-- BadMask
    |-- BadArgument
    `-- BadSetting

Errors that are used by a single room live there; those with an underscore never leave their file:
    recording.index.SeveralCameras (a BagError)   no topic was named, and there are several cameras
    recording.source.EmptyRecording (a BagError)  a file without a byte
    recording.recording.BadClipSpan (a BagError)  two times that are no span of a recording
    backends.sam2.BadPrompt (a BadArgument)       a box or point that SAM 2 cannot be prompted with
    benchmarks.datasets.png.BadIndexedImage (an ImageError)  a PNG without readable numbers
    grounding.standing.request.BadStanding (a BadRequest)      a value that it does not take
    grounding.standing.request.UnknownStanding (a BadRequest)  no standing question has this id
    grounding.standing.state_file.BadState        a state file that cannot be used
    recording.recorded_space.SeveralDepths (a BagError)  a camera has several depth topics
    space.errors.DepthError                       a depth message that cannot be read
    space.errors.CalibrationError                 a camera_info that says nothing usable
    space.errors.NoTransform                      two frames are not joined at a stamp
    backends.server.events.BadEvent               an event from a server that cannot be read
    backends.own_process.death.ModelProcessDied (a BackendError)   it crashed, or had to be ended
    backends.own_process.channel.Disconnected     the model's process has closed its connection
    frames.picture_head.BrokenPicture             the structure of a picture file is broken
    ros.replies.QuestionFailed                    a node replied with an error, or not at all
    ros.replies.NodeMissing                       no node of that name offers the service
    grounding.job.WorkerEnded (a BackendError)    the thread that asks the model ended
    grounding.standing.passes.GaveWay (a Canceled)  a standing question was stopped for a caller's
    analysis.moments.database.IndexFault          the file of an index cannot be used
    grounding.rate_limit.TooManyQueries           more queries come than the settings allow
    vllm_plugin.all_frames.PromptSplit            vLLM read a prompt with a video in pieces
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

# Rooms import the words for people from here, beside the errors that they stand in.
from molmo_ground_ros.plain_text import clean as clean
from molmo_ground_ros.plain_text import listed as listed
from molmo_ground_ros.plain_text import one_line as one_line
from molmo_ground_ros.plain_text import seconds as seconds
from molmo_ground_ros.plain_text import size as size
from molmo_ground_ros.plain_text import traceback_text as traceback_text
from molmo_ground_ros.plain_text import visible as visible
from molmo_ground_ros.plain_text import without_secret as without_secret


class ErrorCode(enum.IntEnum):
    """The numbers of `srv/Ground`."""

    OK = 0
    BUSY = 1
    TIMEOUT = 2
    NO_FRAMES = 3
    WINDOW_NOT_COVERED = 4
    BAD_REQUEST = 5
    MODEL_LOADING = 6
    BACKEND_FAILED = 7
    CANCELED = 8
    SHUTTING_DOWN = 9
    NOT_ACTIVE = 10


def describe(error: BaseException) -> str:
    """The message of an error, on one line; after its class if the error is not ours."""
    if isinstance(error, GroundError):
        return str(error)
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - the error's own code is not ours either
        message = 'it has no readable message'
    return one_line(f'{type(error).__name__}: {message}')


class GroundError(Exception):
    """The base of all errors; `code` is the number in a service's reply."""

    code = ErrorCode.BACKEND_FAILED

    def __init__(self, message: str) -> None:
        """Keep the message on one line that can be sent and shown, whatever it quotes."""
        super().__init__(one_line(message))

    def __reduce__(self) -> tuple[object, ...]:
        """Let the error pass to another process with its message, without calling __init__."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[GroundError], args: tuple[object, ...]) -> GroundError:
    return kind.__new__(kind, *args)


class BadRequest(GroundError):
    """The request itself cannot be served, now or later."""

    code = ErrorCode.BAD_REQUEST


class BadQuestion(BadRequest):
    """The question's text is empty or too long."""

    def __init__(self, length: int, limit: int) -> None:
        self.length = length
        self.limit = limit
        super().__init__(
            'the question is empty'
            if not length
            else f'the question has {length} characters, over the limit of {limit}'
        )


class UnknownCamera(BadRequest):
    """No camera of that name is subscribed."""

    def __init__(self, camera: str, available: Iterable[str]) -> None:
        self.camera = camera
        self.available = tuple(available)
        super().__init__(f"unknown camera '{camera}'; the known ones: {listed(self.available)}")


class UnknownTask(BadRequest):
    """No task has this number or name."""

    def __init__(self, task: object, available: Iterable[str]) -> None:
        self.task = task
        self.available = tuple(available)
        super().__init__(f'unknown task {task!r}; the known ones: {", ".join(self.available)}')


class BadSpan(BadRequest):
    """Start after end, a negative stamp, or a span longer than the model was trained for."""

    def __init__(self, start_ns: int, end_ns: int, why: str) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        super().__init__(f'bad span {seconds(start_ns)} to {seconds(end_ns)}: {why}')


class BadTimeout(BadRequest):
    """A timeout below zero."""

    def __init__(self, timeout_ns: int) -> None:
        self.timeout_ns = timeout_ns
        super().__init__(f'the timeout is negative: {seconds(timeout_ns)}')


class NoFrames(GroundError):
    """There are no frames to ask about."""

    code = ErrorCode.NO_FRAMES

    def __init__(self, camera: str, why: str) -> None:
        self.camera = camera
        self.why = why
        super().__init__(f"no frames of camera '{camera}': {why}")


class WindowNotCovered(GroundError):
    """The buffer does not hold the requested span, or only a part of it."""

    code = ErrorCode.WINDOW_NOT_COVERED

    def __init__(self, requested: tuple[int, int], held: tuple[int, int]) -> None:
        self.requested = requested
        self.held = held
        super().__init__(
            f'asked for {seconds(requested[0])} to {seconds(requested[1])}, '
            f'the buffer holds {seconds(held[0])} to {seconds(held[1])}'
        )


class Busy(GroundError):
    """The queue is full; nothing was started."""

    code = ErrorCode.BUSY

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(f'{waiting} questions are already waiting or being answered')


class TimedOut(GroundError):
    """There was no answer before the timeout."""

    code = ErrorCode.TIMEOUT

    def __init__(self, timeout_ns: int, stage: str) -> None:
        self.timeout_ns = timeout_ns
        self.stage = stage
        super().__init__(f'no answer within {seconds(timeout_ns)}; it was {stage}')


class Canceled(GroundError):
    """The asker withdrew the question."""

    code = ErrorCode.CANCELED

    def __init__(self, stage: str) -> None:
        self.stage = stage
        super().__init__(f'canceled while {stage}')


class ModelLoading(GroundError):
    """The model is not ready yet."""

    code = ErrorCode.MODEL_LOADING

    def __init__(self, model: str, ended: str = '') -> None:
        self.model = model
        # Why it ended, where it is starting again.
        self.ended = ended
        doing = f'starting again: {ended}' if ended else 'still loading'
        super().__init__(f"the model '{model}' is {doing}")


class NotActive(GroundError):
    """The node is managed, and in a state in which it takes no questions."""

    code = ErrorCode.NOT_ACTIVE

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f'the node is {state}: configure and activate it first')


class ShuttingDown(GroundError):
    """The process is going away."""

    code = ErrorCode.SHUTTING_DOWN

    def __init__(self) -> None:
        super().__init__('the node is shutting down')


class BackendError(GroundError):
    """The model or its runtime failed; the message holds the cause."""


class ModelStuck(BackendError):
    """The model has not come back for so long that no question is taken until it does."""

    def __init__(self, doing: str, overdue_ns: int, limit_ns: int) -> None:
        self.doing = doing
        self.overdue_ns = overdue_ns
        super().__init__(
            f'the model has not come back from {doing} for {seconds(overdue_ns)}, over the limit '
            f'of {limit_ns / 1e9:g} s; no question is taken until it does'
        )


class UnknownBackend(BackendError):
    """No backend of that name."""

    def __init__(self, name: str, available: Iterable[str]) -> None:
        self.name = name
        self.available = tuple(available)
        super().__init__(f"unknown backend '{name}'; the known ones: {listed(self.available)}")


class MissingPackage(BackendError):
    """A package that the chosen backend or command needs is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"the package '{package}' is not installed: pip install 'molmo_ground_ros[{extra}]'"
        )


class BadModel(BackendError):
    """A model's folder that lacks files or holds another kind of model."""

    def __init__(self, model: str, why: str) -> None:
        self.model = model
        super().__init__(f"model '{model}': {why}")


class BadEngine(BadModel):
    """A graph or an engine whose results differ from those of the reference."""


class DoesNotFit(BackendError):
    """More memory is needed than there is. Nothing was allocated."""

    def __init__(
        self,
        what: str,
        parts: Iterable[tuple[str, int]],  # bytes by part
        free: int,
        where: str,
        would: Iterable[str],  # what would fit instead
    ) -> None:
        self.parts = tuple(parts)
        self.free = free
        self.would = tuple(would)
        needed = sum(nbytes for _, nbytes in self.parts)
        listing = ', '.join(f'{name} {size(nbytes)}' for name, nbytes in self.parts)
        instead = ' or '.join(self.would) + ' would fit' if self.would else 'nothing smaller fits'
        super().__init__(
            f'{what}: {size(needed)} needed ({listing}), {size(free)} of {where} free; {instead}'
        )


class ImageError(GroundError):
    """An image that cannot be decoded or used; the message names its shape or encoding."""


class BagError(GroundError):
    """A recording that cannot be read."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(f"bag '{path}': {why}")


class TopicNotFound(BagError):
    """A topic that is not in the recording."""

    def __init__(self, path: str, topic: str, available: Iterable[str]) -> None:
        self.topic = topic
        self.available = tuple(available)
        names = listed(self.available)
        super().__init__(path, f"no image topic '{topic}'; the known ones: {names}")


class BadRecord(GroundError):
    """A record of a data set or a prediction that cannot be used."""

    def __init__(self, file: str, row: int, why: str) -> None:
        self.file = file
        self.row = row  # from 1; 0: the file as a whole
        self.why = why
        super().__init__(f'{file}:{row}: {why}' if row else f'{file}: {why}')


class BadField(GroundError):
    """A value in a data file that cannot be used: a record's field, a table's cell, a line."""

    def __init__(self, field: str, value: object, why: str) -> None:
        self.field = field
        self.value = value
        super().__init__(f'{field} = {value!r}: {why}')


class BadMask(BadField):
    """The size, the runs or the outlines of a mask that cannot be used."""


class BadArgument(GroundError):
    """A function was called with a value that it cannot use, or that does not fit the others."""

    def __init__(self, name: str, value: object, why: str) -> None:
        self.name = name
        self.value = value
        super().__init__(f'{name} = {value!r}: {why}')


class BadSetting(GroundError):
    """A setting (an option, a parameter, a config value) with a value that it does not take."""

    def __init__(self, name: str, value: object, why: str) -> None:
        self.name = name
        self.value = value
        super().__init__(f'{name} = {value!r}: {why}')
