# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COCO's JSON whose images are frames of videos: SeaDronesSee and APTv2.

Annotations say by `track_id` which object they are of. An image names its video by `video_id` and
its place by `frame_index`; in APTv2 the folder of its file is the video, and the name its place.
One video's annotations are in memory, and of all images their ids.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.coco import Box, box_of, coco_files
from molmo_ground_ros.benchmarks.datasets.coco_content import CocoContent, coco_content
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.file_order import numeric_order
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting


@dataclass(frozen=True, slots=True)
class CocoFrames:
    """Where a source of frames in COCO's JSON has its files."""

    fps: float
    files: tuple[str, ...]  # patterns; the first that has any is used

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video of the files. Raises BadSetting if there is no file."""
        for file in coco_files(path, self.files):
            try:
                with JsonFile(file) as content:
                    yield from _videos(self, content)
            except (BadField, BadRecord, BadSetting) as error:
                yield error if isinstance(error, BadRecord) else bad_record(str(file), 0, error)


class _Image(NamedTuple):
    """One frame."""

    number: str  # its id
    file_name: str
    order: tuple[object, ...]
    size: tuple[int, int]


def _videos(layout: CocoFrames, file: JsonFile) -> Iterator[AnnotatedVideo | BadRecord]:
    content = coco_content(file)
    content.kind = 'images'
    yield from content.strays()
    names = _names(content)
    rows: dict[str, array[int]] = {}  # of the images of each video, from 0
    of_image: dict[str, str] = {}
    for row in range(len(content.places['images'])):
        try:
            video, image = _image(content, row, names)
            if image.number in of_image:
                raise fields.bad_field('id', image.number, 'was there before')
        except (BadField, BadSetting) as error:
            yield bad_record(str(file.path), row + 1, error)
            continue
        of_image[image.number] = video
        rows.setdefault(video, array('L')).append(row)
    of_video, faults = content.annotations_of('image_id', of_image)
    yield from faults
    for name, of_name in rows.items():
        images = [_image(content, row, names)[1] for row in of_name]
        annotations = [content.annotation(k) for k in of_video.get(name, ())]
        try:
            yield _video(layout, content, name, images, annotations)
        except (BadField, BadSetting) as error:
            yield bad_record(str(file.path), 0, f'{name}: {error}')


def _names(content: CocoContent) -> dict[str, str]:
    """The name of each video by its number. Two with one name get `_2` as the reference does.

    SeaDronesSee writes the key as 'name:' and the path on its authors' machine.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for k, place in enumerate(content.places['videos']):
        record = fields.mapping(content.file.read(place), f'videos[{k}]')
        number = fields.key(fields.field(record, 'id', f'videos[{k}].'), f'videos[{k}].id')
        text = fields.text(record.get('name', record.get('name:')), f'videos[{k}].name')
        name = PurePosixPath(text.replace('\\', '/')).stem
        counts[name] = counts.get(name, 0) + 1
        names[number] = name if counts[name] == 1 else f'{name}_{counts[name]}'
    return names


def _image(content: CocoContent, row: int, names: Mapping[str, str]) -> tuple[str, _Image]:
    """(video, frame) of an image. row: from 0. Raises BadField."""
    name = f'images[{row}]'
    record = fields.mapping(content.file.read(content.places['images'][row]), name)
    number = fields.key(fields.field(record, 'id', f'{name}.'), f'{name}.id')
    text = fields.text(fields.field(record, 'file_name', f'{name}.'), f'{name}.file_name')
    file_name = PurePosixPath(text.replace('\\', '/'))
    size = fields.size(record)
    if not names:
        video = file_name.parent.as_posix()
        return video, _Image(number, file_name.as_posix(), (numeric_order(file_name.name),), size)
    video_id = fields.key(fields.field(record, 'video_id', f'{name}.'), f'{name}.video_id')
    if video_id not in names:
        raise fields.bad_field(f'{name}.video_id', video_id, 'is none of videos')
    index = fields.field(record, 'frame_index', f'{name}.')
    place = fields.integer(index, f'{name}.frame_index', 0, fields.MOST_FRAMES)
    return names[video_id], _Image(number, file_name.as_posix(), (place,), size)


def _video(
    layout: CocoFrames,
    content: CocoContent,
    name: str,
    images: list[_Image],
    annotations: list[Any],
) -> AnnotatedVideo:
    images = sorted(images, key=lambda image: image.order)
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise fields.bad_field('size', sorted(sizes), 'differs between the frames')
    places = {image.number: k for k, image in enumerate(images)}
    boxes: dict[int, dict[int, Box]] = {}
    labels: dict[int, str] = {}
    for annotation in annotations:
        item = fields.mapping(annotation, 'annotation')
        if item.get('iscrowd'):
            continue
        frame = places[str(item.get('image_id'))]
        number, label, box = _object(item, content.labels)
        if frame in boxes.setdefault(number, {}):
            raise fields.bad_field('track_id', number, f'is twice on frame {frame}')
        boxes[number][frame] = box
        labels.setdefault(number, label)
    tracks = tuple(BoxTrack(number, labels[number], boxes[number]) for number in sorted(boxes))
    files = tuple(image.file_name for image in images) if content.lists.get('videos') else ()
    media = Media(name, fps=layout.fps, files=files)
    width, height = sizes.pop()
    return AnnotatedVideo(
        name,
        media,
        width,
        height,
        len(images),
        layout.fps,
        tracks,
        label_expressions(tracks),
        str(content.file.path),
    )


def _object(item: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[int, str, Box]:
    """(track, class, box) of an annotation. Raises BadField."""
    at = f'annotation {item.get("id")}'
    number = fields.integer(fields.field(item, 'track_id', f'{at}.'), f'{at}.track_id', 0, 2**53)
    category = fields.key(fields.field(item, 'category_id', f'{at}.'), f'{at}.category_id')
    if category not in labels:
        raise fields.bad_field(f'{at}.category_id', category, 'is none of categories')
    return number, labels[category], box_of(fields.field(item, 'bbox', f'{at}.'), f'{at}.bbox')
