# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The map of errors in errors.py's docstring, held to the classes of the package."""

from __future__ import annotations

import ast
import builtins
import inspect
import pickle
import re
from pathlib import Path

from molmo_ground_ros import errors

PACKAGE = Path(errors.__file__).parent
BUILT_IN = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


def classes_by_module() -> dict[str, dict[str, list[str]]]:
    """The names of each class's bases, by module and class."""
    classes: dict[str, dict[str, list[str]]] = {}
    for path in sorted(PACKAGE.rglob('*.py')):
        module = '.'.join(path.relative_to(PACKAGE).with_suffix('').parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).rpartition('.')[2] for base in node.bases]
                classes.setdefault(module, {})[node.name] = bases
    return classes


def error_classes() -> set[tuple[str, str]]:
    """(module, class) of every class that is an exception."""
    classes, names = classes_by_module(), set(BUILT_IN)
    while True:
        more = {
            name
            for of_module in classes.values()
            for name, bases in of_module.items()
            if name not in names and not names.isdisjoint(bases)
        }
        if not more:
            break
        names |= more
    return {(module, name) for module, of in classes.items() for name in of if name in names}


def drawn_tree() -> dict[str, str]:
    """The base of each error in the docstring's tree, by name."""
    path: list[str] = []
    bases: dict[str, str] = {}
    for line in (errors.__doc__ or '').splitlines():
        match = re.fullmatch(r'    ((?:[|`]   |    )*)((?:\||`)-- )?(\w+)', line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + bool(match[2])
        path[depth:] = [match[3]]
        bases[match[3]] = path[depth - 1] if depth else 'Exception'
    return bases


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    classes = inspect.getmembers(errors, inspect.isclass)
    actual = {
        name: cls.__bases__[0].__name__ for name, cls in classes if issubclass(cls, Exception)
    }
    assert drawn_tree() == actual


def test_every_error_is_in_errors_or_named_there_with_its_module() -> None:
    doc = errors.__doc__ or ''
    public = {(module, name) for module, name in error_classes() if not name.startswith('_')}
    elsewhere = {f'{module}.{name}' for module, name in public if module != 'errors'}
    named = set(re.findall(r'^    ([a-z_.\d]+\.[A-Z]\w+)', doc, re.MULTILINE))
    assert named == elsewhere


def test_an_error_passes_to_another_process_with_its_message_and_values() -> None:
    error = pickle.loads(pickle.dumps(errors.BadField('box', (1, 2), 'object 3 has none')))
    assert isinstance(error, errors.BadField)
    assert str(error) == 'box = (1, 2): object 3 has none'
    assert error.value == (1, 2)
