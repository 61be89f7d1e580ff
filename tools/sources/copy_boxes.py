# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Copies of the sources with boxes in lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2

from tools.sources.own_format import HEIGHT, WIDTH, Expected
from tools.sources.table_videos import TableVideo, table_video

# Videos with different truth; a copy with more has them again.
_DIFFERENT = 8


@dataclass(frozen=True)
class Extent:
    """How much a copy holds."""

    videos: int = 2
    seconds: float = 2.0  # of each video


Copy = Callable[[Path, Extent], list[Expected]]


def videos_of(fps: float, extent: Extent, things: int = 2) -> Iterator[TableVideo]:
    """The videos of a copy."""
    for number in range(extent.videos):
        frames = round(fps * extent.seconds) + 1
        yield replace(table_video(number % _DIFFERENT, fps, frames, things), number=number)


def write_images(
    video: TableVideo, folder: Path, pattern: str = '{:08d}.jpg', first: int = 1
) -> None:
    """Write the frames as pictures. pattern: of their names, with their numbers from `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, image in enumerate(video.images):
        cv2.imwrite(str(folder / pattern.format(k + first)), image)


def write_video(video: TableVideo, path: Path) -> None:
    """Write the frames as a video. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, video.fps, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f'{path} cannot be written')
    for image in video.images:
        writer.write(image)
    writer.release()


def write_lines(path: Path, lines: list[str]) -> None:
    """Write a text file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


@dataclass(frozen=True)
class _Single:
    """How a source with one object for each video packs it. {n} is the video, from 1."""

    video: str  # its folder
    fps: float = 30.0
    truth: str = 'groundtruth.txt'  # from the folder of the video
    frames: str = 'img'
    images: str = '{:08d}.jpg'
    first: int = 1
    hidden: tuple[str, ...] = ()
    visible: str = ''
    words: str = ''
    called: str = ''  # without `words`


_SINGLES = {
    'lasot': _Single(
        'block/block-{n}', hidden=('full_occlusion.txt', 'out_of_view.txt'), words='nlp.txt'
    ),
    'got10k': _Single(
        'train/GOT-10k_Train_{n:06d}',
        fps=10.0,
        frames='.',
        hidden=('absence.label',),
        called='toy block',
    ),
    'tnl2k': _Single(
        'TNL2K_train_subset/Block_video_{n:02d}_done',
        frames='imgs',
        images='{:05d}.png',
        words='language.txt',
    ),
    'tnllt': _Single(
        'Block_{n:03d}',
        frames='imgs',
        images='{:05d}.png',
        visible='absent_label.txt',
        words='language.txt',
    ),
    'trackingnet': _Single(
        'TRAIN_0', truth='anno/{name}.txt', frames='frames/{name}', images='{}.jpg', first=0,
        called='object',
    ),
    'vasttrack': _Single(
        'block/block-{n}',
        fps=6.0,
        truth='Groundtruth.txt',
        frames='imgs',
        images='{:05d}.jpg',
        words='nlp.txt',
    ),
    'webuav': _Single(
        'Train/block_{n}',
        truth='groundtruth_rect.txt',
        images='{:06d}.jpg',
        hidden=('absent.txt',),
        words='language.txt',
    ),
    'webuot': _Single(
        'Train/WebUOT-1M_Train_{n:06d}',
        truth='groundtruth_rect.txt',
        frames='imgs',
        hidden=('absent.txt',),
        words='language.txt',
    ),
    'uw-cot220': _Single(
        'UWCOT220_{n:06d}', truth='groundtruth_rect.txt', frames='imgs', words='language.txt'
    ),
}  # fmt: skip
_GOT10K = """[METAINFO]
url: none
anno_fps: 10Hz
object_class: toy block
resolution: ({}, {})"""


def _single(source: str, folder: Path, extent: Extent) -> list[Expected]:
    spec = _SINGLES[source]
    expected = []
    for video in videos_of(spec.fps, extent, 1):
        n = video.number + 1
        place = folder / spec.video.format(n=n)
        name = f'video{n}_0' if '{name}' in spec.truth else place.name
        boxes = [video.box(0, k) for k in range(video.frames)]
        # A hidden object keeps a box where a list says that it is hidden.
        empty = '1,2,3,4' if spec.hidden or spec.visible else '0,0,0,0'
        lines = [','.join(map(str, box)) if box else empty for box in boxes]
        write_lines(place / spec.truth.format(name=name), lines)
        for file in spec.hidden[:1]:
            write_lines(place / file, _flags([box is None for box in boxes], source))
        for file in spec.hidden[1:]:
            write_lines(place / file, _flags([False] * len(boxes), source))
        if spec.visible:
            write_lines(place / spec.visible, _flags([box is not None for box in boxes], source))
        words = spec.called or f'the {video.colours[0]} block'
        if spec.words:
            write_lines(place / spec.words, [words])
        if source == 'got10k':
            write_lines(place / 'meta_info.ini', [_GOT10K.format(WIDTH, HEIGHT)])
        write_images(video, place / spec.frames.format(name=name), spec.images, spec.first)
        expected.append(Expected(f'{name}_0', words, video, (0,), boxes=True))
    return expected


def _flags(hidden: list[bool], source: str) -> list[str]:
    """The lines of a list of hidden frames: LaSOT writes one line."""
    flags = [str(int(flag)) for flag in hidden]
    return [','.join(flags)] if source == 'lasot' else flags


@dataclass(frozen=True)
class _Sequence:
    """How a source with lines of boxes packs a sequence. {n} is its number, from 1."""

    name: str
    words: str
    fps: float = 25.0
    truth: str = '{name}/gt/gt.txt'
    frames: str = '{name}/img1'  # a name with a suffix is a video
    images: str = '{:06d}.jpg'
    info: str = '{name}/seqinfo.ini'  # '': there is none
    tail: str = '1,1,1'  # of a line
    origin: int = 1
    extra: str = ''  # a line that does not count


_SEQUENCES = {
    'mot': _Sequence('train/MOT17-0{n}', 'pedestrian', extra='1,9,5,5,9,9,0,13,1'),
    'mot20': _Sequence('train/MOT20-0{n}', 'pedestrian', extra='1,9,5,5,9,9,0,13,1'),
    'dancetrack': _Sequence('train/dancetrack000{n}', 'dancer', fps=20.0, images='{:08d}.jpg'),
    'sportsmot': _Sequence('dataset/train/v_block_c00{n}', 'player'),
    'soccernet': _Sequence('train/SNMOT-06{n}', 'person on the pitch', tail='1,-1,-1,-1'),
    'teamtrack': _Sequence('soccer_top/train/D_2022_{n}', 'player', frames='{name}/img1.mp4'),
    'animaltrack': _Sequence(
        'deer_{n}',
        'deer',
        fps=30.0,
        truth='gt_all/{name}_gt.txt',
        frames='frames_all/{name}',
        info='',
    ),
    'bft': _Sequence(
        'bird_{n}',
        'bird',
        truth='annotations_mot/train/{name}.txt',
        frames='train/{name}',
        info='',
        tail='0,0,0',
        origin=0,
    ),
    'uavdt': _Sequence(
        'M010{n}',
        'truck',
        fps=30.0,
        truth='UAV-benchmark-MOTD_v1.0/GT/{name}_gt_whole.txt',
        frames='UAV-benchmark-M/{name}',
        images='img{:06d}.jpg',
        info='',
        tail='1,1,2',
        origin=0,
    ),
}
_INFO = """[Sequence]
name={name}
imDir=img1
frameRate={fps:g}
seqLength={frames}
imWidth={width}
imHeight={height}
imExt=.jpg"""


def _sequence(source: str, folder: Path, extent: Extent) -> list[Expected]:
    spec = _SEQUENCES[source]
    expected = []
    for video in videos_of(spec.fps, extent):
        path = spec.name.format(n=video.number + 1)
        name = path.rpartition('/')[2]
        lines = [
            f'{k + 1},{thing + 1},{box[0] + spec.origin},{box[1] + spec.origin},{box[2]},{box[3]},'
            f'{spec.tail}'
            for thing in range(len(video.masks))
            for k in range(video.frames)
            if (box := video.box(thing, k)) is not None
        ]
        write_lines(folder / spec.truth.format(name=path), [*lines, *filter(None, [spec.extra])])
        if spec.info:
            facts = {'fps': spec.fps, 'frames': video.frames, 'width': WIDTH, 'height': HEIGHT}
            info = _INFO.format(name=name, **facts)
            write_lines(folder / spec.info.format(name=path), [info])
        frames = folder / spec.frames.format(name=path)
        if frames.suffix == '.mp4':
            write_video(video, frames)
        else:
            write_images(video, frames, spec.images)
        expected.append(Expected(f'{name}_0', spec.words, video, (0, 1), boxes=True))
    return expected


BOX_COPIES: dict[str, Copy] = {
    **{name: partial(_single, name) for name in _SINGLES},
    **{name: partial(_sequence, name) for name in _SEQUENCES},
}
