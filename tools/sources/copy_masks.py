# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Copies of the sources with masks in PNG files."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.sources.copy_boxes import Copy, Extent, videos_of, write_images, write_lines
from tools.sources.own_format import Expected
from tools.sources.table_videos import TableVideo

_FPS = 6.0
_THING = 61  # the class of VIPSeg in the copy, counted from 1 as its masks do
_EVERY = 4  # frames of SA-V between two with masks
_PALETTE = [0, 0, 0, 200, 0, 0, 0, 200, 0] + [0] * (253 * 3)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding='utf-8')


def write_png(path: Path, pixels: NDArray[Any], palette: bool = True) -> None:
    """Write numbers of objects: as indices of a palette, or as grey values of 8 or 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(_PALETTE)
    image.save(path)


def numbers_of(video: TableVideo, frame: int) -> NDArray[np.uint8]:
    """(H, W) the number of the object at each pixel from 1, 0 for none."""
    numbers = np.zeros(video.masks.shape[2:], np.uint8)
    for thing, masks in enumerate(video.masks):
        numbers[masks[frame]] = thing + 1
    return numbers


def _numbered(folder: Path, video: TableVideo, name: str, first: int, split: str = '') -> None:
    """Masks of all objects in one PNG for each frame, and the frames."""
    digits = '{:05d}' if first == 0 else '{:08d}'
    for k in range(video.frames):
        file = digits.format(k + first) + '.png'
        write_png(folder / split / 'Annotations' / name / file, numbers_of(video, k))
    write_images(video, folder / split / 'JPEGImages' / name, digits + '.jpg', first)


def _sentences(video: TableVideo) -> list[tuple[str, list[int]]]:
    """(sentence, objects from 0) about a video."""
    return [(f'the {colour} block', [k]) for k, colour in enumerate(video.colours)]


def _expected(name: str, video: TableVideo, step: int = 1) -> list[Expected]:
    """A question for each sentence."""
    return [
        Expected(f'{name}_{key}', text, video, tuple(things), step=step)
        for key, (text, things) in enumerate(_sentences(video))
    ]


def _words(video: TableVideo) -> dict[str, Any]:
    """The expressions about a video, as Ref-YouTube-VOS writes them."""
    return {
        'expressions': {
            str(key): {'exp': text, 'obj_id': str(things[0] + 1)}
            for key, (text, things) in enumerate(_sentences(video))
        },
        'frames': [f'{k:05d}' for k in range(video.frames)],
    }


def _davis(folder: Path, extent: Extent) -> list[Expected]:
    expected, videos = [], {}
    for video in videos_of(_FPS, extent):
        name = f'blocks-{video.number}'
        for k in range(video.frames):
            write_png(folder / 'Annotations' / '480p' / name / f'{k:05d}.png', numbers_of(video, k))
        write_images(video, folder / 'JPEGImages' / '480p' / name, '{:05d}.jpg', 0)
        videos[name] = _words(video)
        expected += _expected(name, video)
    write_json(folder / 'meta_expressions.json', {'videos': videos})
    return expected


def _ref_davis(folder: Path, extent: Extent) -> list[Expected]:
    expected, lines = [], []
    for video in videos_of(_FPS, extent):
        name = f'blocks-{video.number}'
        masks = folder / 'DAVIS' / 'Annotations' / '480p' / name
        for k in range(video.frames):
            write_png(masks / f'{k:05d}.png', numbers_of(video, k))
        write_images(video, folder / 'DAVIS' / 'JPEGImages' / '480p' / name, '{:05d}.jpg', 0)
        lines += [f'{name} {things[0] + 1} "{text}"' for text, things in _sentences(video)]
        expected += _expected(name, video)
    write_lines(folder / 'davis_text_annotations' / 'Davis17_annot1.txt', lines)
    return expected


def _youtube(folder: Path, extent: Extent, *, words: bool) -> list[Expected]:
    """Ref-YouTube-VOS's training set; without `words` YouTube-VOS with classes."""
    expected, videos, classes = [], {}, {}
    for video in videos_of(_FPS, extent):
        name = f'{video.number:010x}'
        _numbered(folder, video, name, 0, 'train')
        videos[name] = _words(video)
        classes[name] = {'objects': {'1': {'category': 'toy'}, '2': {'category': 'toy'}}}
        expected += (
            _expected(name, video) if words else [Expected(f'{name}_0', 'toy', video, (0, 1))]
        )
    write_json(folder / 'train' / 'meta.json', {'videos': classes})
    if words:
        path = folder / 'meta_expressions' / 'train' / 'meta_expressions.json'
        write_json(path, {'videos': videos})
    return expected


def _mose(folder: Path, extent: Extent, *, classes: bool) -> list[Expected]:
    expected, videos = [], {}
    for video in videos_of(_FPS, extent):
        name = f'{video.number:08x}'
        _numbered(folder, video, name, 0, 'train')
        objects = {'1': {'category': 'toy'}, '2': {'category': 'toy'}}
        videos[name] = {'objects': objects, 'length': video.frames}
        expected.append(Expected(f'{name}_0', 'toy' if classes else 'object', video, (0, 1)))
    if classes:
        write_json(folder / 'meta_train.json', {'videos': videos})
    return expected


def _lvos(folder: Path, extent: Extent, *, captions: bool) -> list[Expected]:
    expected, videos = [], {}
    for video in videos_of(_FPS, extent):
        name = f'vid{video.number}'
        _numbered(folder, video, name, 1, 'val')
        span = {'start': '00000001', 'end': f'{video.frames:08d}', 'frame_nums': video.frames}
        sentences = _sentences(video)
        videos[name] = {
            'objects': {
                str(things[0] + 1): {'frame_range': span, 'caption': text}
                for text, things in sentences
            }
        }
        if captions:
            expected += [
                Expected(f'{name}_{things[0] + 1}', text, video, tuple(things))
                for text, things in sentences
            ]
        else:
            expected.append(Expected(f'{name}_0', 'object', video, (0, 1)))
    write_json(folder / 'val' / 'val_meta.json', {'videos': videos})
    if captions:
        write_json(folder / 'val' / 'val_expression_meta.json', {'videos': videos})
    return expected


def _vipseg(folder: Path, extent: Extent) -> list[Expected]:
    expected = []
    for video in videos_of(5.0, extent):
        name = f'{video.number}_table'
        for k in range(video.frames):
            numbers = numbers_of(video, k).astype(np.uint16)
            # The wall behind, of class 1, is stuff.
            pixels = np.where(numbers > 0, 100 * _THING + numbers - 1, 1).astype(np.uint16)
            write_png(folder / 'panomasks' / name / f'{k:08d}.png', pixels, palette=False)
        write_images(video, folder / 'imgs' / name, '{:08d}.jpg', 0)
        expected.append(Expected(f'{name}_0', 'toy', video, (0, 1)))
    classes = [{'id': 0, 'name': 'wall', 'isthing': 0}]
    classes.append({'id': _THING - 1, 'name': 'toy', 'isthing': 1})
    write_json(folder / 'panoVIPSeg_categories.json', classes)
    return expected


def _white(folder: Path, video: TableVideo, thing: int, frames: range) -> None:
    """Masks of one object, white on black."""
    for k in frames:
        pixels = np.where(video.masks[thing, k], 255, 0).astype(np.uint8)
        write_png(folder / f'{k:05d}.png', pixels, palette=False)


def _ref_youtube_valid(folder: Path, extent: Extent) -> list[Expected]:
    expected, videos = [], {}
    for video in videos_of(_FPS, extent):
        name = f'{video.number:010x}'
        for key, (_, things) in enumerate(_sentences(video)):
            place = folder / 'valid' / 'Annotations' / name / str(key)
            _white(place, video, things[0], range(video.frames))
        write_images(video, folder / 'valid' / 'JPEGImages' / name, '{:05d}.jpg', 0)
        words = _words(video)
        videos[name] = words | {
            'expressions': {k: {'exp': v['exp']} for k, v in words['expressions'].items()}
        }
        expected += _expected(name, video)
    path = folder / 'meta_expressions' / 'valid' / 'meta_expressions.json'
    write_json(path, {'videos': videos})
    return expected


def _sav(folder: Path, extent: Extent) -> list[Expected]:
    expected = []
    for video in videos_of(24.0, extent):
        name = f'sav_{video.number:06d}'
        for thing in range(len(video.masks)):
            place = folder / 'sav_val' / 'Annotations_6fps' / name / f'{thing:03d}'
            _white(place, video, thing, range(0, video.frames, _EVERY))
        write_images(video, folder / 'sav_val' / 'JPEGImages_24fps' / name, '{:05d}.jpg', 0)
        expected.append(Expected(f'{name}_0', 'object', video, (0, 1), step=_EVERY))
    write_lines(folder / 'sav_val' / 'sav_val.txt', [f'sav_{k:06d}' for k in range(extent.videos)])
    return expected


def _reasonvos(folder: Path, extent: Extent) -> list[Expected]:
    expected, videos = [], {}
    for video in videos_of(_FPS, extent):
        name = f'table{video.number}'
        sentences = _sentences(video)
        for _, things in sentences:
            place = folder / 'ReasonVOS' / 'Annotations' / f'MOSE_{name}_{things[0]}'
            _white(place, video, things[0], range(video.frames))
        write_images(video, folder / 'ReasonVOS' / 'JPEGImages' / name, '{:05d}.jpg', 0)
        videos[name] = {
            'source': 'MOSE',
            'frames': [f'{k:05d}' for k in range(video.frames)],
            'expressions': [
                {'exp_text': text, 'obj_id': things[0], 'exp_id': key, 'is_sent': True}
                for key, (text, things) in enumerate(sentences)
            ],
        }
        expected += _expected(name, video)
    write_json(folder / 'ReasonVOS' / 'meta_expressions.json', {'videos': videos})
    return expected


MASK_COPIES: dict[str, Copy] = {
    'davis': _davis,
    'youtube-vos': partial(_youtube, words=False),
    'ref-davis17': _ref_davis,
    'ref-youtube-vos': partial(_youtube, words=True),
    'ref-youtube-vos-valid': _ref_youtube_valid,
    'mose': partial(_mose, classes=True),
    'mosev2': partial(_mose, classes=False),
    'lvos-v1': partial(_lvos, captions=True),
    'lvos-v2': partial(_lvos, captions=False),
    'vipseg': _vipseg,
    'sa-v': _sav,
    'reasonvos': _reasonvos,
}
