# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes what the text of an answer says into points on the frames of a clip.

A point's stamp is copied from the frame that its time names; it is never computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

from molmo_ground_ros.backends.base import Generation
from molmo_ground_ros.grounding import scores
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Answer, Clip, Frame, Point, Question, Rejection, Task, Track

# Half a sampling period: a time that is further away belongs to no frame of the clip.
TIME_TOLERANCE_S = 0.25

# How many characters of the text a rejection shows.
_SNIPPET = 80


def find_frame(clip: Clip, parsed: grammar.ParsedPoint) -> Frame | None:
    """The frame that a point is about, or None.

    A time in seconds is looked up among the clip's own labels, the nearest within
    TIME_TOLERANCE_S; the article's frame index counts the frames from 1. A row without a time is
    about the only frame of a one-frame clip.
    """
    if parsed.frame_index is not None:
        inside = 1 <= parsed.frame_index <= len(clip.frames)
        return clip.frames[parsed.frame_index - 1] if inside else None
    if parsed.time is None:
        return clip.frames[0] if len(clip.frames) == 1 else None
    time_s = parsed.time
    nearest = min(range(len(clip.seconds)), key=lambda i: abs(clip.seconds[i] - time_s))
    if abs(clip.seconds[nearest] - time_s) > TIME_TOLERANCE_S:
        return None
    return clip.frames[nearest]


def point_on(frame: Frame, parsed: grammar.ParsedPoint, identity: int, score: float = nan) -> Point:
    """A parsed point, whose place is a share of the image, in pixels of a frame."""
    height, width = frame.image.shape[:2]
    return Point(
        stamp_ns=frame.stamp_ns,
        id=identity,
        x=parsed.x * width,
        y=parsed.y * height,
        score=score,
        frame_id=frame.frame_id,
    )


def answer_of(
    clip: Clip,
    question: Question,
    parsed: grammar.Parsed,
    generation: Generation,
    model: str,
    latency_ns: int,
) -> Answer:
    """The answer that a generation gives to a question about a clip, which is not empty."""
    placement = _Placement(clip, generation)
    points: list[Point] = []
    tracks: list[Track] = []
    for block in parsed.blocks:
        placed = placement.place(block)
        # The article writes tracks as one <points> block for each object.
        if block.kind == 'tracks' or question.task is Task.TRACK:
            tracks += _tracks(block.label, placed, placement.labels)
        else:
            points += placed
    width, height = clip.size
    return Answer(
        query=question.query,
        task=question.task,
        text=generation.text,
        count=parsed.total,
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
        rejected=(*parsed.rejections, *placement.rejected),
    )


class _Placement:
    """Places the points of one answer's blocks on frames, and notes those that have none."""

    def __init__(self, clip: Clip, generation: Generation) -> None:
        self._clip = clip
        self._text = generation.text
        self._tokens = scores.TokenSpans(generation.tokens)
        self._ids = grammar.AnswerIds()
        self.rejected: list[Rejection] = []
        # By id, for objects that have a label of their own.
        self.labels: dict[int, str] = {}

    def place(self, block: grammar.Block) -> list[Point]:
        """The points of the next block, with ids that no earlier block has."""
        ids = self._ids.of_block(block)
        points: list[Point] = []
        placed: set[tuple[int, int]] = set()  # (stamp, id)
        for parsed in block.points:
            frame = find_frame(self._clip, parsed)
            if frame is None:
                self._reject('no such frame', parsed)
                continue
            if (frame.stamp_ns, parsed.id) in placed:
                self._reject('same frame and id as another point', parsed)
                continue
            placed.add((frame.stamp_ns, parsed.id))
            if parsed.label:
                self.labels.setdefault(ids[parsed.id], parsed.label)
            score = scores.score(self._text, parsed, self._tokens)
            points.append(point_on(frame, parsed, ids[parsed.id], score))
        return points

    def _reject(self, reason: str, parsed: grammar.ParsedPoint) -> None:
        text = self._text[parsed.head_start : parsed.end][:_SNIPPET]
        self.rejected.append(Rejection(reason, text))


def _tracks(label: str, points: Sequence[Point], labels: Mapping[int, str]) -> list[Track]:
    """The points of one block by object. label: of objects that have none of their own."""
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
