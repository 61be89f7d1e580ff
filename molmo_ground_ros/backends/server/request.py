# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns a clip and a question into the body of a request. Knows no network.

The model must be shown exactly the clip's frames and time labels. So the request forbids the server
to sample frames, and states the index of each. Both kinds of server compute a label as index / fps.

vllm: a `video/jpeg` of base64 images joined by commas, and the labels in `media_io_kwargs`. The
images may be PNG files all the same: vLLM looks at their first bytes (0.32, ImageMediaIO).
Source: vllm-project/vllm 055e47c, VideoMediaIO.load_base64; 030ea52, models/molmo2.py
_get_video_second_idx. `frames_indices` is read since pull request 40133 (2026-04). An older server
counts 0, 1, 2 ..., which gives the same for labels that are evenly spaced from zero.

transformers: a list of images, and the labels in `chat_template_kwargs`.
Source: transformers 5.23 cli/serving/chat_completion.py:116-147, video_processing_utils.py:635-673.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.prompt_ids import VISUAL
from molmo_ground_ros.backends.server.endpoint import Endpoint
from molmo_ground_ros.errors import BackendError

JPEG_QUALITY = 95
# Time labels have one decimal.
_TENTHS = 10
_SPECIAL = re.compile(r'<\|\w+\|>|' + '|'.join(map(re.escape, VISUAL)))


# By the name of a format: the end of its file names, and how OpenCV is to write it: PNG with
# the fastest compression.
_FORMATS = {
    'jpeg': ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]),
    'png': ('.png', [cv2.IMWRITE_PNG_COMPRESSION, 1]),
}


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame as the base64 text of an image file."""

    text: str
    kind: str  # one of endpoint.FRAMES

    @property
    def nbytes(self) -> int:
        """Bytes that the text takes."""
        return len(self.text)


def encode(image: NDArray[np.uint8], kind: str = 'jpeg') -> EncodedFrame:
    """Write an image, (H, W, 3) RGB, as a JPEG or PNG file. Raises BackendError if OpenCV cannot.

    kind: one of endpoint.FRAMES.
    """
    ending, settings = _FORMATS[kind]
    failure = f'cannot write an image of shape {image.shape} as {kind}'
    try:
        ok, data = cv2.imencode(ending, image[..., ::-1], settings)
    except cv2.error as err:
        raise BackendError(
            f'cannot write an image of shape {image.shape} as {kind}: {err}'
        ) from err
    if not ok:
        raise BackendError(failure)
    return EncodedFrame(base64.b64encode(data.tobytes()).decode('ascii'), kind)


def timing(seconds: Sequence[float]) -> tuple[float, list[int]]:
    """(fps, indices) for which index / fps is each label, with the smallest possible indices.

    seconds: ascending labels with one decimal, from zero.
    """
    tenths = [round(label * _TENTHS) for label in seconds]
    step = math.gcd(*tenths) or _TENTHS
    return _TENTHS / step, [tenth // step for tenth in tenths]


def body(
    endpoint: Endpoint,
    images: Sequence[EncodedFrame],
    seconds: Sequence[float],
    question: str,
    max_new_tokens: int,
) -> bytes:
    """The JSON of one chat request: greedy, streamed, with log-probabilities.

    Raises BackendError for a question that spells out a special token of the model: the server
    would read it as the token itself.
    """
    if special := _SPECIAL.search(question):
        raise BackendError(f'the question holds the special token {special.group()!r} of the model')
    fps, indices = timing(seconds)
    clock = {'fps': fps, 'frames_indices': indices, 'total_num_frames': indices[-1] + 1}
    clock['duration'] = (indices[-1] + 1) / fps
    video, extra = _WRITERS[endpoint.kind](images, clock)
    content = [
        {'type': 'video_url', 'video_url': {'url': video}},
        {'type': 'text', 'text': question},
    ]
    request = {
        'model': endpoint.model,
        'messages': [{'role': 'user', 'content': content}],
        'max_tokens': max_new_tokens,
        'temperature': 0,
        'stream': True,
        'logprobs': True,
        **extra,
    }
    return json.dumps(request).encode()


def _vllm(images: Sequence[EncodedFrame], clock: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    video = 'data:video/jpeg;base64,' + ','.join(image.text for image in images)
    reading = {**clock, 'num_frames': len(images), 'do_sample_frames': False}
    return video, {'media_io_kwargs': {'video': reading}}


def _transformers(
    images: Sequence[EncodedFrame], clock: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    video = [f'data:image/{image.kind};base64,{image.text}' for image in images]
    # Its own num_frames of 32 would ask for sampling.
    reading = {'num_frames': None, 'do_sample_frames': False, 'video_metadata': [clock]}
    return video, {'chat_template_kwargs': reading}


_WRITERS = {'vllm': _vllm, 'transformers': _transformers}
