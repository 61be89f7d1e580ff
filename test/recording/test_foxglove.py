# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Foxglove's messages, as its own SDK and the libraries of the encodings write them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

import cv2
import numpy as np
from mcap.writer import Writer

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import foxglove, open_recording
from molmo_ground_ros.recording.formats import FORMATS, image_message

SECOND, NANOSECOND = 1_700_000_000, 123_456_789
STAMP_NS = SECOND * 10**9 + NANOSECOND
RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
PNG = cv2.imencode('.png', np.ascontiguousarray(RGB[..., ::-1]))[1].tobytes()
KINDS = ['RawImage', 'CompressedImage']


def fields(kind: str) -> dict[str, Any]:
    if kind == 'RawImage':
        return {'width': 8, 'height': 6, 'encoding': 'rgb8', 'step': 24, 'data': RGB.tobytes()}
    return {'format': 'png', 'data': PNG}


def by_sdk(kind: str) -> bytes:
    reason = 'needs foxglove-sdk: see requirements/dev.txt'
    messages = pytest.importorskip('foxglove.messages', reason=reason)
    stamp = messages.Timestamp(SECOND, NANOSECOND)
    message = getattr(messages, kind)(timestamp=stamp, frame_id='optical', **fields(kind))
    return bytes(message.encode())


def by_json(kind: str) -> bytes:
    data = base64.b64encode(fields(kind)['data']).decode()
    stamp = {'sec': SECOND, 'nsec': NANOSECOND}
    made = {**fields(kind), 'data': data, 'timestamp': stamp, 'frame_id': 'optical'}
    return json.dumps(made).encode()


def by_flatbuffers(kind: str) -> bytes:
    flatbuffers = pytest.importorskip('flatbuffers', reason='needs flatbuffers (onnxruntime)')
    builder = flatbuffers.Builder(64)
    made = {'frame_id': 'optical', **fields(kind)}
    places = {}
    for name, value in made.items():
        if isinstance(value, bytes):
            places[name] = builder.CreateByteVector(value)
        elif isinstance(value, str):
            places[name] = builder.CreateString(value)
    builder.StartObject(len(foxglove.FIELDS[kind]))
    for number, name in enumerate(foxglove.FIELDS[kind]):
        if name == 'timestamp':
            builder.Prep(4, 8)
            builder.PrependUint32(NANOSECOND)
            builder.PrependUint32(SECOND)
            builder.PrependStructSlot(number, builder.Offset(), 0)
        elif name in places:
            builder.PrependUOffsetTRelativeSlot(number, places[name], 0)
        else:
            builder.PrependUint32Slot(number, made[name], 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


ENCODINGS = {'protobuf': by_sdk, 'json': by_json, 'flatbuffer': by_flatbuffers}


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('encoding', ENCODINGS)
def test_recording_has_its_stamps_and_pixels(encoding, kind, tmp_path: Path) -> None:
    data = ENCODINGS[encoding](kind)
    path = tmp_path / 'a.mcap'
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema(f'foxglove.{kind}', encoding, b'')
        channel = writer.register_channel('/cam', encoding, schema)
        writer.add_message(channel, STAMP_NS + 5, data, STAMP_NS + 5)
        writer.finish()
    with open_recording(path) as recording:
        assert recording.stamps.tolist() == [STAMP_NS]
        (message,) = recording.messages()
        assert message.frame_id == 'optical'
        assert np.array_equal(image.decode(message.image), RGB)
        assert recording.loss == ()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('encoding', ENCODINGS)
def test_every_cut_message_is_read_or_an_image_error(encoding, kind) -> None:
    data = ENCODINGS[encoding](kind)
    name = f'{encoding} foxglove.{kind}'
    for cut in range(len(data)):
        stamp_ns = FORMATS[name].stamp(data[:cut])
        assert stamp_ns is None or 0 <= stamp_ns < 1 << 63
        try:
            pixels = image.decode(image_message(data[:cut], name).image)
        except ImageError:
            continue
        # What follows the data may be missing.
        assert np.array_equal(pixels, RGB)


@pytest.mark.parametrize('name', [name for name in FORMATS if 'foxglove' in name])
def test_any_bytes_are_read_or_an_image_error(name) -> None:
    chance = np.random.default_rng(1)
    for size in range(120):
        data = chance.integers(0, 256, size, np.uint8).tobytes()
        stamp_ns = FORMATS[name].stamp(data)
        assert stamp_ns is None or isinstance(stamp_ns, int)
        try:
            image.decode(image_message(data, name).image)
        except ImageError:
            continue
