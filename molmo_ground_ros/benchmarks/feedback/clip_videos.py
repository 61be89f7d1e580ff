# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cuts the clips of training data out of a recording: videos of two frames a second.

A clip's entry is what `training_data.TrainingClip.record` makes: where it begins, how many frames
it has, and the stamps of the frames with points. Knows no recording: images come from a function.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.errors import BadArgument, MissingPackage, NoFrames, seconds
from molmo_ground_ros.frames.windows import MAX_WINDOW_S, SAMPLE_PERIOD_NS, SAMPLE_PERIOD_S
from molmo_ground_ros.storage.atomic import atomic_file

Image = NDArray[np.uint8]  # (H, W, 3) RGB

# Hardly any loss: a model is trained on these images.
_OPTIONS = {'preset': 'medium', 'crf': '12'}
_MOST_FRAMES = round(MAX_WINDOW_S / SAMPLE_PERIOD_S) + 1
_MOST_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cut:
    """One clip, ready to be cut: the stamp of the image of each of its frames."""

    name: str
    stamps: tuple[int, ...]  # ns; the same twice where the recording has no image in between
    repeated: int  # frames without an image of their own


def clip_entry(value: object) -> Mapping[str, Any]:
    """A checked entry of `clips.jsonl`. Raises BadField with its column and value."""
    record = fields.mapping(value, 'clip')
    name = fields.text(fields.field(record, 'clip'), 'clip')
    if Path(name).name != name:
        raise fields.bad_field('clip', name, 'is no name of a file')
    frames = fields.integer(fields.field(record, 'n_frames'), 'n_frames', 1, _MOST_FRAMES)
    stamps = {}
    for at, item in fields.numbered(fields.field(record, 'stamps'), 'stamps'):
        entry = fields.mapping(item, at)
        k = fields.integer(fields.field(entry, 'frame', f'{at}.'), f'{at}.frame', 0, frames - 1)
        stamp = fields.field(entry, 'stamp_ns', f'{at}.')
        stamps[k] = fields.integer(stamp, f'{at}.stamp_ns', 0, _MOST_NS)
    return {
        'clip': name,
        'camera': fields.text(fields.field(record, 'camera'), 'camera'),
        'start_ns': fields.integer(fields.field(record, 'start_ns'), 'start_ns', 0, _MOST_NS),
        'n_frames': frames,
        'stamps': stamps,
    }


def cut_of(entry: Mapping[str, Any], stamps: Sequence[int]) -> Cut:
    """Which image each frame of a clip shows.

    entry: of `clip_entry`. stamps: of the camera's images in the recording, ns, ascending. A frame
    with points shows the image that the points are of, any other the image nearest to its time.
    Raises NoFrames where the recording has no image with the stamp of a point.
    """
    name = str(entry['clip'])
    chosen: list[int] = []
    repeated = 0
    for k in range(entry['n_frames']):
        stamp = entry['stamps'].get(k)
        if stamp is None:
            time_ns = entry['start_ns'] + k * SAMPLE_PERIOD_NS
            stamp = _nearest(stamps, time_ns, entry['camera'])
            repeated += abs(stamp - time_ns) > SAMPLE_PERIOD_NS
        elif not _has(stamps, stamp):
            raise NoFrames(entry['camera'], f'none has the stamp {stamp}, as {name} needs')
        chosen.append(stamp)
    return Cut(name, tuple(chosen), repeated)


def write_clip(path: Path, images: Iterable[Image]) -> int:
    """Write images as a video of two frames a second, H.264 in MP4, and return their number.

    Raises BadArgument for an image of another size than the first, MissingPackage, OSError; after
    an error the file is as it was before.
    """
    try:
        import av
    except ModuleNotFoundError as err:
        raise MissingPackage('av', 'bag') from err
    count = 0
    with atomic_file(path) as partial, av.open(str(partial), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', Fraction(1 / SAMPLE_PERIOD_S), _OPTIONS)
        size: tuple[int, ...] = ()
        for image in images:
            if not size:
                size = image.shape
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = _pixels(image)
            if image.shape != size:
                raise BadArgument(
                    'image', image.shape, f'is of another size than the first, {size}'
                )
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), 'rgb24')
            frame = frame.reformat(format=_pixels(image))
            frame.pts, frame.time_base = count, Fraction(SAMPLE_PERIOD_S)
            container.mux(stream.encode(frame))
            count += 1
        if count:
            container.mux(stream.encode(None))
    return count


def _pixels(image: Image) -> str:
    """How colours are stored: halving them needs even sides."""
    return 'yuv444p' if image.shape[0] % 2 or image.shape[1] % 2 else 'yuv420p'


def _has(stamps: Sequence[int], stamp_ns: int) -> bool:
    index = bisect_left(stamps, stamp_ns)
    return index < len(stamps) and int(stamps[index]) == stamp_ns


def _nearest(stamps: Sequence[int], time_ns: int, camera: str) -> int:
    """The stamp nearest to a time, the earlier of two equally near. Raises NoFrames."""
    if not len(stamps):
        raise NoFrames(camera, f'none near {seconds(time_ns)}')
    index = bisect_left(stamps, time_ns)
    near = [int(stamp) for stamp in stamps[max(index - 1, 0) : index + 1]]
    return min(near, key=lambda stamp: abs(stamp - time_ns))
