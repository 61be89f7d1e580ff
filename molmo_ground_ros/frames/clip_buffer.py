# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Holds the recent messages of one camera, undecoded, and gives windows of them to readers.

Knows nothing of models or ROS. Time is the header stamp of the messages, in int nanoseconds; no
clock is read.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import Counter

from molmo_ground_ros.errors import BadArgument, NoFrames, WindowNotCovered, seconds
from molmo_ground_ros.frames.buffer_stats import COUNTED, BufferStats, PushOutcome
from molmo_ground_ros.frames.held_messages import HeldMessages
from molmo_ground_ros.frames.image import decode as decode_image
from molmo_ground_ros.frames.pinned_window import Decode, PinnedWindow, StoredMessage
from molmo_ground_ros.frames.video_groups import VideoGroups
from molmo_ground_ros.frames.video_packets import codec_of
from molmo_ground_ros.frames.windows import (
    MAX_WINDOW_NS,
    SAMPLE_PERIOD_NS,
    check_span,
    first_full_slot,
)
from molmo_ground_ros.types import Clip, CompressedImage, EncodedImage

# How far a window may reach past the messages that are held.
SLACK_NS = SAMPLE_PERIOD_NS
# A longer pause between messages is counted as a gap.
GAP_NS = 1_000_000_000


class ClipBuffer:
    """The recent messages of one camera, undecoded, by header stamp.

    Limits: a message is at most `horizon_ns` older than the newest, and all messages together hold
    at most `max_bytes` of data. The oldest go first; the newest always stays. The message that is
    held back (see below) is not counted.

    Decimation: time is cut into cells of `keep_period_ns`, and the first message of each cell is
    kept. So kept messages are at most keep_period_ns + f apart, where f is the longest pause
    between two of the camera's messages, and no instant is further than half of that from one. The
    newest message is held as well, until a newer one comes. keep_period_ns = 0 keeps all.

    Order: a message that comes up to `reorder_ns` late is put in its place. One whose stamp is held
    already is dropped, and so is one with a stamp of zero or less. A message that is further
    behind, or more than `ahead_ns` ahead of the newest, is held back until the next one. If the
    next one is near it (by the same two limits), time has jumped, and both are taken. A jump back,
    or one beyond the horizon, starts a new epoch with an empty buffer; a smaller jump forward is a
    gap. If the next one is not near it, the message was an outlier and is dropped.

    Windows of one epoch share one sampling grid, which passes through the epoch's first message, so
    that windows which slide over it show the same frames (`windows.sample`).

    Video: packets are put into groups, from a keyframe to before the next (`video_groups`). An
    image holds its group, so all that it is decoded from stays as long as it does. Decimation and
    age take images; the bytes of a group count as long as one image of it is held. Packets before
    the first keyframe, and from a lost one to the next keyframe, are dropped.

    Memory: the buffer holds the data object that it is given and copies nothing. Do not change the
    data afterwards.

    Threads: every method may be called from any thread. One lock guards the state and is never
    held while decoding, so `push` waits for no reader.
    """

    def __init__(
        self,
        camera: str,
        *,
        horizon_ns: int,
        max_bytes: int,
        keep_period_ns: int,
        reorder_ns: int = 1_000_000_000,
        ahead_ns: int = 10_000_000_000,
        decode: Decode = decode_image,
    ) -> None:
        limits = {'horizon_ns': horizon_ns, 'max_bytes': max_bytes, 'ahead_ns': ahead_ns}
        for name, value in limits.items():
            if value < 1:
                raise BadArgument(name, value, 'it must be positive')
        for name, value in {'keep_period_ns': keep_period_ns, 'reorder_ns': reorder_ns}.items():
            if value < 0:
                raise BadArgument(name, value, 'it must not be negative')
        self.camera = camera
        self._horizon_ns = horizon_ns
        self._max_bytes = max_bytes
        self._cell_ns = max(keep_period_ns, 1)
        self._reorder_ns = reorder_ns
        self._ahead_ns = ahead_ns
        self.decode = decode
        self._lock = threading.Lock()
        # All fields below are guarded by _lock.
        self._held = HeldMessages()
        self._stamps, self._stored = self._held.stamps, self._held.stored
        self._groups = VideoGroups(max_bytes, self._cell_ns)
        # Whether the newest message is dropped when a newer one comes.
        self._newest_is_spare = False
        # The message that is held back, and what it counts as if the next one is not near it.
        self._suspect: StoredMessage | None = None
        self._suspect_outcome = PushOutcome.STALE
        self._counts: Counter[str] = Counter()
        self._last_error = ''
        self._why_empty = 'none has arrived yet'
        # The stamp of the epoch's first message, or of one that was put before it.
        self._anchor_ns = 0

    def push(self, stamp_ns: int, image: EncodedImage, frame_id: str = '') -> PushOutcome:
        """Take one message, whatever its stamp. Decodes nothing; time does not grow with use.

        Packets of video must come in the order of their decoding.
        """
        codec = codec_of(image)
        with self._lock:
            self._counts['received'] += 1
            if codec and isinstance(image, CompressedImage):
                packet = self._groups.admit(image, codec, stamp_ns)
                if packet is None:
                    return self._count(PushOutcome.NO_KEYFRAME)
                self._held.note_packet(packet)
                image = packet
            return self._admit(StoredMessage(stamp_ns, frame_id, image))

    def note_lost(self) -> None:
        """Take it that the middleware has just lost a message: later packets may build on it."""
        with self._lock:
            self._groups.note_lost()

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
                **{name: self._counts[name] for name in COUNTED},
                held_back=int(self._suspect is not None),
                frames=len(self._stamps),
                nbytes=self._held.nbytes,
                oldest_ns=self._stamps[0] if self._stamps else 0,
                newest_ns=self._stamps[-1] if self._stamps else 0,
                last_error=self._last_error,
                waits_for_keyframe=self._groups.waits,
            )

    def clear(self, why: str = 'the buffer was cleared') -> None:
        """Forget all messages and start a new epoch; `why` is in the error of the next reader."""
        with self._lock:
            self._drop_suspect()
            self._groups.break_off(why)
            self._restart(why)

    # All methods below but _drop are called with the lock held.

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
        self._suspect_outcome = PushOutcome.FAR_FUTURE if ahead else PushOutcome.STALE
        return self._suspect_outcome

    def _drop_suspect(self) -> None:
        """Drop the message that is held back, and count it as an outlier."""
        if self._suspect is not None:
            self._count(self._suspect_outcome)
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
        self._held.clear()
        self._newest_is_spare = False
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
        if self._newest_is_spare:
            self._held.remove(len(self._stamps) - 1)
        self._newest_is_spare = bool(self._stamps) and self._same_cell(
            self._stamps[-1], new.stamp_ns
        )
        self._held.add(len(self._stamps), new)
        return PushOutcome.DECIMATED if self._newest_is_spare else PushOutcome.KEPT

    def _insert(self, new: StoredMessage) -> PushOutcome:
        at = bisect_left(self._stamps, new.stamp_ns)
        if self._stamps[at] == new.stamp_ns:
            return PushOutcome.DUPLICATE
        self._counts['out_of_order'] += 1
        around = self._stamps[max(at - 1, 0) : at + 1]
        if any(self._same_cell(stamp_ns, new.stamp_ns) for stamp_ns in around):
            return PushOutcome.DECIMATED
        self._held.add(at, new)
        if at == 0:
            self._anchor_ns = new.stamp_ns
        return PushOutcome.KEPT

    def _same_cell(self, a_ns: int, b_ns: int) -> bool:
        return a_ns // self._cell_ns == b_ns // self._cell_ns

    def _evict(self) -> None:
        oldest_ns = self._stamps[-1] - self._horizon_ns
        while self._stamps[0] < oldest_ns or self._held.nbytes > self._max_bytes:
            self._held.remove(0)
            self._counts['evicted'] += 1

    def _count(self, outcome: PushOutcome) -> PushOutcome:
        self._counts[outcome.value] += 1
        return outcome

    def _resolve(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """The start and end of a window, with 0 replaced. Raises WindowNotCovered, BadSpan."""
        oldest, newest = self._stamps[0], self._stamps[-1]
        end = end_ns or newest
        start = start_ns or self._oldest_full(max(oldest, end - MAX_WINDOW_NS), end)
        begins = oldest - SLACK_NS <= start <= newest
        if not begins or not oldest <= end <= newest + SLACK_NS:
            raise WindowNotCovered((start, end), (oldest, newest))
        check_span(start, end)
        return start, end

    def _oldest_full(self, oldest: int, end: int) -> int:
        """Where a window of all messages that are held begins."""
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
                    # It was evicted since, or dropped by another reader.
                    continue
                self._newest_is_spare = self._newest_is_spare and at < len(self._stamps) - 1
                self._held.remove(at)
                self._counts['undecodable'] += 1
                self._why_empty = f'the last one could not be decoded: {error}'
