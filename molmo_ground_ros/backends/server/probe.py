# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks a server what a check needs to know: its version, its models, and answers with token ids."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.backends.server.advice import advised
from molmo_ground_ros.backends.server.endpoint import Endpoint, read_key
from molmo_ground_ros.backends.server.events import error_text, shortened
from molmo_ground_ros.backends.server.exchange import FAILURES, Exchange, Start
from molmo_ground_ros.backends.server.request import body, encode
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.types import Clip

# A reply of a check is short; a longer one is not that of a chat server.
_LONGEST_REPLY = 2**24  # bytes
_QUICK_S = 10.0
# Of our plugin in vLLM, and not among OpenAI's pages.
PLUGIN_PAGE = '/molmo_ground_ros'


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    prompt_ids, ids: token ids of the prompt and of the answer; empty where they are not told.
    logprobs: of each token; empty where they are not told.
    """

    text: str
    prompt_ids: tuple[int, ...] = ()
    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()


class Probe:
    """One model of one server, asked without streaming. Raises BadModel for a bad address."""

    def __init__(self, model: str) -> None:
        self._endpoint = Endpoint.parse(model)
        self._tls = self._endpoint.tls()
        self._key = read_key()

    @property
    def address(self) -> str:
        """The address without options and model."""
        return self._endpoint.address

    @property
    def model(self) -> str:
        """The model's name."""
        return self._endpoint.model

    def models(self) -> list[str]:
        """The names of the server's models. Raises BackendError."""
        listed = self._json(f'{self._endpoint.path}/models', b'', _QUICK_S).get('data', [])
        return [str(entry['id']) for entry in listed if isinstance(entry, dict) and 'id' in entry]

    def version(self) -> str:
        """The version of vLLM; '' if the server tells none."""
        try:
            told = self._json(self._beside('/version'), b'', _QUICK_S)
        except BackendError:
            return ''
        return str(told.get('version', ''))

    def plugin(self) -> str:
        """The version of our plugin in vLLM; '' where it is not loaded."""
        try:
            page = self._json(self._beside(PLUGIN_PAGE), b'', _QUICK_S)
        except BackendError:
            return ''
        return str(page.get('version', ''))

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens included (vLLM). Raises BackendError."""
        request = json.dumps({'model': self.model, 'tokens': list(ids)}).encode()
        return str(self._json(self._beside('/detokenize'), request, _QUICK_S).get('prompt', ''))

    def ask(self, clip: Clip, question: str, options: GenerateOptions) -> Reply:
        """Ask one question about a clip, whose frames go without loss. Raises BackendError."""
        images = [encode(frame.image, 'png') for frame in clip.frames]
        request = json.loads(
            body(self._endpoint, images, clip.seconds, question, options.max_new_tokens)
        )
        request |= {'stream': False}
        if self._endpoint.kind == 'vllm':
            request |= {'return_token_ids': True}
        reply = self._json('', json.dumps(request).encode(), self._endpoint.first_s)
        try:
            return _reply(reply)
        except (AttributeError, LookupError, TypeError, ValueError) as err:
            raise self._error(f'sent no answer: {shortened(json.dumps(reply))}') from err

    def _beside(self, page: str) -> str:
        """The path of a page of vLLM that is none of OpenAI's."""
        return self._endpoint.path.removesuffix('/v1') + page

    def _json(self, path: str, data: bytes, limit_s: float) -> dict[str, Any]:
        """What the server answers with, one JSON object. Raises BackendError."""
        headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        if self._key:
            headers['Authorization'] = f'Bearer {self._key}'
        exchange = Exchange(self._endpoint, self._tls, headers, data, path)
        try:
            head, words = _read(exchange, limit_s)
        except queue.Empty:
            raise self._error(f'did not answer within {limit_s:g} s') from None
        except FAILURES as err:
            raise self._error(f'the connection failed: {err!r}') from err
        finally:
            exchange.close()
        if head.status != 200:
            raise self._error(
                f'answers {head.status}: {advised(error_text(head.words), head.status)}'
            )
        try:
            content = json.loads(words)
        except (ValueError, RecursionError) as err:
            raise self._error(f'sent no JSON: {shortened(repr(words[:200]))}') from err
        return content if isinstance(content, dict) else {}

    def _error(self, problem: str) -> BackendError:
        text = problem.replace(self._key, '***') if self._key else problem
        return BackendError(f'{self.address}: {text}')


def _read(exchange: Exchange, limit_s: float) -> tuple[Start, bytes]:
    """The head and the body of a reply. Raises queue.Empty if it is not there in time."""
    deadline = time.monotonic() + limit_s
    head: Start | None = None
    words = b''
    while len(words) < _LONGEST_REPLY:
        received = exchange.next(max(deadline - time.monotonic(), 0.0))
        if isinstance(received, Start):
            head = received
            if head.status != 200:
                return head, b''
        elif received:
            words += received
        else:
            break
    if head is None:
        raise ConnectionError('no head')
    return head, words


def _reply(reply: dict[str, Any]) -> Reply:
    """Raises LookupError, TypeError, ValueError or AttributeError for no answer."""
    choice = reply['choices'][0]
    entries = (choice.get('logprobs') or {}).get('content') or []
    return Reply(
        text=str(choice['message']['content'] or ''),
        prompt_ids=_ids(reply.get('prompt_token_ids')),
        ids=_ids(choice.get('token_ids')),
        logprobs=tuple(float(entry['logprob']) for entry in entries),
    )


def _ids(listed: Sequence[int] | None) -> tuple[int, ...]:
    return tuple(int(token) for token in listed or ())
