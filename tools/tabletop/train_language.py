# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 2: the language model alone, on cached visual features; vision is frozen.

Throw-away heads on the middle layer's visual tokens say what each colour does in each frame
(lifted, grasp begins, first seen, grasps so far, the frame's own time label): without them grasp
events hardly come at this size.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tabletop.clips import Bank, Batch, Coder, pack
from tools.tabletop.loop import Plan, run
from tools.tabletop.network import TOKENS, WIDTH, initialise, make_config
from tools.tabletop.train_vision import C
from tools.tabletop.vocabulary import CHAT, VISUAL

MIDDLE = 3  # layers before the throw-away heads
BLUR = 8.0  # thousandths: the bell a coordinate's class is trained towards


class Probes(nn.Module):
    """Throw-away linear heads on the middle layer's visual tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.states = nn.Linear(WIDTH, 3)
        self.totals = nn.Linear(WIDTH, 8)
        self.time = nn.Linear(WIDTH, 640)


def special_ids(coder: Coder) -> dict[str, int]:
    """The special tokens' ids by their text."""
    return {text: coder.id(text) for text in CHAT + VISUAL}


def build_model(coder: Coder, seed: int) -> Any:
    """A Molmo2ForConditionalGeneration with fresh weights."""
    from transformers.models.molmo2.modeling_molmo2 import Molmo2ForConditionalGeneration

    config = make_config(coder.base, len(VISUAL), special_ids(coder))
    model = Molmo2ForConditionalGeneration(config)
    initialise(model, torch.Generator().manual_seed(seed))
    _order_numbers(model, coder, seed)
    return model


def _order_numbers(model: Any, coder: Coder, seed: int) -> None:
    """Start times and coordinates as waves of their value, so that near values begin alike."""
    generator = torch.Generator().manual_seed(seed + 1)
    octaves = 2.0 ** torch.arange(-1, 6)
    embed, head = model.model.language_model.embed_tokens.weight, model.lm_head.weight
    coordinates = torch.arange(1001) + coder.coordinate
    with torch.no_grad():
        for rows, span in ((coordinates, 1000.0), (torch.as_tensor(coder.time), 320.0)):
            angle = torch.arange(len(rows))[:, None] / span * octaves * 2 * np.pi
            waves = torch.cat([angle.sin(), angle.cos()], 1) * (2 / 14) ** 0.5
            for weight in (embed, head):
                spread = torch.randn(14, WIDTH, generator=generator)
                scale = weight[rows].std()
                weight[rows] = weight[rows] * 0.3 + (waves @ spread) * scale


def hidden_states(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """(B, S, WIDTH) after MIDDLE layers and after the last layer and norm."""
    text = model.model.language_model
    hidden = text.embed_tokens(batch.ids)
    count, frames = batch.features.shape[:2]
    places = torch.nonzero(batch.patch)[:, 0]
    seen = batch.features.reshape(count, frames * TOKENS, WIDTH)
    hidden = hidden.index_add(1, places, seen)
    mask = torch.zeros(batch.allowed.shape).masked_fill_(~batch.allowed, -1e9)
    angles = text.rotary_emb(hidden, position_ids=batch.position)
    middle = hidden
    for number, layer in enumerate(text.layers):
        if number == MIDDLE:
            middle = hidden
        hidden = layer(hidden, attention_mask=mask, position_embeddings=angles)
    return middle, text.norm(hidden)


def losses(model: Any, probes: Probes, coder: Coder, batch: Batch) -> dict[str, Tensor]:
    """The terms of stage 2's loss and (detached) its measures."""
    middle, last = hidden_states(model, batch)
    places = torch.nonzero(batch.patch)[:, 0]
    slots = middle[:, places].unflatten(1, (-1, TOKENS))[:, :, :C]  # (B, F, 6, WIDTH)
    states = probes.states(slots)
    scale = torch.tensor((1.0, 8.0, 4.0))
    flags = F.binary_cross_entropy_with_logits(states, batch.states, pos_weight=scale)
    totals = F.cross_entropy(probes.totals(slots).flatten(0, 2), batch.totals.flatten())
    label = batch.time - int(coder.time[0])
    which = torch.randint(C, label.shape)
    own = slots[torch.arange(len(label))[:, None], torch.arange(label.shape[1]), which]
    clock = F.cross_entropy(probes.time(own).flatten(0, 1), label.flatten())
    terms = _answers(model, coder, batch, last)
    terms |= {'flags': flags, 'totals': totals, 'clock': clock}
    with torch.no_grad():
        got, want = states[..., 1] > 1.0, batch.states[..., 1] > 0
        terms['m_event'] = 2 * (got & want).sum() / (got.sum() + want.sum()).clamp(min=1)
        terms['m_total'] = (
            (probes.totals(slots[:, -1]).argmax(-1) == batch.totals[:, -1]).float().mean()
        )
    return terms


def _answers(model: Any, coder: Coder, batch: Batch, last: Tensor) -> dict[str, Tensor]:
    row, column = torch.nonzero(batch.weight, as_tuple=True)
    weight, target = batch.weight[row, column], batch.ids[row, column + 1]
    logits = model.lm_head(last[row, column]).log_softmax(-1)  # (N, base)
    value = target - coder.coordinate
    number = (value >= 0) & (value <= 1000)
    loss = -logits.gather(1, target[:, None])[:, 0]
    spread = torch.softmax(
        -0.5 * ((torch.arange(1001) - value[number][:, None]) / BLUR) ** 2, dim=-1
    )
    span = logits[number][:, coder.coordinate : coder.coordinate + 1001]
    loss = loss.index_put((torch.nonzero(number)[:, 0],), -(spread * span).sum(-1))
    heavy = (weight > 1.5) & ~number
    with torch.no_grad():
        right = logits.argmax(-1) == target
        near = (span.argmax(-1) - value[number]).abs() < 25
    return {
        'answer': (loss * weight).sum() / weight.sum(),
        'm_grasp': right[heavy].float().mean(),
        'm_words': right[~number].float().mean(),
        'm_near': near.float().mean(),
    }


LOSS = {'answer': 1.0, 'flags': 1.0, 'totals': 0.3, 'clock': 0.2}


def frames_for(step: int, seed: int) -> int:
    """Frames of all workers' clips in a step: to 4 until step 450, to 16 until 700, then to 49.

    Finding a colour in a frame is learned on the short ones, where a batch holds most questions;
    begun with long tracks, the model copies the previous frame's coordinates instead.
    """
    rng = np.random.default_rng((seed, step))
    if step < 450:
        return int(rng.integers(1, 5))
    if step < 700:
        return int(rng.integers(2, 17))
    dice = rng.random()
    low, high = (2, 6) if dice < 0.15 else (7, 32) if dice < 0.8 else (33, 49)
    return int(rng.integers(low, high + 1))


class LanguageTask:
    """Stage 2 for the training loop. tokens: about the size of a batch."""

    weights = LOSS

    def __init__(self, features: Path, tokens: int, seed: int, worker: int) -> None:
        self._coder = Coder()
        self._model, self._probes = build_model(self._coder, seed), Probes()
        initialise(self._probes, torch.Generator().manual_seed(seed))
        text, head = self._model.model.language_model, self._model.lm_head
        self.parts = nn.ModuleDict({'text': text, 'head': head, 'probes': self._probes})
        self._bank = Bank(features)
        self._rng = np.random.default_rng((seed, worker))
        self._tokens, self._seed = tokens, seed

    def terms(self, step: int) -> dict[str, Tensor]:
        """Loss terms of a fresh batch of clips of equal length."""
        frames = frames_for(step, self._seed)
        count = max(1, self._tokens // (frames * 20 + 220))
        clips = [self._bank.draw(self._rng, frames) for _ in range(count)]
        batch = pack(self._coder, clips, self._rng)
        return losses(self._model, self._probes, self._coder, batch)

    def refresh(self) -> int:
        """Load new episodes."""
        return self._bank.refresh()


def train_language(features: Path, plan: Plan, tokens: int = 3000, seed: int = 0) -> None:
    """Train the language model on cached features; resumes from the plan's checkpoint."""
    run(partial(LanguageTask, features, tokens, seed), plan)
