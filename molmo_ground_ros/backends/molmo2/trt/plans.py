# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The plans in FOLDER/engines: what each was made of, and whether this machine may load it.

A plan is the file `<key>.plan`. Its manifest is `<key>.json` beside it, which is written last. A
file's name proves nothing: the manifest states what the plan was made of. All of that is compared
with this machine and the checkpoint, and the plan's bytes with their sha256, before TensorRT reads
any of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.molmo2.trt.content import file_hashes, sha256
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu
from molmo_ground_ros.storage.atomic import write_atomically

ENGINES = 'engines'  # the folder of plans in a checkpoint's folder
# How the field `self_check` of a manifest begins if there was no GPU to run the plan on.
NOT_CHECKED = 'not run'
# The self-check has not been run yet; the plan may not be loaded before.
PENDING = 'pending'
# The file beside the plans that remembers hashes of files, see content.py.
_HASHES = 'contents.json'
# The version of the manifest's own layout.
_FORMAT = 1
_KEY_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what is in a plan; its hash is the plan's key.

    part: one of files.PARTS. checkpoint: weights.digest, which covers the config and the layout of
    the weights. graph: the name of the ONNX file. files: the sha256, by name, of the graph and of
    every file that holds its weights. weights: their format, 'float16' or 'int4' for example.
    capacity: rows of the cache; frames: of the longest clip; both are 0 for the vision tower.
    profiles: the sizes of the inputs, in words. tensorrt: flavour and version. capability: the
    GPU's compute capability, 'SM86' for example. gpu: the GPU's name, and multiprocessors: how many
    it has; they are '' and 0 in a plan that was built ahead of time, which any GPU of that
    capability may load. system: operating system and processor.
    """

    part: str
    checkpoint: str
    graph: str
    files: Mapping[str, str]
    weights: str
    capacity: int
    frames: int
    profiles: str
    tensorrt: str
    capability: str
    gpu: str
    multiprocessors: int
    system: str

    @property
    def key(self) -> str:
        """The name of the plan's files, without their suffix."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LETTERS]


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What building and checking a plan showed.

    attention: layers of attention. fused_attention: those that are certainly a single kernel.
    in_place_kv: updates of the cache that overwrite it in place. seconds: how long building took.
    self_check: its result in words, PENDING, or NOT_CHECKED with the reason.
    """

    attention: int
    fused_attention: int
    in_place_kv: int
    seconds: float
    self_check: str


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan's file on disk. Nothing loads it before its manifest is written."""

    path: Path
    nbytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's file and what its manifest says."""

    file: PlanFile
    recipe: Recipe
    facts: BuildFacts


@dataclass(frozen=True, slots=True)
class Platform:
    """The checkpoint and the machine that a plan must have been made for.

    folder: the checkpoint's. checkpoint: weights.digest. tensorrts: flavour and version of each
    TensorRT that is installed.
    """

    folder: Path
    checkpoint: str
    tensorrts: Sequence[str]
    gpu: TargetGpu
    system: str


def write_plan(folder: Path, recipe: Recipe, data: memoryview) -> PlanFile:
    """Write a plan under its recipe's key. Raises OSError, and then leaves no unfinished file."""
    path = folder / ENGINES / f'{recipe.key}.plan'
    _manifest(path).unlink(missing_ok=True)
    write_atomically(path, data)
    return PlanFile(path, len(data), hashlib.sha256(data).hexdigest())


def write_manifest(file: PlanFile, recipe: Recipe, facts: BuildFacts) -> Plan:
    """Write the manifest of a plan's file. From then on the plan may be found and loaded."""
    manifest = {
        'format': _FORMAT,
        'plan': {'bytes': file.nbytes, 'sha256': file.sha256},
        'made_of': asdict(recipe),
        'found': asdict(facts),
    }
    write_atomically(_manifest(file.path), json.dumps(manifest, indent=1).encode() + b'\n')
    return Plan(file, recipe, facts)


def delete_plan(path: Path) -> None:
    """Delete a plan and its manifest."""
    _manifest(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def delete_older(folder: Path, recipe: Recipe) -> None:
    """Delete plans that this recipe's plan replaces.

    They were built for the same purpose and machine, but from other weights or graphs.
    """
    sources = {name: getattr(recipe, name) for name in ('checkpoint', 'graph', 'files', 'profiles')}
    for plan in read_plans(folder)[0]:
        if plan.recipe != recipe and replace(plan.recipe, **sources) == recipe:
            delete_plan(plan.file.path)


def find_plan(folder: Path, recipe: Recipe) -> Plan | None:
    """The plan of exactly this recipe; None if there is none or its bytes have changed."""
    manifest = folder / ENGINES / f'{recipe.key}.json'
    plan = _read(manifest) if manifest.is_file() else ''
    if isinstance(plan, str) or plan.recipe != recipe or damage(plan.file):
        return None
    return plan


def read_plans(folder: Path) -> tuple[list[Plan], list[str]]:
    """All plans in a checkpoint's folder, and one line for each manifest that cannot be used."""
    plans: list[Plan] = []
    reasons: list[str] = []
    for path in sorted((folder / ENGINES).glob('*.json')):
        if path.name == _HASHES:
            continue
        plan = _read(path)
        if isinstance(plan, str):
            reasons.append(plan)
        else:
            plans.append(plan)
    return plans, reasons


def built_parts(folder: Path, formats: Mapping[str, str], capability: str) -> set[str]:
    """The parts that have a plan for GPUs of this capability. What is in the plans is not checked.

    formats: that of each part's weights, by part.
    """
    return {
        plan.recipe.part
        for plan in read_plans(folder)[0]
        if plan.recipe.capability == capability
        and plan.recipe.weights == formats.get(plan.recipe.part)
    }


def checkpoint_hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The sha256 by name of files in a checkpoint's folder; '' for a file that does not exist."""
    return file_hashes(folder, names, folder / ENGINES / _HASHES)


def mismatch(plan: Plan, machine: Platform) -> str:
    """Why this machine may not load a plan, naming what differs; '' if it may.

    A file that was deleted is no reason: a plan holds its own weights, so the graph and quantised
    weights may be deleted to save room. The checkpoint's config and layout are always compared.
    """
    recipe, name = plan.recipe, plan.file.path.name
    if plan.facts.self_check == PENDING:
        return f'{name} was never compared with the reference: its build was broken off'
    differences = [
        f'{what} {was}, here {now}'
        for what, was, now in (
            ('by', recipe.tensorrt, recipe.tensorrt if recipe.tensorrt in machine.tensorrts else
             ' and '.join(machine.tensorrts)),
            ('for a GPU of compute capability', recipe.capability, machine.gpu.capability),
            ('for the GPU', recipe.gpu, machine.gpu.name if recipe.gpu else ''),
            ('for multiprocessors:', recipe.multiprocessors,
             machine.gpu.multiprocessors if recipe.gpu else 0),
            ('on', recipe.system, machine.system),
        )
        if was != now
    ]  # fmt: skip
    if differences:
        return f'{name} was built {"; ".join(differences)}'
    if recipe.checkpoint != machine.checkpoint:
        return f'{name} is stale: config.json or the layout of the weights changed'
    now = checkpoint_hashes(machine.folder, list(recipe.files))
    if changed := [name for name, was in recipe.files.items() if now[name] not in ('', was)]:
        return f'{name} is stale: {", ".join(changed)} changed since it was built'
    return damage(plan.file)


def damage(plan: PlanFile) -> str:
    """What is wrong with a plan's bytes; '' if they are the ones that were written."""
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


def _read(path: Path) -> Plan | str:
    """A manifest's plan, or a line that says what is wrong with the manifest."""
    try:
        manifest = json.loads(path.read_text(encoding='utf-8'))
        if manifest['format'] != _FORMAT:
            return f'{path.name} is a manifest of format {manifest["format"]!r}, not {_FORMAT}'
        recipe = Recipe(**_exact(Recipe, manifest['made_of']))
        facts = BuildFacts(**_exact(BuildFacts, manifest['found']))
        plan_path = path.with_suffix('.plan')
        file = PlanFile(plan_path, int(manifest['plan']['bytes']), str(manifest['plan']['sha256']))
    except (OSError, ValueError, TypeError, KeyError) as err:
        return f'{path.name} is damaged: {type(err).__name__}: {err}'
    if recipe.key != path.stem:
        return f'{path.name} is damaged: what it says was made is {recipe.key}'
    return Plan(file, recipe, facts)


def _exact(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values, if their names are exactly the dataclass's fields. Raises ValueError."""
    names = {field.name for field in fields(record)}
    if unexpected := names ^ values.keys():
        raise ValueError(f'{min(unexpected)} is missing or unknown')
    return values
