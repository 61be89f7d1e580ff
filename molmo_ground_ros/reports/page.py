# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as one HTML page that holds all it needs and asks nothing of any network.

It stays below 25 MB (`PageRoom`) with up to 15,000 events. What it looks like is
`templates/analysis.html`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.analysis.findings import Analysis, AnsweredWindow, Event, Finding, FrameReader
from molmo_ground_ros.reports import page_data, timeline
from molmo_ground_ros.reports.colours import PALETTE, hexadecimal
from molmo_ground_ros.reports.figures import (
    MOST_BYTES,
    MOST_IMAGES,
    EvidenceFrame,
    Figure,
    PictureReader,
    event_name,
    evidence_frames,
    figure,
    share_images,
    track_name,
)
from molmo_ground_ros.reports.html import write_html
from molmo_ground_ros.reports.page_video import (
    FRAMES_A_SECOND,
    MOST_VIDEO_BYTES,
    PageVideo,
    page_videos,
)
from molmo_ground_ros.reports.words import doubts, metres, plural

MOST_STATED = 16  # totals of windows beside the merged number; the table of windows has them all
# Bytes of the page: less than 25 MB, with its scripts and what is said of windows and trajectories.
_MOST_BYTES = 22_000_000
_EVENT_BYTES = 1200  # of an event: its row, its label line, what is drawn
_MOST_WORDS = 3_000_000  # characters of all windows' words
_LEAST_WORDS = 300  # characters of one window's words
_FEW_STATED = 5  # so many totals are printed large
# Later ones use what earlier ones define.
SCRIPTS = (
    *('items.js', 'labels.js', 'choose.js', 'overlay.js', 'player.js', 'stage.js'),
    *('timeline.js', 'zoom.js', 'pager.js', 'filters.js', 'move.js', 'about.js', 'copy.js'),
    *('keys.js', 'page.js'),
)


@dataclass(frozen=True, slots=True)
class PageRoom:
    """How much room the text of an analysis leaves for what is shown."""

    images: int  # at most
    video_bytes: int  # before base64
    words: int  # characters of a window's words
    paths: int  # trajectories of a finding that are drawn on the video

    @classmethod
    def beside(cls, findings: Sequence[Finding], most_places: int | None = None) -> PageRoom:
        """The room beside the text of these findings, for at most so many places."""
        events = sum(len(finding.events) for finding in findings)
        windows = sum(len(finding.windows) for finding in findings)
        left = max(0, _MOST_BYTES - _MOST_WORDS - _EVENT_BYTES * events) * 3 // 4
        following = sum(bool(finding.tracks) for finding in findings)
        return cls(
            images=min(most_places or MOST_IMAGES, MOST_IMAGES, left // 2 // MOST_BYTES),
            video_bytes=min(MOST_VIDEO_BYTES, left // 2),
            words=max(_LEAST_WORDS, _MOST_WORDS // max(1, windows)),
            paths=max(1, timeline.MOST_PATHS // max(1, following)),
        )


@dataclass(frozen=True, slots=True)
class FindingSection:
    """One finding of the page."""

    index: int
    finding: Finding
    figures: Iterator[Figure]  # can be read once: it decodes their images
    left_out: int  # events and trajectories without a figure
    video: PageVideo
    width: int  # of the camera's images, pixels
    height: int
    data: Mapping[str, Any]  # what the scripts read


def write_page(
    analysis: Analysis,
    read_frame: FrameReader,
    path: str | Path,
    stamps: Mapping[str, Sequence[int]] | None = None,
    most_places: int | None = None,
) -> None:
    """Write the page. A frame that cannot be decoded is a message in its place.

    stamps: those of the frames that the model saw, ns, ascending, by camera. The page's videos are
    made of them, and without them there is no video. most_places: how many events are shown in
    pictures and videos; a recording whose images are decoded from those before them takes long to
    show all. One frame is decoded at a time, and once. Raises OSError, which leaves an older file
    as it was, and MissingPackage.
    """
    stamps = stamps or {}
    room = PageRoom.beside(analysis.findings, most_places)
    pictured = _pictured(analysis.findings, room.images)
    needed = {(finding.camera, frame.stamp_ns) for finding, frame in pictured}
    reader = PictureReader(read_frame, needed)
    centres = {
        camera: page_data.event_stamps(analysis, camera)
        if most_places is None
        else sorted(stamp for of, stamp in needed if of == camera)
        for camera in analysis.cameras
    }
    videos = list(page_videos(centres, reader.frame, stamps, room.video_bytes))
    lines = page_data.label_lines(analysis)
    write_html(
        Path(path),
        'analysis.html',
        'page.css',
        'report.css',
        scripts=SCRIPTS,
        analysis=analysis,
        sections=_sections(analysis, reader, pictured, room, videos, lines),
        report_data=_report_data(analysis, videos, stamps, lines),
        videos=videos,
        most_images=room.images,
        most_words=room.words,
        **_words(analysis),
    )


def _words(analysis: Analysis) -> dict[str, Any]:
    """What the template needs to put an analysis into words."""
    title = ', '.join(dict.fromkeys(finding.question.query.text for finding in analysis.findings))
    timing = [(name, f'{seconds:.2f} s') for name, seconds in analysis.timing_s.items()]
    return {
        'title': title or 'analysis',
        'scale': timeline.TimeScale(analysis.span_ns),
        'timing': [*timing, ('frames decoded for the model', str(analysis.frames))],
        'frames_a_second': FRAMES_A_SECOND,
        'most_marks': timeline.MOST_MARKS,
        'most_paths': timeline.MOST_PATHS,
        'most_stated': MOST_STATED,
        'few_stated': _FEW_STATED,
        'answer_words': answer_words,
        'base64_text': base64_text,
        'doubts': doubts,
        'event_name': event_name,
        'hexadecimal': hexadecimal,
        'metres': metres,
        'covered_ns': covered_ns,
        'stated_totals': stated_totals,
        'track_name': track_name,
        'window_numbers': window_numbers,
    }


def _pictured(findings: Sequence[Finding], most: int) -> list[tuple[Finding, EvidenceFrame]]:
    """The frames that get a figure, at most so many."""
    frames = [evidence_frames(*numbered) for numbered in enumerate(findings)]
    chosen = share_images([len(of_finding) for of_finding in frames], most)
    return [
        (finding, of_finding[place])
        for finding, of_finding, places in zip(findings, frames, chosen, strict=True)
        for place in sorted(places)
    ]


def _sections(
    analysis: Analysis,
    reader: PictureReader,
    pictured: Sequence[tuple[Finding, EvidenceFrame]],
    room: PageRoom,
    videos: Sequence[PageVideo],
    lines: Sequence[Sequence[str]],
) -> list[FindingSection]:
    def figures(frames: Sequence[EvidenceFrame], finding: Finding) -> Iterator[Figure]:
        for frame in frames:
            yield figure(frame, finding, reader.picture)

    sections = []
    for index, finding in enumerate(analysis.findings):
        camera = analysis.cameras.index(finding.camera)
        frames = [frame for _, frame in pictured if frame.finding == index]
        paths = page_data.path_data(finding, videos[camera], room.paths)
        sections.append(
            FindingSection(
                index,
                finding,
                figures(frames, finding),
                len(evidence_frames(index, finding)) - len(frames),
                videos[camera],
                max((window.image_width for window in finding.windows), default=0) or 4,
                max((window.image_height for window in finding.windows), default=0) or 3,
                {'index': index, 'camera': camera, 'lines': lines[index], 'paths': paths},
            )
        )
    return sections


def _report_data(
    analysis: Analysis,
    videos: Sequence[PageVideo],
    stamps: Mapping[str, Sequence[int]],
    lines: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """What the scripts read of the analysis as such."""
    return {
        'length_s': (analysis.span_ns[1] - analysis.span_ns[0]) / 1e9,
        'start_ns': str(analysis.span_ns[0]),
        'digest': page_data.digest(lines),
        'labels_name': page_data.labels_name(analysis.sources),
        'inks': [hexadecimal(number + 1) for number in range(len(PALETTE))],
        'cameras': [
            page_data.camera_data(
                video,
                stamps.get(video.camera) or page_data.event_stamps(analysis, video.camera),
            )
            for video in videos
        ],
    }


def base64_text(data: bytes) -> str:
    """The bytes as base64."""
    return base64.b64encode(data).decode()


def answer_words(finding: Finding) -> str:
    """The merged answer in a few words: '4 events, 2 objects'."""
    parts = []
    if finding.events or not finding.tracks:
        parts.append(plural(finding.count, 'event'))
    if finding.tracks:
        parts.append(plural(len(finding.tracks), 'object'))
    return ', '.join(parts)


def stated_totals(windows: Sequence[AnsweredWindow]) -> str:
    """The total that each of the first windows states, a dash for none: '3, 4, -, ...'."""
    if all(window.stated is None for window in windows):
        return 'none'
    first = windows[:MOST_STATED]
    totals = ('\u2013' if window.stated is None else str(window.stated) for window in first)
    return ', '.join(totals) + (' \u2026' if len(first) < len(windows) else '')


def window_numbers(event: Event) -> str:
    """The windows that saw an event, the one whose point is used first, counted from 1: '2, 1'."""
    others = {sighting.window for sighting in event.duplicates} - {event.sighting.window}
    return ', '.join(str(window + 1) for window in [event.sighting.window, *sorted(others)])


def covered_ns(windows: Iterable[AnsweredWindow], span_ns: tuple[int, int]) -> int:
    """How much of the span the windows' answers cover, each moment counted once."""
    total, until_ns = 0, span_ns[0]
    for window in windows:
        end_ns = min(window.seen_until_ns, span_ns[1])
        total += max(0, end_ns - max(window.start_ns, until_ns))
        until_ns = max(until_ns, end_ns)
    return total
