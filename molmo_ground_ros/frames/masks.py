# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A mask of one object on one picture, kept run-length encoded as COCO does.

Runs go down the columns and alternate, false first. Compressed, a run is a number in characters of
six bits, of which five are the number's, and from the fourth run on it is the difference to the run
two before (cocoapi 8c9bcc3, common/maskApi.c:205-230). Reading is ours: pycocotools 2.0.11 reads
memory that is not its own where counts are damaged. Packing is pycocotools'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting, MissingPackage

MAX_PIXELS = 2**28  # of a picture; a larger size is damage
_ZERO = 48  # the character of 0
_MORE, _SIGN, _BITS = 0x20, 0x10, 5  # of a character
_LONGEST = 7  # characters of a run: 35 bits
_SMALL = 4096  # bytes of counts whose ends are kept for a while: 8 MB in all


@dataclass(frozen=True, slots=True)
class Mask:
    """The true pixels of a picture of `height` x `width`; `counts` are compressed runs."""

    height: int
    width: int
    counts: bytes

    @property
    def area(self) -> int:
        """True pixels. Raises BadSetting."""
        return int(np.diff(self.ends(), prepend=0)[1::2].sum())

    def array(self) -> NDArray[np.bool_]:
        """(H, W) bool. Raises BadSetting."""
        lengths = np.diff(self.ends(), prepend=0)
        flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
        return flat.reshape(self.width, self.height).T

    def contains(self, x: int, y: int) -> bool:
        """Whether the pixel in column x and row y is true; off the picture none is.

        Raises BadSetting. Nothing is unpacked.
        """
        if not (0 <= x < self.width and 0 <= y < self.height):
            return False
        return bool(np.searchsorted(self.ends(), x * self.height + y, side='right') % 2)

    def ends(self) -> NDArray[np.int64]:
        """(R,) where each run ends, in pixels down the columns; the last is height x width.

        Raises BadSetting for counts that are damaged.
        """
        find = _kept_ends if len(self.counts) <= _SMALL else _ends
        return find(self.counts, self.height, self.width)

    def rle(self) -> dict[str, Any]:
        """As COCO writes it in JSON: size [height, width] and counts."""
        return {'size': [self.height, self.width], 'counts': self.counts.decode('ascii')}


def mask_of(pixels: NDArray[np.generic]) -> Mask:
    """Pack pixels. pixels: (H, W), true where not 0. Raises BadSetting, MissingPackage."""
    if pixels.ndim != 2 or not 0 < pixels.size <= MAX_PIXELS:
        raise BadSetting('mask', pixels.shape, 'is no height and width')
    packed = _tools().encode(np.asfortranarray(pixels != 0, dtype=np.uint8))
    height, width = pixels.shape
    return Mask(height, width, packed['counts'])


def mask_of_polygons(outlines: Sequence[Sequence[float]], height: int, width: int) -> Mask:
    """What lies in any of the outlines, each x, y, x, y ... in pixels, as COCO fills them.

    Raises BadSetting, MissingPackage.
    """
    if not outlines or not 0 < height * width <= MAX_PIXELS:
        raise BadSetting('mask', (height, width), 'is no height and width, or has no outline')
    packed = _tools().merge(_tools().frPyObjects([list(one) for one in outlines], height, width))
    return Mask(height, width, packed['counts'])


def read_rle(found: object) -> Mask:
    """A mask as JSON and parquet hold it: {'size': [height, width], 'counts': ...}.

    counts: compressed (text or bytes), or a list of plain run lengths. Raises BadSetting for what
    is none or damaged, MissingPackage for plain runs.
    """
    if not isinstance(found, Mapping) or not {'size', 'counts'} <= set(found):
        raise BadSetting('mask', found, "is no 'size' and 'counts'")
    size, counts = found['size'], found['counts']
    height, width = _size(size)
    if isinstance(counts, list | tuple | np.ndarray):
        counts = _packed(counts, height, width)
    if isinstance(counts, str):
        counts = counts.encode('ascii', 'replace')
    if not isinstance(counts, bytes):
        raise BadSetting('counts', counts, 'are neither text nor numbers')
    mask = Mask(height, width, counts)
    mask.ends()
    return mask


def _ends(counts: bytes, height: int, width: int) -> NDArray[np.int64]:
    """(R,) read-only. Raises BadSetting."""
    runs = _runs(counts)
    ends = np.cumsum(runs)
    if not len(runs) or runs.min() < 0 or ends[-1] != height * width:
        raise BadSetting('counts', _shown(counts), f'are no runs of {height} x {width} pixels')
    ends.flags.writeable = False
    return ends


# A mask is asked several times in a row: when it is read, whether it is empty, what lies in it.
_kept_ends = lru_cache(maxsize=256)(_ends)


def _size(found: Any) -> tuple[int, int]:
    whole = isinstance(found, list | tuple | np.ndarray) and len(found) == 2
    if whole and all(isinstance(side, int | np.integer) and side > 0 for side in found):
        height, width = (int(side) for side in found)
        if height * width <= MAX_PIXELS:
            return height, width
    raise BadSetting('size', found, 'is no height and width in pixels')


def _packed(counts: Any, height: int, width: int) -> bytes:
    told = f'are no runs of {height} x {width} pixels'
    try:
        lengths = np.asarray(counts)
    except ValueError as error:  # lists in the list, of unlike lengths
        raise BadSetting('counts', _shown(counts), told) from error
    if lengths.ndim != 1 or not np.issubdtype(lengths.dtype, np.integer):
        raise BadSetting('counts', _shown(lengths), told)
    size = height * width
    if not len(lengths) or lengths.min() < 0 or lengths.max() > size or lengths.sum() != size:
        raise BadSetting('counts', _shown(lengths), told)
    plain = {'size': [height, width], 'counts': lengths.tolist()}
    packed: bytes = _tools().frPyObjects(plain, height, width)['counts']
    return packed


def _runs(counts: bytes) -> NDArray[np.int64]:
    """(R,) lengths of the runs; none of what is no compressed counts."""
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - _ZERO
    none = np.zeros(0, np.int64)
    if not len(codes) or codes.min() < 0 or codes.max() >= 2 * _MORE or codes[-1] & _MORE:
        return none
    last = np.flatnonzero((codes & _MORE) == 0)  # characters that end a number
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() >= _LONGEST:
        return none
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    runs = np.add.reduceat((codes & (_MORE - 1)) << (_BITS * place), first)
    runs -= np.where(codes[last] & _SIGN, np.int64(1) << (_BITS * (last - first + 1)), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _shown(counts: object) -> str:
    return str(counts)[:80]


def _tools() -> Any:
    try:
        from pycocotools import mask
    except ModuleNotFoundError as err:
        raise MissingPackage('pycocotools', 'eval') from err
    return mask
