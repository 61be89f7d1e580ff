# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of examples, below one folder: videos, folders of numbered pictures, pictures.

A video is found by its name with any suffix, with `_2fps` after it (as VideoPoint's videos are
kept: molmo2 f3cb108, olmo/data/molmo2_datasets.py:502-571), and in a folder of its own name; so is
a folder of pictures, or the `img`, `imgs` or `img1` in it. Only the pictures asked for are decoded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.examples import Example, ImageTruth, Media, TrackTruth
from molmo_ground_ros.benchmarks.datasets.file_order import numeric_order
from molmo_ground_ros.errors import BadSetting, ImageError, NoFrames
from molmo_ground_ros.frames.clip_buffer import sampled_clip
from molmo_ground_ros.frames.video_file import SUFFIXES, VideoFile
from molmo_ground_ros.frames.windows import MAX_FRAMES, MAX_WINDOW_NS
from molmo_ground_ros.types import Clip, Frame

MOST_TRACK_FPS = 10  # molmo2 f3cb108, olmo/data/academic_video_track_datasets.py:78
IMAGE_SUFFIXES = frozenset({'.bmp', '.jpeg', '.jpg', '.png', '.webp'})
_NAMED_FIRST = 5  # of what is missing
_TWO_FPS = '_2fps'  # after the name of a video, and `-2fps` after the name of its folder
_INNER = frozenset({'img', 'img1', 'imgs'})  # a video's pictures in its folder
# Of the reference's downloads: what clips were cut from, and truth that is pictures as well.
_PASSED_OVER = frozenset({'Annotations', 'MasksRLE', 'full_videos', 'gt', 'selected_masks'})


@dataclass(frozen=True, slots=True)
class MissingMedia:
    """Media that are not there."""

    folder: Path
    names: tuple[str, ...]  # each once, in the order of the examples
    examples: int  # that are about them
    of_names: int  # of how many media
    of_examples: int

    def __str__(self) -> str:
        if not self.names:
            return f'{self.of_names} videos below {self.folder}, none missing'
        shown = ', '.join(f"'{name}'" for name in self.names[:_NAMED_FIRST])
        more = (
            f' and {len(self.names) - _NAMED_FIRST} more' if len(self.names) > _NAMED_FIRST else ''
        )
        name = PurePosixPath(self.names[0]).name
        return (
            f'{len(self.names)} of {self.of_names} videos are missing below {self.folder}, and so '
            f'{self.examples} of {self.of_examples} examples: {shown}{more}; looked for {name}.mp4 '
            f'(or another suffix), {name}{_TWO_FPS}.mp4 and folders {name} of numbered pictures'
        )


class _Shown(Protocol):
    """Pictures by number."""

    stamps: Sequence[int]  # ns from the start, strictly ascending

    def frame(self, number: int) -> Frame: ...

    def close(self) -> None: ...


class MediaFolder:
    """Finds media below a folder, whose names are read once. For one thread."""

    def __init__(self, folder: str | Path) -> None:
        """Raises BadSetting if it is no folder."""
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise BadSetting('media', str(folder), 'is no folder')
        self._index: dict[str, list[Path]] | None = None  # by the last part of the name

    def find(self, media: Media) -> Path:
        """The video, the folder of pictures or the picture. Raises NoFrames, with where it looked.

        Of several with its name, those are taken whose path ends in all of it, then those with the
        name of the source in their path, then those at 2 frames a second; if that leaves several,
        none.
        """
        name = PurePosixPath(media.name)
        if name.is_absolute() or '..' in name.parts or not name.name:
            raise NoFrames(media.name, 'is no name of a video')
        for place in (self.folder / name, *sorted(self.folder.glob(f'*/{_escaped(name)}'))):
            if place.is_file() or (place.is_dir() and _pictures(place)):
                return place
        return self._one(self._known(_stem(name.name)), media, name)

    def missing(self, examples: Iterable[Example]) -> MissingMedia:
        """Which media are not there, or stand there twice."""
        found: dict[tuple[str, str], bool] = {}
        lost = count = 0
        for example in examples:
            key = example.media.name, example.media.source
            if key not in found:
                found[key] = self._is_there(example.media)
            lost += not found[key]
            count += 1
        names = tuple(dict.fromkeys(name for (name, _), there in found.items() if not there))
        return MissingMedia(self.folder, names, lost, len(found), count)

    def clip(self, example: Example) -> Clip:
        """The frames the model is shown of an example.

        Points and counts: 2 a second of the example's clip and the newest (`windows.sample`); a
        clip over 63 s is shown by as many frames as one of 63 s, evenly spaced, first and last
        included, as `uniform_last_frame` does (video_loader.py:243). Tracks: from the first
        frame on, at the highest rate up to 10 a second that divides the video's, is a multiple of
        the rate asked for, and shows the whole clip within as many frames; where none does, at the
        rate asked for, and the end is not shown (video_loader.py:60-104). A picture: itself.
        Raises NoFrames, ImageError.
        """
        with _opened(self.find(example.media), example) as shown:
            if isinstance(example.truth, ImageTruth):
                return _clip_of(example, shown, [0], [0.0])
            if isinstance(example.truth, TrackTruth):
                return _track_clip(example, shown, example.truth)
            return _point_clip(example, shown)

    def picture(self, example: Example, seconds: float) -> NDArray[np.uint8]:
        """(H, W, 3) RGB: the picture nearest to a time of the example's clip.

        Raises NoFrames, ImageError.
        """
        with _opened(self.find(example.media), example) as shown:
            if isinstance(example.truth, TrackTruth):
                number = round(seconds * example.truth.fps)
            else:
                wanted_ns = round((example.media.start_s + seconds) * 1e9)
                number = min(
                    range(len(shown.stamps)), key=lambda k: abs(shown.stamps[k] - wanted_ns)
                )
            return shown.frame(min(max(number, 0), len(shown.stamps) - 1)).image

    def pictures(self, media: Media) -> Iterator[NDArray[np.uint8]]:
        """Every picture of a video or a folder, (H, W, 3) RGB, one in memory at a time.

        Raises NoFrames, ImageError.
        """
        with _Open(self.find(media), media.fps) as shown:
            for number in range(len(shown.stamps)):
                yield shown.frame(number).image

    def _is_there(self, media: Media) -> bool:
        try:
            self.find(media)
        except NoFrames:
            return False
        return True

    def _known(self, stem: str) -> list[Path]:
        if self._index is None:
            self._index = {}
            for name, path in _media_below(self.folder):
                of_name = self._index.setdefault(_stem(name), [])
                if path not in of_name:
                    of_name.append(path)
        return self._index.get(stem, [])

    def _one(self, found: list[Path], media: Media, name: PurePosixPath) -> Path:
        for likely in (
            [path for path in found if _ends_in(path, name)],
            [path for path in found if _is_of(path.relative_to(self.folder), media.source)],
            [path for path in found if path.stem.endswith(_TWO_FPS)],
        ):
            if len(found) > 1:
                found = [path for path in found if path in likely] or found
        if len(found) == 1:
            return found[0]
        if not found:
            why = f'no video, folder of pictures or picture of that name is below {self.folder}'
            raise NoFrames(media.name, why)
        shown = ', '.join(str(path) for path in found[:3])
        raise NoFrames(media.name, f'{len(found)} of that name are below {self.folder}: {shown}')


def _media_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, path) of videos and folders of pictures, in the order of their paths.

    A video that is alone in a folder has the folder's name as well.
    """
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        here = Path(place)
        if here != folder and any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in files):
            shown = here.parent if here.name in _INNER else here
            yield shown.name, shown
        videos = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES)
        for name in videos:
            yield name, here / name
        if len(videos) == 1 and here != folder:
            yield here.name, here / videos[0]


def _ends_in(path: Path, name: PurePosixPath) -> bool:
    wanted = [*map(_plain, name.parts[:-1]), _stem(name.name)]
    return [*map(_plain, path.parts[:-1]), _stem(path.name)][-len(wanted) :] == wanted


def _is_of(path: Path, source: str) -> bool:
    return bool(source) and source.lower() in path.as_posix().lower()


def _plain(name: str) -> str:
    return name.removesuffix('-2fps')


def _stem(name: str) -> str:
    """The name without what may stand after it: a suffix, `_2fps`."""
    path = PurePosixPath(name)
    known = path.suffix.lower() in SUFFIXES | IMAGE_SUFFIXES
    return (path.stem if known else name).removesuffix(_TWO_FPS)


def _escaped(name: PurePosixPath) -> str:
    return re.sub(r'([*?[])', r'[\1]', name.as_posix())


def _pictures(folder: Path) -> list[Path]:
    """The numbered pictures in a folder, or in the one of them in it, in order."""
    for place in (folder, *(folder / name for name in sorted(_INNER))):
        if place.is_dir():
            found = [one for one in place.iterdir() if one.suffix.lower() in IMAGE_SUFFIXES]
            if found:
                return sorted(found, key=lambda path: numeric_order(path.stem))
    return []


class _Files:
    """Pictures in files. Satisfies _Shown."""

    def __init__(self, files: list[Path], fps: float) -> None:
        self._files = files
        self.stamps: Sequence[int] = [round(k * 1e9 / fps) for k in range(len(files))]

    def frame(self, number: int) -> Frame:
        pixels = cv2.imread(str(self._files[number]), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ImageError(f'{self._files[number]}: cannot be decoded')
        return _frame(self.stamps[number], np.asarray(pixels, np.uint8))

    def close(self) -> None:
        pass


class _Film:
    """Pictures of a video, whose times begin at 0. Satisfies _Shown."""

    def __init__(self, path: Path) -> None:
        self._video = VideoFile(path, str(path))
        self._times, _ = self._video.times()
        first = self._times[0] if self._times else 0
        self.stamps: Sequence[int] = [time_ns - first for time_ns in self._times]

    def frame(self, number: int) -> Frame:
        return _frame(self.stamps[number], self._video.picture(self._times[number]))

    def close(self) -> None:
        self._video.close()


class _Open:
    """Opens media for a `with`."""

    def __init__(self, path: Path, fps: float | None) -> None:
        self._path = path
        self._fps = fps
        self._shown: _Shown | None = None

    def __enter__(self) -> _Shown:
        if self._path.suffix.lower() in SUFFIXES and self._path.is_file():
            self._shown = _Film(self._path)
        elif self._path.is_file():
            self._shown = _Files([self._path], 1.0)
        elif self._fps is None:
            raise NoFrames(str(self._path), 'a folder of pictures, and the data tells no rate')
        else:
            self._shown = _Files(_pictures(self._path), self._fps)
        if not self._shown.stamps:
            raise NoFrames(str(self._path), 'there is no picture in it')
        return self._shown

    def __exit__(self, *error: object) -> None:
        if self._shown is not None:
            self._shown.close()


def _opened(path: Path, example: Example) -> _Open:
    truth = example.truth
    return _Open(path, truth.fps if isinstance(truth, TrackTruth) else example.media.fps)


def _frame(stamp_ns: int, pixels: NDArray[np.uint8]) -> Frame:
    """pixels: (H, W, 3) BGR."""
    image = np.ascontiguousarray(pixels[:, :, ::-1])
    image.flags.writeable = False
    return Frame(stamp_ns, image)


def _clip_of(example: Example, shown: _Shown, numbers: list[int], labels: list[float]) -> Clip:
    frames = tuple(shown.frame(number) for number in numbers)
    return Clip(
        camera=example.media.name,
        frames=frames,
        seconds=tuple(labels),
        start_ns=frames[0].stamp_ns,
        end_ns=frames[-1].stamp_ns,
        frames_expected=len(frames),
    )


def _point_clip(example: Example, shown: _Shown) -> Clip:
    media = example.media
    start_ns = round(media.start_s * 1e9)
    last_ns = shown.stamps[-1]
    end_ns = last_ns if media.end_s is None else min(round(media.end_s * 1e9), last_ns)
    number = {stamp_ns: k for k, stamp_ns in enumerate(shown.stamps)}
    stamps = [stamp_ns for stamp_ns in number if start_ns <= stamp_ns <= end_ns]
    if not stamps:
        why = f'it ends at {last_ns / 1e9:.3f} s, and the clip begins at {media.start_s} s'
        raise NoFrames(media.name, why)
    if end_ns - start_ns > MAX_WINDOW_NS:
        return _even_clip(example, shown, [number[stamp_ns] for stamp_ns in stamps], start_ns)
    return sampled_clip(
        media.name,
        stamps,
        lambda stamp_ns: shown.frame(number[stamp_ns]),
        (start_ns, end_ns),
        start_ns,
        {},
    )


def _even_clip(example: Example, shown: _Shown, numbers: list[int], start_ns: int) -> Clip:
    spaced = np.linspace(0, len(numbers) - 1, min(MAX_FRAMES, len(numbers))).astype(int)
    by_label = {
        round((shown.stamps[numbers[k]] - start_ns) / 1e9, 1): numbers[k]
        for k in reversed(spaced.tolist())
    }
    labels = sorted(by_label)
    return _clip_of(example, shown, [by_label[label] for label in labels], labels)


def _track_clip(example: Example, shown: _Shown, truth: TrackTruth) -> Clip:
    count = min(len(shown.stamps), truth.frames)
    step = track_step(truth.fps, truth.asked_fps, count)
    numbers = list(range(0, count, step))[:MAX_FRAMES]
    labels = {round(k / truth.fps, 1): k for k in reversed(numbers)}
    ordered = sorted(labels)
    return _clip_of(example, shown, [labels[label] for label in ordered], ordered)


def track_step(fps: float, asked_fps: float, frames: int) -> int:
    """Every which frame of a clip is shown for tracking; see `MediaFolder.clip`.

    A rate that is no whole number is cut to one, as the reference does
    (academic_video_track_datasets.py:211-223).
    """
    video, asked = int(fps), max(int(asked_fps), 1)
    rates = [
        rate for rate in range(asked, min(video, MOST_TRACK_FPS) + 1, asked) if video % rate == 0
    ]
    steps = [max(int(fps / rate), 1) for rate in rates] or [max(int(fps / asked), 1)]
    return next((step for step in reversed(steps) if frames // step <= MAX_FRAMES), steps[0])
