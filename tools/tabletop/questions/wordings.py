# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The forms in which things are asked: a small grammar, and which third of it is never trained.

A pattern's (a|b|) stands for each of its alternatives. Places to fill: {s} a noun without article,
{p} its plural, {a} with 'a', {the} with 'the', {l} the label as it is; {v} a past participle, {b} a
bare verb, {hand} the gripper; {fps} frames a second. A form is one expansion.

Molmo2's own wordings (molmo2 f3cb108, olmo/preprocessing/data_formatter.py:257-353, 543-571) are
among them and are always trained: they are what the package and the benchmarks ask with.
"""

import hashlib
import re
from functools import cache
from itertools import product

WHERE = '( in the video| in this video| in the clip| in this clip| in the recording|)'
STOP = '(.|)'

RELEASED = {
    'point': (
        "Point to {l}\nPlease say 'There are none.' if it is not in the video.",
        'Point to all occurrences of "{l}"',
        'Point to any {l} in the video',
        'Point to any {l} in the video.',
        'Point: Where are the {l}',
        'Show me where the {l} are',
        'Can you show me where the {l} are?',
        'Show me where a {s} is',
        'Show me where a {s} is.',
        'If there are any {l} in the video? Show me where they are.',
        'Where are the {l}?',
        'Generate a list of points showing where the {l} are.',
        'Find the "{l}".',
        'Find a "{s}".',
        'Locate all {l}.',
        'Locate a {s}.',
        'Locate every {s}.',
        'Locate {l}.',
        'Locate the {l}.',
        'Object: {l}\nInstruction: Point to the object.',
        'find {l}',
        'find {l}.',
        'find any {l} in the video',
        'Find the {l}',
        'Find any {l}',
        'Point to a {s}',
        'Look for {l} in the video and show me where they are.',
        'Help me find an object in the video by pointing to them.\nObject: {l}.',
        'I am looking for {l}, where can they be found in the video?',
        'Can you see any {l} in the video? Point to them.',
        'Point out each {l} in the video.',
        'Point out every {l} in the video.',
        'Point to the {l} in the video.',
        'Locate each {l} in the video.',
        'Can you point out all {l} in this video?',
        'Please find {l} and show me where they are.',
        'If there are any {l} present, indicate their positions.',
        'If there is a {l} present, indicate its positions.',
        'show me all visible {l}',
    ),
    'count': (
        'How many "{l}" are there in the video?',
        'How many "{l}" are there in the video?',
        'How many {l} are there?',
        'How many {l}?',
        'how many {l}.',
        'How many {l} are there in the video?',
        'Tell me how many {l} there are',
        'Tell me how many {l} there are and point to them.',
        'how many {l}',
        'Tell me how many {l} are in the video',
        'count {l}',
        'count every {l}',
        'count each {l}',
        'count {l}.',
        'Count the {l}.',
        'How many {l} do you see?',
        'How many {l} are visible?',
        'Count all the {l}',
        'Count every {l} in the video.',
        'Count each {l}',
        'Point to and count the {l} in the video.',
        'Point and count {l}',
        'Locate the {l} and count them',
        'Locate every {l} and count them',
        'Find all the {l}. How many are there?',
        'Find each {l}. How many are there?',
        'Point at {l} and then tell me the count.',
        'What is the total number of {l} in the video?',
        'What is the number of {l}?',
        'In this video, how many {l} are there?',
        'Point at the {l} and then count them.',
        'Point to all the visible {l} output the total count.',
        'Point to all occurrences of "{l}" and output the total count.',
        'Show me where the {l} are and output the total count.',
        'Where are the {l}? How many are there?',
        'Object: {l}\nInstruction: Point to the object and output the total count.',
        'find any {l} in the video and output the total count.',
        'Can you point out all {l} in this video? How many are there?',
    ),
    'track': (
        'Track {l} in {fps} FPS.',
        'Track {l} at {fps} FPS',
        'Track the {l} in {fps} FPS',
        (
            "Track all instances of '{l}' in this video, sampling at {fps} frames per second. "
            'Show the position coordinates at each timestamp.'
        ),
        (
            'Follow the {l} throughout this video. Sample positions at {fps} FPS and mark each with '
            'coordinates.'
        ),
        (
            'Identify and track each {l} in this video clip. Sample at {fps} frames per second and '
            'provide point coordinates.'
        ),
        (
            'Monitor the movement of all {l} in this video. Sample at {fps} FPS and output their '
            'positions as coordinates.'
        ),
        (
            'For each {l} in the video, track its position throughout the clip sampling at {fps} FPS. '
            'Return coordinates at each sampled frame.'
        ),
        (
            "Track all instances of '{l}' in this video, sampling at {fps} frames per second. Show the "
            'position coordinates at each timestamp, given as <track coords="t id x y">label</tracks>.'
        ),
        (
            'For each {l} in the video, track its position throughout the clip sampling at {fps} FPS. '
            'Return coordinates at each sampled frame, given as <track coords="t id x y">label'
            '</tracks>.'
        ),
        'Track {l}.',
        'track the {l}.',
        'track every {l}.',
        'track each {l}',
        'please track "{l}".',
        'Track: {l}',
        'tracking: {l}',
    ),
}

_POINT_VERBS = '(Point to|Point at|Locate|Find|Show me|Mark|Indicate|Highlight|Detect|Pinpoint)'
PATTERNS = {
    'point': (
        f'{_POINT_VERBS} ({{the}}|{{the}}|all {{p}}|every {{s}}|each {{s}}|any {{p}}){WHERE}{STOP}',
        f'Please (point to|point at|locate|find|show me|mark) ({{the}}|all {{p}}|every {{s}}){WHERE}',
        '(Can|Could) you (point to|locate|find|show me) ({the}|all {p}|every {s})( in the video|)?',
        f'Where is {{the}}{WHERE}?',
        f'(Show|Show me|Tell me) where {{the}} is{WHERE}{STOP}',
        'I am looking for {the}(. Where is it?|. Point to it.|, where is it?)',
        'What is the (position|location) of {the}( in the video|)?',
        f'Where (can I see|do you see) {{the}}{WHERE}?',
    ),
    'count': (
        f'How many {{p}} (are there|do you see|can you see|are visible|can be seen|appear){WHERE}?',
        f'(Count|Count all|Count the|Please count|Please count the|Count up the) {{p}}{WHERE}{STOP}',
        (
            '(What is|Tell me|Give me|State|Output) the (number|total number|count) of {p}'
            f'{WHERE}(?|.|)'
        ),
        'How many {p} (does the video show|are shown|did you see|are in view|are on screen)?',
    ),
    'event_count': (
        f'How many times (was|has) {{the}} {{v}}{WHERE}?',
        f'How often was {{the}} {{v}}{WHERE}?',
        f'How many times did the {{hand}} {{b}} {{the}}{WHERE}?',
        f'How often did the {{hand}} {{b}} {{the}}{WHERE}?',
        f'Count (how often|how many times|the times that|each time) {{the}} was {{v}}{WHERE}{STOP}',
        f'(What is|Tell me) the number of times {{the}} was {{v}}{WHERE}(?|.|)',
        f'Count (how often|how many times) the {{hand}} {{b}}s {{the}}{WHERE}{STOP}',
    ),
    'event_point': (
        f'When was {{the}} {{v}}{WHERE}?',
        f'When did the {{hand}} {{b}} {{the}}{WHERE}?',
        (
            '(Point to|Mark|Show me|Show|Find|Locate|Indicate) (every|each) (time|moment) {the} was {v}'
            f'{WHERE}{STOP}'
        ),
        f'(Show me|Point to) where {{the}} was {{v}}{WHERE}{STOP}',
        f'Where (and when |)was {{the}} {{v}}{WHERE}?',
    ),
    'track': (
        (
            f'(Track|Follow|Keep track of) ({{the}}|{{the}}|all {{p}}|every {{s}}|each {{s}}){WHERE}'
            '( in {fps} FPS| at {fps} FPS|){stop}'
        ),
        (
            '(Please |)(track|follow) ({the}|all {p}) (through the whole video|throughout the video|from '
            'start to end|throughout the clip|over time|as it moves)(.|)'
        ),
        '(Can|Could) you (track|follow) ({the}|all {p}|every {s})( in the video| in this video|)?',
        'Monitor the movement of ({the}|all {p})( in the video| in this video|)(.|)',
    ),
    'is_there': (
        f'Is there {{a}}{WHERE}?',
        f'Are there any {{p}}{WHERE}?',
        f'(Do|Can|Did) you see ({{a}}|any {{p}}){WHERE}?',
        'Does the video (show|contain) ({a}|any {p})?',
        '(Is|Was) {a} (visible|to be seen)( in the video| in the clip|)?',
    ),
    'did': (
        f'(Was|Has|Did you see that|Is it true that) {{the}} {{be}}{{v}}{WHERE}?',
        f'Did the {{hand}} (ever |){{b}} {{the}}{WHERE}?',
    ),
    'did_any': (
        f'Did the {{hand}} (ever |){{b}} (anything|something|any object|a thing){WHERE}?',
        f'(Was|Has) (anything|something|any object) {{be}}{{v}}{WHERE}?',
    ),
    'holds': (
        (
            'Is the {hand} (holding|carrying) (anything|something)( at the end| at the end of the video'
            '| now|)?'
        ),
        'Does the {hand} hold (anything|something)( at the end| at the end of the video| now|)?',
        'Is (anything|something) in the {hand}( at the end| at the end of the video| now|)?',
    ),
    'held': (
        'What (is|was) the {hand} (holding|carrying)( at the end| at the end of the video| now|)?',
        '(Which|What) (object|thing) is in the {hand}( at the end| at the end of the video| now|)?',
        'What does the {hand} (hold|carry)( at the end| at the end of the video| now|)?',
    ),
    'colour_of': (
        f'What (colour|color) is {{the}}{WHERE}?',
        f'(Which|What) (colour|color) does {{the}} have{WHERE}?',
        f'What is the (colour|color) of {{the}}{WHERE}?',
        f'(Tell me|Name|Say) the (colour|color) of {{the}}{WHERE}{STOP}',
    ),
    'colour_first': (
        f'(What|Which) (colour|color) was {{v}} {{order}}{WHERE}?',
        '(What|Which) (colour|color) (is|was|has) the (object|thing) that was {v} {order}?',
        f'What (colour|color) did the {{hand}} {{b}} {{order}}{WHERE}?',
        f'What was the (colour|color) of the {{order}} (object|thing) (that was |){{v}}{WHERE}?',
    ),
    'what_first': (
        f'(What|Which object|Which thing) was {{v}} {{order}}{WHERE}?',
        f'(What|Which object|Which thing) did the {{hand}} {{b}} {{order}}{WHERE}?',
        f'What was the {{order}} (object|thing) (that was |to be ){{v}}{WHERE}?',
        f'(Name|Tell me) the (object|thing) that was {{v}} {{order}}{WHERE}{STOP}',
    ),
    'which_first': (
        f'Which was {{v}} first, {{the}} or {{other}}{WHERE}?',
        f'Was {{the}} or {{other}} {{v}} first{WHERE}?',
        'Which one was {v} first: {the} or {other}?',
        'Which did the {hand} {b} first, {the} or {other}?',
    ),
    'in_order': (
        f'In (which|what) order (were things|were the objects|was everything) {{v}}{WHERE}?',
        (
            '(List|Name|Say|Tell me) (everything|the objects|the things) that (was|were) {v}'
            '(, in order| in order|)(.|)'
        ),
        f'What was {{v}}, in order{WHERE}?',
    ),
    'left_of': (
        'Is {the} (to the left|left) of {other}( at the end| at the end of the video)?',
        'At the end, is {the} (to the left|left) of {other}?',
        'Is {the} further left than {other}( at the end| at the end of the video)?',
    ),
    'describe': (
        (
            '(Describe|Please describe|Summarize|Summarise|Please summarize|Sum up|Caption|Explain) '
            '(the|this) (video|clip|recording|scene)(.| in one sentence.| briefly.| shortly.|)'
        ),
        f'What (happens|happened|is happening|takes place|goes on){WHERE}?',
        f'(Tell me|Say|Describe|Explain) what (happens|happened|is going on){WHERE}{STOP}',
        'What does the (video|clip) show?',
        (
            '(Give me|Write) a (short |one-sentence |brief |)(description|summary|caption) of the '
            '(video|clip).'
        ),
        'What did the {hand} do( in the video| in the clip|)?',
    ),
}


def _expand(pattern: str) -> list[str]:
    pieces = re.split(r'\(([^()]*\|[^()]*)\)', pattern.replace('{stop}', STOP))
    choices = [piece.split('|') if n % 2 else [piece] for n, piece in enumerate(pieces)]
    return [''.join(parts) for parts in product(*choices)]


@cache
def forms(task: str) -> tuple[str, ...]:
    """Every form of a task, Molmo2's own first; repeated ones are asked more often."""
    made = [form for pattern in PATTERNS.get(task, ()) for form in _expand(pattern)]
    return RELEASED.get(task, ()) + tuple(made)


def tasks() -> tuple[str, ...]:
    """All tasks."""
    return tuple(PATTERNS)


def is_unseen(task: str, form: str) -> bool:
    """Whether a form is never trained; always the same third of all."""
    if form in RELEASED.get(task, ()):
        return False
    digest = hashlib.sha256(f'{task}:{form}'.encode()).digest()
    return int.from_bytes(digest[:4], 'big') % 100 < 36


@cache
def trained(task: str) -> tuple[str, ...]:
    """The forms that training asks with."""
    return tuple(form for form in forms(task) if not is_unseen(task, form))


@cache
def unseen(task: str) -> tuple[str, ...]:
    """The forms that training never asks with."""
    return tuple(form for form in forms(task) if is_unseen(task, form))


@cache
def released(task: str) -> tuple[str, ...]:
    """Molmo2's own forms, none for a task that it has no words for."""
    return RELEASED.get(task, ())
