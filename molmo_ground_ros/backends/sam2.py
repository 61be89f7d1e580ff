# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes or points to masks through a video, with SAM 2 as transformers implements it.

Video and masks stream: a frame is read once, encoded once for all objects, and let go. Every object
has a memory of its own, so no object's prompts touch another's masks, and one that begins late or
ends early costs nothing before and after. Held are the frame at hand with its features (about 35 MB
at 1024 pixels in float32) and, for each object between its first and last frame, what SAM 2 looks
back at: 6 frames, 7 prompted ones (1.5 MB each), 15 pointers.

The processor of transformers needs torchvision; this needs none of it, and test_sam2.py holds the
two to each other. Not run on a GPU, nor with released weights.
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
from molmo_ground_ros.errors import BadModel, BadSetting, ImageError
from molmo_ground_ros.frames.masks import Mask, mask_of

# After `weights`, which says what is wrong with a transformers that cannot be used.
from transformers import Sam2VideoInferenceSession, Sam2VideoModel  # isort: skip
from transformers.models.sam2_video.modeling_sam2_video import (  # isort: skip
    Sam2VideoInferenceCache,
)

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
Box = tuple[float, float, float, float]  # x, y of the top left corner, width, height, pixels
Spot = tuple[float, float]  # x, y, pixels
Doubt = Callable[[Mask | None, Box], bool]

# As transformers 5.23 video_processing_sam2_video.py:30-32 has them, for every released checkpoint.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_CLICK, _TOP_LEFT, _BOTTOM_RIGHT = 1, 2, 3  # labels of a prompt's points
_OBJECT = 0  # the only one of its session
_MEMORY = ('maskmem_features', 'maskmem_pos_enc')  # what is large of a frame that is looked back at


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
        frames: Iterable[Picture],
        boxes: Mapping[int, Mapping[int, Box]],  # by object and frame from 0
        doubt: Doubt | None = None,
    ) -> Iterator[dict[int, Mask]]:
        """The masks of each frame, by object; an object that is not seen has none.

        An object's first box is its prompt, and its masks go on to its last box. Where `doubt` says
        yes to the mask and the box of a frame, that box is a new prompt and the frame is done anew.
        What of a box lies off the picture is left out.

        Raises BadSetting for an object without a box and a box that is empty, off the picture or
        past the last frame, ImageError for frames of other sizes, and BackendError for what torch
        raises.
        """
        spans = {number: (min(given), max(given)) for number, given in _given(boxes).items()}
        followed: dict[int, _Followed] = {}
        for view in self._views(frames, boxes):
            masks: dict[int, Mask | None] = {}
            for number, (first, last) in spans.items():
                if not first <= view.index <= last:
                    followed.pop(number, None)
                    continue
                box = boxes[number].get(view.index)
                prompt = None if box is None else view.box(number, box)
                if view.index == first:
                    followed[number] = _Followed(self._network, view, self.dtype)
                    masks[number] = followed[number].see(view, prompt)
                    continue
                masks[number] = followed[number].see(view, None)
                if prompt and doubt is not None and doubt(masks[number], prompt.box):
                    masks[number] = followed[number].see_again(view, prompt)
            yield _only_seen(masks)

    def track_points(
        self,
        frames: Iterable[Picture],
        points: Mapping[int, Mapping[int, Spot]],  # by object and frame from 0
    ) -> Iterator[dict[int, Mask]]:
        """The masks of each frame, by object, for J&F of the points that a model gave.

        Molmo2's points "are directly fed to SAM 2" and J&F is taken at the video's own rate
        (arXiv 2601.10611v4, section C); more is not told. Ours: each point is a click on its own
        frame; the frames after it are propagated, until SAM 2 itself says that the object is gone;
        an object has no mask before its first point.

        Raises as track_boxes does; a point that is not on the picture is a BadSetting.
        """
        firsts = {number: min(given) for number, given in _given(points).items()}
        followed: dict[int, _Followed] = {}
        for view in self._views(frames, points):
            masks: dict[int, Mask | None] = {}
            for number, first in firsts.items():
                if view.index < first:
                    continue
                if view.index == first:
                    followed[number] = _Followed(self._network, view, self.dtype)
                spot = points[number].get(view.index)
                prompt = None if spot is None else view.click(number, spot)
                masks[number] = followed[number].see(view, prompt)
            yield _only_seen(masks)

    def _views(
        self, frames: Iterable[Picture], places: Mapping[int, Mapping[int, Any]]
    ) -> Iterator[_View]:
        """Each frame, one at a time; at the end no place may be left."""
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
        for number, given in places.items():
            if max(given) >= count:
                raise BadSetting('frame', max(given), f'of object {number}: there are {count}')


@dataclass(frozen=True)
class _Prompt:
    """Points that tell an object on one frame."""

    points: tuple[Spot, ...]  # pixels of the picture
    labels: tuple[int, ...]

    @property
    def box(self) -> Box:
        """The box that it is made of."""
        (left, top), (right, bottom) = self.points
        return left, top, right - left, bottom - top


@dataclass(frozen=True)
class _View:
    """One frame, as the network takes it."""

    index: int
    image: Picture
    size: int  # of the network's square, pixels
    cache: Sam2VideoInferenceCache  # of the frame's features, shared by all objects
    device: torch.device
    dtype: torch.dtype

    @cached_property
    def pixels(self) -> torch.Tensor:
        """(1, 3, size, size), made when the first object asks for it.

        Source: transformers 5.23 image_processing_backends.py:234-287 and :329-369.
        """
        image = torch.tensor(self.image).permute(2, 0, 1)[None]  # a copy: theirs may be read only
        square = (self.size, self.size)
        image = F.interpolate(image, square, mode='bilinear', antialias=True).float()
        mean, std = (255 * torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
        return ((image - mean) / std).to(self.device, self.dtype)

    def box(self, number: int, box: Box) -> _Prompt:
        """The part of a box on the picture, as a prompt. Raises BadSetting where there is none."""
        (height, width), (x, y, across, down) = self.image.shape[:2], box
        left, top, right, bottom = (
            max(x, 0),
            max(y, 0),
            min(x + across, width),
            min(y + down, height),
        )
        if not (left < right and top < bottom):  # not so for nan either
            why = f'object {number}, frame {self.index}: not on the picture of {width} x {height}'
            raise BadSetting('box', box, why)
        return _Prompt(((left, top), (right, bottom)), (_TOP_LEFT, _BOTTOM_RIGHT))

    def click(self, number: int, spot: Spot) -> _Prompt:
        """A point as a prompt. Raises BadSetting for one off the picture."""
        (height, width), (x, y) = self.image.shape[:2], spot
        if not (0 <= x <= width and 0 <= y <= height):
            why = f'object {number}, frame {self.index}: not on the picture of {width} x {height}'
            raise BadSetting('point', spot, why)
        return _Prompt((spot,), (_CLICK,))

    def scaled(self, prompt: _Prompt) -> dict[str, torch.Tensor]:
        """As the prompt encoder takes it: (1, 1, P, 2) pixels of the square and (1, 1, P) labels.

        Source: transformers 5.23 processing_sam2_video.py:198-226, 606-617.
        """
        height, width = self.image.shape[:2]
        scale = torch.tensor([self.size / width, self.size / height])
        return {
            'point_coords': (torch.tensor(prompt.points) * scale)[None, None],
            'point_labels': torch.tensor(prompt.labels, dtype=torch.int32)[None, None],
        }


class _Followed:
    """One object, and what the network remembers of it."""

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

    def see(self, view: _View, prompt: _Prompt | None) -> Mask | None:
        """Its mask on this frame, which comes after the one seen before; None: it is not seen."""
        session = self._session
        session.processed_frames = None  # the frame before
        if prompt is not None:
            session.add_point_inputs(_OBJECT, view.index, view.scaled(prompt))
            session.obj_with_new_inputs = [_OBJECT]
        with guarded(f'frame {view.index}'), torch.inference_mode():
            seen = self._network(session, frame_idx=view.index, frame=view.pixels)
            logits = seen.pred_masks.float()  # (1, 1, size / 4, size / 4)
            if not (
                torch.isfinite(logits).all() and torch.isfinite(seen.object_score_logits).all()
            ):
                raise ValueError('SAM 2 gave nan: try dtype bfloat16 or float32')
            # As Sam2ImageProcessor.post_process_masks.
            pixels = F.interpolate(logits, view.image.shape[:2], mode='bilinear')[0, 0] > 0
            found = pixels.cpu().numpy()
        self._forget(view.index)
        return mask_of(found) if found.any() else None

    def see_again(self, view: _View, prompt: _Prompt) -> Mask | None:
        """Its mask on the frame just seen, from a new prompt and no memory."""
        self._outputs['non_cond_frame_outputs'].pop(view.index, None)
        return self.see(view, prompt)

    def _forget(self, index: int) -> None:
        """Drop what no later frame looks at.

        The session of transformers keeps all of every frame. Its model looks at the memories of
        num_maskmem - 1 frames, at the pointers of max_object_pointers_in_encoder - 1
        (modeling_sam2_video.py:2266-2310, 2375-2391) and at every prompted frame, of which ours
        keeps the latest num_maskmem.
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


def _given(places: Mapping[int, Mapping[int, Any]]) -> Mapping[int, Mapping[int, Any]]:
    """The places themselves. Raises BadSetting for an object without any."""
    for number, given in places.items():
        if not given:
            raise BadSetting('prompt', dict(given), f'object {number} has none')
    return places


def _only_seen(masks: Mapping[int, Mask | None]) -> dict[int, Mask]:
    return {number: mask for number, mask in masks.items() if mask is not None}


def _size(network: Any) -> int:
    """The side of the square that a network takes, pixels."""
    size = network.config.image_size
    return int(size if isinstance(size, int) else size[0])


def _check_files(model: str, folder: Path) -> None:
    """Raise BadModel where files are missing or of another architecture."""
    if not (folder / 'config.json').is_file():
        raise BadModel(model, f'missing in {folder}: config.json')
    found = read_json(model, folder / 'config.json').get('model_type')
    if found != 'sam2_video':
        raise BadModel(model, f"config.json says model_type {found!r}, not 'sam2_video'")
    if not any(folder.glob('*.safetensors')):
        raise BadModel(model, f'missing in {folder}: model.safetensors')
