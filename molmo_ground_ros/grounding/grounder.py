# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A clip and a question to an Answer: prompt, backend, grammar, and the frames' own stamps.

Knows nothing of buffers, threads or ROS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from molmo_ground_ros.backends.base import Backend, GenerateOptions, Generation
from molmo_ground_ros.errors import Canceled, NoFrames
from molmo_ground_ros.grounding import scores
from molmo_ground_ros.language import grammar, prompts
from molmo_ground_ros.types import Answer, Clip, Frame, Point, Query, Rejection, Task, Track

TIME_TOLERANCE_S = 0.25  # half a sampling period: beyond it a time belongs to no frame of the clip


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an answer has come."""

    stage: str  # 'queued', 'decoding', 'generating'
    tokens: int = 0
    points: tuple[Point, ...] = ()  # settled so far, without scores


OnProgress = Callable[[Progress], bool]
"""Called as work goes on; returning False ends it at the next token."""


def _go_on(_: Progress) -> bool:
    return True


class Grounder:
    """Answers questions about clips with one backend. Not for use by two threads at once."""

    def __init__(
        self, backend: Backend, max_new_tokens: int = 0, answer_format: str = 'molmo2'
    ) -> None:
        """Take a backend; `max_new_tokens` 0 leaves each task its own limit.

        answer_format: what its model is asked for and answers in, a name of `grammar.FORMATS`;
        BadSetting for another.
        """
        self._backend = backend
        self._format = grammar.format_of(answer_format)
        self.max_new_tokens = max_new_tokens

    @property
    def model(self) -> str:
        """What answers say they came from."""
        return self._backend.model

    def ground(self, clip: Clip, query: Query, on_progress: OnProgress = _go_on) -> Answer:
        """Ask the model `query` about `clip`.

        Raises BadQuestion, NoFrames (an empty clip), Canceled (`on_progress` returned False) and
        whatever the backend raises. What the model wrote never raises: see `Answer.rejected`.
        """
        (answer,) = self.ground_all(clip, [query], on_progress)
        return answer

    def ground_all(
        self, clip: Clip, queries: Sequence[Query], on_progress: OnProgress = _go_on
    ) -> list[Answer]:
        """Ask several questions about one clip; each answer is what `ground` gives.

        Questions with the same limit of tokens go to the backend at once, which may then read the
        frames once for all. Raises as `ground` does, and then gives no answer at all.
        """
        if not clip.frames:
            raise NoFrames(clip.camera, 'the clip is empty')
        asked = [self._asked(query) for query in queries]
        by_limit: dict[int, list[_Asked]] = {}
        for one in asked:
            limit = self.max_new_tokens or prompts.max_new_tokens(one.task)
            by_limit.setdefault(limit, []).append(one)
        for limit, group in by_limit.items():
            self._generate(clip, group, GenerateOptions(limit), on_progress)
        return [answer for one in asked for answer in one.answers]

    def _asked(self, query: Query) -> _Asked:
        _, task = prompts.prompt(query.text, query.task)
        return _Asked(query, self._format.prompt(query.text, task), task)

    def _generate(
        self, clip: Clip, group: Sequence[_Asked], options: GenerateOptions, on_progress: OnProgress
    ) -> None:
        began_ns = time.monotonic_ns()
        parsers = [self._format.parser(grammar.DEFAULT_LIMITS, one.task) for one in group]
        streams = [_Stream(clip, on_progress, parser) for parser in parsers]
        generations = self._backend.generate(
            clip,
            [one.prompt for one in group],
            options,
            lambda index, text: streams[index].on_text(text),
        )
        if any(generation.stopped for generation in generations):
            raise Canceled('generating')
        latency_ns = time.monotonic_ns() - began_ns
        for one, generation in zip(group, generations, strict=True):
            parsed = self._format.parse(generation.text, task=one.task)
            one.answers.append(
                _answer(clip, one, parsed, generation, self._backend.model, latency_ns)
            )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question on its way."""

    query: Query
    prompt: str
    task: Task
    answers: list[Answer] = field(default_factory=list)  # at most one


class _Stream:
    """Reads the text as it comes, to report points before the answer is whole."""

    def __init__(self, clip: Clip, on_progress: OnProgress, parser: grammar.AnswerParser) -> None:
        self._clip = clip
        self._on_progress = on_progress
        self._parser = parser
        self._points: list[Point] = []
        self._tokens = 0

    def on_text(self, text: str) -> bool:
        self._tokens += bool(text)  # a server's backend calls with '' while it waits
        for parsed in self._parser.feed(text):
            frame = find_frame(self._clip, parsed)
            if frame is not None:
                self._points.append(_point(frame, parsed, parsed.id, float('nan')))
        return self._on_progress(Progress('generating', self._tokens, tuple(self._points)))


def find_frame(clip: Clip, parsed: grammar.ParsedPoint) -> Frame | None:
    """The frame a point is about, or None.

    A time in seconds is looked up among the clip's own labels, the nearest within
    TIME_TOLERANCE_S; the article's frame index counts the frames from 1. A row without a time is
    about the only frame of a one-frame clip.
    """
    if parsed.frame_index is not None:
        inside = 1 <= parsed.frame_index <= len(clip.frames)
        return clip.frames[parsed.frame_index - 1] if inside else None
    if parsed.time is None:
        return clip.frames[0] if len(clip.frames) == 1 else None
    wanted = parsed.time
    nearest = min(range(len(clip.seconds)), key=lambda i: abs(clip.seconds[i] - wanted))
    if abs(clip.seconds[nearest] - wanted) > TIME_TOLERANCE_S:
        return None
    return clip.frames[nearest]


def _point(frame: Frame, parsed: grammar.ParsedPoint, identity: int, score: float) -> Point:
    height, width = frame.image.shape[:2]
    return Point(
        stamp_ns=frame.stamp_ns,
        id=identity,
        x=parsed.x * width,
        y=parsed.y * height,
        score=score,
        frame_id=frame.frame_id,
    )


class _Placed:
    """The points of all blocks, put on frames, with ids that are unique across blocks."""

    def __init__(self, clip: Clip, generation: Generation) -> None:
        self._clip = clip
        self._text = generation.text
        self._tokens = scores.TokenSpans(generation.tokens)
        self._next_id = 1
        self.rejected: list[Rejection] = []
        self.labels: dict[int, str] = {}  # by id: an object's own, where it has one

    def place(self, block: grammar.Block) -> list[Point]:
        identities = self._identities(block)
        points: list[Point] = []
        seen: set[tuple[int, int]] = set()
        for parsed in block.points:
            piece = self._text[parsed.head_start : parsed.end][:80]
            frame = find_frame(self._clip, parsed)
            if frame is None:
                self.rejected.append(Rejection('no such frame', piece))
                continue
            if (frame.stamp_ns, parsed.id) in seen:
                self.rejected.append(Rejection('same frame and id as another point', piece))
                continue
            seen.add((frame.stamp_ns, parsed.id))
            if parsed.label:
                self.labels.setdefault(identities[parsed.id], parsed.label)
            score = scores.score(self._text, parsed, self._tokens)
            points.append(_point(frame, parsed, identities[parsed.id], score))
        return points

    def _identities(self, block: grammar.Block) -> dict[int, int]:
        """The block's ids, each to one that no earlier block has; as they are if they can stay."""
        ids = sorted({point.id for point in block.points})
        if not ids:
            return {}
        free = range(self._next_id, self._next_id + len(ids))
        new = dict(zip(ids, free, strict=True)) if ids[0] < self._next_id else {i: i for i in ids}
        self._next_id = max(new.values()) + 1
        return new


def _tracks(label: str, points: Sequence[Point], labels: Mapping[int, str]) -> list[Track]:
    """label: of those that have none of their own in `labels`, by id."""
    by_id: dict[int, list[Point]] = {}
    for point in points:
        by_id.setdefault(point.id, []).append(point)
    return [
        Track(
            identity,
            labels.get(identity, label),
            tuple(sorted(group, key=lambda point: point.stamp_ns)),
        )
        for identity, group in sorted(by_id.items())
    ]


def _answer(
    clip: Clip,
    asked: _Asked,
    parsed: grammar.Parsed,
    generation: Generation,
    model: str,
    latency_ns: int,
) -> Answer:
    placed = _Placed(clip, generation)
    points: list[Point] = []
    tracks: list[Track] = []
    for block in parsed.blocks:
        found = placed.place(block)
        # The article writes tracks as one <points> block an object.
        if block.kind == 'tracks' or asked.task is Task.TRACK:
            tracks += _tracks(block.label, found, placed.labels)
        else:
            points += found
    width, height = clip.size
    return Answer(
        query=asked.query,
        task=asked.task,
        text=generation.text,
        count=0 if parsed.none and parsed.count is None else parsed.count,
        label=parsed.blocks[0].label if parsed.blocks else '',
        points=tuple(points),
        tracks=tuple(tracks),
        camera=clip.camera,
        start_ns=clip.start_ns,
        end_ns=clip.end_ns,
        newest_ns=clip.frames[-1].stamp_ns,
        frame_id=clip.frames[-1].frame_id,
        image_width=width,
        image_height=height,
        frames_used=len(clip.frames),
        frames_expected=clip.frames_expected,
        truncated=generation.truncated,
        model=model,
        latency_ns=latency_ns,
        refused=parsed.refused,
        rejected=(*parsed.rejections, *placed.rejected),
    )
