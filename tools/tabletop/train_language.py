# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 2: the language model alone, on what the visual tokens say; vision is frozen.

Throw-away heads say, on the middle layer's visual tokens, what happens to each token's thing, its
grasps so far, its place among the others and the frame's time; before the last layer, which of its
kind an event is; on a question's last token, which things the answer is about and how many points
it has; and in an answer, which visual token says the time or coordinate that comes next. The first
head of the last layer is taught to attend to it. Without all that, events hardly come at this size.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tabletop.clips import FLAGS, MOST, Bank, Batch, Coder, pack
from tools.tabletop.loop import Plan, run
from tools.tabletop.network import (
    TOKENS,
    WIDTH,
    Reading,
    compile_layers,
    initialise,
    make_config,
    quickest_dtype,
    read_branches,
)
from tools.tabletop.relations import LAST_RANK, RANKED, UNTOLD
from tools.tabletop.roughness import Roughness
from tools.tabletop.vocabulary import CHAT, VISUAL

MIDDLE = 3  # layers before the throw-away heads on the prefix
BLUR = 8.0  # thousandths: the bell a coordinate's class is trained towards
CLIP_TOKENS = 2500  # about as many in a batch of one worker
POINTER = 64  # dimensions in which an answer's state and a visual token are compared
LONG = 32  # frames: above this a clip is asked more
TRACKING = 0.2  # share of the steps that ask for tracks


class Probes(nn.Module):
    """Throw-away linear heads."""

    def __init__(self) -> None:
        super().__init__()
        self.flags = nn.Linear(WIDTH, len(FLAGS))
        self.totals = nn.Linear(WIDTH, MOST + 1)
        self.time = nn.Linear(WIDTH, 640)
        self.meant = nn.Linear(WIDTH, TOKENS)
        self.count = nn.Linear(WIDTH, MOST + 1)
        self.query = nn.Linear(WIDTH, POINTER)
        self.key = nn.Linear(WIDTH, POINTER)
        self.ranks = nn.Linear(WIDTH, RANKED * (LAST_RANK + 1))
        self.nearest = nn.Linear(WIDTH, TOKENS)
        self.order = nn.Linear(WIDTH, 2 * (MOST + 1))


def build_model(coder: Coder, seed: int) -> Any:
    """A Molmo2ForConditionalGeneration with fresh weights."""
    from transformers.models.molmo2.modeling_molmo2 import Molmo2ForConditionalGeneration

    ids = {text: coder.id(text) for text in CHAT + VISUAL}
    model = Molmo2ForConditionalGeneration(make_config(coder.base, len(VISUAL), ids))
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
        for rows, span in ((coordinates, 1000.0), (torch.as_tensor(coder.time), 640.0)):
            angle = torch.arange(len(rows))[:, None] / span * octaves * 2 * np.pi
            waves = torch.cat([angle.sin(), angle.cos()], 1) * (2 / 14) ** 0.5
            for weight in (embed, head):
                spread = torch.randn(14, WIDTH, generator=generator)
                weight[rows] = weight[rows] * 0.3 + (waves @ spread) * weight[rows].std()


def hidden_states(model: Any, batch: Batch, dtype: torch.dtype) -> Reading:
    """The language model's states of a batch."""
    text = model.model.language_model
    places = torch.nonzero(batch.patch)[:, 0]
    prefix = text.embed_tokens(batch.prefix)
    prefix = prefix.index_add(1, places, batch.tokens.flatten(1, 2)).to(dtype)
    order = torch.arange(prefix.shape[1])
    allowed = order[:, None] >= order[None]
    allowed = allowed | (batch.visual[:, None] & batch.visual[None])
    branches = text.embed_tokens(batch.branch).to(dtype)
    return read_branches(text, prefix, branches, allowed, MIDDLE)


def losses(model: Any, probes: Probes, coder: Coder, batch: Batch) -> dict[str, Tensor]:
    """The terms of stage 2's loss and (detached) its measures."""
    reading = hidden_states(model, batch, quickest_dtype(batch.tokens.device))
    places = torch.nonzero(batch.patch)[:, 0]
    slots = reading.half[:, places].float().unflatten(1, (-1, TOKENS))  # (B, F, 16, WIDTH)
    states = probes.flags(slots)
    weight = torch.full((len(FLAGS),), 8.0)
    terms = {
        'flags': F.binary_cross_entropy_with_logits(states, batch.flags, pos_weight=weight),
        'totals': F.cross_entropy(probes.totals(slots).flatten(0, 2), batch.totals.flatten()),
    }
    late = reading.late[:, places].float().unflatten(1, (-1, TOKENS))
    terms |= _related(probes, batch, slots, late)
    which = torch.randint(TOKENS, batch.time.shape)
    own = slots.gather(2, which[..., None, None].expand(-1, -1, 1, WIDTH))[:, :, 0]
    terms['clock'] = F.cross_entropy(probes.time(own).flatten(0, 1), batch.time.flatten())
    ends = batch.last[..., None, None].expand(-1, -1, 1, WIDTH)
    asked = reading.asked.gather(2, ends)[:, :, 0].float()
    meant = probes.meant(asked)
    terms['meant'] = F.binary_cross_entropy_with_logits(
        meant, batch.meant, pos_weight=torch.tensor(3.0)
    )
    terms['count'] = F.cross_entropy(probes.count(asked).flatten(0, 1), batch.count.flatten())
    terms |= _pointed(probes, batch, slots, reading.asked) | _attended(batch, reading.attention)
    with torch.no_grad():
        terms['m_event'] = _f1(states > 1.0, batch.flags > 0)
        terms['m_meant'] = _f1(meant > 0.5, batch.meant > 0)
    return terms | _answers(model, coder, batch, reading.last)


def _related(probes: Probes, batch: Batch, slots: Tensor, late: Tensor) -> dict[str, Tensor]:
    """How well each token's thing is compared with the others of its frame, and events counted."""
    said = {
        'ranks': probes.ranks(slots).unflatten(-1, (RANKED, LAST_RANK + 1)),
        'nearest': probes.nearest(slots),
        'order': probes.order(late).unflatten(-1, (2, MOST + 1)),
    }
    terms = {}
    for name, logits in said.items():
        label = getattr(batch, name)
        told = label != UNTOLD
        count, wrong = told.sum().clamp(min=1), label[told] != logits.detach().argmax(-1)[told]
        terms[name] = F.cross_entropy(logits[told], label[told], reduction='sum') / count
        terms[f'm_{name}'] = 1 - wrong.sum() / count
    return terms


def _pointed(probes: Probes, batch: Batch, slots: Tensor, asked: Tensor) -> dict[str, Tensor]:
    """How well an answer's states find the visual token that says what comes next."""
    keys = probes.key(slots.flatten(1, 2))  # (B, 16 F, POINTER)
    queries = probes.query(asked.flatten(1, 2).float())
    logits = (queries @ keys.transpose(1, 2)) * POINTER**-0.5
    told = batch.source.flatten(1) >= 0
    logits, token = logits[told], batch.source.flatten(1)[told]
    count = max(len(token), 1)
    return {
        'source': F.cross_entropy(logits, token, reduction='sum') / count,
        'm_source': (logits.detach().argmax(-1) == token).sum() / count,
    }


def _attended(batch: Batch, attention: Tensor) -> dict[str, Tensor]:
    """How well the last layer's first head attends to that token, to read the answer there."""
    told = batch.source >= 0
    place = torch.nonzero(batch.patch)[:, 0][batch.source[told]]
    logits, count = attention[told], max(len(place), 1)
    return {
        'attention': F.cross_entropy(logits, place, reduction='sum') / count,
        'm_attention': (logits.detach().argmax(-1) == place).sum() / count,
    }


def _f1(got: Tensor, want: Tensor) -> Tensor:
    return 2 * (got & want).sum() / (got.sum() + want.sum()).clamp(min=1)


def _answers(model: Any, coder: Coder, batch: Batch, last: Tensor) -> dict[str, Tensor]:
    clip, question, column = torch.nonzero(batch.weight, as_tuple=True)
    weight = batch.weight[clip, question, column]
    target = batch.branch[clip, question, column + 1]
    states = last[clip, question, column]
    logits = F.linear(states, model.lm_head.weight.to(states.dtype)).float().log_softmax(-1)
    value = target - coder.coordinate
    number = (value >= 0) & (value <= 1000)
    loss = -logits.gather(1, target[:, None])[:, 0]
    centre = value[number][:, None]
    spread = torch.softmax(-0.5 * ((torch.arange(1001) - centre) / BLUR) ** 2, dim=-1)
    span = logits[number][:, coder.coordinate : coder.coordinate + 1001]
    loss = loss.index_put((torch.nonzero(number)[:, 0],), -(spread * span).sum(-1))
    with torch.no_grad():
        right = (logits.argmax(-1) == target).float()
        near = ((span.argmax(-1) - value[number]).abs() < 25).float()
        first = column == batch.last[clip, question]
        times = target - int(coder.time[0])
        when = (times >= 0) & (times < 640)
    return {
        'answer': (loss * weight).sum() / weight.sum(),
        'm_words': right[~number].mean(),
        'm_first': right[first].mean(),
        'm_when': right[when].mean() if when.any() else torch.tensor(0.0),
        'm_near': near.mean() if len(near) else torch.tensor(0.0),
    }


LOSS = {
    'answer': 1.0,
    'flags': 1.0,
    'totals': 0.2,
    'clock': 0.1,
    'ranks': 0.2,
    'nearest': 0.2,
    'order': 0.2,
    'meant': 0.7,
    'count': 0.2,
    'source': 0.5,
    'attention': 0.5,
}


def frames_for(step: int, rng: np.random.Generator) -> int:
    """Frames of a step's clips: short ones first, where a batch holds most questions."""
    if step < 300:
        return int(rng.integers(2, 5))
    if step < 800:
        return int(rng.integers(3, 13))
    dice = rng.random()
    low, high = (2, 8) if dice < 0.05 else (8, 32) if dice < 0.55 else (32, 128)
    return int(rng.integers(low, high + 1))


def questions_for(frames: int, tracks: bool) -> int:
    """Questions that share a clip: more of a long one, whose frames cost more than they do."""
    if tracks:
        return 2
    return 10 if frames <= LONG else 24


class ClipSource:
    """Random clips with questions for the training loop. tokens: about the size of a batch."""

    def __init__(self, coder: Coder, bank: Bank, tokens: int, seed: tuple[int, int]) -> None:
        self._coder, self._bank, self._tokens = coder, bank, tokens
        self._rng = np.random.default_rng(seed)

    def draw(self, step: int) -> Batch:
        """Clips of equal length; now and then with tracks.

        Of a size that the step alone decides: workers wait for the slowest at every step.
        """
        size = np.random.default_rng(step)
        tracks = bool(size.random() < TRACKING)
        return self.batch(frames_for(step, size), tracks)

    def batch(self, frames: int, tracks: bool) -> Batch:
        """Clips of so many frames."""
        questions = questions_for(frames, tracks)
        size = frames * 20 + questions * (20 + 8 * frames if tracks else 40)
        count = max(1, min(256, self._tokens // size))
        rough = Roughness()
        samples = [
            self._bank.draw(self._rng, frames, questions, tracks, rough) for _ in range(count)
        ]
        return pack(self._coder, samples)

    def refresh(self) -> int:
        """Load new episodes."""
        return self._bank.refresh()


UNSEEN_TOKENS = 12_000  # about as many in each unseen batch
# Frames, and whether tracks are asked for
UNSEEN = ((4, False), (12, False), (12, True), (20, False), (40, False), (90, False))


class LanguageTask:
    """Stage 2 for the training loop."""

    weights = LOSS

    def __init__(
        self,
        shards: Path,
        features: Path | None,
        tokens: int,
        seed: int,
        compiled: bool,
        worker: int,
    ) -> None:
        del worker
        if compiled:
            compile_layers()
        self._coder = Coder()
        self._model, self._probes = build_model(self._coder, seed), Probes()
        initialise(self._probes, torch.Generator().manual_seed(seed))
        text, head = self._model.model.language_model, self._model.lm_head
        self.parts = nn.ModuleDict({'text': text, 'head': head, 'probes': self._probes})
        self._shards, self._features, self._seed = shards, features, seed
        self._tokens = tokens
        self._held: list[Batch] = []

    def source(self, worker: int) -> ClipSource:
        """Clips of the folder's episodes."""
        bank = Bank(self._shards, self._features)
        return ClipSource(self._coder, bank, self._tokens, (self._seed, worker))

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Loss terms and measures of a batch."""
        return losses(self._model, self._probes, self._coder, batch)

    def held_out(self) -> list[Batch]:
        """Clips of episodes that are never trained on."""
        if not self._held:
            bank = Bank(self._shards, self._features, unseen=True)
            source = ClipSource(self._coder, bank, UNSEEN_TOKENS, (7, 7))
            self._held = [source.batch(frames, tracks) for frames, tracks in UNSEEN]
        return self._held


def train_language(
    shards: Path,
    features: Path | None,
    plan: Plan,
    tokens: int = CLIP_TOKENS,
    seed: int = 0,
    compiled: bool = False,
) -> None:
    """Train the language model; resumes from the plan's checkpoint.

    features: a folder of cached features; without it the codes of the truth are read. compiled: see
    `network.compile_layers`.
    """
    run(partial(LanguageTask, shards, features, tokens, seed, compiled), plan)
