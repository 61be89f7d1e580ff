# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads one JSON object of a config key by key; every error names the key."""

from __future__ import annotations

from typing import Any

from molmo_ground_ros.errors import BadModel


class Section:
    """One object. Every method that reads a value raises BadModel if it is of another kind."""

    def __init__(self, model: str, name: str, values: dict[str, Any]) -> None:
        self._model = model
        self._name = name
        self._values = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def unexpected(self, key: str, expected: str) -> BadModel:
        """The error for a key whose value is not one that is known."""
        value = self._values.get(key)
        return BadModel(self._model, f'{self._name}: {key} is {value!r}, known is {expected}')

    def section(self, *names: str, optional: bool = False) -> Section:
        """The object under the first of these keys that has a value; an empty one if optional."""
        name = next((name for name in names if self._values.get(name) is not None), names[0])
        value = self._values.get(name)
        if value is None and optional:
            value = {}
        if not isinstance(value, dict):
            raise self.unexpected(name, 'an object')
        return Section(self._model, name, value)

    def get(self, *keys: str, default: Any) -> Any:
        """The first of these keys that has a value."""
        present = (self._values[key] for key in keys if self._values.get(key) is not None)
        return next(present, default)

    def only(self, key: str, *supported: Any, default: Any) -> Any:
        """The value of a key, which must be equal to a supported value and of the same type."""
        value = self.get(key, default=default)
        if not any(value == other and type(value) is type(other) for other in supported):
            raise self.unexpected(key, ' or '.join(repr(other) for other in supported))
        return value

    def integer(self, *keys: str, default: int, least: int = 1) -> int:
        """A whole number."""
        value = self.get(*keys, default=default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.unexpected(self._named(keys), f'a whole number from {least} up')
        return value

    def number(self, *keys: str, default: float) -> float:
        """A number above zero."""
        value = self.get(*keys, default=default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            raise self.unexpected(self._named(keys), 'a number above zero')
        return float(value)

    def optional(self, key: str) -> float | None:
        """A number above zero, or None where the key has no value."""
        return None if self.get(key, default=None) is None else self.number(key, default=1.0)

    def keys_besides(self, names: set[str]) -> list[str]:
        """Keys that are none of these."""
        return sorted(key for key in self._values if key not in names)

    def _named(self, keys: tuple[str, ...]) -> str:
        return next((key for key in keys if key in self._values), keys[0])
