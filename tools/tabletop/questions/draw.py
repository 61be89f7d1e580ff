# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A mix of questions about a clip, each in one of its forms, with the right answer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tools.tabletop.questions import phrases, replies, texts, wordings
from tools.tabletop.questions.clip import Clip, Spot
from tools.tabletop.questions.referents import CATEGORIES, Referent, group, make
from tools.tabletop.questions.texts import STRAY, TEXTS
from tools.tabletop.truth import ARTEFACTS

Forms = Callable[[str], Sequence[str]]
MOST_POINTS, MOST_TRACKED = 8, 4

# Of so many questions about events the one with most of them is taken, more often than not: what
# happens again and again is rare, and is what gets miscounted.
REPEATED = 4


@dataclass(frozen=True)
class Asked:
    """A question and its right answer. task: 'point', 'count', 'track' or 'text'."""

    task: str
    category: str  # of CATEGORIES, or a text question's kind
    question: str
    reply: str
    form: str
    unseen: bool  # the form is never trained
    spots: tuple[Spot, ...] = ()  # of a point or count
    things: tuple[int, ...] = ()  # of a track
    fps: int = 2  # of a track
    shown: tuple[Spot, ...] = ()  # of a text: where its answer can be seen, as Words.shown


def trained_forms(task: str) -> Sequence[str]:
    """The grammar's trained forms."""
    return wordings.trained(task)


def third_person(verb: str) -> str:
    """'pick up' -> 'picks up'."""
    first, _, rest = verb.partition(' ')
    if first in ('only', 'fail'):
        return {'only touch': 'only touches', 'fail to grasp': 'fails to grasp'}.get(verb, verb)
    ending = 'es' if first.endswith(('s', 'sh', 'ch', 'x')) else 's'
    return f'{first}{ending} {rest}'.strip()


def fill(form: str, fills: dict[str, str]) -> str:
    """A form with its places filled."""
    been = 'been ' if form.startswith('Has') else '' if form.startswith('Was') else 'was '
    text = form.replace('{be}', been)
    if '{b}s' in text:
        text = text.replace('{b}s', third_person(fills.get('b', '')))
    for key, value in fills.items():
        text = text.replace('{' + key + '}', value)
    return text[0].upper() + text[1:] if form[0] == '{' else text


def _careless(text: str, rng: np.random.Generator) -> str:
    """As people type: sometimes without a capital or a full stop."""
    if rng.random() < 0.12:
        text = text[0].lower() + text[1:]
    if rng.random() < 0.12 and text[-1] in '.?':
        text = text[:-1]
    return text


def _form_for(
    referent: Referent, task: str, forms: Sequence[str], rng: np.random.Generator
) -> str | None:
    """A random form that the referent's words fit into."""
    for _ in range(40):
        form = forms[int(rng.integers(len(forms)))]
        places = set(re.findall(r'{(\w+)}', form))
        if not referent.plural and places & {'p', 's', 'a'}:
            continue
        if referent.label.startswith('what ') and 'l' in places:
            continue
        single = re.search(r'(each|every|the|a) {l}', form) is None
        if task == 'count' and 'l' in places and not single and not referent.plural:
            continue
        return form
    return None


def _words(referent: Referent, form: str, task: str, rng: np.random.Generator) -> dict[str, str]:
    """What fills the form; 'label' is what the answer calls it."""
    label = referent.label
    many = referent.plural and (task == 'count' or rng.random() < 0.5)
    if many and not re.search(r'(each|every|Each|a) {l}', form):
        label = referent.plural
    the = referent.label_with_article
    if referent.plural and not referent.event and len(referent.spots) != 1 and '{the}' in form:
        the = f'the {referent.plural}' if task != 'text' else the
    if '{p}' in form:
        label = referent.plural
    elif '{the}' in form:
        label = re.sub('^(the|a|an) ', '', the)
    elif '{s}' in form:
        label = referent.label
    noun = referent.label
    return {
        'l': label,
        's': noun,
        'p': referent.plural,
        'a': f'{phrases.article(noun)} {noun}',
        'the': the,
        'label': label,
    }


def _event_words(referent: Referent, rng: np.random.Generator) -> dict[str, str]:
    """For 'How many times was {the} {v}?': the thing, not the event."""
    action = phrases.ACTIONS[referent.event]
    at = int(rng.integers(len(action.past)))
    thing = phrases.name(referent.spec, rng)
    the = f'the {thing}' if referent.definite else f'{phrases.article(thing)} {thing}'
    return {
        'the': the,
        'v': action.past[at],
        'b': action.verb[min(at, len(action.verb) - 1)],
        'hand': str(rng.choice(phrases.HANDS)),
        'label': f'{action.noun[0]}'.format(the),
    }


def ask(
    clip: Clip, category: str, task: str, rng: np.random.Generator, forms: Forms = trained_forms
) -> Asked | None:
    """A point or count question of a category."""
    referent = make(category, clip, rng)
    if referent is None or len(referent.spots) > MOST_POINTS:
        return None
    as_event = bool(referent.event) and rng.random() < 0.6
    if as_event and not phrases.ACTIONS[referent.event].by_robot:
        as_event = False
    group_of_forms = f'event_{task}' if as_event else task
    form = _form_for(referent, task, forms(group_of_forms), rng)
    if form is None:
        return None
    fills = _event_words(referent, rng) if as_event else _words(referent, form, task, rng)
    write = replies.count if task == 'count' else replies.points
    return Asked(
        task,
        category,
        _careless(fill(form, fills), rng),
        write(clip, referent.spots, fills['label']),
        form,
        wordings.is_unseen(group_of_forms, form),
        referent.spots,
    )


def ask_track(clip: Clip, rng: np.random.Generator, forms: Forms = trained_forms) -> Asked | None:
    """A track of one to four things, by name or by an expression."""
    if rng.random() < 0.4:
        referent = group(clip, rng)
    else:
        odds = [0.5, 0.1, 0.0, 0.12, 0.12, 0.08, 0.08, 0.0]
        referent = make(CATEGORIES[int(rng.choice(len(CATEGORIES), p=odds))], clip, rng)
    if referent is None or len(referent.things) > MOST_TRACKED:
        return None
    form = _form_for(referent, 'track', forms('track'), rng)
    if form is None:
        return None
    fps = 1 if '{fps}' in form and rng.random() < 0.5 else 2
    fills = _words(referent, form, 'track', rng) | {'fps': str(fps)}
    return Asked(
        'track',
        referent.category,
        _careless(fill(form, fills), rng),
        replies.tracks(clip, referent.things, fps, fills['label']),
        form,
        wordings.is_unseen('track', form),
        things=referent.things,
        fps=fps,
    )


def ask_text(
    clip: Clip, kind: str, rng: np.random.Generator, forms: Forms = trained_forms
) -> Asked | None:
    """A question whose answer is a word or a sentence. kind: of texts.TEXTS."""
    for _ in range(6):
        words = TEXTS[kind](clip, rng)
        if words is not None:
            break
    else:
        return None
    if words.task == 'stray':
        question = STRAY[int(rng.integers(len(STRAY)))]
        return Asked('text', kind, question, words.reply, question, False)
    options = forms(words.task)
    form = options[int(rng.integers(len(options)))]
    question = _careless(fill(form, words.fills), rng)
    unseen = wordings.is_unseen(words.task, form)
    return Asked('text', kind, question, words.reply, form, unseen, shown=words.shown)


def draw(clip: Clip, count: int, rng: np.random.Generator, tracks: float = 0.12) -> list[Asked]:
    """`count` questions in trained forms, no two alike; about half points, a quarter texts."""
    asked: dict[str, Asked] = {}
    has_artefacts = any(happening.kind in ARTEFACTS for happening in clip.happenings)
    for _ in range(4 * count):
        if len(asked) == count:
            break
        dice = rng.random()
        if dice < tracks:
            question = ask_track(clip, rng)
        elif dice < tracks + 0.28:
            question = ask_text(clip, str(rng.choice(list(texts.TEXTS))), rng)
        else:
            odds = np.array([2.5, 1, 6, 2, 1.8, 2, 1, 4 if has_artefacts else 1.5])
            category = CATEGORIES[int(rng.choice(len(CATEGORIES), p=odds / odds.sum()))]
            task = 'count' if rng.random() < 0.45 else 'point'
            tries = REPEATED if category == 'action_or_event' and rng.random() < 0.6 else 1
            drawn = [ask(clip, category, task, rng) for _ in range(tries)]
            question = max(drawn, key=lambda one: len(one.spots) if one else -1)
        if question is not None:
            asked.setdefault(question.question, question)
    return list(asked.values())
