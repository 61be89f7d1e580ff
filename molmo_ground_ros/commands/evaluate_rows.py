# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rows of an evaluation that are ready: their names, answers and masks, and what is wrong."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from molmo_ground_ros.backends.server.endpoint import is_address
from molmo_ground_ros.benchmarks.scoring.prediction_files import read_predictions
from molmo_ground_ros.benchmarks.scoring.predictions import Predictions
from molmo_ground_ros.errors import BadRecord

# Records that cannot be used and are named on stderr; results.json names all of them.
MOST_COMPLAINTS = 100


class Complaints:
    """Names each record that cannot be used on stderr, once; raises it if `strict`."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._named_faults: set[str] = set()

    def __call__(self, bad: BadRecord) -> None:
        """Name a record, once. Raises it if `strict`."""
        text = str(bad)
        if self._strict:
            raise bad
        if text in self._named_faults:
            return
        self._named_faults.add(text)
        if len(self._named_faults) <= MOST_COMPLAINTS:
            print(f'molmo-ground: skipped {" ".join(text.split())}', file=sys.stderr)

    def close(self) -> None:
        """Print how many records over MOST_COMPLAINTS were not named."""
        if len(self._named_faults) > MOST_COMPLAINTS:
            print(
                f'molmo-ground: skipped {len(self._named_faults) - MOST_COMPLAINTS} more',
                file=sys.stderr,
            )


def read_rows(arguments: argparse.Namespace, complaints: Complaints) -> list[Predictions]:
    """Read predictions from files. A single file without a name is named for --model, if given."""
    sources = [named(argument) for argument in arguments.predictions]
    if len(sources) == 1 and not sources[0][0] and len(arguments.model) == 1:
        sources = [(label(arguments.model[0]), sources[0][1])]
    files = [path for _, path in sources]
    names = unique([name or Path(path).stem for name, path in sources], files)
    models = [read_predictions(path, name) for name, path in zip(names, files, strict=True)]
    for model in models:
        for bad in model.bad:
            complaints(bad)
    mask_rows = [(name or Path(path).name, path) for name, path in map(named, arguments.masks)]
    before = [model.name for model in models]
    longer = [*before, *(path for _, path in mask_rows)]
    mask_names = unique([*before, *(name for name, _ in mask_rows)], longer)
    ready = zip(mask_names[len(before) :], mask_rows, strict=True)
    return [*models, *(Predictions(name, {}, masks=path) for name, (_, path) in ready)]


def named(argument: str) -> tuple[str, str]:
    """(name, file) of NAME=FILE; ('', argument) where a file has just that name."""
    name, equals, path = argument.partition('=')
    return (name, path) if equals and not Path(argument).exists() else ('', argument)


def label(model: str) -> str:
    """The name of a model in a table."""
    if is_address(model):
        return model.rpartition('#')[2] or model
    return Path(model).name or model


def unique(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """Distinct names: the longer form of a name that occurs twice, and then with a number."""
    counts = Counter(names)
    uniques: list[str] = []
    for name, long in zip(names, longer, strict=True):
        base = long if counts[name] > 1 else name
        number, unique = 1, base
        while unique in uniques:
            number += 1
            unique = f'{base} ({number})'
        uniques.append(unique)
    return uniques
