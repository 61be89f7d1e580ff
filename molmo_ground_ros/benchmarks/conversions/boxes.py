# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes to masks through SAM 2, and which tracks to trust. Knows nothing of torch.

The article: give SAM 2 the first box, propagate the mask through the video, "discard tracks with
IoU below 0.5". The paper adds (arXiv 2601.10611v4, section F.3) that the IoU is an average over all
frames, and that SAM 2 is prompted anew where the mask has a low IoU with the true box or more than
20 % of it lies outside. Ours: the IoU is between the box around the mask and the annotated one,
cut to the picture, averaged over the frames with a box, 0 where there is no mask; a low one is
below 0.5 as well; masks are kept on frames with a box only, as what is hidden has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.conversions.mask_points import bounds
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Expression,
    MaskTrack,
)
from molmo_ground_ros.frames.masks import Mask

Box = tuple[float, float, float, float]  # x, y of the top left corner, width, height, pixels

LEAST_IOU = 0.5
MOST_OUTSIDE = 0.2


class BoxSegmenter(Protocol):
    """What follows boxes; see backends.sam2.Segmenter."""

    def track_boxes(
        self,
        frames: Iterable[NDArray[np.uint8]],
        boxes: Mapping[int, Mapping[int, Box]],
        doubt: DoubtfulMask | None = None,
    ) -> Iterator[dict[int, Mask]]:
        """The masks of each frame, by object."""
        ...


class DoubtfulMask(Protocol):
    """Whether a mask and the box of its frame do not go together."""

    def __call__(self, mask: Mask | None, box: Box, /) -> bool:
        """True where the box is to be a new prompt."""
        ...


@dataclass(frozen=True, slots=True)
class DroppedTrack:
    """A track that was not trusted."""

    id: int
    label: str
    iou: float  # mean, below LEAST_IOU


@dataclass(frozen=True, slots=True)
class SegmentedVideo:
    """A video with masks in place of boxes, and what was lost."""

    annotated: AnnotatedVideo
    dropped: tuple[DroppedTrack, ...]
    unsaid: tuple[Expression, ...]  # that mean a dropped track: their number would be wrong


def segment(
    annotated: AnnotatedVideo,
    frames: Iterable[NDArray[np.uint8]],  # (H, W, 3) RGB each, all of the video, in order
    segmenter: BoxSegmenter,
    *,
    reprompt: bool = False,
) -> SegmentedVideo:
    """Give every track of boxes its masks; tracks that have masks stay as they are.

    reprompt: give SAM 2 later boxes too, where its mask is doubtful. Frames are taken one at a
    time; held are run-length encoded masks. Raises what the segmenter does.
    """
    boxes = {one.id: one.boxes for one in annotated.tracks if isinstance(one, BoxTrack)}
    followed = segmenter.track_boxes(
        frames,
        {number: of_frame for number, of_frame in boxes.items() if of_frame},
        is_doubtful if reprompt else None,
    )
    masks: dict[int, dict[int, Mask]] = {number: {} for number in boxes}
    agreed = dict.fromkeys(boxes, 0.0)  # sums over frames
    for index, seen in enumerate(followed):
        for number, mask in seen.items():
            box = boxes[number].get(index)
            if box is not None:
                masks[number][index] = mask
                agreed[number] += box_iou(box_around(mask), _on_picture(box, annotated))
    kept: list[MaskTrack] = []
    dropped: list[DroppedTrack] = []
    for track in annotated.tracks:
        if isinstance(track, MaskTrack):
            kept.append(track)
        elif agreed[track.id] < LEAST_IOU * len(track.boxes):
            iou = agreed[track.id] / len(track.boxes)
            dropped.append(DroppedTrack(track.id, track.label, iou))
        else:
            kept.append(MaskTrack(track.id, track.label, masks[track.id]))
    return _without(annotated, tuple(kept), tuple(dropped))


def _without(
    annotated: AnnotatedVideo, kept: tuple[MaskTrack, ...], dropped: tuple[DroppedTrack, ...]
) -> SegmentedVideo:
    lost = {one.id for one in dropped}
    said = tuple(one for one in annotated.expressions if not lost & set(one.ids))
    unsaid = tuple(one for one in annotated.expressions if lost & set(one.ids))
    return SegmentedVideo(replace(annotated, tracks=kept, expressions=said), dropped, unsaid)


def is_doubtful(mask: Mask | None, box: Box) -> bool:
    """Whether SAM 2 should be given this box. box: on the picture."""
    if mask is None or box_iou(box_around(mask), box) < LEAST_IOU:
        return True
    x, y, width, height = box
    rows, columns = np.nonzero(mask.array())
    # A pixel is outside where its middle is.
    inside = (
        (columns + 0.5 >= x)
        & (columns + 0.5 <= x + width)
        & (rows + 0.5 >= y)
        & (rows + 0.5 <= y + height)
    )
    return bool(1 - inside.mean() > MOST_OUTSIDE)


def box_around(mask: Mask) -> Box:
    """The smallest box that holds all its pixels. Raises BadSetting for an empty mask."""
    top, bottom, left, right = bounds(mask.array())
    return left, top, right + 1 - left, bottom + 1 - top


def box_iou(one: Box, other: Box) -> float:
    """Their common area by that of both together, in 0..1; 0 where both are empty."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(across, 0.0) * max(down, 0.0)
    total = one[2] * one[3] + other[2] * other[3] - common
    return common / total if total > 0 else 0.0


def _on_picture(box: Box, annotated: AnnotatedVideo) -> Box:
    x, y, width, height = box
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, annotated.width), min(y + height, annotated.height)
    return left, top, right - left, bottom - top
