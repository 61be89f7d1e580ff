# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Words for things and for what happens to them."""

from dataclasses import dataclass

import numpy as np

from tools.tabletop.questions.clip import Spec
from tools.tabletop.truth import COLOURS, KINDS, SIZES

NOUNS = {
    'block': ('block', 'block', 'block', 'cube'),
    'ball': ('ball',),
    'cylinder': ('cylinder',),
    'cup': ('cup', 'cup', 'cup', 'mug'),
    'bowl': ('bowl',),
    'duck': ('duck', 'toy duck'),
    'dog': ('dog', 'toy dog'),
    'animal': ('animal', 'toy animal'),
    'object': ('object', 'thing', 'item'),
}
SIZE_WORDS = {'small': ('small', 'little'), 'medium': ('medium',), 'large': ('large', 'big')}
HANDS = ('gripper', 'gripper', 'robot', 'robot hand', 'robot arm')
GRIPPER_NAMES = ('gripper', 'robot gripper', 'robot hand')
ORDINALS = ('first', 'second', 'third', 'fourth')
# What the world does not hold.
OUTSIDE = (
    *('person', 'car', 'chair', 'bottle', 'banana', 'apple', 'phone', 'book', 'cat', 'bird'),
    *('spoon', 'fork', 'plate', 'knife', 'box', 'key', 'shoe', 'hat', 'tree', 'flower', 'bag'),
    *('laptop', 'keyboard', 'mouse', 'pen', 'pencil', 'horse', 'cow', 'sheep', 'bus', 'train'),
    *('umbrella', 'wallet', 'mirror', 'clock', 'candle', 'towel', 'pillow', 'drawer', 'sink'),
    *('goat', 'rabbit', 'frog', 'snake', 'bear', 'monkey', 'elephant', 'tiger', 'tie', 'belt'),
    *('pan', 'ladder', 'broom', 'bucket', 'rope', 'nail', 'bolt', 'hammer', 'saw', 'camera'),
    *('lamp', 'star', 'coin', 'card', 'egg', 'pot', 'drum', 'guitar', 'tent', 'screwdriver'),
    *(
        'battery',
        'wheel',
        'door',
        'window',
        'bed',
        'table leg',
        'lemon',
        'orange juice',
    ),
    *('child', 'man', 'woman', 'face', 'bicycle', 'plane', 'boat', 'pizza', 'cake', 'carrot'),
)
_PLURALS = {
    'person': 'people',
    'knife': 'knives',
    'sheep': 'sheep',
    'mouse': 'mice',
    'child': 'children',
    'man': 'men',
    'woman': 'women',
}


def plural(noun: str) -> str:
    """'small red block' -> 'small red blocks'."""
    head, _, last = noun.rpartition(' ')
    lead = f'{head} ' if head else ''
    if last in _PLURALS:
        return lead + _PLURALS[last]
    if last.endswith(('s', 'x', 'ch', 'sh')):
        return noun + 'es'
    if last.endswith('y') and last[-2] not in 'aeiou':
        return noun[:-1] + 'ies'
    return noun + 's'


def article(noun: str) -> str:
    """'a' or 'an'."""
    return 'an' if noun[0].lower() in 'aeiou' else 'a'


def name(spec: Spec, rng: np.random.Generator | None = None) -> str:
    """A noun phrase without article: 'small red block'; by chance one of its synonyms."""
    nouns = NOUNS[spec.kind]
    sizes = SIZE_WORDS.get(spec.size, ('',))
    if rng is None:
        noun, size = nouns[0], sizes[0]
    else:
        noun, size = str(rng.choice(nouns)), str(rng.choice(sizes))
    return ' '.join(word for word in (size, spec.colour, noun) if word)


def all_names() -> list[str]:
    """Every word that names may hold."""
    words = [noun for nouns in NOUNS.values() for noun in nouns]
    sizes = [word for words_of in SIZE_WORDS.values() for word in words_of]
    return words + sizes + list(COLOURS) + list(SIZES) + list(KINDS) + list(GRIPPER_NAMES)


@dataclass(frozen=True)
class Action:
    """Words for a kind of event; its thing goes into {}."""

    noun: tuple[str, ...]  # 'grasp of {}'
    plural: tuple[str, ...]
    past: tuple[str, ...]  # passive: 'was grasped'
    verb: tuple[str, ...]  # 'did the robot grasp {}'
    by_robot: bool = True


ACTIONS = {
    'grasp': Action(
        ('grasp of {}', 'pick-up of {}'),
        ('grasps of {}', 'pick-ups of {}'),
        ('grasped', 'picked up', 'grabbed', 'lifted'),
        ('grasp', 'pick up', 'grab', 'lift'),
    ),
    'place': Action(
        ('placement of {}', 'putting down of {}'),
        ('placements of {}', 'puttings down of {}'),
        ('placed', 'put down', 'set down'),
        ('place', 'put down', 'set down'),
    ),
    'stack': Action(
        ('stacking of {}',), ('stackings of {}',), ('stacked', 'stacked up'), ('stack', 'stack up')
    ),
    'push': Action(
        ('push of {}', 'shove of {}'),
        ('pushes of {}', 'shoves of {}'),
        ('pushed', 'shoved'),
        ('push', 'shove'),
    ),
    'drop': Action(('drop of {}', 'fall of {}'), ('drops of {}',), ('dropped',), ('drop',)),
    'miss': Action(
        ('failed grasp of {}', 'missed grasp of {}'),
        ('failed grasps of {}', 'missed grasps of {}'),
        ('missed',),
        ('miss', 'fail to grasp'),
    ),
    'touch': Action(
        ('touch of {}', 'tap of {}'),
        ('touches of {}', 'taps of {}'),
        ('only touched', 'tapped'),
        ('only touch', 'tap'),
    ),
    'roll': Action(
        ('roll of {}', 'rolling of {}'), ('rolls of {}',), ('rolling',), ('roll',), by_robot=False
    ),
    'fall_over': Action(
        ('toppling of {}', 'tipping over of {}'),
        ('topplings of {}',),
        ('knocked over', 'toppled', 'tipped over'),
        ('knock over', 'topple', 'tip over'),
    ),
}
ARTEFACT_NOUNS = ('visual artifact', 'anomaly', 'visual anomaly', 'glitch')
ARTEFACT_LABELS = {
    'vanish': ('{} that vanishes', '{} that disappears', 'vanishing {}'),
    'appear': ('{} that appears from nowhere', 'suddenly appearing {}'),
    'jump': ('{} that jumps', '{} that teleports'),
    'change_colour': ('{} that changes colour', '{} that changes color'),
    'change_shape': ('{} that changes shape', '{} that turns into another thing'),
    'melt': ('{} that melts into another', '{} that merges with another'),
}
