# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records of JSON by name, packed: as objects they take five times the memory."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any


class PackedRecords(MutableMapping[str, Any]):
    """Gives a new copy of a record each time: to change one, store it again."""

    def __init__(self, records: Iterable[tuple[str, Any]] = ()) -> None:
        self._packed: dict[str, bytes] = {}
        self.update(records)

    def __setitem__(self, name: str, record: Any) -> None:
        self._packed[name] = pickle.dumps(record, pickle.HIGHEST_PROTOCOL)

    def __getitem__(self, name: str) -> Any:
        return pickle.loads(self._packed[name])  # noqa: S301 - packed by `__setitem__`

    def __delitem__(self, name: str) -> None:
        del self._packed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
