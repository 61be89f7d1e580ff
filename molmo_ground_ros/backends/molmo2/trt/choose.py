# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which of a checkpoint's plans to load on this machine, or why none can be loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.formats import ENGINE_FORMATS, compute_dtype
from molmo_ground_ros.backends.molmo2.trt.find import Tensorrt
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu, system
from molmo_ground_ros.backends.molmo2.trt.plans import ENGINES, Plan, Platform, mismatch, read_plans
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER, VISION
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.errors import BadModel


@dataclass(frozen=True, slots=True)
class PlanPair:
    """The plans of a decoder and of its vision tower, and the TensorRT that runs both."""

    tensorrt: Tensorrt
    decoder: Plan
    vision: Plan


def choose(
    checkpoint: Checkpoint, dtype: str, tensorrts: Sequence[Tensorrt], gpu: TargetGpu
) -> PlanPair:
    """The plans to load. dtype: one of formats.ENGINE_FORMATS, or 'auto'.

    'auto' takes the first of ENGINE_FORMATS that has a usable plan. Among plans of one format the
    largest capacity is taken. Raises BadModel if no plan can be used; the error says what differs
    for each plan, and how to build one.
    """
    machine = Platform(
        checkpoint.folder,
        digest(read_index(checkpoint.model, checkpoint.folder), checkpoint.config),
        [str(tensorrt) for tensorrt in tensorrts],
        gpu,
        system(),
    )
    plans, reasons = read_plans(checkpoint.folder)
    formats = ENGINE_FORMATS if dtype == 'auto' else (dtype,)
    decoders = sorted(
        (plan for plan in plans if plan.recipe.part == DECODER and plan.recipe.weights in formats),
        key=lambda plan: (formats.index(plan.recipe.weights), -plan.recipe.capacity),
    )
    for decoder in decoders:
        if why := mismatch(decoder, machine):
            reasons.append(why)
        elif isinstance(vision := _vision(decoder, plans, machine), str):
            reasons.append(vision)
        else:
            [tensorrt] = [runner for runner in tensorrts if str(runner) == decoder.recipe.tensorrt]
            return PlanPair(tensorrt, decoder, vision)
    if not decoders:
        of = '' if dtype == 'auto' else f' of {dtype}'
        reasons.append(f'there is no plan{of} in {checkpoint.folder / ENGINES}')
    option = '' if dtype == 'auto' else f' --dtype {dtype}'
    raise BadModel(
        checkpoint.model,
        f'{"; ".join(reasons)}; build one with '
        f'molmo-ground build --backend tensorrt{option} {checkpoint.folder}',
    )


def _vision(decoder: Plan, plans: Sequence[Plan], machine: Platform) -> Plan | str:
    """The vision tower's plan that goes with a decoder's plan, or why there is none."""
    precision, tensorrt = compute_dtype(decoder.recipe.weights), decoder.recipe.tensorrt
    reasons = []
    for plan in plans:
        recipe = plan.recipe
        if (recipe.part, recipe.weights, recipe.tensorrt) == (VISION, precision, tensorrt):
            reasons.append(mismatch(plan, machine))
            if not reasons[-1]:
                return plan
    return '; '.join(reasons) or f'there is no plan of the vision tower in {precision}'
