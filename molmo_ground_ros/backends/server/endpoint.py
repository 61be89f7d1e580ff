# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the address of a server and the options in it. Opens no connection.

    http://host:8000/v1#allenai/Molmo2-4B
    https://host/v1?ca=/etc/lab.pem&first=600#allenai/Molmo2-4B

Options of `Endpoint` follow after '?', and the model's name on the server after '#'. The key is
never part of an address: it is read from the environment.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from molmo_ground_ros.errors import BadModel, BadSetting, listed, without_secret

KEY_VARIABLE = 'MOLMO_GROUND_SERVER_KEY'
KINDS = ('vllm', 'transformers')
FRAMES = ('jpeg', 'png')
FORM = "not of the form 'http(s)://host:port/v1#model-name'"
LONGEST_S = 86_400.0
RETRIES, MOST_RETRIES = 4, 20
_TIMES = {'connect': 'connect_s', 'first': 'first_s', 'between': 'between_s'}
# The first is the default.
_CHOICES = {'frames': FRAMES, 'kind': KINDS}
_OPTIONS = ('ca', 'retries', *_CHOICES, *_TIMES)
# The characters that a header may hold.
_KEY = re.compile(r'[!-~]+')


def is_address(model: str) -> bool:
    """Whether the name of a model is an address, and not a folder or a hub id."""
    return model.lower().startswith(('http://', 'https://'))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model of one server.

    secure: TLS. path: what precedes /chat/completions, without a slash at its end.
    model: the model's name on the server. kind: how the server takes a video, one of KINDS.
    frames: how frames are written, one of FRAMES.
    ca: a PEM file with the authorities to trust; '' trusts those of the system.
    first_s: the longest time to the first token: the server's queue, the upload and the prefill.
    between_s: the longest time from one token to the next.
    retries: how often a request is repeated that the server has not begun to work on.
    """

    secure: bool
    host: str
    port: int
    path: str
    model: str
    kind: str = 'vllm'
    frames: str = 'jpeg'
    ca: str = ''
    connect_s: float = 10.0
    first_s: float = 300.0
    between_s: float = 60.0
    retries: int = RETRIES

    @property
    def address(self) -> str:
        """The address without options and model, for messages."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{"https" if self.secure else "http"}://{host}:{self.port}{self.path}'

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read an address. Raises BadModel, whose message hides a password in the address."""
        safe_text = without_secret(text)
        try:
            parts = urlsplit(text)
            port = parts.port
            options = dict(_options(parts.query))
        except ValueError as err:
            raise BadModel(safe_text, f'{FORM}: {without_secret(str(err))}') from err
        if parts.scheme not in ('http', 'https') or not parts.hostname or not parts.fragment:
            raise BadModel(safe_text, FORM)
        if parts.username is not None or parts.password is not None:
            why = f'no user or password in an address: the key is {KEY_VARIABLE}'
            raise BadModel(safe_text, why)
        try:
            return _endpoint(parts, port, options)
        except ValueError as err:
            raise BadModel(safe_text, str(err)) from err

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context, which verifies certificate and host name; None without TLS.

        Raises BadModel for a CA file that cannot be used.
        """
        if not self.secure:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        # ssl.SSLError is an OSError, too.
        except OSError as err:
            raise BadModel(self.model, f"cannot use the CA file '{self.ca}': {err}") from err


def read_key() -> str:
    """The key from the environment; '' where there is none.

    Raises BadSetting, whose message does not show the key.
    """
    key = os.environ.get(KEY_VARIABLE, '').strip()
    if key and not _KEY.fullmatch(key):
        raise BadSetting(KEY_VARIABLE, '***', 'holds characters that a header cannot')
    return key


def _options(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    options = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    names = [name for name, _ in options]
    for name in names:
        if name not in _OPTIONS:
            raise ValueError(f"unknown option '{name}'; the known ones: {listed(_OPTIONS)}")
        if names.count(name) > 1:
            raise ValueError(f"option '{name}' is given twice")
    return options


def _endpoint(parts: SplitResult, port: int | None, options: dict[str, str]) -> Endpoint:
    """Raises ValueError for an option out of range."""
    secure = parts.scheme == 'https'
    ca = options.get('ca', '')
    if ca and not secure:
        raise ValueError('a CA file is for https')
    times = {_TIMES[name]: _seconds(name, options[name]) for name in _TIMES if name in options}
    retries = options.get('retries', str(RETRIES))
    if not retries.isdecimal() or int(retries) > MOST_RETRIES:
        raise ValueError(f"retries '{retries}' is not a whole number up to {MOST_RETRIES}")
    return Endpoint(
        secure=secure,
        host=parts.hostname or '',
        port=port or (443 if secure else 80),
        path=parts.path.rstrip('/'),
        model=parts.fragment,
        kind=_choice('kind', options),
        frames=_choice('frames', options),
        ca=ca,
        retries=int(retries),
        **times,
    )


def _choice(name: str, options: dict[str, str]) -> str:
    choice = options.get(name, _CHOICES[name][0])
    if choice not in _CHOICES[name]:
        raise ValueError(f"{name} '{choice}' is not one of {listed(_CHOICES[name])}")
    return choice


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    # `not (0 < value)` also refuses nan.
    if not 0 < value <= LONGEST_S:
        raise ValueError(f"{name} '{text}' is not a time in seconds up to {LONGEST_S:g}")
    return value
