# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks of all objects in one PNG file for each frame: DAVIS, YouTube-VOS and others.

`Annotations/[480p/]VIDEO/00000.png` holds the number of the object at each pixel: 0 means none, and
255 in DAVIS means a pixel that does not count. A grey image of 0 and 255 only shows one object.
Frames are numbered by the images in `JPEGImages/[480p/]VIDEO` if they exist, else by the masks. An
object is hidden on a frame whose PNG does not show it, and on a frame without a PNG.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets import video_words
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, MaskTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.frame_files import pictures
from molmo_ground_ros.benchmarks.datasets.path_list import PathList
from molmo_ground_ros.benchmarks.datasets.png import BadIndexedImage, read_indices
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.benchmarks.datasets.video_words import Words, WordsReader
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask, mask_of

VOID = 255
_RESOLUTIONS = ('480p', 'Full-Resolution')
# VIPSeg's masks hold 100 x class + instance for things, and only the class for stuff. 0 is void.
_OF_CLASS = 100
_MOST_STUFF = 124
_NO_WORDS = 'no meta_expressions.json or meta.json: no words'

Pixels = NDArray[np.uint8] | NDArray[np.uint16]  # (H, W)


@dataclass(frozen=True, slots=True)
class NumberedMasks:
    """Where a source with one PNG for each frame has its files."""

    # The reference plays DAVIS and YouTube-VOS at 6 (academic_video_track_datasets.py:762, :888,
    # molmo2 f3cb108): YouTube-VOS has every fifth of 30; DAVIS was filmed at 24 and is slowed down.
    fps: float = 6.0
    masks: str = 'Annotations'
    images: str = 'JPEGImages'
    split: str = ''  # the only one that is read, where the folder holds it
    words: WordsReader = video_words.expressions_json
    called: str = ''  # an object without a class; '': words must say what it is
    panoptic: bool = False  # the masks hold classes and instances, as VIPSeg's do

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video in a folder, or in its folders of splits, one at a time.

        A video with a broken PNG is a BadRecord. Raises BadSetting if there is no folder of masks,
        MissingPackage.
        """
        roots = mask_roots(path, self.masks, self.split)
        words, faults = self.words(video_words.folder_of_words(path, self.split))
        yield from faults
        if not words and not self.called:
            yield bad_record(str(path), 0, _NO_WORDS)
        names: set[str] = set()
        for root in roots:
            yield from _videos(self, root, words, names)
        for name in sorted(words):
            if name and name not in names:
                why = f"video '{name}' has words and no masks in {self.masks}"
                yield bad_record(str(path), 0, why)


def _videos(
    layout: NumberedMasks, root: Path, words: Words, names: set[str]
) -> Iterator[AnnotatedVideo | BadRecord]:
    """The videos of one split. names: of those before, to which theirs are added."""
    masks, images = resolution(root / layout.masks), resolution(root / layout.images)
    for folder in PathList(masks, (path for path in masks.iterdir() if path.is_dir())):
        try:
            if folder.name in names:
                raise BadField('video', folder.name, 'was there before')
            names.add(folder.name)
            of_video = words.get(folder.name, {}) or words.get('', {})
            yield _video(layout, folder, images / folder.name, of_video)
            files = mask_files(folder)
            yield from without_masks(folder, files, frame_numbers(files, images / folder.name))
        except (BadField, BadIndexedImage, OSError) as error:
            yield bad_record(str(folder), 0, error)


def mask_roots(path: Path, masks: str, split: str) -> list[Path]:
    """The folders of splits, or the folder itself. Raises BadSetting if none has masks."""
    if split and (path / split / masks).is_dir():
        return [path / split]
    roots = [root for root in (path, *sorted(path.glob('*/'))) if (root / masks).is_dir()]
    if not roots:
        raise BadSetting('data', str(path), f"holds no folder '{masks}'")
    return roots


def resolution(folder: Path) -> Path:
    """The folder of one resolution in a folder of DAVIS; the folder itself in others."""
    return next((folder / name for name in _RESOLUTIONS if (folder / name).is_dir()), folder)


def frame_numbers(files: list[Path], images: Path) -> dict[str, int]:
    """The number of each frame from 0 by the stem of its file.

    Frames are the images, if their folder exists, else the masks. Raises BadField for a mask that
    is of no image.
    """
    stems = [path.stem for path in pictures(images) or files]
    frames = {stem: k for k, stem in enumerate(stems)}
    for file in files:
        if file.stem not in frames:
            raise BadField('mask', file.name, f'is of no picture in {images}')
    return frames


def without_masks(
    folder: Path, files: list[Path], frames: Mapping[str, int], *, to_the_ends: bool = True
) -> Iterator[BadRecord]:
    """An error that names the frames without a mask, if there are any; objects are hidden there.

    Masks stand at every frame, or at every second, third and so on. to_the_ends: from the first
    frame to the last; else from the first mask to the last.
    """
    places = sorted(frames[file.stem] for file in files)
    steps = Counter(np.diff(places).tolist())
    step = steps.most_common(1)[0][0] if steps else 1
    first, last = (places[0] % step, len(frames) - 1) if to_the_ends else (places[0], places[-1])
    missing = set(range(first, last + 1, step)).difference(places)
    if missing:
        name = next(stem for stem, place in frames.items() if place == min(missing))
        why = f'{len(missing)} masks are missing, the first is of picture {name}'
        yield bad_record(str(folder), 0, f'{why}: its objects are hidden there')


def mask_files(folder: Path) -> list[Path]:
    """The PNG files of a folder in their order. Raises BadField if there is none."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == '.png')
    if not files:
        raise BadField('video', folder.name, 'is an empty video: there is no PNG')
    return files


def _video(
    layout: NumberedMasks, folder: Path, images: Path, words: Mapping[str, Any]
) -> AnnotatedVideo:
    files = mask_files(folder)
    frames = frame_numbers(files, images)
    masks, (height, width) = _masks(layout, files, frames)
    labels = _labels(layout, words, masks)
    tracks = tuple(MaskTrack(k, labels.get(k, layout.called), masks[k]) for k in sorted(masks))
    expressions = video_words.expressions(words, set(masks)) or label_expressions(tracks)
    media = Media(folder.name, fps=layout.fps)
    return AnnotatedVideo(
        folder.name, media, width, height, len(frames), layout.fps, tracks, expressions, str(folder)
    )


def _masks(
    layout: NumberedMasks, files: list[Path], frames: Mapping[str, int]
) -> tuple[dict[int, dict[int, Mask]], tuple[int, int]]:
    """The masks by number of the object and frame, and the height and width of all frames."""
    masks: dict[int, dict[int, Mask]] = {}
    first_shape: tuple[int, ...] | None = None
    for file in files:
        numbers = _things(file) if layout.panoptic else _numbers(file)
        if first_shape is not None and numbers.shape != first_shape:
            raise BadField('mask', file.name, f'is another size than the others: {numbers.shape}')
        first_shape = numbers.shape
        for number in np.unique(numbers).tolist():
            if number:
                masks.setdefault(number, {})[frames[file.stem]] = mask_of(numbers == number)
    return masks, (numbers.shape[0], numbers.shape[1])


def _numbers(file: Path) -> Pixels:
    """(H, W) the number of the object at each pixel, 0 for none."""
    image = read_indices(file)
    if not image.palette and set(np.unique(image.pixels).tolist()) <= {0, VOID}:
        return np.asarray(image.pixels == VOID, np.uint8)
    pixels: Pixels = np.where(image.pixels == VOID, 0, image.pixels)
    return pixels


def _things(file: Path) -> Pixels:
    """(H, W) the number of the thing at each pixel, 0 for none and for stuff."""
    pixels = read_indices(file).pixels
    things: Pixels = np.where(pixels > _MOST_STUFF, pixels, 0)
    return things


def _labels(
    layout: NumberedMasks, words: Mapping[str, Any], masks: Mapping[int, object]
) -> dict[int, str]:
    """The class of each object that has one. Raises BadField for a class that is not listed."""
    if not layout.panoptic:
        return video_words.labels(words)
    classes = words.get('classes', {})
    for number in masks:
        if number // _OF_CLASS not in classes:
            raise fields.bad_field('mask', number, 'is of no class in panoVIPSeg_categories.json')
    return {number: classes[number // _OF_CLASS] for number in masks}
