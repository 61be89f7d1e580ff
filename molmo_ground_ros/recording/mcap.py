# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images, and what says where cameras look, of one MCAP file, intact or damaged.

The file is read once from its start, and its own index is not needed. The reader is ours because
those of `rosbags` and `mcap` need the footer or stop at the first damage, and give no places.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.cdr import COMPRESSED, RAW, ImageMessage
from molmo_ground_ros.recording import records
from molmo_ground_ros.recording.camera_messages import COMPANIONS, HEAD_BYTES
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import MessageIndex, Place
from molmo_ground_ros.recording.unpack import ZSTD_MAGIC, unpack, zstd_head
from molmo_ground_ros.storage.lru import LruCache

MAGIC = b'\x89MCAP0\r\n'
CHUNK_LIMIT = 1 << 28  # bytes of a chunk, packed or not, that are looked at; recorders write 1e6

_MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
_STATISTICS_HEAD = struct.Struct('<QHIIIIQQ')
_COUNT = struct.Struct('<HQ')  # a channel and its messages
_INDEX_ENTRY_BYTES = 16
_GUESSES = 3  # messages that are read to work out a type that is lost
_TEXT_LIMIT = 1 << 16  # bytes of a channel or schema record that are looked at


@dataclass(frozen=True, slots=True)
class _Channel:
    """A channel record."""

    topic: str
    schema: int
    intact: bool  # whether its chunk has no fault


@dataclass(slots=True)
class _Scan:
    """What one pass over the file collects."""

    loss: LossLog
    channels: dict[int, _Channel] = field(default_factory=dict)
    schemas: dict[int, tuple[str, bool]] = field(default_factory=dict)  # (type, intact)
    images: dict[int, MessageIndex] = field(default_factory=dict)  # by channel
    companions: dict[int, MessageIndex] = field(default_factory=dict)  # likewise
    # Messages by channel: as they were read, by the message indexes, by the statistics.
    messages: Counter[int] = field(default_factory=Counter)
    indexed: Counter[int] = field(default_factory=Counter)
    stated: dict[int, int] = field(default_factory=dict)
    cut_at: int = -1  # the end of a file that was not closed, else -1


class McapSource:
    """A Source of an MCAP file.

    A place is the chunk's number in the upper 32 bits and the byte in the unpacked chunk in the
    lower ones. For a message that is not compressed it is ~(byte in the file).
    """

    def __init__(self, path: Path, name: str, cache: LruCache[tuple[str, int], memoryview]) -> None:
        """Read `path`, called `name` in messages. `cache` holds unpacked chunks."""
        self._path = path
        self._name = name
        self._cache = cache
        self._chunks: list[tuple[int, int]] = []  # first byte and end of each chunk record

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source."""
        scan = _Scan(loss)
        with self._path.open('rb', buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            data = records.OpenFile(file.fileno(), size)
            closed = size > len(MAGIC) and data.read(size - len(MAGIC), size) == MAGIC
            data = records.OpenFile(file.fileno(), size - len(MAGIC) if closed else size)
            scan.cut_at = -1 if closed else size
            start = len(MAGIC) if data.read(0, len(MAGIC)) == MAGIC else 0
            self._chunks.clear()
            last = start
            for record in records.records(data, start, self._report_gap(scan)):
                self._read_record(data, record, scan)
                last = record.end if record.opcode == records.FOOTER else last
            indexes = [*self._image_indexes(data, scan), *scan.companions.values()]
        if not closed or last != data.size:
            loss.add(LossKind.NOT_CLOSED, at_byte=size)
        if not indexes and not scan.channels and not scan.messages:
            raise BagError(self._name, 'it cannot be read: no record of an MCAP file is in it')
        return indexes

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source."""
        return cdr.image_message(self.payload(place), kind)

    def payload(self, place: Place) -> memoryview:
        """See Source."""
        try:
            with self._path.open('rb', buffering=0) as file:
                data = records.OpenFile(file.fileno(), os.fstat(file.fileno()).st_size)
                return self._plain(data, place)
        except OSError as err:
            raise ImageError(f'{self._name}: {err}') from err

    def close(self) -> None:
        """Do nothing: the file is opened for each message."""

    def _plain(self, data: records.OpenFile, place: Place) -> memoryview:
        message = self._message(data, place)
        if message[:4] != ZSTD_MAGIC:
            return message
        return memoryview(unpack(message, 0, CHUNK_LIMIT)[0])

    def _message(self, data: records.OpenFile, place: Place) -> memoryview:
        if place < 0:
            return _payload(data, ~place)
        number, offset = place >> 32, place & 0xFFFFFFFF
        key = (str(self._path), number)
        unpacked = self._cache.get(key)
        if unpacked is None:
            unpacked, _ = _unpack_chunk(data, *self._chunks[number])
            self._cache.put(key, unpacked)
        return _payload(records.BytesReader(unpacked, len(unpacked)), offset)

    def _report_gap(self, scan: _Scan) -> records.ReportGap:
        def report_gap(first: int, end: int) -> None:
            kind = LossKind.CUT_OFF if end == scan.cut_at else LossKind.BAD_RECORD
            scan.loss.add(kind, nbytes=end - first, at_byte=first)

        return report_gap

    def _read_record(self, data: records.OpenFile, record: records.Record, scan: _Scan) -> None:
        """Add a record of the file to the scan."""
        if record.opcode == records.CHUNK:
            self._read_chunk(data, record, scan)
        elif record.opcode == records.MESSAGE_INDEX:
            head = data.read(record.content, 6)
            if len(head) == 6:
                channel, nbytes = struct.unpack('<HI', head)
                scan.indexed[channel] += nbytes // _INDEX_ENTRY_BYTES
        elif record.opcode == records.STATISTICS:
            scan.stated = _counts(bytes(data.read(record.content, _TEXT_LIMIT)))
        else:
            _read_content_record(data, record, scan, ~record.at, intact=True)

    def _read_chunk(self, data: records.OpenFile, record: records.Record, scan: _Scan) -> None:
        """Add a chunk and the records in it to the scan, and its faults to the losses."""
        head = records.chunk_head(data, record.at)
        if head is None:
            # Its records can still be read where they are not compressed.
            detail = 'its head is damaged'
            scan.loss.add(LossKind.BAD_CHUNK, at_byte=record.at, detail=detail)
            inside = replace(data, size=record.end)
            for inner in records.records(inside, record.content, _ignore):
                _read_content_record(data, inner, scan, ~inner.at, intact=False)
            return
        unpacked, fault = _unpack_chunk(data, record.at, record.end)
        intact = not fault
        span = (head.first_ns, head.last_ns) if head.first_ns <= head.last_ns < 2**63 else None
        if record.end == scan.cut_at and head.data_at + head.packed_size > record.end:
            nbytes = head.data_at + head.packed_size - record.end
            scan.loss.add(
                LossKind.CUT_OFF, nbytes=nbytes, at_byte=record.at, log_span_ns=span, detail=fault
            )
        elif fault:
            kind = LossKind.BAD_CHECKSUM if fault == _CHECKSUM else LossKind.BAD_CHUNK
            scan.loss.add(kind, at_byte=record.at, log_span_ns=span, detail=fault)
        number = len(self._chunks)
        self._chunks.append((record.at, record.end))
        memory = records.BytesReader(unpacked, len(unpacked))

        def report_gap(first: int, end: int) -> None:
            # The fault of a chunk that is not intact has been logged already.
            if intact:
                at, nbytes = record.at, end - first
                scan.loss.add(LossKind.BAD_RECORD, nbytes=nbytes, at_byte=at, log_span_ns=span)

        for inner in records.records(memory, 0, report_gap):
            # A message that is not compressed is read from the file without its chunk.
            place = number << 32 | inner.at if head.compression else ~(head.data_at + inner.at)
            _read_content_record(memory, inner, scan, place, intact)

    def _image_indexes(self, data: records.OpenFile, scan: _Scan) -> list[MessageIndex]:
        """The indexes of the image topics.

        A type that is lost is worked out from the messages. A name that is lost is invented, but
        only where no other image topic has one.
        """
        for number, record in scan.channels.items():
            # A topic without a message has an index too.
            if scan.schemas.get(record.schema, ('',))[0] in (RAW, COMPRESSED):
                scan.images.setdefault(number, MessageIndex(record.topic, ''))
        named, nameless = list[MessageIndex](), list[tuple[int, MessageIndex]]()
        for number, index in scan.images.items():
            channel = scan.channels.get(number)
            kind, intact = scan.schemas.get(channel.schema, ('', False)) if channel else ('', False)
            if kind not in (RAW, COMPRESSED):
                kind = '' if intact else self._guess(data, index)
            if not kind:
                continue
            index.kind = kind
            counted = scan.stated.get(number, scan.indexed[number])
            # A number above the bytes of the file is damaged itself.
            index.counted = counted if counted <= data.size else None
            if channel is None:
                nameless.append((number, index))
            else:
                index.topic = channel.topic
                named.append(index)
                missing = (index.counted or 0) - scan.messages[number]
                if missing > 0:
                    scan.loss.add(LossKind.FEWER_MESSAGES, topic=channel.topic, messages=missing)
        for number, index in nameless:
            if named:
                scan.loss.add(LossKind.UNKNOWN_TOPIC, messages=len(index.stamps))
            else:
                index.topic = f'channel {number}'
                scan.loss.add(LossKind.NAME_INVENTED, topic=index.topic)
        return named or [index for _, index in nameless]

    def _guess(self, data: records.OpenFile, index: MessageIndex) -> str:
        """RAW or COMPRESSED by the content of the first messages; '' for neither."""
        for place in index.places[:_GUESSES]:
            try:
                message = self._plain(data, place)
            except ImageError:
                continue
            if kind := cdr.kind_of(message):
                return kind
        return ''


_CHECKSUM = 'the checksum differs'


def _ignore(first: int, end: int) -> None:
    """Report no gap, because the loss has been logged already."""
    del first, end


def _unpack_chunk(data: records.Bytes, at: int, end: int) -> tuple[memoryview, str]:
    """The data of a chunk record, as far as it unpacks, and its fault: '' if it has none."""
    head = records.chunk_head(data, at)
    if head is None:
        return memoryview(b''), 'its head is damaged'
    raw = memoryview(data.read(head.data_at, min(end - head.data_at, CHUNK_LIMIT)))
    fault = '' if len(raw) == head.packed_size else 'its data has another size than it states'
    if head.compression:
        unpacked, why = unpack(raw, head.unpacked_size, CHUNK_LIMIT)
        raw, fault = memoryview(unpacked), why or fault
    if not fault and head.checksum and zlib.crc32(raw) != head.checksum:
        fault = _CHECKSUM
    return raw, fault


def _payload(data: records.Bytes, at: int) -> memoryview:
    """The message in the record at `at`."""
    length = int.from_bytes(bytes(data.read(at + 1, 8)), 'little')
    if not _MESSAGE_HEAD.size <= length <= CHUNK_LIMIT:
        raise ImageError(f'the message record at byte {at} has {length} bytes')
    content = memoryview(data.read(at + records.HEAD_BYTES, length))
    return content[_MESSAGE_HEAD.size :]


def _read_content_record(
    data: records.Bytes, record: records.Record, scan: _Scan, place: Place, intact: bool
) -> None:
    """Add a message, schema or channel record to the scan; `place`: where a message can be read."""
    if record.opcode == records.MESSAGE:
        _read_message(data, record, scan, place)
    elif record.opcode in (records.SCHEMA, records.CHANNEL):
        count = min(record.end - record.content, _TEXT_LIMIT)
        raw = bytes(data.read(record.content, count))
        if record.opcode == records.SCHEMA:
            _read_schema(raw, scan, intact)
        else:
            _read_channel(raw, scan, intact)


def _read_message(data: records.Bytes, record: records.Record, scan: _Scan, place: Place) -> None:
    at = record.content + _MESSAGE_HEAD.size
    if at > record.end:
        # Too short: it will be among the FEWER_MESSAGES.
        return
    channel = int.from_bytes(data.read(record.content, 2), 'little')
    scan.messages[channel] += 1
    companion = _companion(scan, channel)
    if companion is not None:
        companion.add_companion(_head(data, at, record.end, HEAD_BYTES), place)
        return
    index = scan.images.get(channel)
    if index is None:
        if not _may_be_image(scan, channel):
            return
        index = scan.images[channel] = MessageIndex('', '')
    index.add(cdr.stamp_of(_head(data, at, record.end, cdr.STAMP_BYTES)), place)


def _head(data: records.Bytes, at: int, end: int, count: int) -> bytes | memoryview:
    """The first bytes of the message between two places, compressed or not."""
    head = data.read(at, min(count, end - at))
    return zstd_head(data.read(at, end - at), count) if head[:4] == ZSTD_MAGIC else head


def _companion(scan: _Scan, channel: int) -> MessageIndex | None:
    """The index of a channel whose records say that it is of COMPANIONS; None for any other."""
    record = scan.channels.get(channel)
    kind = scan.schemas.get(record.schema, ('',))[0] if record else ''
    if record is None or kind not in COMPANIONS:
        return None
    return scan.companions.setdefault(channel, MessageIndex(record.topic, kind))


def _may_be_image(scan: _Scan, channel: int) -> bool:
    """Whether the records read so far leave it open that the channel is an image topic."""
    record = scan.channels.get(channel)
    if record is None or not record.intact:
        return True
    kind, intact = scan.schemas.get(record.schema, ('', False))
    return not intact or kind in (RAW, COMPRESSED)


def _read_schema(raw: bytes, scan: _Scan, intact: bool) -> None:
    name = _text(raw, 2)
    if name is None:
        return
    number = int.from_bytes(raw[:2], 'little')
    if number not in scan.schemas or (intact and not scan.schemas[number][1]):
        scan.schemas[number] = (name, intact)


def _read_channel(raw: bytes, scan: _Scan, intact: bool) -> None:
    topic = _text(raw, 4)
    if topic is None:
        return
    number, schema = int.from_bytes(raw[:2], 'little'), int.from_bytes(raw[2:4], 'little')
    if number not in scan.channels or (intact and not scan.channels[number].intact):
        scan.channels[number] = _Channel(topic, schema, intact)


def _text(raw: bytes, at: int) -> str | None:
    """The text at `at` after its length; None if there is none."""
    length = int.from_bytes(raw[at : at + 4], 'little')
    text = raw[at + 4 : at + 4 + length]
    if len(raw) < at + 4 or len(text) != length or not length:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _counts(raw: bytes) -> dict[int, int]:
    """Messages by channel, from the content of a statistics record."""
    at = _STATISTICS_HEAD.size
    nbytes = int.from_bytes(raw[at : at + 4], 'little')
    entries = raw[at + 4 : at + 4 + nbytes]
    if len(entries) != nbytes or nbytes % _COUNT.size:
        return {}
    return dict(_COUNT.iter_unpack(entries))
