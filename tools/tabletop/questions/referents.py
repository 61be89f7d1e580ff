# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a question can be about in a clip: a phrase, and the points or things that it means.

The eight categories are those of Molmo2-VideoPoint. An expression that could mean two things in the
clip, or whose answer changes during it, is never made.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.questions import phrases
from tools.tabletop.questions.clip import THE_GRIPPER, Clip, Happening, Spec, Spot
from tools.tabletop.questions.phrases import article, name, plural
from tools.tabletop.truth import ANIMALS, ARTEFACTS, COLOURS, KINDS, SIZES

CATEGORIES = (
    'object',
    'animal',
    'action_or_event',
    'referring expression',
    'indirect reference',
    'spatial reference',
    'comparative reference',
    'anomaly',
)
MARGIN = 0.03  # of the picture: less does not say which one is further left
NEARER = 1.3  # times as far: less does not say which one is nearer


ANYTHING = Spec()


@dataclass(frozen=True)
class Referent:
    """A phrase without article, and what it means. plural '': it can only mean one thing."""

    category: str
    label: str
    plural: str
    spots: tuple[Spot, ...]
    things: tuple[int, ...] = ()  # what a track follows
    event: str = ''  # the kind of an action, for its own questions
    spec: Spec = ANYTHING
    definite: bool = True  # 'the grasp', not 'a grasp', where a form asks for 'the'

    @property
    def label_with_article(self) -> str:
        """'the red block', or 'a red block' where it is not known which one."""
        if self.label.startswith('what '):
            return self.label
        return f'the {self.label}' if self.definite else f'{article(self.label)} {self.label}'


Maker = Callable[[Clip, np.random.Generator], Referent | None]
Choose = Callable[[int], tuple[int, ...] | None]


def random_spec(clip: Clip, rng: np.random.Generator, absent: float = 0.15) -> Spec:
    """Words for things: mostly of the clip; with a chance `absent` words drawn by themselves."""
    if rng.random() < absent or not clip.things:
        kind, colour, size = (str(rng.choice(words)) for words in (KINDS, COLOURS, SIZES))
    else:
        n = int(rng.integers(clip.things))
        frame = int(rng.integers(clip.frames))
        kind, colour = KINDS[clip.kind[frame, n]], COLOURS[clip.colour[frame, n]]
        size = clip.truth.things[n].size
    dice = rng.random()
    if dice < 0.5:
        return Spec(kind, colour)
    if dice < 0.7:
        return Spec(kind)
    if dice < 0.8:
        return Spec('object', colour)
    if dice < 0.9:
        return Spec(kind, colour, size)
    return Spec(kind, '', size)


def unique_spec(clip: Clip, thing: int, rng: np.random.Generator) -> Spec | None:
    """Words that mean this thing and no other in the clip, as short as chance has it."""
    looks = {
        (int(k), int(c)) for k, c in zip(clip.kind[:, thing], clip.colour[:, thing], strict=True)
    }
    if len(looks) > 1:
        return None
    kind, colour = next((KINDS[k], COLOURS[c]) for k, c in looks)
    size = clip.truth.things[thing].size
    ways = [Spec(kind, colour), Spec(kind), Spec('object', colour), Spec(kind, colour, size)]
    order = [0, *rng.permutation([1, 2]), 3] if rng.random() < 0.7 else [*rng.permutation(4)]
    for way in order:
        if ways[int(way)].clear(clip) == [thing]:
            return ways[int(way)]
    return None


def objects(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """Things by kind, colour and size; sometimes the gripper, or what the world does not hold."""
    dice = rng.random()
    if dice < 0.08:
        return gripper(clip, rng)
    if dice < 0.16:
        noun = str(rng.choice(phrases.OUTSIDE))
        return Referent('object', noun, plural(noun), ())
    spec = Spec() if dice < 0.2 else random_spec(clip, rng)
    return of_spec(clip, spec, rng, 'animal' if spec.kind in ANIMALS else 'object')


def gripper(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """The gripper."""
    spot = clip.gripper_first()
    if spot is None:
        return None
    label = str(rng.choice(phrases.GRIPPER_NAMES))
    return Referent('object', label, plural(label), (spot,), (THE_GRIPPER,))


def animals(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """Toy animals."""
    kind = str(rng.choice(['animal', 'animal', *ANIMALS]))
    spec = Spec(kind, str(rng.choice(COLOURS)) if rng.random() < 0.2 else '')
    there = [n for n in range(clip.things) if clip.truth.things[n].kind in ANIMALS]
    if there and rng.random() < 0.5:
        thing = clip.truth.things[int(rng.choice(there))]
        spec = Spec(thing.kind, thing.colour)
    return of_spec(clip, spec, rng, 'animal')


def of_spec(clip: Clip, spec: Spec, rng: np.random.Generator, category: str) -> Referent | None:
    """All things that answer to some words."""
    spots = spec.firsts(clip)
    if spots is None:
        return None
    things = tuple(sorted({spot.thing for spot in spots}))
    label = name(spec, rng)
    return Referent(category, label, plural(label), spots, things, spec=spec)


def _event_spots(happenings: list[Happening]) -> tuple[Spot, ...] | None:
    spots = [happening.spot for happening in happenings]
    return None if None in spots else tuple(spot for spot in spots if spot is not None)


def _acted_on(clip: Clip, kind: str, spec: Spec) -> list[Happening]:
    """Events of a kind whose thing answers to the words at that moment."""
    fits = spec.matches(clip)
    found = []
    for happening in clip.happenings:
        if happening.kind == kind and happening.thing >= 0:
            frame = int(np.searchsorted(clip.times, happening.moment_s - 1e-6))
            before = max(min(frame, clip.frames - 1) - 1, 0)
            if fits[before, happening.thing]:
                found.append(happening)
    return found


def events(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """What happens to some thing, or to any."""
    happened = [h for h in clip.happenings if h.kind in phrases.ACTIONS]
    if happened and rng.random() < 0.75:
        chosen = happened[int(rng.integers(len(happened)))]
        kind, spec = chosen.kind, Spec()
        if chosen.thing >= 0 and rng.random() < 0.75:
            spec = unique_spec(clip, chosen.thing, rng) or spec
    else:
        kind = str(rng.choice(list(phrases.ACTIONS)))
        spec = random_spec(clip, rng, 0.2)
    things = spec.clear(clip)
    spots = _event_spots(_acted_on(clip, kind, spec))
    if spots is None or things is None:
        return None
    noun = name(spec, rng)
    definite = len(things) == 1 and spec.kind != 'object'
    thing = f'the {noun}' if definite else f'{article(noun)} {noun}'
    action = phrases.ACTIONS[kind]
    label = str(rng.choice(action.noun)).format(thing)
    many = str(rng.choice(action.plural)).format(thing)
    return Referent('action_or_event', label, many, spots, (), kind, spec, definite)


def artefacts(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """What cannot be: all of it, or of one kind."""
    happened = [h for h in clip.happenings if h.kind in ARTEFACTS]
    if rng.random() < 0.6:
        label = str(rng.choice(phrases.ARTEFACT_NOUNS))
        many = plural(label)
        spots = _event_spots(happened)
        return None if spots is None else Referent('anomaly', label, many, spots)
    kinds = [h.kind for h in happened] or list(ARTEFACTS)
    kind = str(rng.choice(kinds if rng.random() < 0.8 else list(ARTEFACTS)))
    spots = _event_spots([h for h in happened if h.kind == kind])
    label = str(rng.choice(phrases.ARTEFACT_LABELS[kind])).format('object')
    return None if spots is None else Referent('anomaly', label, '', spots)


WHEN = ('', ' at the start', ' at the end')


def _frames_of(clip: Clip, when: str) -> list[int]:
    if when == ' at the start':
        return [0]
    if when == ' at the end':
        return [clip.frames - 1]
    return list(range(clip.frames))


def _steady(clip: Clip, when: str, choose: Choose) -> tuple[int, tuple[int, ...]] | None:
    """The first frame in question and its choice, if all frames in question agree.

    choose: a frame's things; None where the frame does not say.
    """
    frames = _frames_of(clip, when)
    choices = [(frame, choose(frame)) for frame in frames]
    if any(choice is None for _, choice in choices):
        return None
    if len({choice for _, choice in choices}) != 1:
        return None
    return frames[0], choices[0][1] or ()


def _expression(
    clip: Clip,
    category: str,
    label: str,
    when: str,
    choose: Choose,
) -> Referent | None:
    """The referent of an expression that means exactly one thing; None if it does not."""
    agreed = _steady(clip, when, choose)
    if agreed is None or len(agreed[1]) != 1:
        return None
    frame, (thing,) = agreed
    spot = clip.spot(thing, frame)
    if spot is None:
        return None
    return Referent(category, label + when, '', (spot,), (thing,))


def _in_view(clip: Clip, frame: int, fits: NDArray[np.bool_]) -> list[int] | None:
    """The clearly seen things of a frame; None if one is half hidden."""
    sure = fits[frame] & clip.clear[frame]
    perhaps = fits[frame] & (clip.visible[frame] > 0.02)
    return None if (perhaps & ~sure).any() else [int(n) for n in np.flatnonzero(sure)]


def _group(clip: Clip, rng: np.random.Generator) -> Spec:
    """Words that several things may answer to."""
    dice = rng.random()
    if dice < 0.35 or not clip.things:
        return Spec()
    n = int(rng.integers(clip.things))
    if dice < 0.8:
        return Spec(clip.truth.things[n].kind)
    return Spec('object', clip.truth.things[n].colour)


def ordinals(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """'second block from the left', 'rightmost cup'."""
    spec, side = _group(clip, rng), str(rng.choice(['left', 'right']))
    rank, when = int(rng.integers(3)), str(rng.choice(WHEN))
    fits = spec.matches(clip)

    def choose(frame: int) -> tuple[int, ...] | None:
        seen = _in_view(clip, frame, fits)
        if seen is None or len(seen) < max(2, rank + 1):
            return None
        seen.sort(key=lambda n: float(clip.point[frame, n, 0]), reverse=side == 'right')
        x = clip.point[frame, seen, 0]
        near = np.abs(np.diff(x))[max(rank - 1, 0) : rank + 1]
        return None if (near < MARGIN).any() else (seen[rank],)

    label = f'{phrases.ORDINALS[rank]} {name(spec, rng)} from the {side}'
    if rank == 0 and rng.random() < 0.5:
        label = f'{side}most {name(spec, rng)}'
    return _expression(clip, 'referring expression', label, when, choose)


def indirect(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """'what the gripper is holding', 'the object that was pushed'."""
    noun, hand = str(rng.choice(phrases.NOUNS['object'])), str(rng.choice(phrases.HANDS))
    if rng.random() < 0.5:
        when = str(rng.choice(WHEN))
        verb = str(rng.choice(['is holding', 'holds', 'is carrying']))
        label = str(rng.choice([f'{noun} that the {hand} {verb}', f'what the {hand} {verb}']))
        frames = [frame for frame in _frames_of(clip, when) if clip.held[frame] >= 0]
        things = sorted({int(clip.held[frame]) for frame in frames})
        if not things:
            return Referent('indirect reference', label + when, '', ())
        spot = clip.spot(things[0], frames[0])
        if len(things) > 1 or spot is None:
            return None
        return Referent('indirect reference', label + when, '', (spot,), tuple(things))
    return _patient(clip, rng, noun)


def _patient(clip: Clip, rng: np.random.Generator, noun: str) -> Referent | None:
    """'object that was grasped first'."""
    there = sorted({h.kind for h in clip.happenings} & set(phrases.ACTIONS))
    kind = str(rng.choice(there if there and rng.random() < 0.85 else list(phrases.ACTIONS)))
    happened = [h for h in clip.happenings if h.kind == kind and h.thing >= 0]
    verb = str(rng.choice(phrases.ACTIONS[kind].past))
    order = str(rng.choice(['', ' first', ' last']))
    if not happened:
        return Referent('indirect reference', f'{noun} that was {verb}{order}', '', ())
    if order == '' and len({h.thing for h in happened}) > 1:
        return None
    chosen = happened[-1] if order == ' last' else happened[0]
    if chosen.spot is None:
        return None
    label = f'{noun} that was {verb}{order}'
    return Referent('indirect reference', label, '', (chosen.spot,), (chosen.thing,))


def spatial(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """'object in the red bowl', 'cup nearest to the dog', 'block left of the ball'."""
    if clip.things < 2:
        return None
    other = int(rng.integers(clip.things))
    landmark = unique_spec(clip, other, rng)
    if landmark is None:
        return None
    how = str(rng.choice(['on', 'on', 'under', 'near', 'near', 'left', 'right']))
    spec = Spec() if how in ('on', 'under') else _group(clip, rng)
    when = str(rng.choice(WHEN[1:] if how in ('left', 'right') else WHEN))
    fits = spec.matches(clip)
    fits[:, other] = False
    words = {
        'on': 'in' if landmark.kind in ('cup', 'bowl') else 'on',
        'under': 'under',
        'near': str(rng.choice(['nearest to', 'closest to'])),
        'left': 'to the left of',
        'right': 'to the right of',
    }
    label = f'{name(spec, rng)} {words[how]} the {name(landmark, rng)}'
    return _expression(
        clip,
        'spatial reference',
        label,
        when,
        lambda frame: _related(clip, frame, other, how, fits),
    )


def _related(
    clip: Clip, frame: int, other: int, how: str, fits: NDArray[np.bool_]
) -> tuple[int, ...] | None:
    """The things that stand so to another in a frame."""
    if not clip.clear[frame, other] and how != 'under':
        return None
    under = clip.truth.supported_by[clip.rows[frame]]
    if how == 'on':
        return tuple(int(n) for n in np.flatnonzero(under == other))
    if how == 'under':
        return (int(under[other]),) if under[other] >= 0 else ()
    seen = _in_view(clip, frame, fits)
    if seen is None or not seen:
        return None
    if how == 'near':
        return _nearest(clip, frame, other, seen)
    away = {n: float(clip.point[frame, n, 0] - clip.point[frame, other, 0]) for n in seen}
    if any(abs(distance) < MARGIN for distance in away.values()):
        return None
    return tuple(n for n, distance in away.items() if (distance < 0) == (how == 'left'))


def _nearest(clip: Clip, frame: int, other: int, seen: list[int]) -> tuple[int, ...] | None:
    place = clip.truth.position_m[clip.rows[frame]]
    away = sorted((float(np.linalg.norm(place[n] - place[other])), n) for n in seen)
    if len(away) < 2 or not away[1][0] > NEARER * away[0][0]:
        return None
    return (away[0][1],)


def comparative(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """'largest block', 'smallest thing'."""
    spec, largest = _group(clip, rng), bool(rng.random() < 0.5)
    things = spec.clear(clip)
    if things is None or len(things) < 2:
        return None
    sizes = sorted(((clip.sizes[n], n) for n in things), reverse=largest)
    if sizes[0][0] == sizes[1][0]:
        return None
    thing = sizes[0][1]
    word = str(rng.choice(['largest', 'biggest'] if largest else ['smallest']))
    if len(things) == 2 and rng.random() < 0.5:
        word = str(rng.choice(['larger', 'bigger'])) if largest else 'smaller'
    fits = spec.matches(clip) & clip.clear
    spot = clip.spot(thing, int(np.argmax(fits[:, thing])))
    if spot is None:
        return None
    label = f'{word} {name(spec, rng)}'
    return Referent('comparative reference', label, '', (spot,), (thing,))


def group(clip: Clip, rng: np.random.Generator) -> Referent | None:
    """Two to four things to follow: 'red block and the blue ball', 'cups'."""
    if rng.random() < 0.5:
        spec = _group(clip, rng)
        referent = of_spec(clip, spec, rng, 'object')
        if referent is None or not 2 <= len(referent.things) <= 4:
            return None
        return replace(referent, label=referent.plural)
    count = int(rng.integers(2, 4))
    if clip.things < count:
        return None
    chosen = [int(n) for n in rng.choice(clip.things, count, replace=False)]
    specs = [unique_spec(clip, thing, rng) for thing in chosen]
    names = [name(spec, rng) for spec in specs if spec is not None]
    if len(names) < count:
        return None
    label = ', the '.join(names[:-1]) + f' and the {names[-1]}'
    return Referent('object', label, '', (), tuple(sorted(chosen)))


MAKERS: dict[str, Maker] = {
    'object': objects,
    'animal': animals,
    'action_or_event': events,
    'referring expression': ordinals,
    'indirect reference': indirect,
    'spatial reference': spatial,
    'comparative reference': comparative,
    'anomaly': artefacts,
}


def make(category: str, clip: Clip, rng: np.random.Generator, tries: int = 12) -> Referent | None:
    """A referent of a category, or None if chance finds none that is unambiguous."""
    for _ in range(tries):
        referent = MAKERS[category](clip, rng)
        if referent is not None:
            return referent
    return None
