# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes a query into a question: what it asks for, and the text that the model is sent.

A sentence goes to the model as it is. A bare label ("red block") gets the wording that Molmo2 was
trained and evaluated with. Knows nothing of frames, tokens or answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from molmo_ground_ros.errors import BadQuestion
from molmo_ground_ros.types import Query, Question, Task

MAX_QUESTION = 4000  # characters

# Each is a training or evaluation variant of molmo2 f3cb108: olmo/preprocessing/data_formatter.py
# :259 and :546, olmo/data/molmo2_datasets.py:1108. "Point to every ..." was trained as pointing and
# as counting, so it is not here. None takes a style tag (data_formatter.py:661-691).
_WORDINGS: dict[Task, Callable[[str], str]] = {
    Task.POINT: 'Point to all occurrences of "{}"'.format,
    Task.COUNT: 'How many "{}" are there in the video?'.format,
    Task.TRACK: 'Track the {} in 2 FPS'.format,
}

_NO_INSTRUCTIONS: Mapping[Task, str] = MappingProxyType({})

_QUOTED = re.compile(r'"[^"]*"')
_CLAUSE_END = re.compile(r'[.?!;:,\n]+')
# What may stand before the word that tells.
_COURTESY = re.compile(
    r'(?:please|kindly|now|then|next|and|also|so|ok|okay|hey|hello|hi|robot|again'
    r'|(?:can|could|would|will) you(?: please)?|(?:can|may) i ask(?: you)?'
    r"|i (?:want|need) (?:you )?to(?: know)?|(?:i'd|i would) like (?:you )?to(?: know)?"
    r'|do you know|(?:help|let) me(?: to| know)?|tell (?:me|us)|say|report|determine|find out'
    r'|(?:in|from|during) (?:this|the|all the) (?:video|clip|image|picture|scene|recording)'
    r'|identify and|(?:point to|point at|point|locate|find)(?: them| it)? and)\s+'
)
# A measure, not a number of things that could be pointed to.
_MEASURES = (
    r'(?:milli)?seconds|minutes?|hours?|days?|degrees?|percent|(?:milli|centi|kilo)?met(?:er|re)s?'
    r'|inch(?:es)?|feet|miles?|pixels?|(?:kilo)?grams?|lit(?:er|re)s?|mm|cm|kg|fps'
)
_ASKS_COUNT = re.compile(
    rf'how (?:many(?! (?:{_MEASURES})\b)|often)\b|count\b(?!-| (?:of|on)\b)'
    r"|(?:(?:what(?:'s| is| was| are)?|give(?: me| us)?|output|state|estimate|compute) )?"
    r'(?:the )?(?:total |exact )?(?:number|count) of\b'
    r'|(?:output |give(?: me)? )?the (?:total )?count\Z'
)
_ALSO_COUNT = re.compile(
    r'\b(?:and|then)(?: then)? (?:count|how many)\b'
    r'|\b(?:output|tell me|give me) the (?:total )?count\b'
)
_ASKS_TRACK = re.compile(
    r'(?:track|follow|keep track of|monitor the movements? of)\b(?!-)|(?:object )?tracking\Z'
)
_ALSO_TRACK = re.compile(r'\band (?:track|follow) (?:it|them|each|every|all|the)\b')
_ASKS_POINT = re.compile(
    r'point(?:ing)?(?: to| at| out| towards)\b|point\Z|pinpoint\b|locate\b|indicate\b'
    r'|mark (?:the|an?|all|any|every|each|where)\b|look for\b|find\b(?! out)'
    r'|show\b(?! (?:(?:me|us) )?(?:how|why|what|whether|if|when)\b)|detect\b|highlight\b'
    r"|(?:what(?:'s| is| are| was| were)|give(?: me| us)?) the (?:exact )?"
    r'(?:coordinates?|locations?|positions?) of\b'
    r"|where(?:'s|'re)?\b"
    r'|generate (?:a )?list of points\b'
)
_PARTS = (
    r'(?:the|an?|all|every|each|any|some|this|that|these|those|there|here|it|its|them|they|you|we|i'
    r'|he|she|me|us|my|your|whether|if|what|which|who|whose|how|why|when|where|in|anything|something|everything)'
)
_OPENS_SENTENCE = re.compile(
    r'(?:(?:in|on|to|at|by|from|with) )?'
    r"(?:what|which|who|whom|whose|when|why|how|where)(?:'s|'re)?\b"
    r"|(?:is|are|was|were|do|does|did|has|have|had|could|would|should)(?:n't)?\b"
    r'|(?:describe|explain|summari[sz]e|sum up|tell|give|show me|show us|find out|please|help me)\b'
    r"|(?:let me|i want|i need|i'd like|i would like)\b"
    # "can of soda", "name tag", "watch": labels, unless what follows says otherwise.
    rf"|(?:can|can't|will|won't|may|must|list|name|answer|identify|read|state|report|estimate"
    rf'|compare|watch|check|determine|choose|select|decide|say|look|output|caption'
    rf'|write) {_PARTS}\b'
)
_ARTICLE = re.compile(r'\A(?:the|an?)\s+', re.IGNORECASE)


def question_of(
    query: Query,
    instructions: Mapping[Task, str] = _NO_INSTRUCTIONS,
    max_new_tokens: int = 0,
    *,
    verbatim: bool = False,
) -> Question:
    """Make a query into the question that a model is asked.

    instructions: what a format of answers adds to the prompt of a task, on a line of its own.
    max_new_tokens: 0 gives the task its own limit (`Task.token_limit`).
    verbatim: send the words exactly as they are, whatever they are, as a data set wants it.
    Raises BadQuestion if there are no words, or more than MAX_QUESTION characters of them; never
    if they are sent verbatim.
    """
    words = query.text if verbatim else query.text.strip()
    if not verbatim and not 0 < len(words) <= MAX_QUESTION:
        raise BadQuestion(len(words), MAX_QUESTION)
    task = _task_of(words) if query.task is Task.AUTO else query.task
    prompt = words if verbatim else _prompt_of(words, task)
    if instruction := instructions.get(task):
        prompt = f'{prompt}\n{instruction}'
    return Question(query, task, prompt, max_new_tokens or task.token_limit)


def _prompt_of(words: str, task: Task) -> str:
    """The words themselves if they are a sentence or ask for text, else Molmo2's wording."""
    if task is Task.TEXT or _is_sentence(words):
        return words
    return _WORDINGS[task](_as_label(words))


def _task_of(text: str) -> Task:
    """What a question asks for: COUNT, TRACK, POINT, or TEXT for every other sentence.

    A question that asks for a total and for places is COUNT, whose answers hold the points too.
    A bare label is POINT.
    """
    named = _named_task(text)
    if named is not None:
        return named
    return Task.TEXT if _is_sentence(text) else Task.POINT


def _named_task(text: str) -> Task | None:
    """The task that some clause of the text names."""
    clauses = [_core(clause) for clause in _clauses(text)]
    for task, opening, inside in (
        (Task.COUNT, _ASKS_COUNT, _ALSO_COUNT),
        (Task.TRACK, _ASKS_TRACK, _ALSO_TRACK),
        (Task.POINT, _ASKS_POINT, None),
    ):
        for clause in clauses:
            if opening.match(clause) or (inside is not None and inside.search(clause)):
                return task
    return None


def _is_sentence(text: str) -> bool:
    """Whether the text is a question or an order, rather than the name of a thing."""
    if text.rstrip().endswith('?') or _named_task(text) is not None:
        return True
    return any(
        _OPENS_SENTENCE.match(clause) or _OPENS_SENTENCE.match(_core(clause))
        for clause in _clauses(text)
    )


def _clauses(text: str) -> Iterator[str]:
    """Its clauses in lower case, single spaces between words.

    Labels in double quotes are left out: "Point to "count to ten"" asks for no count.
    """
    plain = _QUOTED.sub(' "" ', text.lower().replace('\u2019', "'"))
    for clause in _CLAUSE_END.split(plain):
        if words := ' '.join(clause.split()):
            yield words


def _core(clause: str) -> str:
    """A clause without the courtesies before the word that tells."""
    while courtesy := _COURTESY.match(clause):
        clause = clause[courtesy.end() :]
    return clause


def _as_label(text: str) -> str:
    """A label to put into a wording: without its article, full stop and quotes."""
    label = ' '.join(text.split()).strip('."\'').replace('"', "'")
    return _ARTICLE.sub('', label, count=1) or text
