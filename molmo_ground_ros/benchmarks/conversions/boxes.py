# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns boxes into masks with SAM 2, and drops tracks whose masks do not fit. Imports no torch.

The article: give SAM 2 the first box, propagate the mask through the video, "discard tracks with
IoU below 0.5". The paper adds (arXiv 2601.10611v4, section F.3) that the IoU is an average over all
frames, and that SAM 2 is prompted again where the mask has a low IoU with the true box, or more
than 20 % of it lies outside. What both leave open is decided here:

- The IoU is between the box around the mask and the annotated box, which is cut to the image. It is
  averaged over the frames that have a box, and is 0 on a frame without a mask.
- A low IoU is one below 0.5 for prompting again as well.
- Masks are kept only on frames with a box, because an object that is hidden has none.
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
    """A segmenter that follows boxes through a video; `backends.sam2.Segmenter` is one."""

    def track_boxes(
        self,
        frames: Iterable[NDArray[np.uint8]],
        boxes: Mapping[int, Mapping[int, Box]],
        needs_prompt: DoubtfulMask | None = None,
    ) -> Iterator[dict[int, Mask]]:
        """The masks of each frame by object. boxes: by object and frame."""
        ...


class DoubtfulMask(Protocol):
    """Decides whether a mask contradicts the box of its frame."""

    def __call__(self, mask: Mask | None, box: Box, /) -> bool:
        """True if the box must be given to the segmenter as a new prompt."""
        ...


@dataclass(frozen=True, slots=True)
class DroppedTrack:
    """A track whose masks do not fit its boxes."""

    id: int
    label: str
    iou: float  # mean over its boxes, below LEAST_IOU


@dataclass(frozen=True, slots=True)
class SegmentedVideo:
    """A video with masks in place of boxes, and what was dropped."""

    annotated: AnnotatedVideo
    dropped: tuple[DroppedTrack, ...]
    # Expressions that refer to a dropped track. Without it, their number of objects would be wrong.
    unsaid: tuple[Expression, ...]


def segment(
    annotated: AnnotatedVideo,
    frames: Iterable[NDArray[np.uint8]],  # (H, W, 3) RGB each, all of the video, in order
    segmenter: BoxSegmenter,
    *,
    reprompt: bool = False,
) -> SegmentedVideo:
    """Replace every track of boxes by masks; tracks that have masks stay as they are.

    reprompt: give SAM 2 later boxes too, on frames where its mask is doubtful. Frames are read one
    at a time; only run-length encoded masks are held. Raises what the segmenter raises.
    """
    boxes = {track.id: track.boxes for track in annotated.tracks if isinstance(track, BoxTrack)}
    masks, iou_sums = _masks(annotated, frames, segmenter, boxes, reprompt)
    usable: list[MaskTrack] = []
    dropped: list[DroppedTrack] = []
    for track in annotated.tracks:
        if isinstance(track, MaskTrack):
            usable.append(track)
        elif iou_sums[track.id] < LEAST_IOU * len(track.boxes):
            iou = iou_sums[track.id] / len(track.boxes)
            dropped.append(DroppedTrack(track.id, track.label, iou))
        else:
            usable.append(MaskTrack(track.id, track.label, masks[track.id]))
    return _without_dropped(annotated, tuple(usable), tuple(dropped))


def _masks(
    annotated: AnnotatedVideo,
    frames: Iterable[NDArray[np.uint8]],
    segmenter: BoxSegmenter,
    boxes: Mapping[int, Mapping[int, Box]],  # by object and frame
    reprompt: bool,
) -> tuple[dict[int, dict[int, Mask]], dict[int, float]]:
    """Masks by object and frame, and for each object the sum of its IoUs over frames."""
    masks_by_frame = segmenter.track_boxes(
        frames,
        {number: of_object for number, of_object in boxes.items() if of_object},
        is_doubtful if reprompt else None,
    )
    masks: dict[int, dict[int, Mask]] = {number: {} for number in boxes}
    iou_sums = dict.fromkeys(boxes, 0.0)
    for index, masks_by_object in enumerate(masks_by_frame):
        for number, mask in masks_by_object.items():
            box = boxes[number].get(index)
            if box is not None:
                masks[number][index] = mask
                iou_sums[number] += box_iou(box_around(mask), _cut_to_image(box, annotated))
    return masks, iou_sums


def _without_dropped(
    annotated: AnnotatedVideo, tracks: tuple[MaskTrack, ...], dropped: tuple[DroppedTrack, ...]
) -> SegmentedVideo:
    lost = {track.id for track in dropped}
    expressions = tuple(each for each in annotated.expressions if not lost & set(each.ids))
    unsaid = tuple(each for each in annotated.expressions if lost & set(each.ids))
    return SegmentedVideo(
        replace(annotated, tracks=tracks, expressions=expressions), dropped, unsaid
    )


def is_doubtful(mask: Mask | None, box: Box) -> bool:
    """Whether SAM 2 should be given this box as a new prompt. box: inside the image."""
    if mask is None or box_iou(box_around(mask), box) < LEAST_IOU:
        return True
    x, y, width, height = box
    rows, columns = np.nonzero(mask.array())
    # A pixel lies in the box if its middle does.
    is_inside = (
        (columns + 0.5 >= x)
        & (columns + 0.5 <= x + width)
        & (rows + 0.5 >= y)
        & (rows + 0.5 <= y + height)
    )
    return bool(1 - is_inside.mean() > MOST_OUTSIDE)


def box_around(mask: Mask) -> Box:
    """The smallest box that holds all true pixels. Raises BadArgument for an empty mask."""
    top, bottom, left, right = bounds(mask.array())
    return left, top, right + 1 - left, bottom + 1 - top


def box_iou(first: Box, second: Box) -> float:
    """The boxes' intersection over their union, in [0, 1]; 0 if both are empty."""
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    common = max(across, 0.0) * max(down, 0.0)
    total = first[2] * first[3] + second[2] * second[3] - common
    return common / total if total > 0 else 0.0


def _cut_to_image(box: Box, annotated: AnnotatedVideo) -> Box:
    x, y, width, height = box
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, annotated.width), min(y + height, annotated.height)
    return left, top, right - left, bottom - top
