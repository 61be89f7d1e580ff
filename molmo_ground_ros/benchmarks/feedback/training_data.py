# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers that a person looked at, to records of Molmo2-VideoPoint and Molmo2-VideoTrack.

Knows nothing of files. Columns, nesting and units are those that the loaders read: molmo2 f3cb108,
olmo/data/molmo2_datasets.py:739-1002 and olmo/data/molmo2_video_track_datasets.py:239-356.

Every window is a clip, and every clip a video of its own at 2 fps, cut as its `clips` entry says:
the loader takes the whole of a video up to 63 s, and times count from its start. The clip's 0.5 s
grid is laid through the stamps of the window's points, so that a point is on the very frame it was
confirmed on; a newest frame off the grid goes to the nearest grid time.

A merged event is recorded for one window only, so a clip takes every point of the answer whose
stamp it shows, whichever window it is recorded for. What no row tells cannot be here: an event that
the model missed (a row may be added by hand), and windows without any point.
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
from molmo_ground_ros.language import prompts
from molmo_ground_ros.types import Task

Record = dict[str, Any]

FPS = 2
# Our name in the columns that say where a video and its question are from. The loaders look for
# the files of a source they do not know in every folder (molmo2_datasets.py:502-509).
OWN = 'own'
_PERCENT = 100.0  # VideoPoint's coordinates; VideoTrack's are pixels
_DECIMALS = 4  # of a percentage: a thousandth of what an answer writes
_MOST_SLOTS = MAX_WINDOW_NS // SAMPLE_PERIOD_NS
_UNNAMED = re.compile(r'[^A-Za-z0-9.]+')


@dataclass(frozen=True, slots=True)
class TrainingClip:
    """One window, as a video at 2 fps. Frame k is the picture nearest to start + k periods."""

    name: str
    source: str
    camera: str
    start_ns: int  # of frame 0
    last: int  # index of the last frame
    stamps: dict[int, int]  # frame index -> stamp of the very picture, for frames with points

    @property
    def seconds(self) -> float:
        """Its length: the time of the last frame, on the grid."""
        return self.last * SAMPLE_PERIOD_S

    def frame(self, stamp_ns: int) -> int:
        """Index of the frame that shows this moment."""
        return min(max(_nearest(stamp_ns - self.start_ns), 0), self.last)

    def off_grid(self, stamp_ns: int) -> int:
        """How far a stamp is from the time of its frame, ns."""
        return abs(stamp_ns - self.start_ns - self.frame(stamp_ns) * SAMPLE_PERIOD_NS)

    def turn(self, row: LabelRow) -> tuple[int, int, int]:
        """Sorts by frame and track; of one track's rows on one frame the nearest is last."""
        return self.frame(row.stamp_ns), row.id, -self.off_grid(row.stamp_ns)

    def record(self) -> Record:
        """What to cut, as JSON."""
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

    asked: QuestionKey
    query: str
    start_ns: int  # the window
    end_ns: int
    points: int
    unseen: int  # that nobody looked at
    why: str  # '' if nobody looked at any


@dataclass(frozen=True, slots=True)
class TrainingRecords:
    """What an export holds."""

    points: list[Record]  # of Molmo2-VideoPoint
    tracks: list[Record]  # of Molmo2-VideoTrack
    clips: list[Record]  # that they need
    left_out: list[SkippedAnswer]


def convert(rows: Sequence[LabelRow], torn: Sequence[UnreadableRow] = ()) -> TrainingRecords:
    """Turn rows into records, in the order of source, camera, time and question.

    rows: no two of one key. An answer about a clip becomes a record if every one of its points was
    looked at, none of the torn rows is of it, it was not cut off, and the image keeps its size.
    Wrong points are left out: if all are, the record says that there are none.
    """
    of_camera: dict[tuple[str, str], list[LabelRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.stamp_ns, row.id)):
        of_camera[row.asked.source, row.asked.camera].append(row)
    clips = _clips(of_camera)
    labels = _labels(rows)
    made: dict[str, list[Record]] = {'event': [], 'track_point': []}
    used: dict[str, TrainingClip] = {}
    left_out = []
    for (source, camera, start_ns, end_ns), clip in clips.items():
        for asked, found in _answers(of_camera[source, camera], start_ns, end_ns):
            bad = sum(one.asked == asked and start_ns <= one.stamp_ns <= end_ns for one in torn)
            unseen = sum(row.verdict is Verdict.UNSEEN for row in found)
            cut = any(row.truncated for row in found if _in_window(row, start_ns, end_ns))
            why = _refusal(found, unseen, bad, cut)
            if why is not None:
                left_out.append(
                    SkippedAnswer(asked, found[0].query, start_ns, end_ns, len(found), unseen, why)
                )
                continue
            right = [row for row in found if row.verdict is Verdict.RIGHT]
            make = point_record if asked.kind == 'event' else track_record
            made[asked.kind].append(make(clip, found[0], labels[asked], right))
            used[clip.name] = clip
    return TrainingRecords(
        made['event'], made['track_point'], [clip.record() for clip in used.values()], left_out
    )


def point_record(
    clip: TrainingClip, asked: LabelRow, label: str, right: Sequence[LabelRow]
) -> Record:
    """A record of Molmo2-VideoPoint. right: the points, by one answer, in the clip.

    Points are {x, y} in 0..100 of the image, one list a time; times are seconds of the clip. The
    image's size, which the released records do not tell, is there for our own readers. The
    question is one that asks for a number: the loader uses it for that only, and words a request
    to point by itself (molmo2_datasets.py:1008-1022).
    """
    frames: dict[int, list[LabelRow]] = defaultdict(list)
    for row in right:
        frames[clip.frame(row.stamp_ns)].append(row)
    times = sorted(frames)
    asks = asked.query if asked.task == 'count' else label
    return {
        'video_id': clip.name,
        'video_source': OWN,
        'video_duration': clip.seconds,
        'category': OWN,
        'label': label,
        'question': prompts.prompt(asks, Task.COUNT)[0],
        'count': len(right),
        'points': [[_share(row) for row in sorted(frames[k], key=_place)] for k in times],
        'two_fps_timestamps': [k * SAMPLE_PERIOD_S for k in times],
        'raw_timestamps': [(clip.stamps[k] - clip.start_ns) / 1e9 for k in times],
        'raw_frames': times,
        'clip_start': 0.0,
        'clip_end': clip.seconds,
        'annotator_unsure': False,
        'width': asked.width,
        'height': asked.height,
    }


def track_record(
    clip: TrainingClip, asked: LabelRow, label: str, right: Sequence[LabelRow]
) -> Record:
    """A record of Molmo2-VideoTrack. right: the points of all tracks, by one answer, in the clip.

    Points are [x, y] in pixels, one a frame of the clip, null where the object was not seen.
    Objects stand in the order of their first frame.
    """
    objects: dict[int, list[list[float] | None]] = {}
    for row in sorted(right, key=clip.turn):
        path = objects.setdefault(row.id, [None] * (clip.last + 1))
        path[clip.frame(row.stamp_ns)] = [row.x, row.y]
    return {
        'id': f'{clip.name}_{asked.asked.question}',
        'video': clip.name,
        'clip': clip.name,
        'fps': FPS,
        'start_frame': 0,
        'end_frame': clip.last,  # it is of the clip (molmo2_video_track_datasets.py:109)
        'video_dataset': OWN,
        'exp': label,
        'w': asked.width,
        'h': asked.height,
        'mask_id': [str(number) for number in objects],
        'points': [{'object_id': str(number), 'points': path} for number, path in objects.items()],
    }


def _refusal(found: Sequence[LabelRow], unseen: int, bad: int, cut: bool) -> str | None:
    """Why an answer about a clip is not exported; '' where nobody looked at it; None: it is."""
    if unseen == len(found):
        return ''
    if unseen:
        return f'{unseen} of {len(found)} points not looked at'
    if bad:
        return f'{bad} of its rows could not be read'
    if cut:
        return 'the answer was cut off, so there may be more'
    if len({(row.width, row.height) for row in found}) > 1:
        return 'the image changes its size'
    return None


def _clips(
    of_camera: Mapping[tuple[str, str], Sequence[LabelRow]],
) -> dict[tuple[str, str, int, int], TrainingClip]:
    """A clip for every window that some row is of, in the order of source, camera and time."""
    windows = sorted(
        (*camera, row.start_ns, row.end_ns) for camera, rows in of_camera.items() for row in rows
    )
    names: set[str] = set()
    clips = {}
    for source, camera, start_ns, end_ns in dict.fromkeys(windows):
        shown = list(
            dict.fromkeys(
                row.stamp_ns for row in _shown(of_camera[source, camera], start_ns, end_ns)
            )
        )
        zero_ns = _grid_start(shown, start_ns)
        last = min(max(_nearest(end_ns - zero_ns), 1), _MOST_SLOTS)
        name = _name(f'{_plain(source)}_{_plain(camera)}_{start_ns}_{end_ns}', names)
        clip = TrainingClip(name, source, camera, zero_ns, last, {})
        for ns in shown:
            held_ns = clip.stamps.setdefault(clip.frame(ns), ns)
            if clip.off_grid(ns) < clip.off_grid(held_ns):
                clip.stamps[clip.frame(ns)] = ns
        clips[source, camera, start_ns, end_ns] = clip
    return clips


def _grid_start(stamps_ns: Sequence[int], start_ns: int) -> int:
    """The first time of the 0.5 s grid that fits the stamps best, at most 0.25 s before the start.

    Through each stamp goes a grid; the one with the least sum of distances is taken, the earliest
    stamp's of equals: jitter evens out, and the newest frame, which may be off the grid of the
    others, does not sway it.
    """

    def distance_ns(through_ns: int) -> int:
        return sum(
            abs(ns - through_ns - SAMPLE_PERIOD_NS * _nearest(ns - through_ns)) for ns in stamps_ns
        )

    best_ns = min(stamps_ns, key=lambda ns: (distance_ns(ns), ns))
    earliest_ns = start_ns - SAMPLE_PERIOD_NS // 2
    return earliest_ns + (best_ns - earliest_ns) % SAMPLE_PERIOD_NS


def _shown(rows: Sequence[LabelRow], start_ns: int, end_ns: int) -> Sequence[LabelRow]:
    """Those in a window, both ends in it. rows: of one camera, in the order of their stamps."""
    first = bisect_left(rows, start_ns, key=lambda row: row.stamp_ns)
    return rows[first : bisect_right(rows, end_ns, lo=first, key=lambda row: row.stamp_ns)]


def _answers(
    rows: Sequence[LabelRow], start_ns: int, end_ns: int
) -> Iterator[tuple[QuestionKey, list[LabelRow]]]:
    """The answers that have rows of this window, each with all its points that the window shows."""
    shown: dict[QuestionKey, list[LabelRow]] = defaultdict(list)
    for row in _shown(rows, start_ns, end_ns):
        shown[row.asked].append(row)
    for asked in sorted(shown):
        if any(_in_window(row, start_ns, end_ns) for row in shown[asked]):
            yield asked, shown[asked]


def _in_window(row: LabelRow, start_ns: int, end_ns: int) -> bool:
    return (row.start_ns, row.end_ns) == (start_ns, end_ns)


def _labels(rows: Iterable[LabelRow]) -> dict[QuestionKey, str]:
    """The commonest label of each answer, the first of equals; its question where there is none."""
    counts: dict[QuestionKey, Counter[str]] = defaultdict(Counter)
    queries: dict[QuestionKey, str] = {}
    for row in rows:
        queries.setdefault(row.asked, row.query)
        if row.label:
            counts[row.asked][row.label] += 1
    return {
        asked: counts[asked].most_common(1)[0][0] if counts[asked] else query
        for asked, query in queries.items()
    }


def _share(row: LabelRow) -> dict[str, float]:
    return {
        'x': round(_PERCENT * row.x / row.width, _DECIMALS),
        'y': round(_PERCENT * row.y / row.height, _DECIMALS),
    }


def _place(row: LabelRow) -> tuple[float, float]:
    return row.x, row.y


def _nearest(span_ns: int) -> int:
    """The number of grid steps nearest to a span, the lower of two."""
    return -((SAMPLE_PERIOD_NS // 2 - span_ns) // SAMPLE_PERIOD_NS)


def _plain(text: str) -> str:
    """A part of a file's name: no slash, which the loader takes for a folder."""
    return _UNNAMED.sub('-', text).strip('-') or OWN


def _name(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f'{wanted}-{number}'
    taken.add(name)
    return name
