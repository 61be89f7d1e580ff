# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns boxes or points into masks through a video, with SAM 2 as transformers implements it.

Frames and masks are streamed: a frame is read once, encoded once for all objects, and dropped.
Every object has a memory of its own. So the prompts of an object change no other object's masks,
and an object costs nothing before its first and after its last frame. In memory are the current
frame with its features (about 35 MB at 1024 pixels in float32) and, for each object between its
first and last frame, what SAM 2 attends to: 6 earlier frames, 7 prompted frames (1.5 MB each) and
15 pointers.

Unlike the processor of transformers, this needs no torchvision; test_sam2.py compares the two. It
was not run on a GPU yet, nor with released weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from molmo_ground_ros.backends.checkpoint import find_folder, read_json
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype, guarded
from molmo_ground_ros.backends.weights import load_class
from molmo_ground_ros.errors import BadArgument, BadModel, ImageError
from molmo_ground_ros.frames.masks import Mask, mask_of

# Imported after `weights`, which raises a clear error for a transformers that cannot be used.
from transformers import Sam2VideoInferenceSession, Sam2VideoModel  # isort: skip
from transformers.models.sam2_video.modeling_sam2_video import (  # isort: skip
    Sam2VideoInferenceCache,
)

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Box = tuple[float, float, float, float]
"""x and y of the top left corner, width and height, in pixels of the image."""
Pixel = tuple[float, float]
"""x and y, in pixels of the image."""
NeedsPrompt = Callable[[Mask | None, Box], bool]
"""Whether the mask of a frame is so far from the frame's box that the box must be a new prompt."""

# As in transformers 5.23 video_processing_sam2_video.py:30-32, for every released checkpoint.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# SAM 2's labels for the points of a prompt.
_CLICK, _TOP_LEFT, _BOTTOM_RIGHT = 1, 2, 3
# The number of the only object in a session.
_OBJECT = 0
# The large tensors of a frame's memory.
_MEMORY = ('maskmem_features', 'maskmem_pos_enc')


class BadPrompt(BadArgument):
    """A box or point that SAM 2 cannot be prompted with, or an object without any."""


class Segmenter:
    """SAM 2 on one device. One thread at a time may use it.

    Raises BadModel for a folder that lacks files or holds something else, and BadSetting for a
    device that is not there.
    """

    def __init__(self, model: str, device: str = 'auto', dtype: str = 'auto') -> None:
        self.model = model
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        folder = find_folder(model)
        _check_files(model, folder)
        self._network = load_class(Sam2VideoModel, model, folder, self.device, self.dtype)

    def track_boxes(
        self,
        frames: Iterable[Image],
        boxes: Mapping[int, Mapping[int, Box]],  # by object and by frame, from 0
        needs_prompt: NeedsPrompt | None = None,
    ) -> Iterator[dict[int, Mask]]:
        """Yield the masks of each frame by object; an object that is not visible has none.

        The first box of an object is its prompt, and its masks end at its last box. If
        `needs_prompt` is true for the mask and the box of a frame, the box becomes a new prompt
        and the frame is segmented again. A box is cut to the image.

        Raises BadPrompt for an object without a box, and for a box that is empty, outside the image
        or after the last frame; ImageError for frames of different sizes; BackendError for an error
        of torch.
        """
        _check_prompts(boxes)
        spans = {number: (min(placed), max(placed)) for number, placed in boxes.items()}
        tracked: dict[int, _TrackedObject] = {}
        for view in self._views(frames, boxes):
            masks: dict[int, Mask | None] = {}
            for number, (first, last) in spans.items():
                if not first <= view.index <= last:
                    tracked.pop(number, None)
                    continue
                box = boxes[number].get(view.index)
                prompt = None if box is None else view.box(number, box)
                if view.index == first:
                    tracked[number] = _TrackedObject(self._network, view, self.dtype)
                    masks[number] = tracked[number].segment(view, prompt)
                    continue
                masks[number] = tracked[number].segment(view, None)
                if prompt and needs_prompt is not None and needs_prompt(masks[number], prompt.box):
                    masks[number] = tracked[number].segment_again(view, prompt)
            yield _visible(masks)

    def track_points(
        self,
        frames: Iterable[Image],
        points: Mapping[int, Mapping[int, Pixel]],  # by object and by frame, from 0
    ) -> Iterator[dict[int, Mask]]:
        """Yield the masks of each frame by object, for J&F of the points that a model stated.

        The paper says that Molmo2's points "are directly fed to SAM 2" and that J&F is measured at
        the video's own rate (arXiv 2601.10611v4, section C), and no more. Here each point is a
        click on its own frame, SAM 2 propagates it to later frames until it predicts that the
        object is not visible, and an object has no mask before its first point.

        Raises the errors of track_boxes, and BadPrompt for a point outside the image.
        """
        _check_prompts(points)
        firsts = {number: min(placed) for number, placed in points.items()}
        tracked: dict[int, _TrackedObject] = {}
        for view in self._views(frames, points):
            masks: dict[int, Mask | None] = {}
            for number, first in firsts.items():
                if view.index < first:
                    continue
                if view.index == first:
                    tracked[number] = _TrackedObject(self._network, view, self.dtype)
                pixel = points[number].get(view.index)
                prompt = None if pixel is None else view.click(number, pixel)
                masks[number] = tracked[number].segment(view, prompt)
            yield _visible(masks)

    def _views(
        self, frames: Iterable[Image], places: Mapping[int, Mapping[int, Any]]
    ) -> Iterator[_View]:
        """Yield each frame as the network takes it.

        Raises BadPrompt after the last frame if a place belongs to a later one.
        """
        size = _size(self._network)
        cache = Sam2VideoInferenceCache(self.device, self.device)
        shape, count = None, 0
        for index, image in enumerate(frames):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ImageError(f'a frame must be (H, W, 3) uint8, found {image.shape}')
            shape = shape or image.shape
            if image.shape != shape:
                raise ImageError(f'frame {index} is {image.shape}, the first one {shape}')
            count += 1
            yield _View(index, image, size, cache, self.device, self.dtype)
        for number, placed in places.items():
            if max(placed) >= count:
                raise BadPrompt('frame', max(placed), f'of object {number}: there are {count}')


@dataclass(frozen=True)
class _Prompt:
    """A click on an object in one frame, or the two corners of its box."""

    points: tuple[Pixel, ...]
    labels: tuple[int, ...]

    @property
    def box(self) -> Box:
        """The box whose corners these points are."""
        (left, top), (right, bottom) = self.points
        return left, top, right - left, bottom - top


@dataclass(frozen=True)
class _View:
    """One frame as the network takes it: resized to a square.

    size: the side of the square, pixels. cache: holds the frame's features for all objects.
    """

    index: int
    image: Image
    size: int
    cache: Sam2VideoInferenceCache
    device: torch.device
    dtype: torch.dtype

    @cached_property
    def pixels(self) -> torch.Tensor:
        """(1, 3, size, size), computed for the first object that needs it.

        Source: transformers 5.23 image_processing_backends.py:234-287 and :329-369.
        """
        # torch.tensor copies: a frame may be read-only, which torch warns of.
        image = torch.tensor(self.image).permute(2, 0, 1)[None]
        square = (self.size, self.size)
        image = F.interpolate(image, square, mode='bilinear', antialias=True).float()
        mean, std = (255 * torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
        return ((image - mean) / std).to(self.device, self.dtype)

    def box(self, number: int, box: Box) -> _Prompt:
        """The part of a box inside the image, as a prompt. Raises BadPrompt where there is none."""
        (height, width), (x, y, across, down) = self.image.shape[:2], box
        left, top, right, bottom = (
            max(x, 0),
            max(y, 0),
            min(x + across, width),
            min(y + down, height),
        )
        # `not (left < right)` also refuses nan.
        if not (left < right and top < bottom):
            raise BadPrompt('box', box, self._off_image(number))
        return _Prompt(((left, top), (right, bottom)), (_TOP_LEFT, _BOTTOM_RIGHT))

    def click(self, number: int, pixel: Pixel) -> _Prompt:
        """A point as a prompt. Raises BadPrompt for a point outside the image."""
        (height, width), (x, y) = self.image.shape[:2], pixel
        if not (0 <= x <= width and 0 <= y <= height):
            raise BadPrompt('point', pixel, self._off_image(number))
        return _Prompt((pixel,), (_CLICK,))

    def _off_image(self, number: int) -> str:
        height, width = self.image.shape[:2]
        return f'object {number}, frame {self.index}: not on the picture of {width} x {height}'

    def scaled(self, prompt: _Prompt) -> dict[str, torch.Tensor]:
        """A prompt as the network takes it: (1, 1, P, 2) pixels of the square, (1, 1, P) labels.

        Source: transformers 5.23 processing_sam2_video.py:198-226, 606-617.
        """
        height, width = self.image.shape[:2]
        scale = torch.tensor([self.size / width, self.size / height])
        return {
            'point_coords': (torch.tensor(prompt.points) * scale)[None, None],
            'point_labels': torch.tensor(prompt.labels, dtype=torch.int32)[None, None],
        }


class _TrackedObject:
    """One object with the network's memory of it."""

    def __init__(self, network: Any, view: _View, dtype: torch.dtype) -> None:
        self._network = network
        self._session = Sam2VideoInferenceSession(
            inference_device=view.device,
            inference_state_device=view.device,
            video_storage_device=view.device,
            dtype=dtype,
        )
        self._session.cache = view.cache
        self._session.obj_id_to_idx(_OBJECT)
        self._outputs = self._session.output_dict_per_obj[_OBJECT]

    def segment(self, view: _View, prompt: _Prompt | None) -> Mask | None:
        """The object's mask on the next frame; None where SAM 2 predicts that it is not visible."""
        session = self._session
        # Drops the frame before.
        session.processed_frames = None
        if prompt is not None:
            session.add_point_inputs(_OBJECT, view.index, view.scaled(prompt))
            session.obj_with_new_inputs = [_OBJECT]
        with guarded(f'frame {view.index}'), torch.inference_mode():
            output = self._network(session, frame_idx=view.index, frame=view.pixels)
            logits = output.pred_masks.float()  # (1, 1, size / 4, size / 4)
            if not (
                torch.isfinite(logits).all() and torch.isfinite(output.object_score_logits).all()
            ):
                raise ValueError('SAM 2 gave nan: try dtype bfloat16 or float32')
            # As Sam2ImageProcessor.post_process_masks.
            pixels = F.interpolate(logits, view.image.shape[:2], mode='bilinear')[0, 0] > 0
            visible_pixels = pixels.cpu().numpy()
        self._forget(view.index)
        return mask_of(visible_pixels) if visible_pixels.any() else None

    def segment_again(self, view: _View, prompt: _Prompt) -> Mask | None:
        """The object's mask on the frame that was segmented last, from a new prompt alone."""
        self._outputs['non_cond_frame_outputs'].pop(view.index, None)
        return self.segment(view, prompt)

    def _forget(self, index: int) -> None:
        """Drop the outputs that no later frame attends to.

        The session of transformers keeps every output of every frame. Its model attends to the
        memories of num_maskmem - 1 frames, to the pointers of max_object_pointers_in_encoder - 1
        frames (modeling_sam2_video.py:2266-2310, 2375-2391) and to every prompted frame, of which
        we keep the latest num_maskmem.
        """
        config = self._network.config
        prompted = self._outputs['cond_frame_outputs']
        others = self._outputs['non_cond_frame_outputs']
        for output in (prompted.get(index), others.get(index)):
            if output is not None:
                del output['high_res_masks'], output['pred_masks']
        while len(prompted) > config.num_maskmem:
            del prompted[min(prompted)]
        pointers = max(config.max_object_pointers_in_encoder, config.num_maskmem)
        others.pop(index + 1 - pointers, None)
        for name in _MEMORY:
            others.get(index + 1 - config.num_maskmem, {}).pop(name, None)
        self._session.frames_tracked_per_obj[_OBJECT].clear()
        self._session.point_inputs_per_obj[_OBJECT].clear()


def _check_prompts(places: Mapping[int, Mapping[int, Any]]) -> None:
    """Raise BadPrompt for an object without a box or point."""
    for number, placed in places.items():
        if not placed:
            raise BadPrompt('prompt', dict(placed), f'object {number} has none')


def _visible(masks: Mapping[int, Mask | None]) -> dict[int, Mask]:
    return {number: mask for number, mask in masks.items() if mask is not None}


def _size(network: Any) -> int:
    """The side of the network's square, pixels."""
    size = network.config.image_size
    return int(size if isinstance(size, int) else size[0])


def _check_files(model: str, folder: Path) -> None:
    """Raise BadModel where files are missing or of another architecture."""
    if not (folder / 'config.json').is_file():
        raise BadModel(model, f'missing in {folder}: config.json')
    model_type = read_json(model, folder / 'config.json').get('model_type')
    if model_type != 'sam2_video':
        raise BadModel(model, f"config.json says model_type {model_type!r}, not 'sam2_video'")
    if not any(folder.glob('*.safetensors')):
        raise BadModel(model, f'missing in {folder}: model.safetensors')
