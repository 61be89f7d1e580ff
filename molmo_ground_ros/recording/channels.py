# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the content records of an MCAP file say: its topics, their types, and where messages lie."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from molmo_ground_ros.frames.cdr import STAMP_BYTES, stamp_of
from molmo_ground_ros.recording import records
from molmo_ground_ros.recording.camera_messages import COMPANIONS, HEAD_BYTES
from molmo_ground_ros.recording.formats import FORMATS, kind_of_type
from molmo_ground_ros.recording.loss import LossLog
from molmo_ground_ros.recording.source import MessageIndex, Place, UnreadTopic
from molmo_ground_ros.recording.unpack import ZSTD_MAGIC, zstd_head

MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time

_STATISTICS_HEAD = struct.Struct('<QHIIIIQQ')
_COUNT = struct.Struct('<HQ')  # a channel and its messages
_TEXT_LIMIT = 1 << 16  # bytes of a channel, schema or statistics record that are looked at


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel record."""

    topic: str
    schema: int
    encoding: str  # of its messages
    is_intact: bool  # whether its chunk has no fault


@dataclass(slots=True)
class Scan:
    """What one pass over the file collects."""

    loss: LossLog
    channels: dict[int, Channel] = field(default_factory=dict)
    schemas: dict[int, tuple[str, bool]] = field(default_factory=dict)  # (type, is intact)
    images: dict[int, MessageIndex] = field(default_factory=dict)  # by channel
    companions: dict[int, MessageIndex] = field(default_factory=dict)  # likewise
    # Messages by channel: as they were read, by the message indexes, by the statistics.
    messages: Counter[int] = field(default_factory=Counter)
    indexed: Counter[int] = field(default_factory=Counter)
    stated: dict[int, int] = field(default_factory=dict)
    cut_at: int = -1  # the end of a file that was not closed, else -1
    # What `kind` gave since the last record that may change it.
    kinds: dict[int, tuple[str, bool]] = field(default_factory=dict)

    def kind(self, channel: int) -> tuple[str, bool]:
        """(kind of its messages, whether the records that say so are intact).

        The kind is '' where it is none that is read, or not known so far.
        """
        if (answer := self.kinds.get(channel)) is not None:
            return answer
        record = self.channels.get(channel)
        if record is None:
            return '', False
        name, is_intact = self.schemas.get(record.schema, ('', False))
        kind = kind_of_type(name, record.encoding)
        self.kinds[channel] = kind, is_intact and record.is_intact
        return self.kinds[channel]

    def unread(self) -> Iterator[UnreadTopic]:
        """The topics whose records say that their messages are not read."""
        for number, record in self.channels.items():
            if self.kind(number) == ('', True):
                name, _ = self.schemas[record.schema]
                yield UnreadTopic(record.topic, name, record.encoding, self.messages[number])


def read_content_record(
    data: records.Bytes, record: records.Record, scan: Scan, place: Place, *, is_intact: bool
) -> None:
    """Add a message, schema or channel record to the scan; `place`: where a message can be read."""
    if record.opcode == records.MESSAGE:
        _read_message(data, record, scan, place)
    elif record.opcode in (records.SCHEMA, records.CHANNEL):
        count = min(record.end - record.content, _TEXT_LIMIT)
        raw = bytes(data.read(record.content, count))
        if record.opcode == records.SCHEMA:
            _read_schema(raw, scan, is_intact=is_intact)
        else:
            _read_channel(raw, scan, is_intact=is_intact)


def statistics(data: records.Bytes, record: records.Record) -> dict[int, int] | None:
    """Messages by channel, from a statistics record; None if it is damaged."""
    raw = bytes(data.read(record.content, _TEXT_LIMIT))
    at = _STATISTICS_HEAD.size
    nbytes = int.from_bytes(raw[at : at + 4], 'little')
    entries = raw[at + 4 : at + 4 + nbytes]
    if len(raw) < at + 4 or len(entries) != nbytes or nbytes % _COUNT.size:
        return None
    return dict(_COUNT.iter_unpack(entries))


def _read_message(data: records.Bytes, record: records.Record, scan: Scan, place: Place) -> None:
    at = record.content + MESSAGE_HEAD.size
    if at > record.end:
        # Too short: it will be among the FEWER_MESSAGES.
        return
    channel, _, log_ns, _ = MESSAGE_HEAD.unpack(data.read(record.content, MESSAGE_HEAD.size))
    scan.messages[channel] += 1
    kind, is_intact = scan.kind(channel)
    if kind in COMPANIONS:
        companion = scan.companions.get(channel)
        if companion is None:
            companion = MessageIndex(scan.channels[channel].topic, kind)
            scan.companions[channel] = companion
        companion.add_companion(_head(data, at, record.end, HEAD_BYTES), place)
    elif kind or not is_intact:
        # Where its records are damaged or still to come, it may be an image topic.
        index = scan.images.get(channel)
        if index is None:
            index = scan.images[channel] = MessageIndex('', '')
        form = FORMATS.get(kind)
        count, stamp = (form.head_bytes, form.stamp) if form else (STAMP_BYTES, stamp_of)
        index.add(stamp(_head(data, at, record.end, count)), place, log_ns)


def _head(data: records.Bytes, at: int, end: int, count: int) -> bytes | memoryview:
    """The first bytes of the message between two places, compressed or not."""
    head = data.read(at, min(count, end - at))
    return zstd_head(data.read(at, end - at), count) if head[:4] == ZSTD_MAGIC else head


def _read_schema(raw: bytes, scan: Scan, *, is_intact: bool) -> None:
    name = _text(raw, 2)
    if not name:
        return
    number = int.from_bytes(raw[:2], 'little')
    if number not in scan.schemas or (is_intact and not scan.schemas[number][1]):
        scan.schemas[number] = (name, is_intact)
        scan.kinds.clear()


def _read_channel(raw: bytes, scan: Scan, *, is_intact: bool) -> None:
    topic = _text(raw, 4)
    if not topic:
        return
    number, schema = int.from_bytes(raw[:2], 'little'), int.from_bytes(raw[2:4], 'little')
    if number not in scan.channels or (is_intact and not scan.channels[number].is_intact):
        encoding = _text(raw, 8 + len(topic.encode())) or ''
        scan.channels[number] = Channel(topic, schema, encoding, is_intact)
        scan.kinds.clear()


def _text(raw: bytes, at: int) -> str | None:
    """The text at `at` after its length; None if there is none."""
    length = int.from_bytes(raw[at : at + 4], 'little')
    text = raw[at + 4 : at + 4 + length]
    if len(raw) < at + 4 or len(text) != length:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None
