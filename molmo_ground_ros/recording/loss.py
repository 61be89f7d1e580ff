# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a damaged recording has lost, as far as it can be worked out. Knows no file formats."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from molmo_ground_ros.errors import seconds


class LossKind(enum.Enum):
    """The kinds of damage. The value is printed to a person."""

    MISSING_FILE = 'a file that metadata.yaml names is missing'
    UNREADABLE = 'the file cannot be read at all'
    CUT_OFF = 'the file ends in the middle of a record'
    NOT_CLOSED = 'the recorder did not close the file'
    BAD_RECORD = 'bytes that are no record were skipped'
    BAD_CHUNK = 'a chunk does not unpack, or only in part'
    BAD_CHECKSUM = 'a chunk does not have its checksum: what was read of it may be damaged'
    BAD_COMPRESSION = 'the compressed file does not unpack to its end'
    BAD_PAGES = 'the database has damaged pages: its rows were collected page by page'
    FEWER_MESSAGES = 'there are fewer messages than the recorder counted'
    UNKNOWN_TOPIC = 'messages of a topic whose name or type is lost'
    UNREAD_TOPIC = 'a topic of pictures whose messages cannot be read here'
    BAD_MESSAGE = 'messages that do not begin as a message does'
    ZERO_STAMP = 'messages without a stamp'
    LOG_STAMP = 'messages without a stamp; the time at which they were recorded was taken'
    FAR_STAMP = 'messages whose stamp is far from that of their neighbours'
    UNDECODABLE = 'pictures that were needed and cannot be decoded'
    NO_METADATA = 'metadata.yaml is missing'
    BAD_METADATA = 'metadata.yaml cannot be understood'
    NAME_INVENTED = 'the name of the topic is lost; the one shown is invented'
    JOURNAL = 'the recorder left a journal; it was applied to a copy'
    OUT_OF_ORDER = 'messages were not in the order of their stamps; they are now'
    DUPLICATE = 'messages with a stamp that another one has; the first was taken'


# These are reported, but nothing is missing because of them.
HARMLESS = frozenset({
    LossKind.NOT_CLOSED, LossKind.NO_METADATA, LossKind.BAD_METADATA, LossKind.NAME_INVENTED,
    LossKind.JOURNAL, LossKind.LOG_STAMP, LossKind.OUT_OF_ORDER, LossKind.DUPLICATE,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of damage to one topic in one file, however many times it occurs there."""

    kind: LossKind
    path: str
    topic: str = ''  # '' where no topic, or every topic, is meant
    times: int = 1
    messages: int = 0  # lost or affected, as far as they can be counted
    nbytes: int = 0  # bytes that were skipped
    at_byte: int | None = None  # of the first time, in the file as it was read
    log_span_ns: tuple[int, int] | None = None  # log time of the recorder, not header stamps
    detail: str = ''  # of the first time

    @property
    def harmless(self) -> bool:
        """Whether nothing is missing because of it."""
        return self.kind in HARMLESS

    def __str__(self) -> str:
        """One line for a person."""
        parts = [f'{self.times} times'] if self.times > 1 else []
        parts += [f'topic {self.topic}'] if self.topic else []
        parts += [f'{self.messages} messages'] if self.messages else []
        parts += [f'{self.nbytes} bytes'] if self.nbytes else []
        parts += [f'at byte {self.at_byte}'] if self.at_byte is not None else []
        if self.log_span_ns:
            first, last = self.log_span_ns
            parts.append(f'recorded in {seconds(last - first)} from {seconds(first)}')
        parts += [self.detail] if self.detail else []
        return f'{self.path}: {self.kind.value}' + (f' ({"; ".join(parts)})' if parts else '')


class LossLog:
    """Collects the losses of one file: one entry for each kind and topic."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._losses: dict[tuple[LossKind, str], Loss] = {}

    def add(
        self,
        kind: LossKind,
        *,
        topic: str = '',
        messages: int = 0,
        nbytes: int = 0,
        at_byte: int | None = None,
        log_span_ns: tuple[int, int] | None = None,
        detail: str = '',
    ) -> None:
        """Add an occurrence. See Loss for the fields."""
        new = Loss(kind, self.path, topic, 1, messages, nbytes, at_byte, log_span_ns, detail)
        old = self._losses.get((kind, topic))
        self._losses[kind, topic] = new if old is None else _joined(old, new)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """In the order in which they first occurred."""
        return tuple(self._losses.values())


def _joined(old: Loss, new: Loss) -> Loss:
    spans = [span for span in (old.log_span_ns, new.log_span_ns) if span is not None]
    return replace(
        old,
        times=old.times + 1,
        messages=old.messages + new.messages,
        nbytes=old.nbytes + new.nbytes,
        log_span_ns=(min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None,
    )
