# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: change the code in one small place at a time, and see whether its near tests notice.

Usage:
    python -m tools.mutate molmo_ground_ros/frames molmo_ground_ros/language --places 50 --seed 1

Each mutant is one change (a comparison, a sum, a number, a condition, a call left out) in a copy of
the tree; the tests of the changed file's folder run on it. A mutant that they let pass is printed
with its line: it wants a test, or is equivalent to the original. Last line: a JSON object.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = 'molmo_ground_ros'
COPIED = (PACKAGE, 'test', 'tools', 'models', 'examples', 'config', 'launch', 'pyproject.toml')
TIMEOUT_S = 180.0

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
_NAMES = {'min': 'max', 'max': 'min', 'any': 'all', 'all': 'any'}


@dataclass(frozen=True)
class Mutant:
    """One changed file."""

    file: Path  # below the root
    line: int
    change: str  # the statement's line before and after
    source: str  # of the whole file, changed


def _changes(node: ast.AST) -> Iterator[Callable[[], None]]:
    """Ways to change one node in place."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        operator = _COMPARED[type(node.ops[0])]()
        yield lambda: node.ops.__setitem__(0, operator)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _COMPUTED:
        computed = _COMPUTED[type(node.op)]()
        yield lambda: setattr(node, 'op', computed)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield lambda: setattr(node, 'op', other)
        yield lambda: node.values.__delitem__(-1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda: setattr(node, 'op', ast.UAdd())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        changed = not node.value if isinstance(node.value, bool) else node.value + 1
        yield lambda: setattr(node, 'value', changed)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NAMES:
        name = ast.Name(_NAMES[node.func.id])
        yield lambda: setattr(node, 'func', name)
    elif isinstance(node, ast.If):
        yield lambda: setattr(node, 'test', ast.Constant(value=True))
        yield lambda: setattr(node, 'test', ast.Constant(value=False))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield lambda: setattr(node, 'value', ast.Constant(value=None))


def _places(tree: ast.Module) -> list[tuple[int, int]]:
    """(index of the node in `ast.walk`, index of its change), inside functions only."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for statement in function.body
        for node in ast.walk(statement)
    }
    return [
        (index, number)
        for index, node in enumerate(ast.walk(tree))
        if id(node) in inside
        for number, _ in enumerate(_changes(node))
    ]


def mutant_of(root: Path, file: Path, place: tuple[int, int]) -> Mutant:
    """The file with one change. place: from `_places`."""
    tree = ast.parse((root / file).read_text())
    before = ast.unparse(copy.deepcopy(tree)).splitlines()
    node = list(ast.walk(tree))[place[0]]
    list(_changes(node))[place[1]]()
    after = ast.unparse(ast.fix_missing_locations(tree))
    pairs = zip(before, after.splitlines(), strict=False)
    difference = next(((a, b) for a, b in pairs if a != b), ('', ''))
    change = f'{difference[0].strip()}  ->  {difference[1].strip()}'
    return Mutant(file, getattr(node, 'lineno', 0), change, after)


def near_tests(root: Path, file: Path) -> list[str]:
    """The test folder that mirrors the file's folder, or the one above it."""
    folder = Path('test', *file.parent.parts[1:])
    while not (root / folder).is_dir():
        folder = folder.parent
    own = folder / f'test_{file.name}'
    return [*([str(own)] if (root / own).is_file() else []), str(folder)]


def is_caught(copied: Path, mutant: Mutant) -> bool:
    """Whether the near tests fail on the mutant. The copy is as it was afterwards."""
    path = copied / mutant.file
    original = path.read_text()
    path.write_text(mutant.source)
    try:
        command = [sys.executable, '-m', 'pytest', '-x', '-q', '-p', 'no:cacheprovider']
        command += ['--no-header', '--timeout=60', *near_tests(copied, mutant.file)]
        done = subprocess.run(
            command, cwd=copied, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(original)
    return done.returncode != 0


def chosen_mutants(root: Path, folders: Sequence[Path], places: int, seed: int) -> list[Mutant]:
    """Mutants at places drawn from all files below the folders, the same for a seed and a tree."""
    candidates = [
        (file.relative_to(root), place)
        for folder in folders
        for file in sorted((root / folder).rglob('*.py'))
        for place in _places(ast.parse(file.read_text()))
    ]
    drawn = random.Random(seed).sample(candidates, min(places, len(candidates)))
    return [mutant_of(root, file, place) for file, place in drawn]


def main(arguments: list[str] | None = None) -> int:
    """Try mutants; 0 however many are not caught."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('folders', nargs='+', type=Path)
    parser.add_argument('--places', type=int, default=50)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    root = Path.cwd()
    missed = 0
    mutants = chosen_mutants(root, options.folders, options.places, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for name in COPIED:
            if (root / name).is_dir():
                ignored = shutil.ignore_patterns('__pycache__')
                shutil.copytree(root / name, copied / name, ignore=ignored)
            else:
                shutil.copy(root / name, copied / name)
        os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
        for number, mutant in enumerate(mutants, 1):
            caught = is_caught(copied, mutant)
            missed += not caught
            word = 'caught' if caught else 'NOT CAUGHT'
            print(f'{number:3} {word:10} {mutant.file}:{mutant.line}: {mutant.change}', flush=True)
    score = (len(mutants) - missed) / len(mutants) if mutants else 0.0
    print(json.dumps({'mutants': len(mutants), 'not_caught': missed, 'score': round(score, 3)}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
