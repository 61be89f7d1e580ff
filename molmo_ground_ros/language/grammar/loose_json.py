# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads JSON as language models write it: its values and their positions. Knows nothing of points.

The JSON may stand in a ```json fence or in the middle of a sentence, once or several times. It may
have single quotes, trailing or missing commas and names without quotes, and it may break off
anywhere. What is not JSON even then marks the object or list around it as unsound, and reading goes
on. Reading is one pass over the text in linear time, without recursion, and no text makes it raise.
A parser of the standard or of JSON5 gives no positions and stops at the first error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from molmo_ground_ros.language.grammar.statements import BLOCK

# What begins JSON in the middle of words.
_OPENS = re.compile(r'\[(?=\s{0,64}[{\["\'\]0-9.\-])|\{(?=\s{0,64}[{\["\'}\w])|```\w{0,16}')
# A quote inside a text does not end it unless a value may end there: models write 'it's' and
# "the "red" one". No text goes over its line.
_TOKEN = re.compile(
    r'(?P<space>[\s,]+)'
    r'|(?P<fence>```)'
    r'|(?P<quote>["\'])(?P<text>(?:[^"\'\\\n]|\\[^\n]|(?!(?P=quote))["\']'
    r'|(?P=quote)(?!\s{0,8}(?:[,:\]}]|\Z)))*+)(?P<shut>(?P=quote)?)'
    r'|(?P<number>[-+]?(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?[0-9]{1,4}+)?+)(?![\w.])'
    r'|(?P<word>\w[\w.]*+)'
    r'|(?P<mark>.)',
    re.DOTALL,
)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(.))')
_LONGEST_NUMBER = 40  # characters
_PAIRS = {']': '[', '}': '{'}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A number, or a text; a name without quotes (null, true) is a text, too."""

    value: float | str
    # The value is text[start:end], without its quotes.
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Node:
    """An object or a list. `items` are (name, value), the name of a list's is ''."""

    is_object: bool
    start: int
    # -1 if it was never closed.
    end: int = -1
    # Whether nothing in it was out of place.
    sound: bool = True
    # Whether there is an object inside it, at any depth.
    holds_objects: bool = False
    items: list[tuple[str, Node | Leaf]] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether it was closed, and nothing in it was out of place."""
        return self.sound and self.end >= 0


@dataclass(frozen=True, slots=True)
class JsonParts:
    """What a text holds."""

    # The nodes that stand in no other node, in the order written.
    roots: tuple[Node, ...]
    # The nodes that the end of the text cuts, the outermost first.
    open: tuple[Node, ...]
    # The text without the JSON, with BLOCK in the place of each piece.
    plain: str


def find_json(text: str, start: int = 0) -> JsonParts:
    """All objects and lists of text[start:]; where they stand is counted from the text's begin."""
    reading = _Reading(text, start)
    return JsonParts(tuple(reading.roots), tuple(reading.open), ''.join(reading.plain))


class _Reading:
    """One pass over a text."""

    def __init__(self, text: str, pos: int) -> None:
        self.roots: list[Node] = []
        self.open: list[Node] = []
        self.plain: list[str] = []
        # Of each open node the name that waits for its value, and whether its colon came.
        self._names: list[str | None] = []
        self._colons: list[bool] = []
        self._count = {'[': 0, '{': 0}  # of the open nodes
        self._text = text
        while pos < len(text):
            pos = self._in_json(pos) if self.open else self._in_words(pos)
        for inner, outer in zip(self.open[:0:-1], self.open[-2::-1], strict=True):
            outer.holds_objects |= inner.is_object or inner.holds_objects

    def _in_words(self, pos: int) -> int:
        opens = _OPENS.search(self._text, pos)
        if opens is None:
            self.plain.append(self._text[pos:])
            return len(self._text)
        self.plain.append(self._text[pos : opens.start()])
        if opens.group()[0] != '`':
            self._push(opens.group(), opens.start())
            self.plain.append(BLOCK)
        return opens.end()

    def _in_json(self, pos: int) -> int:
        token = _TOKEN.match(self._text, pos)
        if token is None:
            # This cannot be: the last choice of the expression takes any character.
            return len(self._text)
        end = token.end()
        mark = token['mark']
        if token['quote']:
            self._read_text(token)
        elif token['number']:
            # A number at the end of the text may be cut off.
            if end < len(self._text):
                self._read_number(token)
        elif token['word']:
            self._put(Leaf(token['word'], pos, end))
        elif token['fence']:
            self._shut_all(pos)
        elif mark in ('[', '{'):
            self._push(mark, pos)
        elif mark in (']', '}'):
            self._pop(mark, end)
        elif mark == ':' and self._names[-1] is not None and not self._colons[-1]:
            self._colons[-1] = True
        elif mark is not None:
            self.open[-1].sound = False
        return end

    def _read_text(self, token: re.Match[str]) -> None:
        if token['shut']:
            value = _ESCAPE.sub(_unescaped, token['text'])
            self._put(Leaf(value, token.start('text'), token.end('text')))
        else:
            self.open[-1].sound = False

    def _read_number(self, token: re.Match[str]) -> None:
        if len(token['number']) > _LONGEST_NUMBER:
            self.open[-1].sound = False
        else:
            self._put(Leaf(float(token['number']), token.start(), token.end()))

    def _put(self, value: Node | Leaf) -> None:
        """Put a value into the innermost open list or object."""
        top, name = self.open[-1], self._names[-1]
        if not top.is_object:
            top.items.append(('', value))
        elif name is None and isinstance(value, Leaf) and isinstance(value.value, str):
            self._names[-1] = value.value
        elif name is not None and self._colons[-1]:
            top.items.append((name.strip().lower(), value))
            self._names[-1], self._colons[-1] = None, False
        else:
            top.items.append(('', value))
            top.sound = False

    def _push(self, mark: str, pos: int) -> None:
        node = Node(mark == '{', pos)
        if self.open:
            self._put(node)
        else:
            self.roots.append(node)
        self.open.append(node)
        self._names.append(None)
        self._colons.append(False)
        self._count[mark] += 1

    def _pop(self, mark: str, end: int) -> None:
        opening = _PAIRS[mark]
        if not self._count[opening]:
            self.open[-1].sound = False
            return
        while True:
            node = self._drop()
            if node.is_object == (opening == '{'):
                node.end = end
                return
            node.sound, node.end = False, end - 1

    def _drop(self) -> Node:
        """Take the innermost node off the open ones; its end is not set yet."""
        node, name = self.open.pop(), self._names.pop()
        self._colons.pop()
        self._count['{' if node.is_object else '['] -= 1
        node.sound = node.sound and name is None
        if self.open and (node.is_object or node.holds_objects):
            self.open[-1].holds_objects = True
        return node

    def _shut_all(self, end: int) -> None:
        """Close all open nodes, as a fence does."""
        while self.open:
            node = self._drop()
            node.sound, node.end = False, end


def walk(roots: tuple[Node, ...]) -> Iterator[Node]:
    """Every node, each before what is in it, in the order written."""
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [value for _, value in reversed(node.items) if isinstance(value, Node)]


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1]:
        char = chr(int(escape[1], 16))
        # This also replaces half of a surrogate pair.
        return char if char.isprintable() else '?'
    return ' ' if escape[2] in 'nrtbf' else str(escape[2])
