# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Foxglove's messages of pictures and videos, in each of the encodings that Foxglove writes.

`RawImage`, `CompressedImage` and `CompressedVideo` as protobuf, JSON, FlatBuffers or CDR (the
package foxglove_msgs). Their fields are restated from the schemas (foxglove-sdk 28cf749), since the
definitions in a file may be damaged and the libraries of the encodings need not be installed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping

from molmo_ground_ros.errors import ImageError, clean
from molmo_ground_ros.frames.cdr import STAMP_BYTES, CdrReader, ImageMessage, stamp_of
from molmo_ground_ros.types import CompressedImage, RawImage

Message = bytes | memoryview
Value = int | bytes | memoryview | str
Fields = Mapping[str, Value]

_SECOND_NS = 1_000_000_000
_LATEST_NS = 1 << 63
_RAW = ('timestamp', 'frame_id', 'width', 'height', 'encoding', 'step', 'data')
_COMPRESSED = ('timestamp', 'frame_id', 'data', 'format')
# In the order of CDR, which is that of FlatBuffers' ids.
FIELDS = {'RawImage': _RAW, 'CompressedImage': _COMPRESSED, 'CompressedVideo': _COMPRESSED}
_NUMBERS = {
    'RawImage': {
        1: 'timestamp', 2: 'width', 3: 'height', 4: 'encoding', 5: 'step', 6: 'data', 7: 'frame_id',
    },
    'CompressedImage': {1: 'timestamp', 2: 'data', 3: 'format', 4: 'frame_id'},
    'CompressedVideo': {1: 'timestamp', 2: 'frame_id', 3: 'data', 4: 'format'},
}  # fmt: skip
_TEXTS = ('frame_id', 'encoding', 'format')
_JSON_STAMP = re.compile(rb'"timestamp"\s*:\s*\{([^{}]*)\}')
_JSON_NUMBER = re.compile(rb'"(sec|nsec)"\s*:\s*(\d{1,10})\b')


def protobuf_stamp(message: Message) -> int | None:
    """The timestamp of any of the types, ns; 0 where there is none, None for no message."""
    for number, value in _protobuf(message):
        if number == 1:
            return _protobuf_time(value)
    return 0 if len(message) else None


def json_stamp(message: Message) -> int | None:
    """See protobuf_stamp."""
    found = _JSON_STAMP.search(message)
    if found is None:
        return None
    parts = {name: int(number) for name, number in _JSON_NUMBER.findall(found[1])}
    return _nanoseconds(parts.get(b'sec', 0), parts.get(b'nsec', 0))


def flatbuffer_stamp(message: Message) -> int | None:
    """See protobuf_stamp."""
    place = _flatbuffer_field(message, 0)
    if place is None:
        return None if _flatbuffer_table(message) is None else 0
    return _nanoseconds(_u32(message, place), _u32(message, place + 4)) if place else None


def protobuf_message(message: Message, kind: str) -> ImageMessage:
    """Read a message of one of FIELDS. Raises ImageError."""
    names = _NUMBERS[kind]
    fields = {names[number]: value for number, value in _protobuf(message) if number in names}
    stamp = _protobuf_time(fields.get('timestamp', b''))
    return _message({**fields, 'timestamp': stamp or 0}, kind)


def json_message(message: Message, kind: str) -> ImageMessage:
    """See protobuf_message."""
    try:
        read = json.loads(bytes(message))
        data = base64.b64decode(read['data'])
        numbers = {name: int(read.get(name, 0)) for name in ('width', 'height', 'step')}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as err:
        raise ImageError(f'the message of {len(message)} bytes is no {kind} in JSON') from err
    texts = {name: str(read.get(name, '')) for name in _TEXTS}
    return _message({**numbers, **texts, 'data': data, 'timestamp': json_stamp(message) or 0}, kind)


def flatbuffer_message(message: Message, kind: str) -> ImageMessage:
    """See protobuf_message."""
    fields: dict[str, Value] = {'timestamp': flatbuffer_stamp(message) or 0}
    for number, name in enumerate(FIELDS[kind]):
        place = _flatbuffer_field(message, number)
        if place is None or name == 'timestamp':
            continue
        if name in ('width', 'height', 'step'):
            fields[name] = _u32(message, place)
        else:
            start = place + _u32(message, place)
            fields[name] = memoryview(message)[start + 4 : start + 4 + _u32(message, start)]
    return _message(fields, kind)


def cdr_message(message: Message, kind: str) -> ImageMessage:
    """See protobuf_message: those of foxglove_msgs."""
    stamp_ns = stamp_of(message[:STAMP_BYTES])
    if stamp_ns is None:
        raise ImageError(f'the message of {len(message)} bytes does not begin as {kind}')
    reader = CdrReader(memoryview(message), STAMP_BYTES)
    read: Mapping[str, Callable[[], Value]] = dict.fromkeys(_TEXTS, reader.text)
    fields: dict[str, Value] = {'timestamp': stamp_ns}
    for name in FIELDS[kind][1:]:
        fields[name] = reader.data() if name == 'data' else read.get(name, reader.number)()
    return _message(fields, kind)


def _message(fields: Fields, kind: str) -> ImageMessage:
    """The fields as a message."""
    data = fields.get('data', b'')
    if not isinstance(data, bytes | memoryview):
        raise ImageError(f'the data of the {kind} is a number')
    numbers = [fields.get(name, 0) for name in ('timestamp', 'width', 'height', 'step')]
    stamp_ns, width, height, step = (n if isinstance(n, int) else 0 for n in numbers)
    frame_id, encoding, form = (_text(fields.get(name, '')) for name in _TEXTS)
    if kind == 'RawImage':
        return ImageMessage(stamp_ns, frame_id, RawImage(width, height, encoding, step, data))
    return ImageMessage(stamp_ns, frame_id, CompressedImage(form, data))


def _text(value: Value) -> str:
    if isinstance(value, bytes | memoryview):
        value = bytes(value).decode(errors='replace')
    return clean(str(value))


def _nanoseconds(second: int, nanosecond: int) -> int | None:
    stamp_ns = second * _SECOND_NS + nanosecond
    return stamp_ns if 0 <= stamp_ns < _LATEST_NS else None


def _protobuf(message: Message) -> list[tuple[int, int | memoryview]]:
    """(number, value) of the fields up to the first that is cut off."""
    view, at = memoryview(message), 0
    fields = list[tuple[int, int | memoryview]]()
    while at < len(view):
        tag, at = _varint(view, at)
        wire = tag & 7
        value: int | memoryview
        if wire == 0:
            value, at = _varint(view, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = int.from_bytes(view[at : at + size], 'little'), at + size
        elif wire == 2:
            size, at = _varint(view, at)
            value, at = view[at : at + size], at + size
        else:
            break
        if at > len(view):
            break
        fields.append((tag >> 3, value))
    return fields


def _protobuf_time(value: Value) -> int | None:
    """The nanoseconds of a google.protobuf.Timestamp; None if it is none."""
    if not isinstance(value, bytes | memoryview):
        return None
    parts = dict(_protobuf(value))
    second, nanosecond = parts.get(1, 0), parts.get(2, 0)
    if not isinstance(second, int) or not isinstance(nanosecond, int):
        return None
    return _nanoseconds(second, nanosecond)


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """A little-endian number of seven bits a byte, and where it ends: past the end if cut off."""
    value = 0
    for place in range(at, min(at + 10, len(view))):
        value |= (view[place] & 0x7F) << 7 * (place - at)
        if view[place] < 0x80:
            return value, place + 1
    return 0, len(view) + 1


def _flatbuffer_table(message: Message) -> tuple[int, int] | None:
    """(place of the root table, of its vtable); None if they do not fit."""
    table = _u32(message, 0)
    vtable = table - int.from_bytes(message[table : table + 4], 'little', signed=True)
    fits = 4 <= table <= len(message) - 4 and 0 <= vtable <= len(message) - 4
    return (table, vtable) if fits else None


def _flatbuffer_field(message: Message, number: int) -> int | None:
    """The place of a field of the root table; None where it has its default."""
    places = _flatbuffer_table(message)
    if places is None:
        return None
    table, vtable = places
    entry = vtable + 4 + 2 * number
    if entry + 2 > vtable + int.from_bytes(message[vtable : vtable + 2], 'little'):
        return None
    offset = int.from_bytes(message[entry : entry + 2], 'little')
    return table + offset if offset else None


def _u32(message: Message, at: int) -> int:
    return int.from_bytes(message[at : at + 4], 'little')
