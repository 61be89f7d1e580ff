# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A clip and a question to the body of a request. Knows no network.

The model must see the clip's own frames and labels, so the server is told to sample none and where
each frame stood. Both kinds compute a label as index / fps.

vllm: a `video/jpeg` of base64 pictures joined by commas, the labels in `media_io_kwargs`.
Source: vllm-project/vllm 055e47c, VideoMediaIO.load_base64; 030ea52, models/molmo2.py
_get_video_second_idx. `frames_indices` is read since pull request 40133 (2026-04); an older server
counts 0, 1, 2 ..., which is the same for labels evenly spaced from zero.

transformers: a list of pictures, the labels in `chat_template_kwargs`.
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
_TENTHS = 10  # labels have one decimal
_SPECIAL = re.compile(r'<\|\w+\|>|' + '|'.join(map(re.escape, VISUAL)))


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture as base64 of a JPEG."""

    text: str

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return len(self.text)


def encode(image: NDArray[np.uint8]) -> Jpeg:
    """A picture (H, W, 3) RGB as JPEG. Raises BackendError for what OpenCV cannot write."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    try:
        ok, data = cv2.imencode('.jpg', image[..., ::-1], quality)
    except cv2.error as err:
        raise BackendError(f'cannot write a picture of shape {image.shape} as JPEG: {err}') from err
    if not ok:
        raise BackendError(f'cannot write a picture of shape {image.shape} as JPEG')
    return Jpeg(base64.b64encode(data.tobytes()).decode('ascii'))


def timing(seconds: Sequence[float]) -> tuple[float, list[int]]:
    """Frames a second and indices with index / fps == label, the indices as small as can be.

    seconds: labels with one decimal, ascending, from zero on.
    """
    tenths = [round(label * _TENTHS) for label in seconds]
    step = math.gcd(*tenths) or _TENTHS
    return _TENTHS / step, [tenth // step for tenth in tenths]


def body(
    endpoint: Endpoint,
    pictures: Sequence[Jpeg],
    seconds: Sequence[float],
    question: str,
    max_new_tokens: int,
) -> bytes:
    """The JSON of one chat request: greedy, streamed, with log-probabilities.

    Raises BackendError for a question that holds one of the model's special tokens: the server
    would read it as the token.
    """
    if found := _SPECIAL.search(question):
        raise BackendError(f'the question holds the special token {found.group()!r} of the model')
    fps, indices = timing(seconds)
    clock = {'fps': fps, 'frames_indices': indices, 'total_num_frames': indices[-1] + 1}
    clock['duration'] = (indices[-1] + 1) / fps
    video, extra = _WRITERS[endpoint.kind](pictures, clock)
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


def _vllm(pictures: Sequence[Jpeg], clock: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    video = 'data:video/jpeg;base64,' + ','.join(picture.text for picture in pictures)
    reading = {**clock, 'num_frames': len(pictures), 'do_sample_frames': False}
    return video, {'media_io_kwargs': {'video': reading}}


def _transformers(
    pictures: Sequence[Jpeg], clock: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    video = [f'data:image/jpeg;base64,{picture.text}' for picture in pictures]
    # Its own num_frames of 32 would ask for sampling.
    reading = {'num_frames': None, 'do_sample_frames': False, 'video_metadata': [clock]}
    return video, {'chat_template_kwargs': reading}


_WRITERS = {'vllm': _vllm, 'transformers': _transformers}
