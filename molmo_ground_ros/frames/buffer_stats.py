# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What became of the messages that were pushed into a clip buffer, one by one and counted."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class PushOutcome(enum.Enum):
    """What became of a pushed message. The values are names of counts in `BufferStats`."""

    # Held.
    KEPT = 'kept'
    # Held only as long as it is the newest.
    DECIMATED = 'decimated'
    # Dropped, because its stamp is held already.
    DUPLICATE = 'duplicate'
    # Dropped, because the publisher sets no stamp.
    ZERO_STAMP = 'zero_stamp'
    # Dropped, because it is larger than the buffer.
    TOO_LARGE = 'too_large'
    # Dropped, a packet of video: no keyframe came before it, or a packet since that was lost.
    NO_KEYFRAME = 'no_keyframe'
    # Far ahead: held back until the next message shows whether it is an outlier or time jumped.
    FAR_FUTURE = 'far_future'
    # The same, far in the past.
    STALE = 'stale'
    # Held together with the message that was held back: a new epoch, all earlier messages dropped.
    RESTARTED = 'restarted'


@dataclass(frozen=True, slots=True)
class BufferStats:
    """Counts since construction, and what is held now.

    received = kept + decimated + duplicate + zero_stamp + too_large + no_keyframe +
    far_future + stale + held_back.
    """

    received: int
    kept: int
    decimated: int
    duplicate: int
    zero_stamp: int
    too_large: int
    no_keyframe: int
    # Single messages far ahead, dropped.
    far_future: int
    # Single messages far behind, dropped.
    stale: int
    held_back: int  # 0 or 1: waits for the next message
    # How many of kept and decimated came after a newer message.
    out_of_order: int
    # Pauses of more than a second.
    gaps: int
    # How many of kept and decimated were dropped because of time or bytes.
    evicted: int
    # How many of kept and decimated a reader found corrupt and the buffer dropped.
    undecodable: int
    # Restarts: by backward jumps, jumps beyond the horizon, and clear().
    epochs: int
    frames: int
    nbytes: int
    oldest_ns: int  # 0 where nothing is held
    newest_ns: int
    # Why the newest decoding failed; '' if every frame could be decoded.
    last_error: str
    # Why packets of video are dropped until a keyframe comes; '' while they are taken.
    waits_for_keyframe: str


COUNTED = (
    'received', 'kept', 'decimated', 'duplicate', 'zero_stamp', 'too_large', 'no_keyframe',
    'far_future', 'stale',    'out_of_order', 'gaps', 'evicted', 'undecodable', 'epochs',
)  # fmt: skip
"""The fields of BufferStats that count events. The others say what is held now."""
