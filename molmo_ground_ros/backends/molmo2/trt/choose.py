# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which of a checkpoint's plans to load on this machine, or why none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.trt.find import Tensorrt
from molmo_ground_ros.backends.molmo2.trt.memory import TargetGpu, system
from molmo_ground_ros.backends.molmo2.trt.plans import ENGINES, Entry, Platform, entries, mismatch
from molmo_ground_ros.backends.molmo2.trt.precision import FORMATS, computed
from molmo_ground_ros.backends.molmo2.trt.profiles import DECODER, VISION
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.errors import BadModel


@dataclass(frozen=True, slots=True)
class Chosen:
    """Plans that belong together, and what runs them."""

    tensorrt: Tensorrt
    decoder: Entry
    vision: Entry


def choose(
    checkpoint: Checkpoint, dtype: str, tensorrts: Sequence[Tensorrt], gpu: TargetGpu
) -> Chosen:
    """The plans to load: the first format of FORMATS for dtype 'auto', the largest capacity.

    Raises BadModel where no plan fits, with what differs for each of them, and how to build one.
    """
    here = Platform(
        checkpoint.folder,
        digest(read_index(checkpoint.model, checkpoint.folder), checkpoint.config),
        [str(one) for one in tensorrts],
        gpu,
        system(),
    )
    found, reasons = entries(checkpoint.folder)
    wanted = FORMATS if dtype == 'auto' else (dtype,)
    decoders = sorted(
        (one for one in found if one.recipe.part == DECODER and one.recipe.weights in wanted),
        key=lambda one: (wanted.index(one.recipe.weights), -one.recipe.capacity),
    )
    for decoder in decoders:
        if why := mismatch(decoder, here):
            reasons.append(why)
        elif isinstance(vision := _vision(decoder, found, here), str):
            reasons.append(vision)
        else:
            [tensorrt] = [one for one in tensorrts if str(one) == decoder.recipe.tensorrt]
            return Chosen(tensorrt, decoder, vision)
    if not decoders:
        of = '' if dtype == 'auto' else f' of {dtype}'
        reasons.append(f'there is no plan{of} in {checkpoint.folder / ENGINES}')
    option = '' if dtype == 'auto' else f' --dtype {dtype}'
    raise BadModel(
        checkpoint.model,
        f'{"; ".join(reasons)}; build one with '
        f'molmo-ground build --backend tensorrt{option} {checkpoint.folder}',
    )


def _vision(decoder: Entry, found: Sequence[Entry], here: Platform) -> Entry | str:
    """The plan of the vision tower for a decoder's, or why there is none."""
    precision, tensorrt = computed(decoder.recipe.weights), decoder.recipe.tensorrt
    reasons = []
    for one in found:
        made = one.recipe
        if (made.part, made.weights, made.tensorrt) == (VISION, precision, tensorrt):
            reasons.append(mismatch(one, here))
            if not reasons[-1]:
                return one
    return '; '.join(reasons) or f'there is no plan of the vision tower in {precision}'
