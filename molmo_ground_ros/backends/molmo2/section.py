# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One JSON object of a config, read key by key; an error names the key."""

from __future__ import annotations

from typing import Any

from molmo_ground_ros.errors import BadModel


class Section:
    """The values of one object. Every method raises BadModel for a value of another kind."""

    def __init__(self, model: str, name: str, values: dict[str, Any]) -> None:
        self._model = model
        self._name = name
        self._values = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def unknown(self, key: str, known: str) -> BadModel:
        """The error for a key whose value is not one that is known."""
        found = self._values.get(key)
        return BadModel(self._model, f'{self._name}: {key} is {found!r}, known is {known}')

    def section(self, *names: str, optional: bool = False) -> Section:
        """The object under the first of these keys that has a value; an empty one if optional."""
        name = next((name for name in names if self._values.get(name) is not None), names[0])
        found = self._values.get(name)
        if found is None and optional:
            found = {}
        if not isinstance(found, dict):
            raise self.unknown(name, 'an object')
        return Section(self._model, name, found)

    def get(self, *keys: str, default: Any) -> Any:
        """The first of these keys that has a value."""
        found = (self._values[key] for key in keys if self._values.get(key) is not None)
        return next(found, default)

    def only(self, key: str, *known: Any, default: Any) -> Any:
        """A value that must be one of these."""
        found = self.get(key, default=default)
        if not any(found == value and type(found) is type(value) for value in known):
            raise self.unknown(key, ' or '.join(repr(value) for value in known))
        return found

    def integer(self, *keys: str, default: int, least: int = 1) -> int:
        """A whole number."""
        found = self.get(*keys, default=default)
        if not isinstance(found, int) or isinstance(found, bool) or found < least:
            raise self.unknown(self._named(keys), f'a whole number from {least} up')
        return found

    def number(self, *keys: str, default: float) -> float:
        """A number above zero."""
        found = self.get(*keys, default=default)
        if not isinstance(found, (int, float)) or isinstance(found, bool) or not found > 0:
            raise self.unknown(self._named(keys), 'a number above zero')
        return float(found)

    def optional(self, key: str) -> float | None:
        """A number above zero, or None where the key has no value."""
        return None if self.get(key, default=None) is None else self.number(key, default=1.0)

    def keys_besides(self, known: set[str]) -> list[str]:
        """Keys that are none of these."""
        return sorted(key for key in self._values if key not in known)

    def _named(self, keys: tuple[str, ...]) -> str:
        return next((key for key in keys if key in self._values), keys[0])
