# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The values that every room speaks in. They are frozen, and know nothing of models or ROS.

Stamps are int nanoseconds. Pixels are float, of the source image, with the origin at the top-left
corner of the top-left pixel, x right, y down (the Foxglove convention: a pixel's centre is +0.5).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


class Task(enum.IntEnum):
    """What a question asks for. The numbers are those of `srv/Ground`."""

    AUTO = 0
    POINT = 1
    COUNT = 2
    TRACK = 3
    TEXT = 4

    @property
    def token_limit(self) -> int:
        """How many tokens an answer may have, unless a setting says so; not of AUTO.

        Source: molmo2 f3cb108, olmo/eval/eval_utils.py:309-319, as evaluated. The limit of text is
        ours: the evaluation gives a short answer 12 to 192 tokens, a reasoned one 448, a caption
        2048.
        """
        return _TOKEN_LIMITS[self]


_TOKEN_LIMITS = {Task.POINT: 2048, Task.COUNT: 2048, Task.TRACK: 4096, Task.TEXT: 512}


Data = bytes | bytearray | memoryview | NDArray[np.uint8]


def _nbytes(data: Data) -> int:
    """Bytes of a buffer, whatever its shape and item size."""
    return memoryview(data).nbytes  # type: ignore[arg-type] # an array is a Buffer to Python 3.12


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RawImage:
    """The fields of `sensor_msgs/Image`, undecoded."""

    width: int  # pixels
    height: int  # pixels
    # As in sensor_msgs/image_encodings.
    encoding: str
    step: int  # bytes a row, padding included
    data: Data
    is_bigendian: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return _nbytes(self.data)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CompressedImage:
    """The fields of `sensor_msgs/CompressedImage`, undecoded."""

    # As the publisher wrote it, e.g. "jpeg" or "rgb8; jpeg compressed bgr8".
    format: str
    data: Data

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return _nbytes(self.data)


EncodedImage = RawImage | CompressedImage


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded image of a camera, with its stamp."""

    stamp_ns: int  # header stamp
    # (H, W, 3) RGB; a clip's are read-only.
    image: NDArray[np.uint8]
    frame_id: str = ''  # header frame_id


@dataclass(frozen=True, slots=True)
class Clip:
    """Sampled frames of one camera, in time order, as the model will see them.

    `seconds` holds one label a frame: seconds from the window's zero with one decimal, strictly
    ascending. It is what the prompt shows and what an answer's time is looked up in.
    """

    camera: str
    frames: tuple[Frame, ...]
    seconds: tuple[float, ...]
    # The window that was asked for, or that is covered if none was asked for.
    start_ns: int
    end_ns: int
    # How many a gapless recording would have given.
    frames_expected: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the newest frame; (0, 0) of an empty clip."""
        if not self.frames:
            return 0, 0
        height, width = self.frames[-1].image.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True)
class Query:
    """What a person or a planner asks about one camera's recent past, in their own words.

    `start_ns` and `end_ns` both zero mean the whole buffer (or the whole recording).
    """

    text: str
    task: Task = Task.AUTO
    camera: str = ''  # '' = the only or first one
    start_ns: int = 0
    end_ns: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A query made ready for a model, once, where it enters. Made by `prompts.question_of`."""

    query: Query
    task: Task  # never AUTO
    # The text that the model is sent.
    prompt: str
    # How many tokens its answer may have.
    max_new_tokens: int


class PositionStatus(enum.IntEnum):
    """Whether a position can be used. The numbers are those of `msg/GroundedPoint`."""

    NONE = 0
    OK = 1
    NO_DEPTH = 2
    NO_TRANSFORM = 3


@dataclass(frozen=True, slots=True)
class Position:
    """Where a point lies. x, y, z, spread_m: metres; NaN unless the status is OK."""

    status: PositionStatus
    x: float = math.nan
    y: float = math.nan
    z: float = math.nan
    spread_m: float = math.nan  # of the depth around the pixel
    # Why there is none.
    reason: str = ''
    # The coordinate frame that x, y and z are given in.
    frame_id: str = ''


@dataclass(frozen=True, slots=True)
class Point:
    """One grounded point: the stamp is the very frame's, copied, never computed."""

    stamp_ns: int
    # Of points the occurrence, 1..N; of tracks the object.
    id: int
    x: float  # source pixels
    y: float
    # The model's own probability; nan if unknown.
    score: float = math.nan
    frame_id: str = ''
    # None if nobody asked for it.
    position: Position | None = None
    # The share of points with such a score that were right; nan without a calibration of the task.
    probability: float = math.nan


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed through time; points ascend in stamp."""

    id: int
    label: str
    points: tuple[Point, ...]
    # Metres a second at each point, NaN where it is unknown; () if nobody asked for them.
    speeds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """A piece of the model's text that was not used, and why."""

    reason: str
    # The piece of text, shortened.
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said about a clip, and what could be made of it."""

    query: Query
    # What the question asks for. Never AUTO.
    task: Task
    # The model's words.
    text: str
    # The total that the model states. It is never changed to match the points.
    count: int | None
    label: str
    points: tuple[Point, ...]
    tracks: tuple[Track, ...]
    camera: str
    start_ns: int
    end_ns: int
    newest_ns: int  # stamp of the newest frame used
    frame_id: str
    image_width: int
    image_height: int
    frames_used: int
    frames_expected: int
    # The text was cut off by the token limit.
    truncated: bool
    model: str
    latency_ns: int = 0
    # The model said it cannot answer.
    refused: bool = False
    rejected: tuple[Rejection, ...] = field(default=())
    # Parts (start, end) of the span that no answer speaks for, where it was joined from several.
    unseen: tuple[tuple[int, int], ...] = field(default=())
