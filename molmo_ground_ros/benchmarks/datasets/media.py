# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the videos, folders of numbered images and images of examples below one folder.

A video is found by its name with any suffix, by its name followed by `_2fps` (as VideoPoint's
videos are stored: molmo2 f3cb108, olmo/data/molmo2_datasets.py:502-571), and in a folder with its
name. A folder of images is found by its name; its images may lie in an `img`, `imgs` or `img1` in
it. Only the images that are needed are decoded.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets.examples import Example, ImageTruth, Media, TrackTruth
from molmo_ground_ros.benchmarks.datasets.frame_files import PICTURES
from molmo_ground_ros.benchmarks.datasets.image_sequence import (
    INNER,
    ImageSequence,
    OpenMedia,
    image_files,
    missing_picture,
)
from molmo_ground_ros.errors import BadSetting, NoFrames
from molmo_ground_ros.frames.sampled_clip import sampled_clip
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.frames.video_file import SUFFIXES
from molmo_ground_ros.frames.windows import (
    MAX_FRAMES,
    MAX_WINDOW_NS,
    SAMPLE_PERIOD_NS,
    sample,
)
from molmo_ground_ros.types import Clip

_NAMED_FIRST = 5  # missing media that a message names
# How the released model was evaluated.
_RELEASED = TrackRule()
# Follows the name of a video at 2 frames a second; its folder's name is followed by `-2fps`.
_TWO_FPS = '_2fps'
# Folders of the reference's downloads that are skipped: the videos that clips were cut from, and
# truth that is stored as images.
_PASSED_OVER = frozenset(
    {
        *('Annotations', 'Annotations_6fps', 'MasksRLE', 'full_videos', 'gt', 'panomasks'),
        *('pseudo_masks', 'selected_masks'),
    }
)


@dataclass(frozen=True, slots=True)
class MissingMedia:
    """A count of the media that were not found."""

    folder: Path
    names: tuple[str, ...]  # each once, in the order of the examples
    examples: int  # about missing media
    of_names: int  # all media
    of_examples: int  # all examples
    why: str = ''  # the first is missing

    def __str__(self) -> str:
        if not self.names:
            return f'{self.of_names} videos below {self.folder}, none missing'
        names = ', '.join(f"'{name}'" for name in self.names[:_NAMED_FIRST])
        more = (
            f' and {len(self.names) - _NAMED_FIRST} more' if len(self.names) > _NAMED_FIRST else ''
        )
        return (
            f'{len(self.names)} of {self.of_names} videos are missing below {self.folder}, and so '
            f'{self.examples} of {self.of_examples} examples: {names}{more}; {self.why}'
        )


class MediaFolder:
    """Finds media below a folder. The names in it are read once. For one thread."""

    def __init__(self, folder: str | Path, *, parity: bool = False) -> None:
        """Raises BadSetting if `folder` is no folder.

        parity: label the last frame of a clip as the reference does: see `clip`.
        """
        self.folder = Path(folder)
        self.parity = parity
        if not self.folder.is_dir():
            raise BadSetting('media', str(folder), 'is no folder')
        self._index: dict[str, list[Path]] | None = None  # by the stem of the name

    def find(self, media: Media) -> Path:
        """The path of a video, a folder of images or an image.

        If several have the name, paths that end in the full name are preferred, then paths with
        the name of the source in them, then videos at 2 frames a second. Raises NoFrames if none
        is left, or more than one; the message says where they were searched.
        """
        if media.files:
            return self._holding(media)
        name = PurePosixPath(media.name)
        if name.is_absolute() or '..' in name.parts or not name.name:
            raise NoFrames(media.name, 'is no name of a video')
        for place in (self.folder / name, *sorted(self.folder.glob(f'*/{_escaped(name)}'))):
            if place.is_file() or (place.is_dir() and image_files(place)):
                return place
        return self._choose(self._by_stem().get(_stem(name.name), []), media, name)

    def missing(self, examples: Iterable[Example]) -> MissingMedia:
        """The media that are missing, that lack frames, or that are found twice."""
        reasons: dict[tuple[str, str], str] = {}  # '' where nothing is missing
        lost = count = 0
        for example in examples:
            key = example.media.name, example.media.source
            if key not in reasons:
                reasons[key] = self._lack(example)
            lost += bool(reasons[key])
            count += 1
        names = tuple(dict.fromkeys(name for (name, _), reason in reasons.items() if reason))
        first = next(filter(None, reasons.values()), '')
        return MissingMedia(self.folder, names, lost, len(reasons), count, first)

    def clip(self, example: Example, tracks: TrackRule | None = _RELEASED) -> Clip:
        """The frames of an example that the model sees.

        For points and counts: 2 frames a second of the example's clip, and the newest
        (`windows.sample`). A clip over 63 s gets as many frames as one of 63 s, evenly spaced with
        the first and the last, like `uniform_last_frame` (video_loader.py:243).
        parity: the last frame is labelled with the end of the clip instead of its own time, and
        each label has the frame that a player shows then (video_loader.py:143-169, 378-417).
        For tracks: frames from the first on, at the highest rate that is at most 10 a second,
        divides the video's rate, is a multiple of the query's rate, and fits the whole clip into
        that many frames. If there is no such rate, the query's rate is used and the end of the clip
        is cut off (video_loader.py:60-104). tracks: the limits of that rule; None takes the frames
        of points, up to 63 s.
        For an image: the image.
        Raises NoFrames, ImageError.
        """
        with _opened(self.find(example.media), example) as images:
            if isinstance(example.truth, ImageTruth):
                return _clip_of(example, images, [0], [0.0])
            if isinstance(example.truth, TrackTruth):
                return _track_clip(example, images, example.truth, tracks)
            return _point_clip(example, images, self.parity)

    def image(self, example: Example, seconds: float) -> NDArray[np.uint8]:
        """(H, W, 3) RGB: the image nearest to a time of the example's clip.

        Raises NoFrames, ImageError.
        """
        with _opened(self.find(example.media), example) as images:
            if isinstance(example.truth, TrackTruth):
                number = round(seconds * example.truth.fps)
            else:
                stamp_ns = round((example.media.start_s + seconds) * 1e9)
                number = min(
                    range(len(images.stamps)), key=lambda k: abs(images.stamps[k] - stamp_ns)
                )
            return images.frame(min(max(number, 0), len(images.stamps) - 1)).image

    def images(self, media: Media) -> Iterator[NDArray[np.uint8]]:
        """Every image of a video or a folder, (H, W, 3) RGB, one in memory at a time.

        Raises NoFrames, ImageError.
        """
        with OpenMedia(self.find(media), media.fps, media.files) as images:
            for number in range(len(images.stamps)):
                yield images.frame(number).image

    def _lack(self, example: Example) -> str:
        """What of the media of an example is missing, or of the frames that its tracks have."""
        try:
            path = self.find(example.media)
        except NoFrames as error:
            return error.why
        if not isinstance(example.truth, TrackTruth) or not path.is_dir():
            return ''
        files = example.media.files
        count, frames = len(image_files(path, files)), example.truth.frames
        if count >= frames:
            return ''
        missing = missing_picture(path, files)
        return f'{path} holds {count} of {frames} pictures' + (missing and f', and no {missing}')

    def _holding(self, media: Media) -> Path:
        """The folder that holds the files of a video. Raises NoFrames."""
        stem = _stem(PurePosixPath(media.files[0]).name)
        paths = {path for of_name in self._by_stem().values() for path in of_name if path.is_dir()}
        holding = [path for path in sorted(paths) if any(path.glob(f'{stem}.*'))]
        if len(holding) != 1:
            why = f'{len(holding)} folders below {self.folder} hold its frame {media.files[0]}'
            raise NoFrames(media.name, why)
        return holding[0]

    def _by_stem(self) -> dict[str, list[Path]]:
        if self._index is None:
            self._index = {}
            for name, path in _media_below(self.folder):
                of_name = self._index.setdefault(_stem(name), [])
                if path not in of_name:
                    of_name.append(path)
        return self._index

    def _choose(self, paths: list[Path], media: Media, name: PurePosixPath) -> Path:
        for likely in (
            [path for path in paths if _ends_in(path, name)],
            [path for path in paths if _is_of(path.relative_to(self.folder), media.source)],
            [path for path in paths if path.stem.endswith(_TWO_FPS)],
        ):
            if len(paths) > 1:
                paths = [path for path in paths if path in likely] or paths
        if len(paths) == 1:
            return paths[0]
        if not paths:
            why = (
                f'looked for {name.name}.mp4 (or another suffix), {name.name}{_TWO_FPS}.mp4 and '
                f'folders {name.name} of numbered pictures below {self.folder}'
            )
            raise NoFrames(media.name, why)
        places = ', '.join(str(path) for path in paths[:3])
        raise NoFrames(media.name, f'{len(paths)} of that name are below {self.folder}: {places}')


def _media_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, path) of videos and folders of images, in the order of their paths.

    If a folder holds a single video, the video is found by the folder's name as well.
    """
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        folder_path = Path(place)
        if folder_path != folder and any(Path(name).suffix.lower() in PICTURES for name in files):
            named = folder_path.parent if folder_path.name in INNER else folder_path
            yield named.name, named
        videos = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES)
        for name in videos:
            yield name, folder_path / name
        if len(videos) == 1 and folder_path != folder:
            yield folder_path.name, folder_path / videos[0]


def _ends_in(path: Path, name: PurePosixPath) -> bool:
    parts = [*map(_plain, name.parts[:-1]), _stem(name.name)]
    return [*map(_plain, path.parts[:-1]), _stem(path.name)][-len(parts) :] == parts


def _is_of(path: Path, source: str) -> bool:
    return bool(source) and source.lower() in path.as_posix().lower()


def _plain(name: str) -> str:
    return name.removesuffix('-2fps')


def _stem(name: str) -> str:
    """The name without a suffix and without `_2fps`."""
    path = PurePosixPath(name)
    has_suffix = path.suffix.lower() in SUFFIXES | PICTURES
    return (path.stem if has_suffix else name).removesuffix(_TWO_FPS)


def _escaped(name: PurePosixPath) -> str:
    return re.sub(r'([*?[])', r'[\1]', name.as_posix())


def _opened(path: Path, example: Example) -> OpenMedia:
    truth = example.truth
    media = example.media
    fps = truth.fps if isinstance(truth, TrackTruth) else media.fps
    return OpenMedia(path, fps, media.files)


def _clip_of(
    example: Example, images: ImageSequence, numbers: list[int], labels: list[float]
) -> Clip:
    frames = tuple(images.frame(number) for number in numbers)
    return Clip(
        camera=example.media.name,
        frames=frames,
        seconds=tuple(labels),
        start_ns=frames[0].stamp_ns,
        end_ns=frames[-1].stamp_ns,
        frames_expected=len(frames),
    )


def _point_clip(example: Example, images: ImageSequence, parity: bool) -> Clip:
    media = example.media
    start_ns = round(media.start_s * 1e9)
    last_ns = images.stamps[-1]
    end_ns = last_ns if media.end_s is None else min(round(media.end_s * 1e9), last_ns)
    number = {stamp_ns: k for k, stamp_ns in enumerate(images.stamps)}
    stamps = [stamp_ns for stamp_ns in number if start_ns <= stamp_ns <= end_ns]
    if not stamps:
        why = f'it ends at {last_ns / 1e9:.3f} s, and the clip begins at {media.start_s} s'
        raise NoFrames(media.name, why)
    if end_ns - start_ns > MAX_WINDOW_NS:
        return _even_clip(example, images, [number[stamp_ns] for stamp_ns in stamps], start_ns)
    if parity:
        return _played_clip(example, images, start_ns)
    return sampled_clip(
        media.name,
        stamps,
        lambda stamp_ns: images.frame(number[stamp_ns]),
        (start_ns, end_ns),
        start_ns,
        {},
    )


def _played_clip(example: Example, images: ImageSequence, start_ns: int) -> Clip:
    """parity: the frames shown at 0, 0.5, 1.0 ... and at the end of the clip, which lies behind it.

    The end of a video is that of its last image. A clip has no label twice, so of a grid time and
    an end with the same label the end is used; the reference shows both.
    """
    stamps = images.stamps
    shown_ns = (stamps[-1] - stamps[0]) // max(len(stamps) - 1, 1)
    end_ns = stamps[-1] + shown_ns
    if example.media.end_s is not None:
        end_ns = min(end_ns, round(example.media.end_s * 1e9))
    times_ns = [*range(start_ns, end_ns, SAMPLE_PERIOD_NS), end_ns]
    numbers = {
        round((time_ns - start_ns) / 1e9, 1): max(bisect_right(stamps, time_ns) - 1, 0)
        for time_ns in times_ns
    }
    return _clip_of(example, images, list(numbers.values()), list(numbers))


def _even_clip(example: Example, images: ImageSequence, numbers: list[int], start_ns: int) -> Clip:
    spaced = np.linspace(0, len(numbers) - 1, min(MAX_FRAMES, len(numbers))).astype(int)
    by_label = {
        round((images.stamps[numbers[k]] - start_ns) / 1e9, 1): numbers[k]
        for k in reversed(spaced.tolist())
    }
    labels = sorted(by_label)
    return _clip_of(example, images, [by_label[label] for label in labels], labels)


def _track_clip(
    example: Example, images: ImageSequence, truth: TrackTruth, tracks: TrackRule | None
) -> Clip:
    count = min(len(images.stamps), truth.frames)
    if tracks is None:
        stamps = [round(k * 1e9 / truth.fps) for k in range(count)]
        samples, _ = sample(stamps, 0, min(stamps[-1], MAX_WINDOW_NS))
        labels = {chosen.seconds: chosen.index for chosen in samples}
    else:
        step = tracks.step(truth.fps, truth.query_fps, count)
        numbers = list(range(0, count, step))[: tracks.most_frames]
        labels = {round(k / truth.fps, 1): k for k in reversed(numbers)}
    ordered = sorted(labels)
    return _clip_of(example, images, [labels[label] for label in ordered], ordered)
