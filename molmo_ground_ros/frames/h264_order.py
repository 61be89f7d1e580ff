# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells from packets of H.264 alone that one between them was lost. Decodes nothing.

FFmpeg shows an image in place of a lost one and says nothing, so that all images up to the next
keyframe are wrong. But reference images are numbered (ITU-T H.264, 7.4.3, frame_num).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_START = b'\0\0\1'
_SLICES, _IDR, _SEQUENCE, _PICTURE = range(1, 6), 5, 7, 8
# Bytes of a unit that are looked at; scaling lists make the longest head.
_HEAD_BYTES = 512
_SLICE_HEAD_BYTES = 32
# Profiles whose parameters state the chroma format (7.3.2.1.1).
_HIGH = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
_SEPARATE_PLANES = 3  # chroma format


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What a sequence parameter set says about numbers."""

    bits: int  # of a number
    has_planes: bool
    may_skip: bool


class FrameNumbers:
    """The numbers of one camera's images, packet by packet. For one thread."""

    def __init__(self) -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, int] = {}  # the sequence of each
        self._last: int | None = None  # of the last reference image

    def follows(self, packet: bytes | memoryview) -> bool:
        """Take the next packet; False if a reference image before it is missing.

        A packet that cannot be read follows: its decoder has the last word.
        """
        try:
            return all(self._takes(unit) for unit in _units(bytes(packet)))
        except IndexError:
            # A head that is cut off.
            return True

    def _takes(self, unit: bytes) -> bool:
        kind = unit[0] & 0x1F
        if kind == _SEQUENCE:
            number, sequence = _sequence(_Bits(_unescaped(unit[1:_HEAD_BYTES])))
            self._sequences[number] = sequence
        elif kind == _PICTURE:
            bits = _Bits(_unescaped(unit[1:_SLICE_HEAD_BYTES]))
            picture = bits.golomb()
            self._pictures[picture] = bits.golomb()
        elif kind in _SLICES:
            return self._takes_slice(unit)
        return True

    def _takes_slice(self, unit: bytes) -> bool:
        kind, is_reference = unit[0] & 0x1F, bool(unit[0] & 0x60)
        bits = _Bits(_unescaped(unit[1:_SLICE_HEAD_BYTES]))
        bits.golomb(), bits.golomb()  # first macroblock, type
        sequence = self._sequences.get(self._pictures.get(bits.golomb(), -1))
        if sequence is None:
            return True
        bits.number(2 if sequence.has_planes else 0)
        number, last = bits.number(sequence.bits), self._last
        if is_reference:
            self._last = number
        if kind == _IDR or last is None or sequence.may_skip:
            return True
        return number in (last, (last + 1) % (1 << sequence.bits))


def _units(packet: bytes) -> Iterator[bytes]:
    """The NAL units of a packet up to its first slice."""
    at = packet.find(_START)
    while 0 <= at < len(packet) - len(_START):
        first = at + len(_START)
        is_slice = packet[first] & 0x1F in _SLICES
        at = -1 if is_slice else packet.find(_START, first)
        yield packet[first : first + _HEAD_BYTES if at < 0 else at]


def _unescaped(data: bytes) -> bytes:
    """Without the bytes that keep start codes from appearing (7.4.1)."""
    return data.replace(b'\0\0\3', b'\0\0')


class _Bits:
    """Reads numbers bit by bit. Raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, count: int) -> int:
        """An unsigned number of so many bits."""
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def golomb(self) -> int:
        """An unsigned number in Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)

    def signed(self) -> int:
        """A signed number in Exp-Golomb code (9.1.1)."""
        value = self.golomb()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _sequence(bits: _Bits) -> tuple[int, _Sequence]:
    """(id, what it says) of a sequence parameter set (7.3.2.1.1)."""
    profile = bits.number(8)
    bits.number(16)  # constraints, level
    number = bits.golomb()
    has_planes = profile in _HIGH and _has_planes(bits)
    width = bits.golomb() + 4
    _skip_order(bits)
    bits.golomb()  # reference images
    return number, _Sequence(width, has_planes, may_skip=bool(bits.number(1)))


def _has_planes(bits: _Bits) -> bool:
    """Read what high profiles add: whether each colour has slices of its own."""
    chroma = bits.golomb()
    has_planes = chroma == _SEPARATE_PLANES and bool(bits.number(1))
    bits.golomb(), bits.golomb(), bits.number(1)  # depths, a bypass
    if bits.number(1):
        for matrix in range(12 if chroma == _SEPARATE_PLANES else 8):
            if bits.number(1):
                _skip_scaling(bits, 16 if matrix < 6 else 64)
    return has_planes


def _skip_scaling(bits: _Bits, size: int) -> None:
    """Skip a scaling list (7.3.2.1.1.1)."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    """Skip how the order of showing is stated."""
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.number(1), bits.signed(), bits.signed()
        for _ in range(bits.golomb()):
            bits.signed()
