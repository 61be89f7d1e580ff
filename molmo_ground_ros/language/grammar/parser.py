# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads an answer into blocks while it streams. No text makes it raise.

The time is linear in the length of the text, however it is cut into pieces: every character is read
a bounded number of times, and at most the characters of one tag wait for the next piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from molmo_ground_ros.language.grammar.coordinates import CoordinateReader
from molmo_ground_ros.language.grammar.parsed import (
    DEFAULT_LIMITS,
    Block,
    Kind,
    Ledger,
    Parsed,
    ParsedPoint,
    ParseLimits,
    Reason,
)
from molmo_ground_ros.language.grammar.statements import BLOCK, read_statements
from molmo_ground_ros.language.grammar.write import unescaped_label

_TAG = re.compile(r'<(?P<slash>/?)(?P<name>points?|tracks)(?=[\s/>])')
# The start of a _TAG at the end of the text so far.
_TAG_BEGUN = re.compile(r'<(?:/?(?:p(?:o(?:i(?:n(?:ts?)?)?)?)?|t(?:r(?:a(?:c(?:ks?)?)?)?)?)?)?\Z')
_TAG_LENGTH = len('</points')
_COORDS = re.compile(r'(?P<mark>["\'>])|coords\s{0,8}=\s{0,8}["\']')
_COORDS_BEGUN = re.compile(r'c(?:o(?:o(?:r(?:d(?:s\s{0,8}(?:=\s{0,8})?)?)?)?)?)?\Z')
_COORDS_LENGTH = len('coords=') + 16
_TAIL_MARK = re.compile(r'["\'<>]')
_LABEL = re.compile(r'(?:\A|\s)(?:alt|label)\s{0,8}=\s{0,8}(?P<quote>["\'])')
# An attribute whose value has just begun.
_VALUE_BEGUN = re.compile(r'=\s{0,8}["\']\Z')
# What no coordinates begin with. The article's begin with t^.
_NO_COORDS = re.compile(r'[A-Za-z](?!\^)')
# The opening of coordinates at the end of what follows other coordinates.
_COORDS_AGAIN = re.compile(r'[\s"\']coords\s{0,8}=\s{0,8}["\']\Z')
# A quote that ends the attribute, instead of one inside an unescaped label.
_LABEL_END = re.compile(r'(?P<quote>["\'])(?=\s{0,8}/?\Z|\s{1,8}\w{1,16}\s{0,8}=)')
# Characters of a tag around its coordinates. A label may be a question, of up to 4000.
_HEAD = 4500


class Parser:
    """Reads one answer: `feed` its pieces, then `finish` once."""

    def __init__(self, limits: ParseLimits = DEFAULT_LIMITS) -> None:
        self._ledger = Ledger(limits)
        self._state: Callable[[str, int], int] = self._in_text
        # The end of the text so far, which is not understood yet, and its place in the answer.
        self._waiting = ''
        self._offset = 0
        # The answer without its blocks.
        self._plain: list[str] = []
        self._blocks: list[Block] = []
        self._settled: list[ParsedPoint] = []
        # Of the block that is being read: its kind, its name, its tag without coordinates, the
        # quote that is open in the tag, its rows, whether its coordinates were closed, its label.
        self._kind: Kind = 'points'
        self._name = ''
        self._head = ''
        self._quote = ''
        self._rows = CoordinateReader('points', 0, self._ledger, self._settled)
        self._closed = False
        self._body: list[str] = []

    def feed(self, text: str) -> tuple[ParsedPoint, ...]:
        """Read on. Returns the points that this settled: nothing to come can change them.

        A point settles when its frame's group ends. Together they are the first points of `finish`,
        which adds those of a group that was cut off.
        """
        text = self._waiting + text
        pos = 0
        while pos < len(text):
            before, state = pos, self._state
            pos = state(text, pos)
            if pos == before and self._state == state:
                break
        self._waiting = text[pos:]
        self._offset += pos
        settled = tuple(self._settled)
        self._settled.clear()
        return settled

    def finish(self) -> Parsed:
        """What the answer says if it ends here. Uses the parts that are complete."""
        if self._state == self._in_tag:
            self._ledger.reject(Reason.CUT_OFF, f'<{self._name}{self._head}{self._waiting}')
        elif self._state == self._in_coords:
            self._rows.cut()
            self._end_block()
        elif self._state == self._in_tail:
            self._end_block()
        elif self._state == self._in_body:
            self._body.append(self._waiting)
            self._end_unclosed()
        elif self._state == self._in_text:
            self._plain.append(self._waiting)
        stated = read_statements(''.join(self._plain))
        return Parsed(
            blocks=tuple(self._blocks),
            count=stated.count,
            none=stated.none,
            refused=stated.refused,
            rejections=self._ledger.rejections(),
        )

    # Each of the methods below is a state. It reads the text from pos on and returns how far it
    # came: it moves on, sets another state, or waits for more text.

    def _in_text(self, text: str, pos: int) -> int:
        tag, pos = self._scan(text, pos, self._plain)
        if tag is not None and tag['slash']:
            self._state = self._in_close
        elif tag is not None:
            self._begin_block(tag)
        return pos

    def _in_close(self, text: str, pos: int) -> int:
        while pos < len(text) and text[pos].isspace():
            pos += 1
        if pos < len(text):
            self._state = self._in_text
            pos += text[pos] == '>'
        return pos

    def _in_tag(self, text: str, pos: int) -> int:
        limit = min(len(text), pos + _HEAD - len(self._head))
        mark = _COORDS.search(text, pos, limit)
        if mark is None and len(self._head) + limit - pos < _HEAD:
            begun = _COORDS_BEGUN.search(text, max(pos, limit - _COORDS_LENGTH))
            limit = begun.start() if begun else limit
        end = mark.end() if mark else limit
        head, self._head = self._head, self._head + text[pos:end]
        if mark is None:
            if len(self._head) == _HEAD:
                self._end_unreadable()
        elif mark['mark'] is None:
            head += text[pos : mark.start()]
            begins = _begins_coords(head, text[end : end + 2])
            if begins is False:
                self._mark_quote(text[end - 1])
                return end
            self._head = head
            if begins is None:
                return mark.start()
            self._begin_coords()
        elif mark['mark'] != '>':
            self._mark_quote(mark['mark'])
        elif not self._quote:
            self._end_unreadable()
        return end

    def _in_coords(self, text: str, pos: int) -> int:
        pos = self._rows.feed(text, pos, self._offset)
        if pos == len(text):
            return pos
        self._rows.end()
        self._closed = text[pos] != '<'
        if text[pos] == '>':
            self._state = self._in_body
        elif text[pos] == '<':
            self._end_block()
            return pos
        else:
            self._state = self._in_tail
        return pos + 1

    def _in_tail(self, text: str, pos: int) -> int:
        limit = min(len(text), pos + 2 * _HEAD - len(self._head))
        mark = _TAIL_MARK.search(text, pos, limit)
        end = mark.end() if mark else limit
        self._head += text[pos:end]
        if mark is not None and mark.group() in ('"', "'"):
            if not self._rows.points and _COORDS_AGAIN.search(self._head[-_COORDS_LENGTH - 1 :]):
                # The first ones were part of a label.
                self._begin_coords()
            else:
                self._mark_quote(mark.group())
        elif mark is not None and not self._quote:
            self._head = self._head[:-1]
            if mark.group() == '<':
                self._end_block()
                return end - 1
            if self._head.endswith('/'):
                self._end_block()
            else:
                self._state = self._in_body
        if self._state == self._in_tail and len(self._head) == 2 * _HEAD:
            self._end_block()
        return end

    def _in_body(self, text: str, pos: int) -> int:
        tag, pos = self._scan(text, pos, self._body)
        if tag is not None and tag['slash']:
            self._end_block(''.join(self._body))
            self._state = self._in_close
        elif tag is not None:
            self._end_unclosed()
            self._begin_block(tag)
        return pos

    def _in_rest(self, text: str, pos: int) -> int:
        """Read the text after too many blocks as plain words."""
        self._plain.append(text[pos:])
        return len(text)

    def _scan(self, text: str, pos: int, words: list[str]) -> tuple[re.Match[str] | None, int]:
        """Move everything up to the next tag, or what may become one, to `words`."""
        tag = _TAG.search(text, pos)
        begun = tag or _TAG_BEGUN.search(text, max(pos, len(text) - _TAG_LENGTH))
        words.append(text[pos : begun.start() if begun else len(text)])
        if tag is not None:
            return tag, tag.end()
        return None, begun.start() if begun else len(text)

    def _mark_quote(self, mark: str) -> None:
        if not self._quote:
            self._quote = mark
        elif self._quote == mark:
            self._quote = ''

    def _begin_block(self, tag: re.Match[str]) -> None:
        if len(self._blocks) >= self._ledger.limits.blocks:
            self._ledger.reject(Reason.TOO_MANY, f'{len(self._blocks)} blocks: no more are read')
            self._state = self._in_rest
            return
        self._name = tag['name']
        # `<point x="61.5" y="40.6">` of the first Molmo names no time, so it is rejected, and told.
        self._kind = 'tracks' if self._name == 'tracks' else 'points'
        self._head = self._quote = ''
        self._state = self._in_tag

    def _begin_coords(self) -> None:
        self._rows = CoordinateReader(self._kind, len(self._blocks), self._ledger, self._settled)
        self._quote = ''
        self._closed = False
        self._body = []
        self._state = self._in_coords

    def _end_unreadable(self) -> None:
        """End a tag that has no coordinates or too long a head."""
        self._ledger.reject(Reason.UNREADABLE, f'<{self._name}{self._head}')
        self._state = self._in_text

    def _end_unclosed(self) -> None:
        """End a block without a closing tag: what follows it is plain text, and no label."""
        self._end_block()
        self._plain.extend(self._body)

    def _end_block(self, label: str = '') -> None:
        if not label.strip():
            label = _label(self._head)
        points = tuple(self._rows.points)
        self._blocks.append(Block(self._kind, unescaped_label(label), points, self._closed))
        self._plain.append(BLOCK)
        self._state = self._in_text


def parse(text: str, limits: ParseLimits = DEFAULT_LIMITS) -> Parsed:
    """Read a complete answer."""
    parser = Parser(limits)
    parser.feed(text)
    return parser.finish()


def _begins_coords(head: str, ahead: str) -> bool | None:
    """Whether coords=" opens coordinates, or is part of a label; None if more text must tell.

    head: the tag up to it. ahead: two characters that follow it, or what there is of them.
    """
    if not (head[-1].isspace() or head[-1] in ('"', "'")):
        return False
    if _LABEL.search(head) is None:
        return True
    if _VALUE_BEGUN.search(head, max(0, len(head) - _COORDS_LENGTH)):
        return False
    return None if ahead in ('', 't') else _NO_COORDS.match(ahead) is None


def _label(head: str) -> str:
    """The alt= or label= of a tag, whichever comes first; '' if there is none.

    parity: the reference writes labels unescaped, so a quote inside one does not end it.
    """
    begin = _LABEL.search(head)
    if begin is None:
        return ''
    ends = (end for end in _LABEL_END.finditer(head, begin.end()) if end['quote'] == begin['quote'])
    end = next(ends, None)
    return head[begin.end() : end.start()] if end else ''
