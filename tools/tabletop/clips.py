# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Episodes to training batches: clips cut at random, each with several questions.

A sequence is the video prefix, and branches (question and answer) that all see the prefix and not
each other, as Molmo2 itself was trained; the prefix is paid for once. What a token of the prefix
shows is either the code of the truth, roughened as a vision tower would, or a cached feature.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tools.tabletop import relations, slots, truth
from tools.tabletop.network import TOKENS, WIDTH
from tools.tabletop.questions.clip import THE_GRIPPER, Clip, Spot
from tools.tabletop.questions.draw import Asked, ask_track, draw
from tools.tabletop.roughness import Roughness
from tools.tabletop.slots import CODE, SLOTS, Slots
from tools.tabletop.train_vision import is_unseen
from tools.tabletop.truth import Truth
from tools.tabletop.vocabulary import COORDINATES, make_tokenizer

FRAME = TOKENS + 4  # ' ', time label, <im_start>, patches, <im_end>; the first has no ' '
FLAGS = (
    *('grasp', 'place', 'stack', 'push', 'drop', 'miss', 'touch', 'roll', 'fall_over'),
    *('vanish', 'appear', 'jump', 'change_colour', 'change_shape', 'melt'),
)  # what the throw-away heads say happens to a token's thing
TRIES = 2000  # clips that are drawn for one with questions enough
MOST = 7  # the highest count that they tell apart


class Coder:
    """Text to ids and back, and the ids the packer needs."""

    def __init__(self) -> None:
        self.tokenizer, self.base = make_tokenizer()
        self.id = self.tokenizer.token_to_id
        self.time = np.array([self.ids(f'{tenth / 10:.1f} ')[0] for tenth in range(640)])
        self.coordinate = self.ids(COORDINATES[0])[0]  # the others follow

    def ids(self, text: str) -> list[int]:
        """Token ids; special tokens in the text count as such."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def time_id(self, label: str) -> int:
        """A frame's time label as one token."""
        return int(self.time[min(round(float(label) * 10), len(self.time) - 1)])

    def prefix(self, labels: tuple[str, ...]) -> list[int]:
        """BOS and the frames' blocks, 20 ids a frame."""
        visual = [self.id('<im_start>')] + TOKENS * [self.id('<im_patch>')] + [self.id('<im_end>')]
        ids = [self.id('<|im_end|>')]
        for number, label in enumerate(labels):
            space = self.ids(' ') if number else []
            ids += space + [self.time_id(label)] + visual
        return ids

    def branch(self, question: str, reply: str) -> tuple[list[int], int]:
        """Ids of a question and its answer, and where the answer begins."""
        turn = f'<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n'
        start = self.ids(turn)
        return start + self.ids(reply + '<|im_end|>'), len(start)


@dataclass(frozen=True)
class Sample:
    """A clip, what its tokens show, and its questions."""

    clip: Clip
    tokens: NDArray[np.float32]  # (F, 16, WIDTH)
    found: Slots
    asked: list[Asked]


class Bank:
    """The truths of all episodes in a folder, and their features where they are cached."""

    def __init__(
        self, folder: Path, features: Path | None, unseen: bool = False, limit: int = 4000
    ) -> None:
        self._folder, self._features, self._unseen, self._limit = folder, features, unseen, limit
        self._truths: dict[Path, Truth] = {}
        self.refresh()

    def refresh(self) -> int:
        """Load what is new; returns the number of episodes."""
        for path in sorted(self._folder.glob('*.npz')):
            if path in self._truths or is_unseen(path) != self._unseen:
                continue
            if self._features is not None and not self._cached(path).exists():
                continue
            if len(self._truths) < self._limit:
                self._truths[path] = _without_cells(truth.load(path, frames=False)[1])
        self._paths = list(self._truths)
        return len(self._paths)

    def _cached(self, path: Path) -> Path:
        return (self._features or self._folder) / f'{path.stem}.npy'

    def draw(
        self, rng: np.random.Generator, frames: int, questions: int, tracks: bool, rough: Roughness
    ) -> Sample:
        """A random clip of so many frames, half of them ending off the grid, with questions.

        Raises ValueError if chance finds none, as where every episode is shorter.
        """
        for _ in range(TRIES):
            path = self._paths[int(rng.integers(len(self._paths)))]
            episode = self._truths[path]
            rows = cut(episode, frames, rng)
            if rows is None:
                continue
            clip = Clip(episode, rows)
            if tracks:
                made = [ask_track(clip, rng) for _ in range(3 * questions)]
                asked = [question for question in made if question is not None][:questions]
            else:
                asked = draw(clip, questions, rng, tracks=0.0)
            if len(asked) == questions:
                found = slots.slots_of(episode, rows)
                return Sample(clip, self._tokens(path, rows, found, rough, rng), found, asked)
        raise ValueError(f'{self._folder}: no {frames} frames with {questions} questions')

    def _tokens(
        self,
        path: Path,
        rows: NDArray[np.intp],
        found: Slots,
        rough: Roughness,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        if self._features is not None:
            features = np.load(self._cached(path), mmap_mode='r')
            return np.asarray(features[rows], np.float32)
        tokens = np.zeros((len(rows), SLOTS, WIDTH), np.float32)
        tokens[..., :CODE] = rough.apply(slots.code(found), found, rng)
        return tokens


def _without_cells(episode: Truth) -> Truth:
    values = dict(vars(episode)) | {'cells': episode.cells[:0].copy()}
    return Truth(**values)


def cut(episode: Truth, frames: int, rng: np.random.Generator) -> NDArray[np.intp] | None:
    """Rows of a clip: grid frames in a row, the last one by half a chance off the grid."""
    grid, extras = np.flatnonzero(episode.on_grid), np.flatnonzero(~episode.on_grid)
    if len(grid) < frames:
        return None
    if len(extras) and rng.random() < 0.5:
        last = np.searchsorted(grid, extras) - 1  # the grid frame before each extra one
        fit = np.flatnonzero(last + 2 >= frames)
        if len(fit):
            pick = rng.choice(fit)
            rows = grid[last[pick] + 2 - frames : last[pick] + 1]
            return np.append(rows, extras[pick])
    start = int(rng.integers(len(grid) - frames + 1))
    return grid[start : start + frames]


@dataclass(frozen=True)
class Batch:
    """B clips of F frames: a prefix of P tokens, and Q branches of L tokens each."""

    prefix: Tensor  # (B, P) ids
    patch: Tensor  # (P,) bool: <im_patch> places
    visual: Tensor  # (P,) bool: tokens that see each other both ways
    tokens: Tensor  # (B, F, 16, WIDTH)
    branch: Tensor  # (B, Q, L) ids
    weight: Tensor  # (B, Q, L) of predicting the NEXT token
    last: Tensor  # (B, Q) place of the prompt's last token
    meant: Tensor  # (B, Q, 16) the tokens of the things that the answer is about
    count: Tensor  # (B, Q) how many points the answer has, or its text is about, to MOST
    source: Tensor  # (B, Q, L) the visual token, 0 to 16 F - 1, that says the NEXT id; -1: none
    flags: Tensor  # (B, F, 16, len(FLAGS))
    totals: Tensor  # (B, F, 16) grasps of the token's thing so far
    time: Tensor  # (B, F) number of the frame's time label
    ranks: Tensor  # (B, F, 16, RANKED), see `relations`
    nearest: Tensor  # (B, F, 16) likewise
    order: Tensor  # (B, F, 16, 2) which of its kind an event is, of its thing and of all; or UNTOLD


def pack(coder: Coder, samples: list[Sample]) -> Batch:
    """Clips of equal length with equally many questions as one batch."""
    prefix = np.array([coder.prefix(sample.clip.labels) for sample in samples])
    patch = prefix[0] == coder.id('<im_patch>')
    rows = [[_branch(coder, asked) for asked in sample.asked] for sample in samples]
    longest = max(len(ids) for row in rows for ids, _, _ in row)
    shape = (len(rows), len(rows[0]), longest)
    branch, source = np.full(shape, coder.id('<|endoftext|>')), np.full(shape, -1)
    weight, last = np.zeros(shape, np.float32), np.zeros(shape[:2], int)
    for b, row in enumerate(rows):
        for q, (ids, weights, start) in enumerate(row):
            branch[b, q, : len(ids)], weight[b, q, : len(ids)] = ids, weights
            source[b, q, : len(ids)] = _sources(coder, samples[b], q, ids, start)
            last[b, q] = start - 1
    marks = [_marks(sample) for sample in samples]
    meant = [[_meant(sample, asked) for asked in sample.asked] for sample in samples]
    counts = [
        [min(len(asked.spots + asked.shown), MOST) for asked in sample.asked] for sample in samples
    ]
    times = [[coder.time_id(label) for label in sample.clip.labels] for sample in samples]
    return Batch(
        torch.from_numpy(prefix),
        torch.from_numpy(patch),
        torch.from_numpy(prefix[0] >= coder.base),
        torch.from_numpy(np.stack([sample.tokens for sample in samples])),
        torch.from_numpy(branch),
        torch.from_numpy(weight),
        torch.from_numpy(last),
        torch.from_numpy(np.array(meant, np.float32)),
        torch.tensor(counts),
        torch.from_numpy(source),
        torch.from_numpy(np.stack([mark.flags for mark in marks])),
        torch.from_numpy(np.stack([mark.totals for mark in marks])),
        torch.tensor(times) - int(coder.time[0]),
        torch.from_numpy(np.stack([relations.ranks(sample.found) for sample in samples])),
        torch.from_numpy(np.stack([relations.nearest(s.clip, s.found) for s in samples])),
        torch.from_numpy(np.stack([mark.order for mark in marks])),
    )


def _branch(coder: Coder, asked: Asked) -> tuple[list[int], list[float], int]:
    ids, start = coder.branch(asked.question, asked.reply)
    each = {'text': 2.0, 'track': 0.5}.get(asked.task, 1.0)
    return ids, [0.0] * (start - 1) + [each] * (len(ids) - start) + [0.0], start


def _sources(coder: Coder, sample: Sample, which: int, ids: list[int], start: int) -> list[int]:
    """For each id of a question's branch, which visual token says what comes next: Batch.source."""
    if sample.asked[which].task == 'text':
        return _sources_of_words(coder, sample, sample.asked[which].shown, ids, start)
    return _sources_of_points(coder, sample, ids, start)


def _sources_of_words(
    coder: Coder, sample: Sample, shown: Sequence[Spot], ids: list[int], start: int
) -> list[int]:
    """Of a text. Each 'then' in an answer leads to the next thing that it is about."""
    sources, thing, then = [-1] * len(ids), sample.found.thing, coder.ids(' then')[0]
    tokens = []
    for spot in shown:
        slot = np.flatnonzero(thing[spot.frame] == spot.thing)
        tokens.append(SLOTS * spot.frame + int(slot[0]) if len(slot) else -1)
    step = 0
    for at in range(start - 1, len(ids) - 1) if tokens else ():
        step += ids[at] == then
        sources[at] = tokens[min(step, len(tokens) - 1)]
    return sources


def _sources_of_points(coder: Coder, sample: Sample, ids: list[int], start: int) -> list[int]:
    """Of points and tracks.

    A time, a point's number and its two coordinates are said by the token of the point's thing.
    What is hidden in its frame is where it was in the frame before, so that does not say the time.
    """
    frames = {coder.time_id(label): frame for frame, label in enumerate(sample.clip.labels)}
    seen = sample.found.seen[..., None]
    places = np.rint(1000.0 * np.where(seen, sample.found.point, -1.0)).clip(max=1000.0)
    sources, frame, time_at = [-1] * len(ids), 0, -1
    for at in range(start, len(ids) - 2):
        if ids[at] in frames:
            frame, time_at = frames[ids[at]], at
        place = np.array(ids[at + 1 : at + 3]) - coder.coordinate
        if not ((place >= 0) & (place <= 1000)).all():
            continue
        for there in (frame, max(frame - 1, 0)):
            slots_there = np.flatnonzero((places[there] == place).all(-1))
            if len(slots_there):
                token = SLOTS * there + int(slots_there[0])
                sources[at - 1 : at + 2] = 3 * [token]  # before its number, x and y
                if time_at >= 0 and there == frame:
                    sources[time_at - 1] = token
                break
        time_at = -1
    return sources


def _meant(sample: Sample, asked: Asked) -> NDArray[np.float32]:
    """(16,) the tokens, in the frames of the answer's points, of the things they are on."""
    meant = np.zeros(SLOTS, np.float32)
    pairs = [(spot.frame, spot.thing) for spot in asked.spots + asked.shown]
    pairs += [(frame, n) for n in asked.things for frame in range(len(sample.found.thing))]
    for frame, thing in pairs:
        if thing != THE_GRIPPER:
            meant[sample.found.thing[frame] == thing] = 1
    return meant


@dataclass(frozen=True)
class _Marks:
    """What happens in a clip, token by token; the fields are those of a Batch."""

    flags: NDArray[np.float32]
    totals: NDArray[np.int64]
    order: NDArray[np.int64]


def _marks(sample: Sample) -> _Marks:
    """What happens to each token's thing by a frame, and its grasps so far."""
    thing = sample.found.thing
    flags = np.zeros((*thing.shape, len(FLAGS)), np.float32)
    totals = np.zeros(thing.shape, np.int64)
    order = np.full((*thing.shape, 2), relations.UNTOLD)
    so_far: Counter[tuple[str, int]] = Counter()
    for happening in sample.clip.happenings:
        if happening.kind not in FLAGS or happening.thing < 0:
            continue
        frame = int(np.searchsorted(sample.clip.times, happening.moment_s - 1e-6))
        frame = min(frame, len(thing) - 1)
        now = thing[frame] == happening.thing
        at = now if now.any() else thing[max(frame - 1, 0)] == happening.thing
        flags[frame, at, FLAGS.index(happening.kind)] = 1
        counted = (happening.kind, happening.thing), (happening.kind, THE_GRIPPER)
        so_far.update(counted)
        order[frame, at] = [min(so_far[one], MOST) for one in counted]
        if happening.kind == 'grasp':
            totals[frame:] += thing[frame:] == happening.thing
    return _Marks(flags, totals.clip(max=MOST), order)
