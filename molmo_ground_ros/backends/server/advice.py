# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What to do about an error that a server answers with.

Knows the words of vLLM 0.32 and of proxies. Any other error keeps the server's words alone.
"""

from __future__ import annotations

import http.client
import re

# What the server's words hold, and what to do about it. The first that fits is used.
_ADVICE = {
    'media_io_kwargs|trust.request.mm.kwargs': (
        'start vLLM with --trust-request-mm-kwargs: without it no client may say when a frame was '
        'taken'
    ),
    r'maximum (context|model) length|max_tokens\b.*max_model_len': (
        'ask about a shorter window, set max_new_tokens lower, or start the server with a larger '
        '--max-model-len'
    ),
    r'At most \d+ video': 'start vLLM with --limit-mm-per-prompt \'{"video": 1}\'',
    'not a multimodal model|not support (video|multimodal)': (
        'this model cannot look at a video: name another one after the #'
    ),
    'logprobs.*max allowed': 'start vLLM with --max-logprobs 1: scores come from log-probabilities',
    'chat template': (
        'the folder on the server has no chat template: molmo-ground convert-checkpoint writes one'
    ),
    'trust.remote.code': 'start vLLM with --trust-remote-code, which the released layout needs',
    'frames_indices|total_num_frames': 'use vLLM 0.32, the version that was tested',
    'model.*(does not exist|not found)': (
        "what follows # in the address must be the server's own name of the model; "
        'curl ADDRESS/models lists them'
    ),
}
_BY_STATUS: dict[int, str] = {
    http.client.NOT_FOUND: 'the path before # most often ends with /v1',
    http.client.REQUEST_ENTITY_TOO_LARGE: 'a proxy refuses so much: ask about a shorter window, or '
    'raise its limit (nginx: client_max_body_size)',
    http.client.BAD_GATEWAY: 'a proxy answers, and the server behind it does not: look at its log',
    http.client.GATEWAY_TIMEOUT: 'a proxy gave up waiting: raise its limit of time',
}


def advice(words: str, status: int) -> str:
    """What to do about an error, one line; '' where this is not known.

    words: the server's own. status: of HTTP.
    """
    for pattern, text in _ADVICE.items():
        if re.search(pattern, words, re.IGNORECASE):
            return text
    return _BY_STATUS.get(status, '')


def advised(words: str, status: int) -> str:
    """The server's words, and behind them what to do."""
    text = advice(words, status)
    return f'{words}; {text}' if text else words
