# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The mask of one object in one image, held run-length encoded as COCO does.

Runs go down the columns and alternate, false first. In the compressed form a run is a number, in
characters of six bits of which five are digits. From the fourth run on, the number is the
difference to the run two before (cocoapi 8c9bcc3, common/maskApi.c:205-230).
Reading is ours, because pycocotools 2.0.11 reads foreign memory if counts are damaged. Packing is
done by pycocotools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadMask, MissingPackage

# Pixels of an image; a larger size is taken for damage.
MAX_PIXELS = 2**28
# The character that stands for 0.
_ZERO = 48
# Parts of a character: whether another follows, the sign of a number, and the digits' bits.
_MORE, _SIGN, _BITS = 0x20, 0x10, 5
# Characters of a run, which hold 35 bits.
_LONGEST = 7
# Bytes of counts: the ends of such small masks are cached, 8 MB in all.
_SMALL = 4096


@dataclass(frozen=True, slots=True)
class Mask:
    """The true pixels of an image of `height` x `width`; `counts` are compressed runs."""

    height: int
    width: int
    counts: bytes

    @property
    def area(self) -> int:
        """How many pixels are true. Raises BadMask."""
        return int(np.diff(self.ends(), prepend=0)[1::2].sum())

    def array(self) -> NDArray[np.bool_]:
        """(H, W) bool. Raises BadMask."""
        lengths = np.diff(self.ends(), prepend=0)
        flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
        return flat.reshape(self.width, self.height).T

    def contains(self, x: int, y: int) -> bool:
        """Whether the pixel in column x and row y is true; no pixel off the image is.

        Raises BadMask. Nothing is unpacked.
        """
        if not (0 <= x < self.width and 0 <= y < self.height):
            return False
        return bool(np.searchsorted(self.ends(), x * self.height + y, side='right') % 2)

    def ends(self) -> NDArray[np.int64]:
        """(R,) where each run ends, in pixels down the columns; the last is height x width.

        Raises BadMask for counts that are damaged.
        """
        read = _cached_ends if len(self.counts) <= _SMALL else _ends
        return read(self.counts, self.height, self.width)

    def rle(self) -> dict[str, Any]:
        """As COCO writes it in JSON: size [height, width] and counts."""
        return {'size': [self.height, self.width], 'counts': self.counts.decode('ascii')}


def mask_of(pixels: NDArray[np.generic]) -> Mask:
    """Pack pixels. pixels: (H, W), true where not 0. Raises BadMask, MissingPackage."""
    if pixels.ndim != 2 or not 0 < pixels.size <= MAX_PIXELS:
        raise BadMask('mask', pixels.shape, 'is no height and width')
    packed = _tools().encode(np.asfortranarray(pixels != 0, dtype=np.uint8))
    height, width = pixels.shape
    return Mask(height, width, packed['counts'])


def mask_of_polygons(outlines: Sequence[Sequence[float]], height: int, width: int) -> Mask:
    """The pixels inside any of the outlines, each x, y, x, y ... in pixels, as COCO fills them.

    Raises BadMask, MissingPackage.
    """
    if not outlines or not 0 < height * width <= MAX_PIXELS:
        raise BadMask('mask', (height, width), 'is no height and width, or has no outline')
    parts = _tools().frPyObjects([list(outline) for outline in outlines], height, width)
    packed = _tools().merge(parts)
    return Mask(height, width, packed['counts'])


def read_rle(entry: object) -> Mask:
    """A mask as JSON and parquet hold it: {'size': [height, width], 'counts': ...}.

    counts: compressed (text or bytes), or a list of plain run lengths. Raises BadMask for what
    is no mask or is damaged, MissingPackage for plain runs.
    """
    if not isinstance(entry, Mapping) or not {'size', 'counts'} <= set(entry):
        raise BadMask('mask', entry, "is no 'size' and 'counts'")
    size, counts = entry['size'], entry['counts']
    height, width = _size(size)
    if isinstance(counts, list | tuple | np.ndarray):
        counts = _packed(counts, height, width)
    if isinstance(counts, str):
        counts = counts.encode('ascii', 'replace')
    if not isinstance(counts, bytes):
        raise BadMask('counts', counts, 'are neither text nor numbers')
    mask = Mask(height, width, counts)
    mask.ends()
    return mask


def _ends(counts: bytes, height: int, width: int) -> NDArray[np.int64]:
    """(R,) read-only. Raises BadMask."""
    runs = _runs(counts)
    ends = np.cumsum(runs)
    if not len(runs) or runs.min() < 0 or ends[-1] != height * width:
        raise BadMask('counts', _excerpt(counts), f'are no runs of {height} x {width} pixels')
    ends.flags.writeable = False
    return ends


# A mask is read several times in a row: for its damage, its area and the points inside.
_cached_ends = lru_cache(maxsize=256)(_ends)


def _size(sides: Any) -> tuple[int, int]:
    is_pair = isinstance(sides, list | tuple | np.ndarray) and len(sides) == 2
    if is_pair and all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        height, width = (int(side) for side in sides)
        if height * width <= MAX_PIXELS:
            return height, width
    raise BadMask('size', sides, 'is no height and width in pixels')


def _packed(counts: Any, height: int, width: int) -> bytes:
    why = f'are no runs of {height} x {width} pixels'
    try:
        lengths = np.asarray(counts)
    except ValueError as error:
        # The list holds lists of different lengths.
        raise BadMask('counts', _excerpt(counts), why) from error
    if lengths.ndim != 1 or not np.issubdtype(lengths.dtype, np.integer):
        raise BadMask('counts', _excerpt(lengths), why)
    size = height * width
    if not len(lengths) or lengths.min() < 0 or lengths.max() > size or lengths.sum() != size:
        raise BadMask('counts', _excerpt(lengths), why)
    plain = {'size': [height, width], 'counts': lengths.tolist()}
    packed: bytes = _tools().frPyObjects(plain, height, width)['counts']
    return packed


def _runs(counts: bytes) -> NDArray[np.int64]:
    """(R,) lengths of the runs; empty for bytes that are no compressed counts."""
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - _ZERO
    empty = np.zeros(0, np.int64)
    if not len(codes) or codes.min() < 0 or codes.max() >= 2 * _MORE or codes[-1] & _MORE:
        return empty
    # The characters that end a number, and those that begin one.
    last = np.flatnonzero((codes & _MORE) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() >= _LONGEST:
        return empty
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    runs = np.add.reduceat((codes & (_MORE - 1)) << (_BITS * place), first)
    runs -= np.where(codes[last] & _SIGN, np.int64(1) << (_BITS * (last - first + 1)), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _excerpt(counts: object) -> str:
    return str(counts)[:80]


def _tools() -> Any:
    try:
        from pycocotools import mask
    except ModuleNotFoundError as err:
        raise MissingPackage('pycocotools', 'eval') from err
    return mask
