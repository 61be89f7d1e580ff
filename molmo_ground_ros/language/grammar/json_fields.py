# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the fields that say of what time, frame, object and label a point in JSON is."""

from __future__ import annotations

import re
from typing import NamedTuple

from molmo_ground_ros.language.grammar.loose_json import Leaf, Node

_TIMES = ('time', 'timestamp', 'time_s', 'seconds', 't')
_FRAMES = ('frame', 'frame_index', 'frame_idx', 'frame_number', 'frame_id')
_IDS = ('id', 'object_id', 'track_id', 'instance_id', 'obj_id')
_LABELS = ('label', 'name')
# Texts that stand for a missing value.
_NULLS = {'null', 'none'}
_CLOCK = re.compile(
    r'<?\s{0,4}(?:(?:(?P<hours>[0-9]{1,3}):)?(?P<minutes>[0-9]{1,4}):)?'
    r'(?P<seconds>[0-9]{1,9}(?:\.[0-9]{0,9})?)\s{0,4}(?:s|sec|secs|seconds?)?\s{0,4}>?'
)
_ID = re.compile(r'\D{0,80}(?P<number>[0-9]{1,9})')
# The largest id, frame or count: it fits int32.
_LARGEST = 999_999_999


class Surroundings(NamedTuple):
    """What the objects around a value state of it."""

    time: Leaf | None = None
    frame: Leaf | None = None
    id: Leaf | None = None
    label: str = ''


def within(node: Node, context: Surroundings) -> Surroundings:
    """What an object and those around it state of its values: the first field of a name counts."""
    time, frame = first_field(node, _TIMES), first_field(node, _FRAMES)
    if time is not None or frame is not None:
        context = context._replace(time=time, frame=frame)
    if (number := first_field(node, _IDS)) is not None:
        context = context._replace(id=number)
    if (label := first_field(node, _LABELS)) is not None:
        context = context._replace(label=str(label.value).strip())
    return context


def first_field(node: Node, names: tuple[str, ...]) -> Leaf | None:
    """The first value of an object under one of these names that is a number or a text."""
    for name, value in node.items:
        if name in names and isinstance(value, Leaf) and not _is_null(value):
            return value
    return None


def _is_null(leaf: Leaf) -> bool:
    return isinstance(leaf.value, str) and leaf.value.strip().lower() in _NULLS


def natural_of(leaf: Leaf) -> int | None:
    """The whole number from 0 on that a value states; None if it states none."""
    value = leaf.value
    if isinstance(value, str):
        return int(value) if re.fullmatch(r'[0-9]{1,9}', value.strip()) else None
    return int(value) if 0 <= value <= _LARGEST and value == int(value) else None


def seconds_of(leaf: Leaf | None) -> float | None:
    """The time that a value states, in seconds; None if it states none."""
    if leaf is None:
        return None
    if isinstance(leaf.value, float):
        return leaf.value if 0 <= leaf.value <= _LARGEST else None
    clock = _CLOCK.fullmatch(leaf.value.strip().lower())
    if clock is None:
        return None
    hours, minutes = int(clock['hours'] or 0), int(clock['minutes'] or 0)
    return 3600.0 * hours + 60.0 * minutes + float(clock['seconds'])


def index_of(leaf: Leaf | None) -> int | None:
    """`natural_of` a value that may be missing."""
    return None if leaf is None else natural_of(leaf)


def key_of(leaf: Leaf | None) -> int | str | None:
    """The number that an id states, also as in "object_2", or its text; None if there is none."""
    number = index_of(leaf)
    if number is not None or leaf is None:
        return number
    text = str(leaf.value)
    ending = _ID.fullmatch(text)
    return int(ending['number']) if ending else text
