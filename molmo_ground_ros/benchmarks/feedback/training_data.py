# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns labelled answers into records of Molmo2-VideoPoint and Molmo2-VideoTrack. Reads no file.

Columns, nesting and units are those that the loaders read: molmo2 f3cb108,
olmo/data/molmo2_datasets.py:739-1002 and olmo/data/molmo2_video_track_datasets.py:239-356.

Every window becomes a clip, and every clip a video of its own at 2 fps, to be cut as its entry in
`clips` says. The reason: the loader takes the whole of a video up to 63 s, and counts times from
its start. The clip's 0.5 s grid is laid through the stamps of the window's points, so that a point
is on the very frame that the person confirmed. A newest frame off the grid goes to the nearest grid
time.

A merged event is recorded for only one of the windows that show it. A clip therefore takes every
point of the answer that it shows, whichever window the point is recorded for. What no row holds
cannot be exported: events that the model missed (a row may be added by hand), and windows without
any point.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.benchmarks.feedback.labels import (
    LabelRow,
    QuestionKey,
    UnreadableRow,
    Verdict,
)
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, SAMPLE_PERIOD_NS, SAMPLE_PERIOD_S
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Query, Task

Record = dict[str, Any]

FPS = 2
# Our name in the columns for the source of a video and of its question. The loaders look for the
# files of an unknown source in every folder (molmo2_datasets.py:502-509).
OWN = 'own'
# VideoPoint's coordinates are percentages; VideoTrack's are pixels.
_PERCENT = 100.0
# Decimals of a percentage: 1000 times finer than the coordinates of an answer.
_DECIMALS = 4
_MOST_SLOTS = MAX_WINDOW_NS // SAMPLE_PERIOD_NS
_UNNAMED = re.compile(r'[^A-Za-z0-9.]+')


@dataclass(frozen=True, slots=True)
class TrainingClip:
    """One window as a video at 2 fps. Frame k is the image nearest to start + k periods."""

    name: str
    source: str
    camera: str
    start_ns: int  # of frame 0
    last: int  # index of the last frame
    stamps: dict[int, int]  # frame index to the stamp of its image, for frames with points

    @property
    def seconds(self) -> float:
        """The length: the time of the last frame, on the grid."""
        return self.last * SAMPLE_PERIOD_S

    def frame(self, stamp_ns: int) -> int:
        """The index of the frame that shows a stamp."""
        return min(max(_nearest(stamp_ns - self.start_ns), 0), self.last)

    def off_grid(self, stamp_ns: int) -> int:
        """The distance of a stamp from the time of its frame, ns."""
        return abs(stamp_ns - self.start_ns - self.frame(stamp_ns) * SAMPLE_PERIOD_NS)

    def sort_key(self, row: LabelRow) -> tuple[int, int, int]:
        """Sorts rows by frame and track. Of a track's rows on one frame the nearest comes last."""
        return self.frame(row.stamp_ns), row.id, -self.off_grid(row.stamp_ns)

    def record(self) -> Record:
        """The entry of `clips` as JSON: which part of which recording to cut."""
        return {
            'clip': self.name,
            'source': self.source,
            'camera': self.camera,
            'start_ns': self.start_ns,
            'end_ns': self.start_ns + self.last * SAMPLE_PERIOD_NS,
            'fps': FPS,
            'n_frames': self.last + 1,
            'stamps': [{'frame': k, 'stamp_ns': ns} for k, ns in sorted(self.stamps.items())],
        }


@dataclass(frozen=True, slots=True)
class SkippedAnswer:
    """An answer about one clip that is not exported."""

    question: QuestionKey
    query: str
    start_ns: int  # of the window
    end_ns: int
    points: int
    unseen: int  # points that nobody has looked at
    why: str  # '' if nobody has looked at any point


@dataclass(frozen=True, slots=True)
class TrainingRecords:
    """All records of an export, and the answers that are not in it."""

    points: list[Record]  # of Molmo2-VideoPoint
    tracks: list[Record]  # of Molmo2-VideoTrack
    clips: list[Record]  # the videos that must be cut for them
    skipped: list[SkippedAnswer]


def convert(rows: Sequence[LabelRow], unreadable: Sequence[UnreadableRow] = ()) -> TrainingRecords:
    """Turn rows into records, in the order of source, camera, time and question.

    rows: no two with the same key. An answer about a clip becomes a record if somebody has looked
    at every one of its points, none of the unreadable rows belongs to it, it was not cut off, and
    the image keeps its size. Wrong points are left out. If all are wrong, the record says that
    there are none.
    """
    of_camera: dict[tuple[str, str], list[LabelRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.stamp_ns, row.id)):
        of_camera[row.question.source, row.question.camera].append(row)
    labels = _labels(rows)
    records: dict[str, list[Record]] = {'event': [], 'track_point': []}
    used: dict[str, TrainingClip] = {}
    skipped = []
    for (source, camera, start_ns, end_ns), clip in _clips(of_camera).items():
        for question, answer in _answers(of_camera[source, camera], start_ns, end_ns):
            lost = sum(
                row.question == question and start_ns <= row.stamp_ns <= end_ns
                for row in unreadable
            )
            why = _refusal(answer, lost, start_ns, end_ns)
            if why is not None:
                unseen = sum(row.verdict is Verdict.UNSEEN for row in answer)
                window = answer[0].query, start_ns, end_ns
                skipped.append(SkippedAnswer(question, *window, len(answer), unseen, why))
                continue
            right = [row for row in answer if row.verdict is Verdict.RIGHT]
            to_record = point_record if question.kind == 'event' else track_record
            records[question.kind].append(to_record(clip, answer[0], labels[question], right))
            used[clip.name] = clip
    clips = [clip.record() for clip in used.values()]
    return TrainingRecords(records['event'], records['track_point'], clips, skipped)


def point_record(
    clip: TrainingClip, first: LabelRow, label: str, right: Sequence[LabelRow]
) -> Record:
    """A record of Molmo2-VideoPoint.

    first: any row of the answer. right: the answer's right points in the clip.
    Points are {x, y} in percent of the image, one list for each time. Times are seconds of the
    clip. The image's size is not in the released records; our own readers use it. The question
    asks for a number: the loader uses it only for counting, and writes a request to point itself
    (molmo2_datasets.py:1008-1022).
    """
    frames: dict[int, list[LabelRow]] = defaultdict(list)
    for row in right:
        frames[clip.frame(row.stamp_ns)].append(row)
    times = sorted(frames)
    words = first.query if first.task == 'count' else label
    return {
        'video_id': clip.name,
        'video_source': OWN,
        'video_duration': clip.seconds,
        'category': OWN,
        'label': label,
        'question': grammar.MOLMO2.question(Query(words, Task.COUNT)).prompt,
        'count': len(right),
        'points': [[_percent(row) for row in sorted(frames[k], key=_position)] for k in times],
        'two_fps_timestamps': [k * SAMPLE_PERIOD_S for k in times],
        'raw_timestamps': [(clip.stamps[k] - clip.start_ns) / 1e9 for k in times],
        'raw_frames': times,
        'clip_start': 0.0,
        'clip_end': clip.seconds,
        'annotator_unsure': False,
        'width': first.width,
        'height': first.height,
    }


def track_record(
    clip: TrainingClip, first: LabelRow, label: str, right: Sequence[LabelRow]
) -> Record:
    """A record of Molmo2-VideoTrack.

    first: any row of the answer. right: the right points of all its tracks in the clip.
    Points are [x, y] in pixels, one for each frame of the clip, and null where the object has no
    point. Objects stand in the order of their first frame.
    """
    objects: dict[int, list[list[float] | None]] = {}
    for row in sorted(right, key=clip.sort_key):
        path = objects.setdefault(row.id, [None] * (clip.last + 1))
        path[clip.frame(row.stamp_ns)] = [row.x, row.y]
    return {
        'id': f'{clip.name}_{first.question.index}',
        'video': clip.name,
        'clip': clip.name,
        'fps': FPS,
        'start_frame': 0,
        # The last frame belongs to the clip (molmo2_video_track_datasets.py:109).
        'end_frame': clip.last,
        'video_dataset': OWN,
        'exp': label,
        'w': first.width,
        'h': first.height,
        'mask_id': [str(number) for number in objects],
        'points': [{'object_id': str(number), 'points': path} for number, path in objects.items()],
    }


def _refusal(answer: Sequence[LabelRow], lost: int, start_ns: int, end_ns: int) -> str | None:
    """Why an answer about a clip is not exported; None if it is.

    The reason is '' if nobody has looked at any of its points. lost: its unreadable rows.
    """
    unseen = sum(row.verdict is Verdict.UNSEEN for row in answer)
    if unseen == len(answer):
        return ''
    if unseen:
        return f'{unseen} of {len(answer)} points not looked at'
    if lost:
        return f'{lost} of its rows could not be read'
    if any(row.truncated for row in answer if _in_window(row, start_ns, end_ns)):
        return 'the answer was cut off, so there may be more'
    if len({(row.width, row.height) for row in answer}) > 1:
        return 'the image changes its size'
    return None


def _clips(
    of_camera: Mapping[tuple[str, str], Sequence[LabelRow]],
) -> dict[tuple[str, str, int, int], TrainingClip]:
    """A clip for every window that has a row, in the order of source, camera and time."""
    windows = sorted(
        (*camera, row.start_ns, row.end_ns) for camera, rows in of_camera.items() for row in rows
    )
    names: set[str] = set()
    clips = {}
    for source, camera, start_ns, end_ns in dict.fromkeys(windows):
        rows = _rows_between(of_camera[source, camera], start_ns, end_ns)
        stamps_ns = list(dict.fromkeys(row.stamp_ns for row in rows))
        zero_ns = _grid_start(stamps_ns, start_ns)
        last = min(max(_nearest(end_ns - zero_ns), 1), _MOST_SLOTS)
        name = _name(f'{_plain(source)}_{_plain(camera)}_{start_ns}_{end_ns}', names)
        clip = TrainingClip(name, source, camera, zero_ns, last, {})
        # A frame has the stamp that is nearest to its time.
        for ns in stamps_ns:
            nearest_ns = clip.stamps.setdefault(clip.frame(ns), ns)
            if clip.off_grid(ns) < clip.off_grid(nearest_ns):
                clip.stamps[clip.frame(ns)] = ns
        clips[source, camera, start_ns, end_ns] = clip
    return clips


def _grid_start(stamps_ns: Sequence[int], start_ns: int) -> int:
    """The first time of the 0.5 s grid that fits the stamps best, at most 0.25 s before the start.

    Each stamp defines a grid. The grid with the least sum of distances to all stamps is taken, and
    of equal ones that of the earliest stamp. Jitter averages out this way, and the newest frame,
    which may be off the grid of the others, has little influence.
    """

    def distance_ns(through_ns: int) -> int:
        return sum(
            abs(ns - through_ns - SAMPLE_PERIOD_NS * _nearest(ns - through_ns)) for ns in stamps_ns
        )

    best_ns = min(stamps_ns, key=lambda ns: (distance_ns(ns), ns))
    earliest_ns = start_ns - SAMPLE_PERIOD_NS // 2
    return earliest_ns + (best_ns - earliest_ns) % SAMPLE_PERIOD_NS


def _rows_between(rows: Sequence[LabelRow], start_ns: int, end_ns: int) -> Sequence[LabelRow]:
    """The rows from start to end, both included. rows: of one camera, ascending in time."""
    first = bisect_left(rows, start_ns, key=lambda row: row.stamp_ns)
    return rows[first : bisect_right(rows, end_ns, lo=first, key=lambda row: row.stamp_ns)]


def _answers(
    rows: Sequence[LabelRow], start_ns: int, end_ns: int
) -> Iterator[tuple[QuestionKey, list[LabelRow]]]:
    """The answers with a row of this window, each with all its points between start and end."""
    answers: dict[QuestionKey, list[LabelRow]] = defaultdict(list)
    for row in _rows_between(rows, start_ns, end_ns):
        answers[row.question].append(row)
    for question in sorted(answers):
        if any(_in_window(row, start_ns, end_ns) for row in answers[question]):
            yield question, answers[question]


def _in_window(row: LabelRow, start_ns: int, end_ns: int) -> bool:
    """Whether the row was recorded for this very window."""
    return (row.start_ns, row.end_ns) == (start_ns, end_ns)


def _labels(rows: Iterable[LabelRow]) -> dict[QuestionKey, str]:
    """The most frequent label of each answer, the first of equals; its query if it has no label."""
    counts: dict[QuestionKey, Counter[str]] = defaultdict(Counter)
    queries: dict[QuestionKey, str] = {}
    for row in rows:
        queries.setdefault(row.question, row.query)
        if row.label:
            counts[row.question][row.label] += 1
    return {
        question: counts[question].most_common(1)[0][0] if counts[question] else query
        for question, query in queries.items()
    }


def _percent(row: LabelRow) -> dict[str, float]:
    return {
        'x': round(_PERCENT * row.x / row.width, _DECIMALS),
        'y': round(_PERCENT * row.y / row.height, _DECIMALS),
    }


def _position(row: LabelRow) -> tuple[float, float]:
    return row.x, row.y


def _nearest(span_ns: int) -> int:
    """The number of grid steps nearest to a span, the lower of two equally near."""
    return -((SAMPLE_PERIOD_NS // 2 - span_ns) // SAMPLE_PERIOD_NS)


def _plain(text: str) -> str:
    """A text as part of a file name, without slashes: the loader takes a slash for a folder."""
    return _UNNAMED.sub('-', text).strip('-') or OWN


def _name(base: str, used: set[str]) -> str:
    """The name, with a number if it was used before. Adds it to `used`."""
    name, number = base, 1
    while name in used:
        number += 1
        name = f'{base}-{number}'
    used.add(name)
    return name
