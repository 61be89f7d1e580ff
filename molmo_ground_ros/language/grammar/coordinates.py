# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the coordinates of one block into points, word by word. Knows nothing of tags.

    coords  := group (SEP group)*     SEP := ; TAB : ,     other white space only parts words
    group   := (head row+)+           a head inside a group, as the article writes, starts a segment
    row     := id x y

The grammar leaves some cases open. They are decided so that no number is read as something else:
- Scale, once for each block: if the third and fourth word are both like `0.45` (or 0 or 1, one of
  them with a decimal point), it is the article's 0..1, else integers 0..1000.
- Heads: `t^3` always starts a segment; so does any number with a decimal point in a 0..1000 block,
  where neither ids nor coordinates have one; in an article block, a number before an id, where a
  row would begin. An integer head is a frame index in an article block, else kept as the time.
- A segment whose words fit `id x y z` and not `id x y` is skipped, and the rest of the block with
  it (MolmoMotion writes signed millimetres there). A segment that fits both is read as points if
  its words make complete rows of three; if they do not, only this segment is skipped.
- A coordinate of one or two digits is read at face value (`45` is 45/1000) if the words of the
  segment make complete rows. If there is a word too many or too few, a row is used only if it is an
  `id` of one or two digits before exactly two coordinates of three or four digits, because the
  released format pads coordinates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from molmo_ground_ros.language.grammar.parsed import SNIPPET, Kind, Ledger, ParsedPoint, Reason

_PIECE = re.compile(r'(?P<word>[^\s;:,"\'<>]+)|[\s;:,]+')
_SEPARATOR = re.compile(r'[;:,\t]')
# Ends the coordinates.
_STOP = re.compile(r'["\'<>]')
_GROUP_STOP = re.compile(r'[;:,\t"\'<>]')
_WORD = re.compile(r'(?P<frame>t\^)?(?P<sign>[+-])?(?P<number>[0-9]+(?P<dot>\.[0-9]*)?|\.[0-9]+)')
# A number to which no digit can be added: only 1000 has four digits.
_FINAL = re.compile(r'(?!100)[0-9]{3}|1000')

# A longer group is read up to this word: 12 words make complete rows of three and of four.
_GROUP_WORDS = 1 + 12 * 1000
# The largest id or head: it fits int32.
_LARGEST = 999_999_999
# If a block has at least so many points and all are the same, that is reported.
_SAME_POINTS = 3


class _Word(NamedTuple):
    # At most SNIPPET + 1 characters.
    text: str
    start: int
    end: int
    # None: not a number.
    value: float | None
    # Has a decimal point.
    dotted: bool
    signed: bool
    # Begins with t^.
    frame: bool

    @property
    def natural(self) -> bool:
        """A plain unsigned integer that fits an id."""
        return self.digits > 0 and self.value is not None and self.value <= _LARGEST

    @property
    def digits(self) -> int:
        """How many digits a plain unsigned integer has; 0 of anything else."""
        plain = self.value is not None and not (self.dotted or self.signed)
        return len(self.text) if plain else 0

    @property
    def short(self) -> bool:
        """One or two digits: an id, in the released format."""
        return 0 < self.digits < 3


_Row = tuple[_Word, _Word, _Word]
_Dropped = tuple[Reason, Sequence[_Word]]


class CoordinateReader:
    """Reads one block. `points` grows as groups end; what is in it never changes."""

    def __init__(self, kind: Kind, block: int, ledger: Ledger, settled: list[ParsedPoint]) -> None:
        self.points: list[ParsedPoint] = []
        self._kind = kind
        self._block = block
        self._ledger = ledger
        # Takes every point as well.
        self._settled = settled
        # The word that is being read.
        self._text = ''
        self._start = 0
        self._end = 0
        # The words of the group that is being read.
        self._words: list[_Word] = []
        # Whether coordinates are the article's 0..1; None: not known yet.
        self._article: bool | None = None
        # Whether this is a block of `id x y z`.
        self._wide = False
        full = ledger.rows >= ledger.limits.rows
        # The text up to here is skipped.
        self._skip: re.Pattern[str] | None = _STOP if full else None
        # The last head, and the ids of every head.
        self._last: tuple[bool, float] = (False, 0.0)
        self._frames: dict[tuple[bool, float], set[int]] = {}

    def feed(self, text: str, pos: int, offset: int) -> int:
        """Read text[pos:] up to what ends the coordinates (a quote, < or >) or its end.

        offset: where text[0] lies in the answer. Returns the position reached.
        """
        while pos < len(text):
            if self._skip is not None:
                stop = self._skip.search(text, pos)
                if stop is None:
                    return len(text)
                pos = stop.start()
                if self._skip is _STOP:
                    return pos
                self._skip = None
            piece = _PIECE.match(text, pos)
            if piece is None:
                return pos
            if piece['word']:
                self._grow(piece.group(), offset + pos)
            else:
                self._end_word()
                if _SEPARATOR.search(piece.group()):
                    self._end_group()
            pos = piece.end()
        return pos

    def end(self) -> None:
        """Note that the coordinates were closed."""
        self._end_word()
        self._end_group()
        if self._kind == 'points' and not self._article and len(self.points) >= _SAME_POINTS:
            first = self.points[0]
            if all((p.id, p.x, p.y) == (first.id, first.x, first.y) for p in self.points):
                text = f'id {first.id} at {first.x:.3f} {first.y:.3f}, {len(self.points)} times'
                self._ledger.reject(Reason.DEGENERATE, text)

    def cut(self) -> None:
        """Note that the answer ends here. A last number that may be incomplete is not used."""
        torn = ''
        if _FINAL.fullmatch(self._text):
            self._end_word()
        else:
            torn, self._text = self._text, ''
        self._end_group(cut=True, torn=torn)

    def _grow(self, piece: str, at: int) -> None:
        if not self._text:
            self._start = at
        self._text += piece[: SNIPPET + 1 - len(self._text)]
        self._end = at + len(piece)

    def _end_word(self) -> None:
        if not self._text:
            return
        word = _read_word(self._text, self._start, self._end)
        self._text = ''
        if word.frame or (self._article is False and word.dotted):
            self._end_group()
        self._words.append(word)
        if len(self._words) >= _GROUP_WORDS:
            self._end_group(cut=True)
            self._ledger.reject(Reason.TOO_MANY, f'a group of over {_GROUP_WORDS} words')
            self._skip = self._skip or _GROUP_STOP

    def _end_group(self, cut: bool = False, torn: str = '') -> None:
        words, self._words = self._words, []
        if self._article is None:
            self._article = _is_article(words)
        # Fewer than four words do not show which are heads and which are coordinates.
        undecided = cut and len(words) < 4
        segments = [words] if words and undecided else _segments(words, bool(self._article))
        last = segments.pop() if cut and segments else []
        for segment in segments:
            if self._skip is None:
                self._read(segment)
        if (last or torn) and self._skip is None:
            self._read_cut(last, torn)

    def _read(self, words: list[_Word]) -> None:
        if len(words) > 1:
            self._use(words, *self._split(words[1:], cut=False))
        elif words[0].dotted and words[0].value is not None:
            # A frame with no point in it, which the reference allows.
            self._count(1)
        else:
            self._ledger.reject(Reason.UNREADABLE, words[0].text)
            self._count(1)

    def _read_cut(self, words: list[_Word], torn: str) -> None:
        cut = words
        if len(words) > 1:
            rows, dropped = self._split(words[1:], cut=True)
            # A sign where an id belongs begins a z.
            if torn[:1] in ('-', '+') and len(words) % 3 == 1:
                rows, dropped = [], [(Reason.EXTRA, words[1:])]
            others = [piece for piece in dropped if piece[0] is not Reason.CUT_OFF]
            if rows or others:
                self._use(words, rows, others)
                cut = [w for reason, piece in dropped if reason is Reason.CUT_OFF for w in piece]
        if cut or torn:
            self._ledger.reject(Reason.CUT_OFF, f'{_join(cut)} {torn}'.strip())

    def _split(self, words: list[_Word], cut: bool) -> tuple[list[_Row], list[_Dropped]]:
        """The rows after a head, and the words that make none; notes a block of `id x y z`."""
        threes = _fits(words, 3, bool(self._article))
        fours = (
            len(words) >= 4
            and (cut or len(words) % 4 == 0)
            and _fits(words, 4, bool(self._article))
        )
        left = len(words) % 3
        if self._wide or (fours and (not threes or (left and not cut))):
            self._wide = self._wide or not threes
            return [], [(Reason.EXTRA, words)]
        if (left and not cut) or _misaligned(words):
            return ([], [(Reason.UNREADABLE, words)]) if self._article else _padded(words, cut)
        complete = words[: len(words) - left]
        rows = list(zip(complete[::3], complete[1::3], complete[2::3], strict=True))
        return rows, [(Reason.CUT_OFF, words[-left:])] if left else []

    def _use(self, words: list[_Word], rows: list[_Row], dropped: list[_Dropped]) -> None:
        """Turn a segment's rows into points, and report what is wrong with the others."""
        head = words[0]
        rows = rows[: self._ledger.limits.rows - self._ledger.rows]
        if head.value is None or head.signed or head.value > _LARGEST:
            reason = Reason.UNREADABLE if head.value is None else Reason.OUT_OF_RANGE
            self._ledger.reject(reason, _join(words))
        else:
            for reason, piece in dropped:
                self._ledger.reject(reason, _join([head, *piece]))
            self._place(head, rows)
        self._count(len(rows) + len(dropped))

    def _count(self, rows: int) -> None:
        self._ledger.rows += rows
        if self._ledger.rows >= self._ledger.limits.rows:
            self._ledger.reject(Reason.TOO_MANY, f'{self._ledger.rows} rows: no more are read')
            self._skip = _STOP

    def _place(self, head: _Word, rows: list[_Row]) -> None:
        value = head.value or 0.0
        indexed = not head.dotted and (head.frame or bool(self._article))
        frame = (indexed, value)
        if rows:
            if self._last[0] == indexed and value < self._last[1]:
                self._ledger.reject(Reason.TIME_ORDER, _join([head, *rows[0]]))
            self._last = frame
        ids = self._frames.setdefault(frame, set())
        for number, row in enumerate(rows):
            if len(ids) >= self._ledger.limits.points_per_frame:
                text = _join([head, *row])
                self._ledger.reject(Reason.TOO_MANY, f'{len(rows) - number} rows from {text}')
                return
            reason = self._fault(row, ids)
            if reason is not None:
                self._ledger.reject(reason, _join([head, *row]))
                continue
            ids.add(int(row[0].text))
            scale = 1.0 if self._article else 1000.0
            point = ParsedPoint(
                time=None if indexed else value,
                frame_index=int(value) if indexed else None,
                id=int(row[0].text),
                x=(row[1].value or 0.0) / scale,
                y=(row[2].value or 0.0) / scale,
                start=row[0].start,
                end=row[2].end,
                head_start=head.start,
                block=self._block,
            )
            self.points.append(point)
            self._settled.append(point)

    def _fault(self, row: _Row, ids: set[int]) -> Reason | None:
        """What is wrong with a row, given the ids that its frame holds already."""
        number, *place = row
        top = 1 if self._article else 1000
        if any(word.value is None for word in row) or number.dotted:
            return Reason.UNREADABLE
        if not number.natural or any(word.signed or (word.value or 0) > top for word in place):
            return Reason.OUT_OF_RANGE
        return Reason.REPEATED_ID if int(number.text) in ids else None


def _read_word(text: str, start: int, end: int) -> _Word:
    match = _WORD.fullmatch(text)
    if match is None:
        return _Word(text, start, end, None, False, False, False)
    number = match['number']
    return _Word(
        text,
        start,
        end,
        # At most SNIPPET + 1 digits.
        value=float(number),
        dotted='.' in number,
        signed=match['sign'] is not None,
        frame=match['frame'] is not None,
    )


def _is_article(words: list[_Word]) -> bool | None:
    """Whether a block that begins with these words has coordinates 0..1; None if it is open."""
    place = words[2:4]
    if len(place) < 2 or any(word.value is None for word in place):
        return None
    return any(word.dotted for word in place) and all(
        word.dotted or word.text in ('0', '1') for word in place
    )


def _segments(words: list[_Word], article: bool) -> list[list[_Word]]:
    """Cut a group at the heads inside it."""
    if not words:
        return []
    starts = [0]
    for at in range(1, len(words)):
        if _is_head(words, at, at - starts[-1], article):
            starts.append(at)
    return [words[a:b] for a, b in zip(starts, [*starts[1:], len(words)], strict=True)]


def _is_head(words: list[_Word], at: int, into: int, article: bool) -> bool:
    """Whether words[at], the `into`-th after its segment's head, is itself a head."""
    if not article:
        return words[at].dotted
    follower = words[at + 1] if at + 1 < len(words) else words[at]
    return (
        into > 1
        # Where a row would begin.
        and into % 3 == 1
        # Heads written t^k have ended their segments already.
        and not words[0].frame
        and words[at].dotted == words[0].dotted
        and follower.natural
        and follower.text != '0'
        and at + 1 < len(words)
    )


def _fits(words: list[_Word], stride: int, article: bool) -> bool:
    """Whether the words look like rows of this many: unpadded, different ids below 100.

    And their coordinates like the article's; or, in a stride of 3, like the released ones, in one
    of 4 like numbers.
    """
    ids = [word.text for word in words[::stride]]
    if not all(word.short and word.text == str(int(word.text)) for word in words[::stride]):
        return False
    if len(set(ids)) < len(ids):
        return False
    places = [word for at, word in enumerate(words) if at % stride]
    if article:
        return all(word.dotted or word.text in ('0', '1') for word in places)
    if stride == 4:
        return all(word.value is not None for word in places)
    return all(word.digits >= 3 for word in places)


def _misaligned(words: list[_Word]) -> bool:
    """Whether a padded coordinate stands where an id belongs, and an id where a coordinate does."""
    rows = words[: len(words) - len(words) % 3]
    return any(word.digits >= 3 for word in rows[::3]) and any(
        word.short for word in (*rows[1::3], *rows[2::3])
    )


def _padded(words: list[_Word], cut: bool) -> tuple[list[_Row], list[_Dropped]]:
    """The rows that padding alone tells: one or two digits, then exactly two of three or four."""
    chunks: list[list[_Word]] = []
    for word in words:
        if word.short or not chunks:
            chunks.append([])
        chunks[-1].append(word)
    rows: list[_Row] = []
    dropped: list[_Dropped] = []
    for chunk in chunks:
        if len(chunk) == 3 and chunk[0].short and all(word.digits >= 3 for word in chunk[1:]):
            rows.append((chunk[0], chunk[1], chunk[2]))
        elif cut and chunk is chunks[-1] and len(chunk) < 3:
            dropped.append((Reason.CUT_OFF, chunk))
        else:
            wide = len(chunk) > 3 and chunk[0].short
            dropped.append((Reason.EXTRA if wide else Reason.UNREADABLE, chunk))
    return rows, dropped


def _join(words: Sequence[_Word]) -> str:
    return ' '.join(word.text for word in words[:SNIPPET])
