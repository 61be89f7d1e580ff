# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plans kept in FOLDER/engines: what each was made of, and whether it may be loaded here.

A plan is `<key>.plan`; `<key>.json` beside it, written last, is its manifest. Nothing is loaded by
its name: the manifest says in words what the plan was made of, all of it is compared with what is
here, and the plan's own bytes with their sha256, before TensorRT sees one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.molmo2.trt.content import contents, sha256
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu
from molmo_ground_ros.storage.atomic import write_atomically

ENGINES = 'engines'  # the folder of plans in a checkpoint's folder
NOT_CHECKED = 'not run'  # what a manifest's self-check begins with where there was no GPU
PENDING = 'pending'  # a self-check that is to follow: the plan may not be loaded before
_REMEMBERED = 'contents.json'
_FORMAT = 1  # of the manifest
_KEY_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what is in a plan; its hash is the plan's key."""

    part: str  # one of files.PARTS
    checkpoint: str  # weights.digest: the config, and the layout of the weights
    graph: str  # name of the ONNX file
    files: Mapping[str, str]  # sha256 of the graph and of every file its weights lie in
    weights: str  # their format: 'float16', 'int4' ...
    capacity: int  # rows of the cache; 0 for the vision tower
    frames: int  # of the longest clip; 0 for the vision tower
    profiles: str  # sizes of inputs
    tensorrt: str  # flavour and version
    capability: str  # compute capability of the GPU, 'SM86'
    gpu: str  # its name; '' for any of that capability, where it was built ahead of time
    multiprocessors: int  # 0 likewise
    system: str  # operating system and processor

    @property
    def key(self) -> str:
        """The name of the plan."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LETTERS]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found while a plan was built."""

    attention: int  # layers of it
    fused_attention: int  # that are one kernel for certain
    in_place_kv: int
    seconds: float
    self_check: str  # what it found, PENDING, or NOT_CHECKED and why


@dataclass(frozen=True, slots=True)
class Written:
    """A plan on disk. It is not among the kept ones before its manifest is."""

    path: Path
    nbytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A plan and its manifest."""

    plan: Written
    recipe: Recipe
    facts: Facts


@dataclass(frozen=True, slots=True)
class Platform:
    """What a plan must have been made for."""

    folder: Path  # of the checkpoint
    checkpoint: str  # weights.digest
    tensorrts: Sequence[str]  # those installed
    gpu: TargetGpu
    system: str


def write_plan(folder: Path, recipe: Recipe, data: memoryview) -> Written:
    """Write a plan under its key. Raises OSError; nothing unfinished is left behind."""
    path = folder / ENGINES / f'{recipe.key}.plan'
    _manifest(path).unlink(missing_ok=True)
    write_atomically(path, data)
    return Written(path, len(data), hashlib.sha256(data).hexdigest())


def keep(written: Written, recipe: Recipe, facts: Facts) -> Entry:
    """Write the manifest of a plan: from now on it is one of the kept."""
    said = {
        'format': _FORMAT,
        'plan': {'bytes': written.nbytes, 'sha256': written.sha256},
        'made_of': asdict(recipe),
        'found': asdict(facts),
    }
    write_atomically(_manifest(written.path), json.dumps(said, indent=1).encode() + b'\n')
    return Entry(written, recipe, facts)


def drop(path: Path) -> None:
    """Delete a plan and its manifest."""
    _manifest(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def drop_older(folder: Path, recipe: Recipe) -> None:
    """Delete plans that were built for the same purpose and machine, of something else."""
    made_of = {name: getattr(recipe, name) for name in ('checkpoint', 'graph', 'files', 'profiles')}
    for one in entries(folder)[0]:
        if one.recipe != recipe and replace(one.recipe, **made_of) == recipe:
            drop(one.plan.path)


def kept(folder: Path, recipe: Recipe) -> Entry | None:
    """The plan of exactly this recipe, if it is there and whole."""
    manifest = folder / ENGINES / f'{recipe.key}.json'
    found = _read(manifest) if manifest.is_file() else ''
    if isinstance(found, str) or found.recipe != recipe or damage(found.plan):
        return None
    return found


def entries(folder: Path) -> tuple[list[Entry], list[str]]:
    """All kept plans of a checkpoint's folder, and what is wrong with manifests that are not."""
    found: list[Entry] = []
    wrong: list[str] = []
    for path in sorted((folder / ENGINES).glob('*.json')):
        if path.name == _REMEMBERED:
            continue
        one = _read(path)
        if isinstance(one, str):
            wrong.append(one)
        else:
            found.append(one)
    return found, wrong


def file_contents(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The sha256 of files of a checkpoint's folder, '' for one that is not there."""
    return contents(folder, names, folder / ENGINES / _REMEMBERED)


def mismatch(entry: Entry, here: Platform) -> str:
    """Why a plan may not be loaded here, naming what differs; '' where it may.

    A file that is gone says nothing: a plan holds its weights, and the graph and quantised weights
    may be deleted to save room. The checkpoint's config and layout are compared in any case.
    """
    made, name = entry.recipe, entry.plan.path.name
    if entry.facts.self_check == PENDING:
        return f'{name} was never compared with the reference: its build was broken off'
    differences = [
        f'{what} {was}, here {now}'
        for what, was, now in (
            ('by', made.tensorrt, made.tensorrt if made.tensorrt in here.tensorrts else
             ' and '.join(here.tensorrts)),
            ('for a GPU of compute capability', made.capability, here.gpu.capability),
            ('for the GPU', made.gpu, here.gpu.name if made.gpu else ''),
            ('for multiprocessors:', made.multiprocessors,
             here.gpu.multiprocessors if made.gpu else 0),
            ('on', made.system, here.system),
        )
        if was != now
    ]  # fmt: skip
    if differences:
        return f'{name} was built {"; ".join(differences)}'
    if made.checkpoint != here.checkpoint:
        return f'{name} is stale: config.json or the layout of the weights changed'
    now = file_contents(here.folder, list(made.files))
    if changed := [name for name, was in made.files.items() if now[name] not in ('', was)]:
        return f'{name} is stale: {", ".join(changed)} changed since it was built'
    return damage(entry.plan)


def damage(plan: Written) -> str:
    """What is wrong with a plan's bytes; '' where they are those that were written."""
    name = plan.path.name
    if not plan.path.is_file():
        return f'{name} is not there, its manifest is'
    size = plan.path.stat().st_size
    if size != plan.nbytes:
        return f'{name} is truncated or was changed: {size} bytes, not {plan.nbytes}'
    if sha256(plan.path) != plan.sha256:
        return f'{name} is damaged: its bytes are not those that were written'
    return ''


def _manifest(plan: Path) -> Path:
    return plan.with_suffix('.json')


def _read(path: Path) -> Entry | str:
    """A manifest, or what is wrong with it."""
    try:
        said = json.loads(path.read_text(encoding='utf-8'))
        if said['format'] != _FORMAT:
            return f'{path.name} is a manifest of format {said["format"]!r}, not {_FORMAT}'
        recipe = Recipe(**_exact(Recipe, said['made_of']))
        facts = Facts(**_exact(Facts, said['found']))
        plan = path.with_suffix('.plan')
        written = Written(plan, int(said['plan']['bytes']), str(said['plan']['sha256']))
    except (OSError, ValueError, TypeError, KeyError) as err:
        return f'{path.name} is damaged: {type(err).__name__}: {err}'
    if recipe.key != path.stem:
        return f'{path.name} is damaged: what it says was made is {recipe.key}'
    return Entry(written, recipe, facts)


def _exact(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values, if they are of the dataclass's fields and of no others."""
    names = {one.name for one in fields(kind)}
    if odd := names ^ values.keys():
        raise ValueError(f'{min(odd)} is missing or unknown')
    return values
