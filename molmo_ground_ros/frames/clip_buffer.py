# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Undecoded messages in, sampled decoded frames out. Knows nothing of models or ROS.

Time is the messages' own header stamp, int nanoseconds; no clock is read.
"""

from __future__ import annotations

import enum
import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting, ImageError, NoFrames, WindowNotCovered, seconds
from molmo_ground_ros.frames import image as pictures
from molmo_ground_ros.frames.windows import (
    MAX_WINDOW_NS,
    SAMPLE_PERIOD_NS,
    check_span,
    first_full_slot,
    sample,
)
from molmo_ground_ros.types import Clip, EncodedImage, Frame

Decode = Callable[[EncodedImage], NDArray[np.uint8]]  # (H, W, 3) RGB; raises ImageError

SLACK_NS = SAMPLE_PERIOD_NS  # how far a window asked for may reach past what is held
GAP_NS = 1_000_000_000  # a longer pause between messages is counted as a gap


class PushOutcome(enum.Enum):
    """What became of a pushed message."""

    KEPT = 'kept'
    DECIMATED = 'decimated'  # held only as long as it is the newest
    DUPLICATE = 'duplicate'  # dropped: the stamp is held already
    ZERO_STAMP = 'zero_stamp'  # dropped: the publisher sets no stamp
    TOO_LARGE = 'too_large'  # dropped: larger than the whole buffer
    FAR_FUTURE = 'far_future'  # held back until the next message tells an outlier from a jump
    STALE = 'stale'  # the same, far in the past
    RESTARTED = 'restarted'  # kept with the one held back: a new epoch, all before is gone


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One undecoded message."""

    stamp_ns: int
    frame_id: str
    image: EncodedImage


@dataclass(frozen=True, slots=True)
class BufferStats:
    """Counts since construction, and what is held now.

    received = kept + decimated + duplicate + zero_stamp + too_large + far_future + stale +
    held_back.
    """

    received: int
    kept: int
    decimated: int
    duplicate: int
    zero_stamp: int
    too_large: int
    far_future: int  # lone outliers ahead, dropped
    stale: int  # lone stragglers far behind, dropped
    held_back: int  # 0 or 1: waits for the next message
    out_of_order: int  # of kept and decimated: came after a newer one
    gaps: int  # pauses of more than a second
    evicted: int  # of kept and decimated: pushed out by time or bytes
    undecodable: int  # of kept and decimated: found corrupt by a reader, and dropped
    epochs: int  # restarts: backward jumps, jumps beyond the horizon, and clear()
    frames: int
    nbytes: int
    oldest_ns: int  # 0 where nothing is held
    newest_ns: int
    last_error: str  # of the newest decoding; '' if every frame could be decoded


@dataclass(frozen=True, slots=True)
class PinnedWindow:
    """The messages of one window, held for a reader: later pushes and evictions do not change it.

    Costs references only. May be decoded by any thread, at any time.
    """

    camera: str
    stored: tuple[StoredMessage, ...]  # not empty, ascending
    start_ns: int
    end_ns: int
    anchor_ns: int  # a time of the sampling grid, the same for all windows of an epoch
    decode_image: Decode
    report: Callable[[list[StoredMessage], str], None]  # takes what failed, and the last error

    def sampled(self) -> list[StoredMessage]:
        """The messages that sampling picks, the newest included; none of them decoded."""
        stamps = [stored.stamp_ns for stored in self.stored]
        samples, _ = sample(stamps, self.start_ns, self.end_ns, self.anchor_ns)
        return [self.stored[one.index] for one in samples]

    def decode(self) -> Clip:
        """Decode the frames that sampling picks: see sampled_clip. Raises NoFrames.

        The buffer drops and counts what cannot be decoded.
        """
        by_stamp = {stored.stamp_ns: stored for stored in self.stored}

        def load(stamp_ns: int) -> Frame:
            stored = by_stamp[stamp_ns]
            return Frame(stamp_ns, self.decode_image(stored.image), stored.frame_id)

        failed: dict[int, ImageError] = {}
        span_ns = (self.start_ns, self.end_ns)
        try:
            return sampled_clip(self.camera, list(by_stamp), load, span_ns, self.anchor_ns, failed)
        finally:
            error = str(list(failed.values())[-1]) if failed else ''
            self.report([by_stamp[stamp_ns] for stamp_ns in failed], error)


def sampled_clip(
    camera: str,
    stamps: Sequence[int],
    load: Callable[[int], Frame],
    span_ns: tuple[int, int],
    anchor_ns: int,
    failed: dict[int, ImageError],
) -> Clip:
    """Load the frames of a window that sampling picks, and no others.

    stamps: of the pictures in the window, ns, strictly ascending. Where `load` raises ImageError,
    which is put into `failed` by stamp, sampling goes on without that picture: its neighbour takes
    its place (within 0.25 s of the grid time) or the grid time is left out. Raises NoFrames, naming
    the last ImageError, where none is left.
    """
    frames: dict[int, Frame] = {}  # by stamp
    left = list(stamps)
    while True:
        samples, expected = sample(left, *span_ns, anchor_ns)
        shown = [left[one.index] for one in samples]
        for stamp_ns in shown:
            if stamp_ns not in frames:
                try:
                    frames[stamp_ns] = load(stamp_ns)
                    # Many may hold it, and caches go by identity.
                    frames[stamp_ns].image.flags.writeable = False
                except ImageError as err:
                    failed[stamp_ns] = err
        if failed.keys().isdisjoint(shown):
            break
        left = [stamp_ns for stamp_ns in left if stamp_ns not in failed]
    if not samples:
        why = f'none of {len(failed)} could be decoded; the last one: {list(failed.values())[-1]}'
        raise NoFrames(camera, why)
    return Clip(
        camera=camera,
        frames=tuple(frames[stamp_ns] for stamp_ns in shown),
        seconds=tuple(one.seconds for one in samples),
        start_ns=span_ns[0],
        end_ns=span_ns[1],
        frames_expected=expected,
    )


_COUNTED = (
    'received', 'kept', 'decimated', 'duplicate', 'zero_stamp', 'too_large', 'far_future', 'stale',
    'out_of_order', 'gaps', 'evicted', 'undecodable', 'epochs',
)  # fmt: skip


class ClipBuffer:
    """The recent messages of one camera, undecoded, by header stamp.

    Bounds: nothing older than `horizon_ns` before the newest message, at most `max_bytes` of
    message data (oldest out first; the newest stays). One message held back comes on top.

    Decimation: time is cut into cells of `keep_period_ns`; the first message of each cell is kept.
    So kept messages are at most keep_period_ns + f apart, where f is the camera's longest frame
    interval, and every instant is within half of that from one. The newest message is held besides,
    until a newer one comes. keep_period_ns = 0 keeps all.

    Order: up to `reorder_ns` late is put in its place. A stamp held already is dropped, a stamp of
    zero or less too. Further behind, or more than `ahead_ns` ahead of the newest, a message is held
    back. If the next one is near it (the same two bounds), time has jumped, and both are taken: a
    jump back, or one beyond the horizon, starts a new epoch with an empty buffer; a smaller one
    forward is a gap. Otherwise it was an outlier and is dropped.

    Windows of one epoch share one sampling grid, through its first message, so that those which
    slide over it are shown the same frames (windows.sample).

    Memory: holds the data object it is given and copies nothing; do not change it afterwards.

    Threads: every method may be called from any thread. One lock guards the state and is never
    held while decoding, so `push` waits for no reader.
    """

    def __init__(
        self,
        camera: str,
        *,
        horizon_ns: int = 30_000_000_000,
        max_bytes: int = 512 * 1024 * 1024,
        keep_period_ns: int = 100_000_000,
        reorder_ns: int = 1_000_000_000,
        ahead_ns: int = 10_000_000_000,
        decode: Decode = pictures.decode,
    ) -> None:
        limits = {'horizon_ns': horizon_ns, 'max_bytes': max_bytes, 'ahead_ns': ahead_ns}
        for name, value in limits.items():
            if value < 1:
                raise BadSetting(name, value, 'it must be positive')
        for name, value in {'keep_period_ns': keep_period_ns, 'reorder_ns': reorder_ns}.items():
            if value < 0:
                raise BadSetting(name, value, 'it must not be negative')
        self.camera = camera
        self._horizon_ns = horizon_ns
        self._max_bytes = max_bytes
        self._cell_ns = max(keep_period_ns, 1)
        self._reorder_ns = reorder_ns
        self._ahead_ns = ahead_ns
        self.decode = decode
        self._lock = threading.Lock()
        self._stamps: list[int] = []  # guarded by _lock; strictly ascending
        self._stored: list[StoredMessage] = []  # guarded by _lock; one a stamp
        self._spare = False  # guarded by _lock; the newest goes when a newer one comes
        self._suspect: StoredMessage | None = None  # guarded by _lock; held back
        self._verdict = PushOutcome.STALE  # guarded by _lock; what the suspect is if it stays alone
        self._nbytes = 0  # guarded by _lock; of _stored
        self._counts: Counter[str] = Counter()  # guarded by _lock
        self._last_error = ''  # guarded by _lock
        self._why_empty = 'none has arrived yet'  # guarded by _lock
        self._anchor_ns = 0  # guarded by _lock; the epoch's first message, or one put before it

    def push(self, stamp_ns: int, image: EncodedImage, frame_id: str = '') -> PushOutcome:
        """Take one message, whatever its stamp. Decodes nothing; time does not grow with use."""
        new = StoredMessage(stamp_ns, frame_id, image)
        with self._lock:
            self._counts['received'] += 1
            return self._admit(new)

    def span(self) -> tuple[int, int] | None:
        """Stamps of the oldest and the newest message held; None where there is none."""
        with self._lock:
            return (self._stamps[0], self._stamps[-1]) if self._stamps else None

    def pin(self, start_ns: int = 0, end_ns: int = 0) -> PinnedWindow:
        """Hold the messages of [start_ns, end_ns] for a reader.

        A start of 0 is the oldest message held, but at most 63 s before the end; where older ones
        have been dropped, it is the first grid time from there on with all its candidates. An end
        of 0 is the newest. The window may reach 0.5 s (one grid step) past what is held at either
        end. Raises BadSpan (order, sign, over 63 s), WindowNotCovered, and NoFrames where the
        buffer is empty or the window lies in a gap.
        """
        if (start_ns and end_ns) or min(start_ns, end_ns) < 0:
            check_span(start_ns, end_ns)
        with self._lock:
            if not self._stamps:
                raise NoFrames(self.camera, self._why_empty)
            start, end = self._resolve(start_ns, end_ns)
            anchor = self._anchor_ns
            first, last = bisect_left(self._stamps, start), bisect_right(self._stamps, end)
            stored = tuple(self._stored[first:last])
        if not stored:
            raise NoFrames(self.camera, f'a gap from {seconds(start)} to {seconds(end)}')
        return PinnedWindow(self.camera, stored, start, end, anchor, self.decode, self._drop)

    def cut(self, start_ns: int = 0, end_ns: int = 0) -> Clip:
        """The sampled, decoded frames of a window: `pin` and `PinnedWindow.decode` at once."""
        return self.pin(start_ns, end_ns).decode()

    def stats(self) -> BufferStats:
        """Counts, and what is held."""
        with self._lock:
            return BufferStats(
                **{name: self._counts[name] for name in _COUNTED},
                held_back=int(self._suspect is not None),
                frames=len(self._stamps),
                nbytes=self._nbytes,
                oldest_ns=self._stamps[0] if self._stamps else 0,
                newest_ns=self._stamps[-1] if self._stamps else 0,
                last_error=self._last_error,
            )

    def clear(self, why: str = 'the buffer was cleared') -> None:
        """Forget all messages and start a new epoch; `why` is told to whoever asks next."""
        with self._lock:
            self._drop_suspect()
            self._restart(why)

    # What follows is called with the lock held, but for _drop.

    def _admit(self, new: StoredMessage) -> PushOutcome:
        if new.stamp_ns <= 0:
            return self._count(PushOutcome.ZERO_STAMP)
        if new.image.nbytes > self._max_bytes:
            return self._count(PushOutcome.TOO_LARGE)
        if self._stamps and not self._follows(new.stamp_ns, self._stamps[-1]):
            return self._hold_back(new)
        self._drop_suspect()
        return self._place(new)

    def _follows(self, stamp_ns: int, other_ns: int) -> bool:
        return -self._reorder_ns <= stamp_ns - other_ns <= self._ahead_ns

    def _hold_back(self, new: StoredMessage) -> PushOutcome:
        suspect = self._suspect
        if suspect is not None and new.stamp_ns == suspect.stamp_ns:
            return self._count(PushOutcome.DUPLICATE)
        if suspect is not None and self._follows(new.stamp_ns, suspect.stamp_ns):
            self._suspect = None
            return self._jump(*sorted((suspect, new), key=lambda stored: stored.stamp_ns))
        self._drop_suspect()
        self._suspect = new
        ahead = new.stamp_ns > self._stamps[-1]
        self._verdict = PushOutcome.FAR_FUTURE if ahead else PushOutcome.STALE
        return self._verdict

    def _drop_suspect(self) -> None:
        """Count the one held back as the outlier it was."""
        if self._suspect is not None:
            self._count(self._verdict)
            self._suspect = None

    def _jump(self, first: StoredMessage, second: StoredMessage) -> PushOutcome:
        newest_ns = self._stamps[-1]
        restarts = not newest_ns < first.stamp_ns <= newest_ns + self._horizon_ns
        if restarts:
            self._restart('time has jumped')
        self._place(first)
        outcome = self._place(second)
        return PushOutcome.RESTARTED if restarts else outcome

    def _restart(self, why: str) -> None:
        self._counts['epochs'] += 1
        self._stamps.clear()
        self._stored.clear()
        self._spare = False
        self._nbytes = 0
        self._why_empty = why

    def _place(self, new: StoredMessage) -> PushOutcome:
        if not self._stamps:
            self._anchor_ns = new.stamp_ns
        newest_ns = self._stamps[-1] if self._stamps else 0
        outcome = self._append(new) if new.stamp_ns > newest_ns else self._insert(new)
        self._evict()
        return self._count(outcome)

    def _append(self, new: StoredMessage) -> PushOutcome:
        if self._stamps and new.stamp_ns - self._stamps[-1] > GAP_NS:
            self._counts['gaps'] += 1
        if self._spare:
            self._remove(len(self._stamps) - 1)
        self._spare = bool(self._stamps) and self._same_cell(self._stamps[-1], new.stamp_ns)
        self._add(len(self._stamps), new)
        return PushOutcome.DECIMATED if self._spare else PushOutcome.KEPT

    def _insert(self, new: StoredMessage) -> PushOutcome:
        at = bisect_left(self._stamps, new.stamp_ns)
        if self._stamps[at] == new.stamp_ns:
            return PushOutcome.DUPLICATE
        self._counts['out_of_order'] += 1
        around = self._stamps[max(at - 1, 0) : at + 1]
        if any(self._same_cell(stamp_ns, new.stamp_ns) for stamp_ns in around):
            return PushOutcome.DECIMATED
        self._add(at, new)
        if at == 0:
            self._anchor_ns = new.stamp_ns
        return PushOutcome.KEPT

    def _same_cell(self, a_ns: int, b_ns: int) -> bool:
        return a_ns // self._cell_ns == b_ns // self._cell_ns

    def _evict(self) -> None:
        oldest_ns = self._stamps[-1] - self._horizon_ns
        while self._stamps[0] < oldest_ns or self._nbytes > self._max_bytes:
            self._remove(0)
            self._counts['evicted'] += 1

    def _add(self, at: int, new: StoredMessage) -> None:
        self._stamps.insert(at, new.stamp_ns)
        self._stored.insert(at, new)
        self._nbytes += new.image.nbytes

    def _remove(self, at: int) -> None:
        del self._stamps[at]
        self._nbytes -= self._stored.pop(at).image.nbytes

    def _count(self, outcome: PushOutcome) -> PushOutcome:
        self._counts[outcome.value] += 1
        return outcome

    def _resolve(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """The window meant, where it is covered."""
        oldest, newest = self._stamps[0], self._stamps[-1]
        end = end_ns or newest
        start = start_ns or self._oldest_full(max(oldest, end - MAX_WINDOW_NS), end)
        begins = oldest - SLACK_NS <= start <= newest
        if not begins or not oldest <= end <= newest + SLACK_NS:
            raise WindowNotCovered((start, end), (oldest, newest))
        check_span(start, end)
        return start, end

    def _oldest_full(self, oldest: int, end: int) -> int:
        """Where a window of all that is held begins."""
        start = first_full_slot(oldest, self._anchor_ns)
        first = bisect_left(self._stamps, start)
        return start if first < len(self._stamps) and self._stamps[first] <= end else oldest

    def _drop(self, failed: list[StoredMessage], error: str) -> None:
        """Forget what a reader could not decode. Takes the lock."""
        with self._lock:
            self._last_error = error
            for stored in failed:
                at = bisect_left(self._stamps, stored.stamp_ns)
                if at == len(self._stamps) or self._stored[at] is not stored:
                    continue  # evicted since, or dropped by another reader
                self._spare = self._spare and at < len(self._stamps) - 1
                self._remove(at)
                self._counts['undecodable'] += 1
                self._why_empty = f'the last one could not be decoded: {error}'
