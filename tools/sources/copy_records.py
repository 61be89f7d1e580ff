# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Copies of the sources whose truth is in JSON or CSV."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.frames.masks import mask_of
from tools.sources.copy_boxes import Copy, Extent, videos_of, write_images, write_lines, write_video
from tools.sources.copy_masks import write_json
from tools.sources.own_format import HEIGHT, WIDTH, Expected
from tools.sources.table_videos import TableVideo

_FPS = 6.0
_BDD_SIZE = 1280, 720
_SIZE = {'width': WIDTH, 'height': HEIGHT}


def _rle(video: TableVideo, thing: int, frame: int) -> dict[str, Any] | None:
    """The mask of an object as COCO writes it; None where it is hidden."""
    pixels = video.masks[thing, frame]
    return mask_of(pixels).rle() if pixels.any() else None


def _mask_lists(folder: Path, extent: Extent, *, words: str, frames: str) -> list[Expected]:
    """MeViS and ReVOS. words, frames: the file and the folder of a split."""
    expected, videos, masks = [], {}, {}
    for video in videos_of(_FPS, extent):
        name = f'{video.number:012x}'
        ids = [2 * video.number, 2 * video.number + 1]
        for thing, number in enumerate(ids):
            masks[str(number)] = [_rle(video, thing, k) for k in range(video.frames)]
        sentences = [(f'the {video.colours[0]} block', [0]), ('the blocks on the table', [0, 1])]
        videos[name] = {
            'vid_id': video.number,
            'frames': [f'{k:05d}' for k in range(video.frames)],
            'expressions': {
                str(key): {'exp': text, 'obj_id': things, 'anno_id': [ids[k] for k in things]}
                for key, (text, things) in enumerate(sentences)
            },
        }
        write_images(video, folder / frames / name, '{:05d}.jpg', 0)
        expected += [
            Expected(f'{name}_{key}', text, video, tuple(things))
            for key, (text, things) in enumerate(sentences)
        ]
    write_json(folder / words, {'videos': videos})
    write_json((folder / words).parent / 'mask_dict.json', masks)
    return expected


def _masklets(folder: Path, extent: Extent) -> list[Expected]:
    expected = []
    for video in videos_of(24.0, extent):
        name = f'sav_{video.number:06d}'
        things = range(len(video.masks))
        record = {
            'video_id': name,
            'video_frame_count': float(video.frames),
            'video_height': float(HEIGHT),
            'video_width': float(WIDTH),
            'masklet_id': list(things),
            'masklet': [
                [mask_of(video.masks[thing, k]).rle() for thing in things]
                for k in range(0, video.frames, 4)
            ],
        }
        write_json(folder / 'sav_000' / f'{name}_manual.json', record)
        write_video(video, folder / 'sav_000' / f'{name}.mp4')
        expected.append(Expected(f'{name}_0', 'object', video, (0, 1), step=4))
    return expected


def _youtube_vis(
    folder: Path, extent: Extent, *, file: str, frames: str, fps: float = _FPS
) -> list[Expected]:
    """Videos as YouTube-VIS, OVIS and LV-VIS write them."""
    expected: list[Expected] = []
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video in videos_of(fps, extent):
        name = f'{video.number:05d}'
        files = [f'{name}/{k:05d}.jpg' for k in range(video.frames)]
        number = video.number + 1
        videos.append({'id': number, 'length': video.frames, 'file_names': files, **_SIZE})
        for thing in range(len(video.masks)):
            masks = [_rle(video, thing, k) for k in range(video.frames)]
            annotations.append(_annotation(annotations, video_id=number, segmentations=masks))
        crowd = [None] * video.frames
        annotations.append(
            _annotation(annotations, video_id=number, segmentations=crowd, iscrowd=1)
        )
        write_images(video, folder / frames / name, '{:05d}.jpg', 0)
        expected.append(Expected(f'{name}_0', 'toy', video, (0, 1)))
    categories = [{'id': 7, 'name': 'toy', 'supercategory': 'object'}]
    parts = {'videos': videos, 'categories': categories, 'annotations': annotations}
    write_json(folder / file, {'info': {}, 'licenses': [], **parts})
    return expected


def _annotation(before: list[dict[str, Any]], **values: object) -> dict[str, Any]:
    return {'id': len(before) + 1, 'category_id': 7, 'iscrowd': 0, **values}


def _burst(folder: Path, extent: Extent) -> list[Expected]:
    expected, sequences = [], []
    for video in videos_of(_FPS, extent):
        name = f'table_{video.number}'
        paths = [f'frame{k + 1:04d}.jpg' for k in range(video.frames)]
        segmentations = []
        for k in range(video.frames):
            masks = {str(thing + 1): _rle(video, thing, k) for thing in range(len(video.masks))}
            segmentations.append(
                {key: {'rle': mask['counts'], 'is_gt': True} for key, mask in masks.items() if mask}
            )
        sequences.append(
            {
                'id': video.number,
                'seq_name': name,
                'dataset': 'Table',
                'fps': int(_FPS),
                'all_image_paths': paths,
                'annotated_image_paths': paths,
                'neg_category_ids': [],
                'not_exhaustive_category_ids': [],
                'track_category_ids': {'1': 805, '2': 805},
                'segmentations': segmentations,
                **_SIZE,
            }
        )
        write_images(video, folder / 'frames' / 'val' / 'Table' / name, 'frame{:04d}.jpg')
        expected.append(Expected(f'Table/{name}_805', 'toy', video, (0, 1)))
    content = {
        'sequences': sequences,
        'categories': [{'id': 805, 'name': 'toy', 'synset': 'toy.n.01'}],
        'split': 'val',
    }
    write_json(folder / 'annotations' / 'val' / 'all_classes.json', content)
    return expected


def _frames_of_coco(folder: Path, extent: Extent, *, source: str, fps: float) -> list[Expected]:
    """Images that are frames of videos: APTv2 and SeaDronesSee."""
    is_sea = source == 'seadronessee'
    expected: list[Expected] = []
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video in videos_of(fps, extent):
        name = f'DJI_000{video.number}' if is_sea else f'data/easy/deer/{video.number + 1}'
        number = video.number + 1
        first = len(images)
        videos.append({'id': number, 'name:': f'/data/input/{name}.MP4', **_SIZE})
        for k in range(video.frames):
            file = f'{first + k:06d}.png' if is_sea else f'{name}/{k:05d}.jpg'
            image = {'id': first + k, 'file_name': file, **_SIZE}
            images.append(image | ({'video_id': number, 'frame_index': k} if is_sea else {}))
            annotations += _frame_boxes(video, k, first + k, len(annotations))
        pattern = '{:06d}.jpg' if is_sea else '{:05d}.jpg'
        place = folder / ('Compressed/train' if is_sea else name)
        write_images(video, place, pattern, first if is_sea else 0)
        expected.append(Expected(f'{name}_0', 'toy', video, (0, 1), boxes=True))
    parts = {'images': images, 'annotations': annotations}
    categories = [{'id': 7, 'name': 'toy', 'supercategory': 'object'}]
    file = 'instances_train_objects_in_water.json' if is_sea else 'train_annotations.json'
    content = {'videos': videos, **parts} if is_sea else parts
    write_json(folder / 'annotations' / file, {**content, 'categories': categories})
    return expected


def _frame_boxes(video: TableVideo, frame: int, image: int, number: int) -> list[dict[str, Any]]:
    """The annotations of a frame, numbered from `number` + 1."""
    boxes = [(thing, video.box(thing, frame)) for thing in range(len(video.masks))]
    visible = [(thing, box) for thing, box in boxes if box is not None]
    return [
        {
            'id': number + k,
            'image_id': image,
            'category_id': 7,
            'track_id': thing + 1,
            'bbox': list(box),
            'iscrowd': 0,
        }
        for k, (thing, box) in enumerate(visible, start=1)
    ]


def _bdd(folder: Path, extent: Extent) -> list[Expected]:
    expected = []
    for video in videos_of(5.0, extent):
        name = f'0000f77c-{video.number}'
        frames = []
        for k in range(video.frames):
            labels = [_bdd_label(video, thing, k) for thing in range(len(video.masks))]
            crowd = {
                'id': 'crowd',
                'category': 'car',
                'attributes': {'crowd': True},
                'box2d': {'x1': 1, 'y1': 1, 'x2': 9, 'y2': 9},
            }
            frames.append(
                {
                    'name': f'{name}-{k + 1:07d}.jpg',
                    'videoName': name,
                    'frameIndex': k,
                    'labels': [*filter(None, labels), crowd],
                }
            )
        write_json(folder / 'labels' / 'box_track_20' / 'val' / f'{name}.json', frames)
        place = folder / 'images' / 'track' / 'val' / name
        width, height = _BDD_SIZE
        beyond = ((0, 0), (0, height - HEIGHT), (0, width - WIDTH), (0, 0))
        large = replace(video, images=np.pad(video.images, beyond))
        write_images(large, place, f'{name}-{{:07d}}.jpg')
        expected.append(Expected(f'{name}_0', 'car', video, (0, 1), boxes=True, size=_BDD_SIZE))
    return expected


def _bdd_label(video: TableVideo, thing: int, frame: int) -> dict[str, Any] | None:
    box = video.box(thing, frame)
    if box is None:
        return None
    left, top, width, height = box
    return {
        'id': f'0{thing}',
        'category': 'car',
        'attributes': {'occluded': False, 'truncated': False, 'crowd': False},
        'box2d': {'x1': left, 'y1': top, 'x2': left + width, 'y2': top + height},
    }


def _personpath(folder: Path, extent: Extent) -> list[Expected]:
    expected, samples = [], {}
    for video in videos_of(25.0, extent):
        name = f'uid_vid_{video.number:05d}'
        entities = []
        for k in range(0, video.frames, 5):
            for thing in range(len(video.masks)):
                box = video.box(thing, k)
                if box is not None:
                    entities.append(_entity(k, thing, list(box)))
            entities.append(_entity(k, None, [1, 1, 9, 9]))
        samples[f'{name}.mp4'] = {
            'id': f'{name}.mp4',
            'metadata': {
                'data_path': f'raw_data/{name}.mp4',
                'fps': 25.0,
                'number_of_frames': video.frames,
                'resolution': _SIZE,
            },
            'entities': entities,
        }
        write_video(video, folder / 'raw_data' / f'{name}.mp4')
        expected.append(Expected(f'{name}_0', 'person', video, (0, 1), boxes=True, step=5))
    content = {'description': '', 'metadata': {}, 'samples': samples}
    write_json(folder / 'annotation' / 'anno_visible_2022.json', content)
    return expected


def _entity(frame: int, thing: int | None, box: list[int]) -> dict[str, Any]:
    return {
        'time': 40 * frame,
        # gluoncv takes the frame from the time where it has no number.
        **({'blob': {'frame_idx': frame}} if frame % 2 else {}),
        'bb': box,
        'labels': {'person': 1} if thing is not None else {'crowd': 1},
        'id': thing,
    }


_HEADER = [
    '# Exported using VGG Image Annotator',
    '# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata',
]


def _moca(folder: Path, extent: Extent) -> list[Expected]:
    expected, lines = [], list(_HEADER)
    for video in videos_of(24.0, extent, 1):
        name = f'arctic_fox_{video.number}'
        for k in range(0, video.frames, 4):
            box = video.box(0, k)
            if box is not None:
                left, top, width, height = box
                shape = f'"[2,{left},{top},{width},{height}]"'
                lines.append(f'{k}_x,/{name}/{k:05d}.jpg,0,[],{shape},"{{""1"":""0""}}"')
        write_images(video, folder / 'JPEGImages' / name, '{:05d}.jpg', 0)
        expected.append(Expected(f'{name}_0', 'arctic fox', video, (0,), boxes=True, step=4))
    write_lines(folder / 'Annotations' / 'annotations.csv', lines)
    return expected


RECORD_COPIES: dict[str, Copy] = {
    'mevis': partial(
        _mask_lists, words='valid_u/meta_expressions.json', frames='valid_u/JPEGImages'
    ),
    'revos': partial(_mask_lists, words='meta_expressions_valid_.json', frames='JPEGImages'),
    'revos-train': partial(_mask_lists, words='meta_expressions_train_.json', frames='JPEGImages'),
    'sa-v-train': _masklets,
    'coco': partial(_youtube_vis, file='annotations/instances_train.json', frames='train'),
    'youtube-vis': partial(_youtube_vis, file='train/instances.json', frames='train/JPEGImages'),
    'ovis': partial(_youtube_vis, file='annotations_train.json', frames='train'),
    'lv-vis': partial(
        _youtube_vis, file='train_instances.json', frames='train/JPEGImages', fps=4.0
    ),
    'burst': _burst,
    'aptv2': partial(_frames_of_coco, source='aptv2', fps=6.0),
    'seadronessee': partial(_frames_of_coco, source='seadronessee', fps=30.0),
    'bdd100k': _bdd,
    'personpath22': _personpath,
    'moca': _moca,
}
