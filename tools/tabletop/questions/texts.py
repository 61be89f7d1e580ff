# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions whose answer is a word or a sentence: yes or no, a colour, an order, a description."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tools.tabletop.questions import phrases
from tools.tabletop.questions.clip import Clip, Happening, Spec, Spot
from tools.tabletop.questions.phrases import ACTIONS, article, name, plural
from tools.tabletop.questions.referents import MARGIN, random_spec, unique_spec
from tools.tabletop.truth import COLOURS, KINDS

OUTSIDE = (
    'I only know this tabletop: blocks, balls, cylinders, cups, bowls, toy animals and a gripper.'
)
UNCLEAR = 'I do not know which one is meant.'
NOTHING = 'Nothing.'
# What no tabletop can tell; the first word says that it is no question of another kind.
STRAY = (
    *('Who won the match?', 'What is the weather like?', 'What time is it?', 'Who are you?'),
    *('What is the capital of France?', 'Why is the sky blue?', 'What is the robot thinking?'),
    *('What does the sign say?', 'Which song is playing?', 'How old is the driver?'),
    *('What is the name of the man?', 'Is it raining?', 'Is the person happy?', 'Who is speaking?'),
    *('What language is spoken?', 'Tell me a joke.', 'Write a poem.', 'What is two plus two?'),
    *('Which city is this?', 'What brand is the car?', 'What is written on the wall?'),
    *('How do I get to the station?', 'What is the price of the cup?', 'Who made the bowl?'),
    *('What will happen next?', 'Is the food tasty?', 'What does it smell like?', 'Say hello.'),
)


@dataclass(frozen=True)
class Words:
    """What fills a text question's form, and the answer.

    shown: where the answer can be seen, a spot for each thing that it is read from, in the answer's
    order. Empty where that is nowhere, as for 'No.' to 'Is there a cup?'.
    """

    task: str
    fills: dict[str, str]
    reply: str
    shown: tuple[Spot, ...] = ()


Maker = Callable[[Clip, np.random.Generator], Words | None]
ROBOT_ACTIONS = ('grasp', 'grasp', 'push', 'drop', 'place', 'stack', 'touch', 'fall_over', 'miss')


def _noun(spec: Spec, rng: np.random.Generator) -> dict[str, str]:
    noun = name(spec, rng)
    return {
        'the': f'the {noun}',
        'a': f'{article(noun)} {noun}',
        'p': plural(noun),
        's': noun,
        'hand': str(rng.choice(phrases.HANDS)),
    }


def _yes(right: bool) -> str:
    return 'Yes.' if right else 'No.'


def _verbs(kind: str, rng: np.random.Generator) -> dict[str, str]:
    action = ACTIONS[kind]
    at = int(rng.integers(len(action.past)))
    verb = action.verb[min(at, len(action.verb) - 1)]
    return {'v': action.past[at], 'b': verb, 'hand': str(rng.choice(phrases.HANDS))}


def _spots(happenings: Iterable[Happening]) -> tuple[Spot, ...]:
    """Where they happened, if that is seen of all of them; else none."""
    spots = [happening.spot for happening in happenings]
    return () if None in spots else tuple(spot for spot in spots if spot is not None)


def called(clip: Clip, happening: Happening) -> str:
    """A thing's name as it looked then: 'red block'."""
    frame = min(int(np.searchsorted(clip.times, happening.moment_s - 1e-6)), clip.frames - 1)
    n = happening.thing
    return name(Spec(KINDS[clip.kind[frame, n]], COLOURS[clip.colour[frame, n]]))


def is_there(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'Is there a red cup?'."""
    if rng.random() < 0.15:
        noun = str(rng.choice(phrases.OUTSIDE))
        fills = {'a': f'{article(noun)} {noun}', 'p': plural(noun), 's': noun}
        return Words('is_there', fills, 'No.')
    spec = random_spec(clip, rng, 0.55)
    spots = spec.firsts(clip)
    if spots is None:
        return None
    return Words('is_there', _noun(spec, rng), _yes(bool(spots)), spots)


def _did_kind(clip: Clip, rng: np.random.Generator) -> str:
    there = sorted({h.kind for h in clip.happenings} & set(ROBOT_ACTIONS))
    return str(rng.choice(there if there and rng.random() < 0.5 else list(ROBOT_ACTIONS)))


def did(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'Did the robot push the red cup?'."""
    kind = _did_kind(clip, rng)
    acted = [h for h in clip.happenings if h.kind == kind]
    if acted and rng.random() < 0.5:
        thing = acted[int(rng.integers(len(acted)))].thing
    elif clip.things:
        thing = int(rng.integers(clip.things))
    else:
        return None
    spec = unique_spec(clip, thing, rng) if thing >= 0 else None
    if spec is None:
        return None
    right = [happening for happening in acted if happening.thing == thing]
    fills = _noun(spec, rng) | _verbs(kind, rng)
    return Words('did', fills, _yes(bool(right)), _spots(right))


def did_any(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'Did the robot drop anything?'."""
    kind = _did_kind(clip, rng)
    acted = [happening for happening in clip.happenings if happening.kind == kind]
    return Words('did_any', _verbs(kind, rng), _yes(bool(acted)), _spots(acted))


def _held(clip: Clip) -> tuple[Spot, ...]:
    """What the gripper holds at the end, if it is seen."""
    n = int(clip.held[-1])
    spot = clip.spot(n, clip.frames - 1) if n >= 0 else None
    return () if spot is None else (spot,)


def holds(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'Is the gripper holding anything at the end?'."""
    hand = {'hand': str(rng.choice(phrases.HANDS[:2]))}
    return Words('holds', hand, _yes(clip.held[-1] >= 0), _held(clip))


def held(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'What is the gripper holding?': at the end of the clip, which is now."""
    n = int(clip.held[-1])
    hand = {'hand': str(rng.choice(phrases.HANDS[:2]))}
    if n < 0:
        return Words('held', hand, NOTHING)
    noun = name(Spec(KINDS[clip.kind[-1, n]], COLOURS[clip.colour[-1, n]]))
    return Words('held', hand, f'The {noun}.', _held(clip))


def colour_of(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'What colour is the cup?'."""
    if rng.random() < 0.2 or not clip.things:
        kind = str(rng.choice(KINDS))
    else:
        kind = clip.truth.things[int(rng.integers(clip.things))].kind
    spec = Spec(kind)
    things = spec.clear(clip)
    if things is None or len(things) > 2:
        return None
    colours = {COLOURS[c] for n in things for c in clip.colour[:, n]}
    spots = spec.firsts(clip) or ()
    if len(things) == 1 and len(colours) == 1:
        return Words('colour_of', _noun(spec, rng), f'{colours.pop().capitalize()}.', spots)
    reply = UNCLEAR if things else NONE_OF.format(plural(kind))
    return Words('colour_of', _noun(spec, rng), reply, spots)


NONE_OF = 'There are no {}.'


def _order(clip: Clip, rng: np.random.Generator) -> tuple[str, str, Happening | None]:
    """A kind of event, 'first' or 'last', and the event."""
    kind = str(rng.choice(['grasp', 'grasp', 'grasp', 'push', 'drop', 'touch', 'place']))
    acted = [h for h in clip.happenings if h.kind == kind and h.thing >= 0]
    order = str(rng.choice(['first', 'first', 'last']))
    if not acted:
        return kind, order, None
    return kind, order, acted[-1] if order == 'last' else acted[0]


def colour_first(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'What colour was grasped first?'."""
    kind, order, happening = _order(clip, rng)
    fills = _verbs(kind, rng) | {'order': order}
    if happening is None:
        return Words('colour_first', fills, NOTHING)
    colour = called(clip, happening).split()[0]
    return Words('colour_first', fills, f'{colour.capitalize()}.', _spots([happening]))


def what_first(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'What was grasped first?'."""
    kind, order, happening = _order(clip, rng)
    fills = _verbs(kind, rng) | {'order': order}
    if happening is None:
        return Words('what_first', fills, NOTHING)
    return Words('what_first', fills, f'The {called(clip, happening)}.', _spots([happening]))


def which_first(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'Which was grasped first, the red block or the blue cup?'."""
    kind = str(rng.choice(['grasp', 'grasp', 'push', 'drop', 'touch']))
    order = list(dict.fromkeys(h.thing for h in clip.happenings if h.kind == kind and h.thing >= 0))
    if len(order) < 2:
        return None
    pair = sorted(int(i) for i in rng.choice(len(order), 2, replace=False))
    specs = [unique_spec(clip, order[i], rng) for i in pair]
    names = [name(spec, rng) for spec in specs if spec is not None]
    if len(names) < 2:
        return None
    asked = names if rng.random() < 0.5 else names[::-1]
    fills = _verbs(kind, rng) | {'the': f'the {asked[0]}', 'other': f'the {asked[1]}'}
    acted = [h for h in clip.happenings if h.kind == kind and h.thing == order[pair[0]]]
    return Words('which_first', fills, f'The {names[0]}.', _spots(acted[:1]))


def in_order(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'In which order were things grasped?'."""
    kind = str(rng.choice(['grasp', 'grasp', 'push', 'drop']))
    acted = [h for h in clip.happenings if h.kind == kind and h.thing >= 0]
    names = [called(clip, happening) for happening in acted]
    if len(names) > 4:
        return None
    reply = f'The {", then the ".join(names)}.' if names else NOTHING
    return Words('in_order', _verbs(kind, rng), reply, _spots(acted))


def left_of(clip: Clip, rng: np.random.Generator) -> Words | None:
    """'Is the red block to the left of the ball at the end?'."""
    there = [int(n) for n in np.flatnonzero(clip.clear[-1])]
    if len(there) < 2:
        return None
    pair = [int(n) for n in rng.choice(there, 2, replace=False)]
    specs = [unique_spec(clip, thing, rng) for thing in pair]
    names = [name(spec, rng) for spec in specs if spec is not None]
    away = float(clip.point[-1, pair[1], 0] - clip.point[-1, pair[0], 0])
    if len(names) < 2 or abs(away) < MARGIN:
        return None
    spots = [clip.spot(thing, clip.frames - 1) for thing in pair]
    return Words(
        'left_of',
        {'the': f'the {names[0]}', 'other': f'the {names[1]}'},
        _yes(away > 0),
        tuple(spot for spot in spots if spot is not None),
    )


STORY = {
    'grasp': 'grasps the {}',
    'place': 'puts it down',
    'stack': 'stacks it',
    'push': 'pushes the {}',
    'drop': 'drops the {}',
    'touch': 'touches the {}',
    'miss': 'misses the {}',
}


def describe(clip: Clip, rng: np.random.Generator) -> Words | None:
    """One sentence: what the gripper does, at most four steps of it."""
    steps: list[str] = []
    acted: list[Happening] = []
    for happening in clip.happenings:
        if happening.kind not in STORY or happening.thing < 0:
            continue
        words = STORY[happening.kind]
        if happening.kind in ('place', 'stack'):
            if not steps or not steps[-1].startswith('grasps'):
                words = f'{words.split()[0]} the {{}}' + ' down' * (happening.kind == 'place')
            if happening.kind == 'stack' and steps and steps[-1].startswith('puts'):
                steps.pop()
                acted.pop()
                words = 'stacks it'
        steps.append(words.format(called(clip, happening)))
        acted.append(happening)
    hand = {'hand': str(rng.choice(phrases.HANDS[:2]))}
    if not steps:
        return Words('describe', hand, 'The gripper moves no thing.')
    more = ' and goes on' if len(steps) > 4 else ''
    reply = f'The gripper {", then ".join(steps[:4])}{more}.'
    return Words('describe', hand, reply, _spots(acted[:4]))


def stray(clip: Clip, rng: np.random.Generator) -> Words | None:
    """What the world cannot tell."""
    del clip, rng
    return Words('stray', {}, OUTSIDE)


TEXTS: dict[str, Maker] = {
    'is_there': is_there,
    'did': did,
    'did_any': did_any,
    'holds': holds,
    'held': held,
    'colour_of': colour_of,
    'colour_first': colour_first,
    'what_first': what_first,
    'which_first': which_first,
    'in_order': in_order,
    'left_of': left_of,
    'describe': describe,
    'stray': stray,
}
