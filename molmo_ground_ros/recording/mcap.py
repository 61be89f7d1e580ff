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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from molmo_ground_ros.errors import BagError, ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.cdr import ImageMessage
from molmo_ground_ros.recording import records
from molmo_ground_ros.recording.channels import (
    MESSAGE_HEAD,
    Scan,
    read_content_record,
    statistics,
)
from molmo_ground_ros.recording.formats import FORMATS, image_message
from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import EmptyRecording, MessageIndex, Place, UnreadTopic
from molmo_ground_ros.recording.unpack import ZSTD_MAGIC, unpack
from molmo_ground_ros.storage.lru import LruCache

MAGIC = b'\x89MCAP0\r\n'
CHUNK_LIMIT = 1 << 28  # bytes of a chunk, packed or not, that are looked at; recorders write 1e6

_INDEX_ENTRY_BYTES = 16
_GUESSES = 3  # messages that are read to work out a type that is lost


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
        self.unread: Sequence[UnreadTopic] = ()

    def index(self, loss: LossLog) -> list[MessageIndex]:
        """See Source."""
        scan = Scan(loss)
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
            self.unread = list(scan.unread())
        if not closed or last != data.size:
            loss.add(LossKind.NOT_CLOSED, at_byte=size)
        if not size:
            raise EmptyRecording(self._name)
        # A recorder that closed the file before anything came has lost nothing.
        is_empty = not indexes and not scan.channels and not scan.messages
        if is_empty and (not closed or last != data.size or loss.losses):
            raise BagError(self._name, 'it cannot be read: no record of an MCAP file is in it')
        return indexes

    def message(self, place: Place, kind: str) -> ImageMessage:
        """See Source."""
        return image_message(self.payload(place), kind)

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

    def _report_gap(self, scan: Scan) -> records.ReportGap:
        def report_gap(first: int, end: int) -> None:
            kind = LossKind.CUT_OFF if end == scan.cut_at else LossKind.BAD_RECORD
            scan.loss.add(kind, nbytes=end - first, at_byte=first)

        return report_gap

    def _read_record(self, data: records.OpenFile, record: records.Record, scan: Scan) -> None:
        """Add a record of the file to the scan."""
        if record.opcode == records.CHUNK:
            self._read_chunk(data, record, scan)
        elif record.opcode == records.MESSAGE_INDEX:
            head = data.read(record.content, 6)
            if len(head) == 6:
                channel, nbytes = struct.unpack('<HI', head)
                scan.indexed[channel] += nbytes // _INDEX_ENTRY_BYTES
        elif record.opcode == records.STATISTICS:
            self._read_statistics(data, record, scan)
        else:
            read_content_record(data, record, scan, ~record.at, is_intact=True)

    def _read_statistics(self, data: records.OpenFile, record: records.Record, scan: Scan) -> None:
        stated = statistics(data, record)
        scan.stated = stated or {}
        if stated is None:
            size, at = record.end - record.at, record.at
            detail = 'its statistics: whether messages are missing is not known'
            scan.loss.add(LossKind.BAD_RECORD, nbytes=size, at_byte=at, detail=detail)

    def _read_chunk(self, data: records.OpenFile, record: records.Record, scan: Scan) -> None:
        """Add a chunk and the records in it to the scan, and its faults to the losses."""
        head = records.chunk_head(data, record.at)
        if head is None:
            # Its records can still be read where they are not compressed.
            detail = 'its head is damaged'
            scan.loss.add(LossKind.BAD_CHUNK, at_byte=record.at, detail=detail)
            inside = replace(data, size=record.end)
            for inner in records.records(inside, record.content, _ignore):
                read_content_record(data, inner, scan, ~inner.at, is_intact=False)
            return
        unpacked, fault = _unpack_chunk(data, record.at, record.end)
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
            if not fault:
                at, nbytes = record.at, end - first
                scan.loss.add(LossKind.BAD_RECORD, nbytes=nbytes, at_byte=at, log_span_ns=span)

        for inner in records.records(memory, 0, report_gap):
            # A message that is not compressed is read from the file without its chunk.
            place = number << 32 | inner.at if head.compression else ~(head.data_at + inner.at)
            read_content_record(memory, inner, scan, place, is_intact=not fault)

    def _image_indexes(self, data: records.OpenFile, scan: Scan) -> list[MessageIndex]:
        """The indexes of the image topics.

        A type that is lost is worked out from the messages. A name that is lost is invented, but
        only where no other image topic has one.
        """
        for number, record in scan.channels.items():
            # A topic without a message has an index too.
            if scan.kind(number)[0] in FORMATS:
                scan.images.setdefault(number, MessageIndex(record.topic, ''))
        named, nameless = list[MessageIndex](), list[tuple[int, MessageIndex]]()
        for number, index in scan.images.items():
            channel = scan.channels.get(number)
            kind, is_intact = scan.kind(number)
            if kind not in FORMATS:
                kind = '' if is_intact else self._guess(data, index)
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
    if not MESSAGE_HEAD.size <= length <= CHUNK_LIMIT:
        raise ImageError(f'the message record at byte {at} has {length} bytes')
    content = memoryview(data.read(at + records.HEAD_BYTES, length))
    return content[MESSAGE_HEAD.size :]
