# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells whether an exported graph exists and is current. Needs no ONNX package.

A graph is current if its metadata hold the digest of the checkpoint as it is now (`weights.digest`)
and the version of the code that writes graphs (`files.EXPORT_VERSION`). One with weights of its own
(`cpu_graphs.py`) also needs the file of these, and the very bytes that they were rounded from.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from molmo_ground_ros.backends.molmo2.files import (
    COPIES,
    DIGEST,
    EXPORT_VERSION,
    PARTS,
    SOURCES,
    VERSION,
    graph_files,
    part_dtype,
)
from molmo_ground_ros.backends.molmo2.formats import cpu_format
from molmo_ground_ros.backends.molmo2.trt.content import sampled_sha256

# Field numbers of ModelProto and StringStringEntryProto, and the wire types of protobuf:
# onnx/onnx.proto and https://protobuf.dev/programming-guides/encoding.
_METADATA, _KEY, _VALUE = 14, 1, 2
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class GraphState(enum.Enum):
    """How a graph in a checkpoint's folder relates to the checkpoint."""

    CURRENT = 'current'
    MISSING = 'missing'
    FOREIGN = 'of another checkpoint'
    STALE = 'written by other code'
    DAMAGED = 'damaged'


def graph_state(path: Path, digest: str) -> GraphState:
    """The state of a graph's file. digest: the checkpoint's `weights.digest`. Raises OSError."""
    if not path.is_file():
        return GraphState.MISSING
    try:
        entries = metadata(path)
    except ValueError:
        return GraphState.DAMAGED
    if entries.get(DIGEST) != digest or not _same_sources(path.parent, entries):
        return GraphState.FOREIGN
    if not _has_copies(path.parent, entries):
        return GraphState.DAMAGED
    return GraphState.CURRENT if entries.get(VERSION) == str(EXPORT_VERSION) else GraphState.STALE


def graph_states(
    folder: Path, dtype: str, digest: str, parts: Sequence[str] = PARTS
) -> dict[str, GraphState]:
    """The state of each part's graph for ONNX Runtime, by part; dtype: as a user names it.

    Of several forms of a graph the best one that is there counts. Raises OSError.
    """
    states = {}
    for part in parts:
        names = graph_files(part, part_dtype(part, cpu_format(dtype)))
        paths = [folder / name for name in names]
        graph = next((path for path in paths if path.is_file()), paths[0])
        states[part] = graph_state(graph, digest)
    return states


def _same_sources(folder: Path, entries: Mapping[str, str]) -> bool:
    """Whether the files that weights were rounded from hold the bytes that they held then."""
    hashes = json.loads(entries.get(SOURCES, '{}'))
    files = {name: folder / name for name in hashes}
    return all(
        file.is_file() and sampled_sha256(file) == hashes[name] for name, file in files.items()
    )


def _has_copies(folder: Path, entries: Mapping[str, str]) -> bool:
    """Whether the files with rounded weights are there, and not cut off."""
    sizes = json.loads(entries.get(COPIES, '{}'))
    files = {name: folder / name for name in sizes}
    return all(
        file.is_file() and file.stat().st_size == sizes[name] for name, file in files.items()
    )


def metadata(path: Path) -> dict[str, str]:
    """The metadata of an ONNX file. Raises ValueError if it is no ONNX file, or is cut off.

    The file holds no weights, so it is small enough to be read completely.
    """
    entries = {}
    for number, value in _fields(path.read_bytes()):
        if number == _METADATA:
            entry = dict(_fields(value))
            entries[_text(entry.get(_KEY, b''))] = _text(entry.get(_VALUE, b''))
    return entries


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf message: number and bytes; numeric fields give empty bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise ValueError(f'a field without a number at byte {at}')
        if kind == _VARINT:
            _, at = _varint(data, at)
            yield number, b''
            continue
        if kind == _LENGTH:
            length, at = _varint(data, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f'a field of wire type {kind} at byte {at}')
        if at + length > len(data):
            raise ValueError(f'field {number} of {length} bytes at byte {at} of {len(data)}')
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at byte `at`, and the index of the byte after it."""
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError(f'a number without an end at byte {at}')


def _text(value: bytes) -> str:
    return value.decode('utf-8', errors='replace')
