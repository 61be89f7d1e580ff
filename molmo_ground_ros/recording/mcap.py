# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of one MCAP file, whole or damaged.

The file is read once from its start and its index is not needed. Why not a library's reader: those
of `rosbags` and `mcap` need the footer or stop at the first damage, and give no places.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.lru import LruCache
from molmo_ground_ros.recording import cdr
from molmo_ground_ros.recording import records as mcap
from molmo_ground_ros.recording.cdr import COMPRESSED, RAW, Picture
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import Found, Place
from molmo_ground_ros.recording.unpack import ZSTD_MAGIC, unpack, zstd_head

MAGIC = b'\x89MCAP0\r\n'
CHUNK_LIMIT = 1 << 28  # bytes of a chunk, packed or not, that are looked at; recorders write 1e6

_MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
_STATISTICS_HEAD = struct.Struct('<QHIIIIQQ')
_COUNT = struct.Struct('<HQ')  # a channel and its messages
_INDEX_ENTRY_BYTES = 16
_GUESSES = 3  # messages that are looked at to tell a type that is lost
_TEXT_LIMIT = 1 << 16  # bytes of a channel or schema record that are looked at


@dataclass(frozen=True, slots=True)
class _Channel:
    topic: str
    schema: int
    sound: bool  # not from a chunk that fails its checksum


@dataclass(slots=True)
class _Scan:
    """What one pass over the file gathers."""

    loss: LossLog
    channels: dict[int, _Channel] = field(default_factory=dict)
    schemas: dict[int, tuple[str, bool]] = field(default_factory=dict)  # type name, sound
    found: dict[int, Found] = field(default_factory=dict)  # by channel
    seen: Counter[int] = field(default_factory=Counter)  # messages by channel
    indexed: Counter[int] = field(default_factory=Counter)  # of the message indexes
    stated: dict[int, int] = field(default_factory=dict)  # of the statistics
    cut_at: int = -1  # where a file that was not closed ends


class McapSource:
    """Satisfies Source. A place is (chunk number, place in it), or ~(place in the file)."""

    def __init__(
        self, path: Path, shown: str, cache: LruCache[tuple[str, int], memoryview]
    ) -> None:
        """Read `path`, called `shown` in messages. `cache` keeps unpacked chunks."""
        self._path = path
        self._shown = shown
        self._cache = cache
        self._chunks: list[tuple[int, int]] = []  # where the record of each begins and ends

    def index(self, loss: LossLog) -> list[Found]:
        """See Source."""
        scan = _Scan(loss)
        with self._path.open('rb', buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            data = mcap.OpenFile(file.fileno(), size)
            closed = size > len(MAGIC) and data.read(size - len(MAGIC), size) == MAGIC
            data = mcap.OpenFile(file.fileno(), size - len(MAGIC) if closed else size)
            scan.cut_at = -1 if closed else size
            start = len(MAGIC) if data.read(0, len(MAGIC)) == MAGIC else 0
            self._chunks.clear()
            last = start
            for record in mcap.records(data, start, self._gap(scan)):
                self._take(data, record, scan)
                last = record.end if record.opcode == mcap.FOOTER else last
            found = self._named(data, scan)
        if not closed or last != data.size:
            loss.add(LossKind.NOT_CLOSED, at_byte=size)
        if not found and not scan.channels and not scan.seen:
            raise BagError(self._shown, 'it cannot be read: no record of an MCAP file is in it')
        return found

    def picture(self, place: Place, kind: str) -> Picture:
        """See Source."""
        try:
            with self._path.open('rb', buffering=0) as file:
                data = mcap.OpenFile(file.fileno(), os.fstat(file.fileno()).st_size)
                message = self._plain(data, place)
        except OSError as err:
            raise ImageError(f'{self._shown}: {err}') from err
        return cdr.picture(message, kind)

    def close(self) -> None:
        """Nothing is held open."""

    def _plain(self, data: mcap.OpenFile, place: Place) -> memoryview:
        message = self._message(data, place)
        if message[:4] != ZSTD_MAGIC:
            return message
        return memoryview(unpack(message, 0, CHUNK_LIMIT)[0])

    def _message(self, data: mcap.OpenFile, place: Place) -> memoryview:
        if place < 0:
            return _payload(data, ~place)
        number, offset = place >> 32, place & 0xFFFFFFFF
        key = (str(self._path), number)
        unpacked = self._cache.get(key)
        if unpacked is None:
            unpacked, _ = _unpacked(data, *self._chunks[number])
            self._cache.put(key, unpacked)
        return _payload(mcap.Memory(unpacked, len(unpacked)), offset)

    def _gap(self, scan: _Scan) -> mcap.Gap:
        def gap(first: int, last: int) -> None:
            kind = LossKind.CUT_OFF if last == scan.cut_at else LossKind.BAD_RECORD
            scan.loss.add(kind, nbytes=last - first, at_byte=first)

        return gap

    def _take(self, data: mcap.OpenFile, record: mcap.Record, scan: _Scan) -> None:
        """Look at a record of the file."""
        if record.opcode == mcap.CHUNK:
            self._take_chunk(data, record, scan)
        elif record.opcode == mcap.MESSAGE_INDEX:
            head = data.read(record.content, 6)
            if len(head) == 6:
                channel, nbytes = struct.unpack('<HI', head)
                scan.indexed[channel] += nbytes // _INDEX_ENTRY_BYTES
        elif record.opcode == mcap.STATISTICS:
            scan.stated = _counts(bytes(data.read(record.content, _TEXT_LIMIT)))
        else:
            _take_inner(data, record, scan, ~record.at, sound=True)

    def _take_chunk(self, data: mcap.OpenFile, record: mcap.Record, scan: _Scan) -> None:
        head = mcap.chunk_head(data, record.at)
        if head is None:  # what it holds may still lie there unpacked
            detail = 'its head is damaged'
            scan.loss.add(LossKind.BAD_CHUNK, at_byte=record.at, detail=detail)
            inside = replace(data, size=record.end)
            for inner in mcap.records(inside, record.content, _ignore):
                _take_inner(data, inner, scan, ~inner.at, sound=False)
            return
        unpacked, wrong = _unpacked(data, record.at, record.end)
        sound = not wrong
        span = (head.first_ns, head.last_ns) if head.first_ns <= head.last_ns < 2**63 else None
        if record.end == scan.cut_at and head.data_at + head.packed_size > record.end:
            nbytes = head.data_at + head.packed_size - record.end
            scan.loss.add(
                LossKind.CUT_OFF, nbytes=nbytes, at_byte=record.at, log_span_ns=span, detail=wrong
            )
        elif wrong:
            kind = LossKind.BAD_CHECKSUM if wrong == _CHECKSUM else LossKind.BAD_CHUNK
            scan.loss.add(kind, at_byte=record.at, log_span_ns=span, detail=wrong)
        number = len(self._chunks)
        self._chunks.append((record.at, record.end))
        memory = mcap.Memory(unpacked, len(unpacked))

        def gap(first: int, last: int) -> None:
            if sound:  # otherwise it has been told
                at, nbytes = record.at, last - first
                scan.loss.add(LossKind.BAD_RECORD, nbytes=nbytes, at_byte=at, log_span_ns=span)

        for inner in mcap.records(memory, 0, gap):
            # What lies there unpacked is read again without its chunk.
            place = number << 32 | inner.at if head.compression else ~(head.data_at + inner.at)
            _take_inner(memory, inner, scan, place, sound)

    def _named(self, data: mcap.OpenFile, scan: _Scan) -> list[Found]:
        """The image topics, with what could not be learned from the records guessed or told."""
        for number, channel in scan.channels.items():
            if scan.schemas.get(channel.schema, ('',))[0] in (RAW, COMPRESSED):
                scan.found.setdefault(number, Found(channel.topic, ''))  # it may be empty
        named, nameless = list[Found](), list[tuple[int, Found]]()
        for number, found in scan.found.items():
            known = scan.channels.get(number)
            kind, sound = scan.schemas.get(known.schema, ('', False)) if known else ('', False)
            if kind not in (RAW, COMPRESSED):
                kind = '' if sound else self._guess(data, found)
            if not kind:
                continue
            found.kind = kind
            counted = scan.stated.get(number, scan.indexed[number])
            found.counted = counted if counted <= data.size else None  # else damaged itself
            if known is None:
                nameless.append((number, found))
            else:
                found.topic = known.topic
                named.append(found)
                missing = (found.counted or 0) - scan.seen[number]
                if missing > 0:
                    scan.loss.add(LossKind.FEWER_MESSAGES, topic=known.topic, messages=missing)
        for number, found in nameless:
            if named:
                scan.loss.add(LossKind.UNKNOWN_TOPIC, messages=len(found.stamps))
            else:
                found.topic = f'channel {number}'
                scan.loss.add(LossKind.NAME_INVENTED, topic=found.topic)
        return named or [found for _, found in nameless]

    def _guess(self, data: mcap.OpenFile, found: Found) -> str:
        """RAW or COMPRESSED by the first messages themselves; '' for neither."""
        for place in found.places[:_GUESSES]:
            try:
                message = self._plain(data, place)
            except ImageError:
                continue
            if kind := cdr.kind_of(message):
                return kind
        return ''


_CHECKSUM = 'the checksum differs'


def _ignore(first: int, last: int) -> None:
    """A gap of what has been told already."""
    del first, last


def _unpacked(data: mcap.Bytes, at: int, end: int) -> tuple[memoryview, str]:
    """The data of the chunk record there, as far as it unpacks, and what is wrong with it."""
    head = mcap.chunk_head(data, at)
    if head is None:
        return memoryview(b''), 'its head is damaged'
    raw = memoryview(data.read(head.data_at, min(end - head.data_at, CHUNK_LIMIT)))
    wrong = '' if len(raw) == head.packed_size else 'its data has another size than it states'
    if head.compression:
        unpacked, why = unpack(raw, head.unpacked_size, CHUNK_LIMIT)
        raw, wrong = memoryview(unpacked), why or wrong
    if not wrong and head.checksum and zlib.crc32(raw) != head.checksum:
        wrong = _CHECKSUM
    return raw, wrong


def _payload(data: mcap.Bytes, at: int) -> memoryview:
    """The message in the record at `at`."""
    length = int.from_bytes(bytes(data.read(at + 1, 8)), 'little')
    if not _MESSAGE_HEAD.size <= length <= CHUNK_LIMIT:
        raise ImageError(f'the message record at byte {at} has {length} bytes')
    content = memoryview(data.read(at + mcap.HEAD_BYTES, length))
    return content[_MESSAGE_HEAD.size :]


def _take_inner(
    data: mcap.Bytes, record: mcap.Record, scan: _Scan, place: Place, sound: bool
) -> None:
    """Look at a record that may stand in a chunk as well."""
    if record.opcode == mcap.MESSAGE:
        _take_message(data, record, scan, place)
    elif record.opcode in (mcap.SCHEMA, mcap.CHANNEL):
        count = min(record.end - record.content, _TEXT_LIMIT)
        raw = bytes(data.read(record.content, count))
        if record.opcode == mcap.SCHEMA:
            _take_schema(raw, scan, sound)
        else:
            _take_channel(raw, scan, sound)


def _take_message(data: mcap.Bytes, record: mcap.Record, scan: _Scan, place: Place) -> None:
    at = record.content + _MESSAGE_HEAD.size
    if at > record.end:
        return  # counted among the fewer messages
    channel = int.from_bytes(data.read(record.content, 2), 'little')
    scan.seen[channel] += 1
    found = scan.found.get(channel)
    if found is None:
        if not _wanted(scan, channel):
            return
        found = scan.found[channel] = Found('', '')
    head = data.read(at, min(cdr.STAMP_BYTES, record.end - at))
    if head[:4] == ZSTD_MAGIC:
        head = zstd_head(data.read(at, record.end - at), cdr.STAMP_BYTES)
    found.add(cdr.stamp_of(head), place)


def _wanted(scan: _Scan, channel: int) -> bool:
    """Whether it is an image topic, or may be one as far as is known yet."""
    known = scan.channels.get(channel)
    if known is None or not known.sound:
        return True
    kind, sound = scan.schemas.get(known.schema, ('', False))
    return not sound or kind in (RAW, COMPRESSED)


def _take_schema(raw: bytes, scan: _Scan, sound: bool) -> None:
    name = _text(raw, 2)
    if name is None:
        return
    number = int.from_bytes(raw[:2], 'little')
    if number not in scan.schemas or (sound and not scan.schemas[number][1]):
        scan.schemas[number] = (name, sound)


def _take_channel(raw: bytes, scan: _Scan, sound: bool) -> None:
    topic = _text(raw, 4)
    if topic is None:
        return
    number, schema = int.from_bytes(raw[:2], 'little'), int.from_bytes(raw[2:4], 'little')
    if number not in scan.channels or (sound and not scan.channels[number].sound):
        scan.channels[number] = _Channel(topic, schema, sound)


def _text(raw: bytes, at: int) -> str | None:
    """A text with its length before it; None if it is none."""
    length = int.from_bytes(raw[at : at + 4], 'little')
    text = raw[at + 4 : at + 4 + length]
    if len(raw) < at + 4 or len(text) != length or not length:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _counts(raw: bytes) -> dict[int, int]:
    """Messages by channel, of a statistics record."""
    at = _STATISTICS_HEAD.size
    nbytes = int.from_bytes(raw[at : at + 4], 'little')
    entries = raw[at + 4 : at + 4 + nbytes]
    if len(entries) != nbytes or nbytes % _COUNT.size:
        return {}
    return dict(_COUNT.iter_unpack(entries))
