# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images, and what says where cameras look, of one ROS 1 bag (.bag), intact or damaged.

The file is read once from its start, and its own index is not needed. The reader is ours because
that of `rosbags` needs the index, which a bag that was not closed lacks, and gives no places.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames.cdr import STAMP_BYTES, ImageMessage, ros1_stamp_of
from molmo_ground_ros.recording.bag_records import (
    BAG_HEADER,
    CHUNK,
    CHUNK_INFO,
    CONNECTION,
    MESSAGE,
    BagRecord,
    bag_records,
    header_fields,
    record_at,
)
from molmo_ground_ros.recording.camera_messages import COMPANIONS, HEAD_BYTES
from molmo_ground_ros.recording.formats import image_message, kind_of_type
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.records import Bytes, BytesReader, OpenFile
from molmo_ground_ros.recording.source import EmptyRecording, MessageIndex, Place, UnreadTopic
from molmo_ground_ros.recording.unpack import unpack
from molmo_ground_ros.storage.lru import LruCache

MAGIC = b'#ROSBAG V2.0\n'
CHUNK_LIMIT = 1 << 28  # bytes of a chunk, packed or not, that are looked at

_ENTRY_BYTES = 8  # of a chunk info: a connection and its messages
_STATED_LIMIT = 1 << 20  # bytes of a chunk info or connection that are looked at


@dataclass(slots=True)
class _BagScan:
    """What one pass over the file collects, by connection."""

    loss: LossLog
    topics: dict[int, tuple[str, str]] = field(default_factory=dict)  # (topic, type)
    images: dict[int, MessageIndex] = field(default_factory=dict)
    messages: Counter[int] = field(default_factory=Counter)
    stated: Counter[int] = field(default_factory=Counter)
    index_at: int = 0  # where a bag that was closed has its index; 0 in others


class Rosbag1Source:
    """A Source of a ROS 1 bag.

    A place is the chunk's number in the upper 32 bits and the byte in the unpacked chunk in the
    lower ones. For a message that is not compressed it is ~(byte in the file).
    """

    def __init__(self, path: Path, name: str, cache: LruCache[tuple[str, int], memoryview]) -> None:
        """Read `path`, called `name` in messages. `cache` holds unpacked chunks."""
        self._path = path
        self._name = name
        self._cache = cache
        self._chunks: list[BagRecord] = []
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source."""
        scan = _BagScan(loss)
        with self._path.open('rb', buffering=0) as file:
            data = OpenFile(file.fileno(), os.fstat(file.fileno()).st_size)
            if not data.size:
                raise EmptyRecording(self._name)
            if data.read(0, len(MAGIC)) != MAGIC:
                raise BagError(self._name, f'it does not begin with {MAGIC!r}')

            def report_gap(first: int, end: int) -> None:
                kind = LossKind.CUT_OFF if end == data.size else LossKind.BAD_RECORD
                loss.add(kind, nbytes=end - first, at_byte=first)

            self._chunks.clear()
            for record in bag_records(data, len(MAGIC), report_gap):
                if record.opcode == CHUNK:
                    self._read_chunk(data, record, scan)
                else:
                    _read_record(data, record, scan, ~record.at)
        if not scan.index_at:
            loss.add(LossKind.NOT_CLOSED)
        elif scan.index_at > data.size:
            # It may end between two records, which is no gap.
            nbytes = scan.index_at - data.size
            loss.add(LossKind.CUT_OFF, nbytes=nbytes, at_byte=data.size)
        if not scan.topics and (not scan.index_at or loss.losses):
            raise BagError(self._name, 'it cannot be read: no topic of a ROS 1 bag is in it')
        self.unread = [
            UnreadTopic(topic, kind, 'ros1', scan.messages[number])
            for number, (topic, kind) in scan.topics.items()
            if not kind_of_type(kind, 'ros1')
        ]
        return _indexes(scan)

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source."""
        return image_message(self.payload(place), kind)

    def payload(self, place: Place) -> memoryview:
        """See Source."""
        try:
            with self._path.open('rb', buffering=0) as file:
                data = OpenFile(file.fileno(), os.fstat(file.fileno()).st_size)
                if place < 0:
                    return _payload(data, ~place)
                unpacked = self._unpacked(data, place >> 32)
                return _payload(BytesReader(unpacked, len(unpacked)), place & 0xFFFFFFFF)
        except OSError as err:
            raise ImageError(f'{self._name}: {err}') from err

    def close(self) -> None:
        """Do nothing: the file is opened for each message."""

    def _unpacked(self, data: OpenFile, number: int) -> memoryview:
        key = (str(self._path), number)
        unpacked = self._cache.get(key)
        if unpacked is None:
            unpacked, _ = _unpack(data, self._chunks[number])
            self._cache.put(key, unpacked)
        return unpacked

    def _read_chunk(self, data: OpenFile, record: BagRecord, scan: _BagScan) -> None:
        """Add the records of a chunk to the scan, and its faults to the losses."""
        unpacked, fault = _unpack(data, record)
        if record.end > data.size:
            nbytes = record.end - data.size
            scan.loss.add(LossKind.CUT_OFF, nbytes=nbytes, at_byte=record.at, detail=fault)
        elif fault:
            scan.loss.add(LossKind.BAD_CHUNK, at_byte=record.at, detail=fault)
        number = len(self._chunks)
        self._chunks.append(record)
        is_packed = record.fields.get(b'compression') != b'none'

        def report_gap(first: int, end: int) -> None:
            if not fault and record.end <= data.size:
                scan.loss.add(LossKind.BAD_RECORD, nbytes=end - first, at_byte=record.at)

        memory = BytesReader(unpacked, len(unpacked))
        for inner in bag_records(memory, 0, report_gap):
            place = number << 32 | inner.at if is_packed else ~(record.data_at + inner.at)
            _read_record(memory, inner, scan, place)


def _read_record(data: Bytes, record: BagRecord, scan: _BagScan, place: Place) -> None:
    """Add a record that is no chunk to the scan; `place`: where a message can be read."""
    if record.opcode == MESSAGE:
        _read_message(data, record, scan, place)
    elif record.opcode == CONNECTION:
        size = min(record.end - record.data_at, _STATED_LIMIT)
        fields = header_fields(bytes(data.read(record.data_at, size)))
        topic, kind = (
            text.decode(errors='replace')
            for text in (record.fields.get(b'topic', b''), fields.get(b'type', b''))
        )
        if topic and kind:
            scan.topics.setdefault(record.number(b'conn'), (topic, kind))
    elif record.opcode == CHUNK_INFO:
        size = min(record.end - record.data_at, _STATED_LIMIT)
        raw = bytes(data.read(record.data_at, size))
        for at in range(0, len(raw) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            connection = int.from_bytes(raw[at : at + 4], 'little')
            scan.stated[connection] += int.from_bytes(raw[at + 4 : at + 8], 'little')
    elif record.opcode == BAG_HEADER:
        scan.index_at = record.number(b'index_pos')


def _read_message(data: Bytes, record: BagRecord, scan: _BagScan, place: Place) -> None:
    connection = record.number(b'conn')
    scan.messages[connection] += 1
    topic, name = scan.topics.get(connection, ('', ''))
    kind = kind_of_type(name, 'ros1')
    if name and not kind:
        return
    index = scan.images.setdefault(connection, MessageIndex(topic, kind))
    time = record.number(b'time')
    log_ns = (time & 0xFFFFFFFF) * 1_000_000_000 + (time >> 32)
    if index.kind in COMPANIONS:
        size = min(record.end - record.data_at, HEAD_BYTES)
        index.add_companion(data.read(record.data_at, size), place)
        return
    size = min(record.end - record.data_at, STAMP_BYTES)
    index.add(ros1_stamp_of(data.read(record.data_at, size)), place, log_ns)


def _indexes(scan: _BagScan) -> list[MessageIndex]:
    """The indexes of the topics that are read. Their connections may come after their messages."""
    indexes = list[MessageIndex]()
    for number, (topic, name) in scan.topics.items():
        if kind := kind_of_type(name, 'ros1'):
            index = scan.images.pop(number, None) or MessageIndex(topic, kind)
            if kind in COMPANIONS:
                # Messages that were read before their connection were taken for images.
                if index.kind == kind:
                    indexes.append(index)
                continue
            index.topic, index.kind, index.counted = topic, kind, scan.stated[number] or None
            indexes.append(index)
            missing = scan.stated[number] - scan.messages[number]
            if missing > 0:
                scan.loss.add(LossKind.FEWER_MESSAGES, topic=topic, messages=missing)
        else:
            scan.images.pop(number, None)
    for index in scan.images.values():
        scan.loss.add(LossKind.UNKNOWN_TOPIC, messages=len(index.stamps))
    return indexes


def _unpack(data: Bytes, record: BagRecord) -> tuple[memoryview, str]:
    """The data of a chunk, as far as it unpacks, and its fault: '' if it has none."""
    count = min(record.end - record.data_at, CHUNK_LIMIT)
    raw = memoryview(data.read(record.data_at, count))
    fault = '' if len(raw) == count else 'it is cut off'
    compression = record.fields.get(b'compression', b'')
    if compression == b'none':
        return raw, fault
    unpacked, why = unpack(raw, record.number(b'size'), CHUNK_LIMIT)
    return memoryview(unpacked), why and f'{compression.decode(errors="replace")}: {why}'


def _payload(data: Bytes, at: int) -> memoryview:
    """The message in the record at `at`."""
    record = record_at(data, at)
    if record is None or record.opcode != MESSAGE or record.end > data.size:
        raise ImageError(f'the message record at byte {at} is damaged')
    return memoryview(data.read(record.data_at, record.end - record.data_at))
