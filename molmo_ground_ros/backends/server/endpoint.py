# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the server is, and what is known about it. Opens no connection.

    http://host:8000/v1#allenai/Molmo2-4B
    https://host/v1?ca=/etc/lab.pem&first=600#allenai/Molmo2-4B

After '?' stand the options of `Endpoint`, after '#' the model as the server names it. The key has
no place in an address: it is read from the environment only.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from molmo_ground_ros.config import without_secret
from molmo_ground_ros.errors import BadModel, BadSetting, listed

KEY_VARIABLE = 'MOLMO_GROUND_SERVER_KEY'
KINDS = ('vllm', 'transformers')
FORM = "not of the form 'http(s)://host:port/v1#model-name'"
LONGEST_S = 86_400.0
RETRIES, MOST_RETRIES = 4, 20
_TIMES = {'connect': 'connect_s', 'first': 'first_s', 'between': 'between_s'}
_OPTIONS = ('ca', 'kind', 'retries', *_TIMES)
_KEY = re.compile(r'[!-~]+')  # what a header may hold


def is_address(model: str) -> bool:
    """Whether a model is named by an address rather than by a folder or a hub id."""
    return model.lower().startswith(('http://', 'https://'))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model of one server. Times in seconds."""

    secure: bool  # TLS
    host: str
    port: int
    path: str  # before /chat/completions, without a slash at its end
    model: str  # as the server names it
    kind: str = 'vllm'  # how it takes a video: one of KINDS
    ca: str = ''  # a PEM file with the authorities to trust; '' = those of the system
    connect_s: float = 10.0
    first_s: float = 300.0  # to the first token: waiting in line, uploading and prefill
    between_s: float = 60.0  # from one token to the next
    retries: int = RETRIES  # of a request that the server did not begin

    @property
    def address(self) -> str:
        """The server without options and model, for messages."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{"https" if self.secure else "http"}://{host}:{self.port}{self.path}'

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read an address. Raises BadModel that names it, a password in it hidden."""
        shown = without_secret(text)
        try:
            parts = urlsplit(text)
            port = parts.port
            options = dict(_options(parts.query))
        except ValueError as err:
            raise BadModel(shown, f'{FORM}: {without_secret(str(err))}') from err
        if parts.scheme not in ('http', 'https') or not parts.hostname or not parts.fragment:
            raise BadModel(shown, FORM)
        if parts.username is not None or parts.password is not None:
            raise BadModel(shown, f'no user or password in an address: the key is {KEY_VARIABLE}')
        try:
            return _endpoint(parts, port, options)
        except ValueError as err:
            raise BadModel(shown, str(err)) from err

    def tls(self) -> ssl.SSLContext | None:
        """How to verify the server; None without TLS. Raises BadModel for a CA file it cannot use.

        Certificate and host name are always verified.
        """
        if not self.secure:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except OSError as err:  # ssl.SSLError is one
            raise BadModel(self.model, f"cannot use the CA file '{self.ca}': {err}") from err


def read_key() -> str:
    """The key from the environment, '' where there is none.

    Raises BadSetting, which does not show it.
    """
    key = os.environ.get(KEY_VARIABLE, '').strip()
    if key and not _KEY.fullmatch(key):
        raise BadSetting(KEY_VARIABLE, '***', 'holds characters that a header cannot')
    return key


def _options(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    found = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    names = [name for name, _ in found]
    for name in names:
        if name not in _OPTIONS:
            raise ValueError(f"unknown option '{name}'; the known ones: {listed(_OPTIONS)}")
        if names.count(name) > 1:
            raise ValueError(f"option '{name}' is given twice")
    return found


def _endpoint(parts: SplitResult, port: int | None, options: dict[str, str]) -> Endpoint:
    """Raises ValueError for an option out of range."""
    secure = parts.scheme == 'https'
    kind = options.get('kind', 'vllm')
    if kind not in KINDS:
        raise ValueError(f"kind '{kind}' is not one of {listed(KINDS)}")
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
        kind=kind,
        ca=ca,
        retries=int(retries),
        **times,
    )


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_S:  # also refuses nan
        raise ValueError(f"{name} '{text}' is not a time in seconds up to {LONGEST_S:g}")
    return value
