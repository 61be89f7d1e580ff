# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `molmo-ground doctor --server` checks: that a served model computes what the model does.

Without a reference only the prompt's outside is checked. With the checkpoint that is served, on
this machine, the prompt is compared token by token and the answers by their log-probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.backends.server.deviations import (
    RIGHT,
    Answered,
    Diagnosis,
    Imitation,
    diagnose,
    fixed_clip,
    open_reference,
)
from molmo_ground_ros.backends.server.probe import Probe, Reply
from molmo_ground_ros.commands.checks import Line
from molmo_ground_ros.errors import BackendError, GroundError

QUESTIONS = (
    'How many times was the red block grasped in the video?',
    'Track the red block.',
    'Point to the red block.',
)
TOKENS = 24
# The largest difference of a log-probability that rounding makes. Right answers in float32 differ
# by 1e-4; a server in bfloat16 rounds to 3 digits, and every layer adds to it. A deviation moves
# log-probabilities by 1 and more.
BOUND = 0.25
WAY_OUT = (
    'its answers are not those of the model: serve it with the plugin molmo_ground_ros, or use '
    'another backend; see docs/server.md'
)
_SECTION = 'server'


class ServerChecks:
    """Asks one server. `reference` is a checkpoint's folder, or '' for none."""

    def __init__(self, model: str, reference: str = '') -> None:
        """Raises BadModel for a bad address."""
        self._probe = Probe(model)
        self._reference = reference
        self._clip = fixed_clip()

    def lines(self) -> list[Line]:
        """All checks; one that fails to run is a line that says why."""
        lines: list[Line] = []
        try:
            lines.extend(self._checks())
        except GroundError as err:
            lines.append(Line(_SECTION, 'check', False, str(err), 'mend what the message names'))
        return lines

    def _checks(self) -> Iterator[Line]:
        names = self._probe.models()
        model, version = self._probe.model, self._probe.version()
        yield Line(_SECTION, 'address', True, self._probe.address)
        yield Line(
            _SECTION, 'model', model in names, f"'{model}' of {', '.join(names) or 'none'}",
            'write one of these names behind the #',
        )  # fmt: skip
        options = GenerateOptions(TOKENS)
        replies = [self._probe.ask(self._clip, question, options) for question in QUESTIONS]
        if version:
            plugin = self._probe.plugin()
            beside = f', with the plugin molmo_ground_ros {plugin}' if plugin else ''
            yield Line(_SECTION, 'program', True, f'vLLM {version}{beside}')
        if not self._reference:
            text = 'not compared: --reference FOLDER names the checkpoint that is served'
            yield Line(_SECTION, 'answers', False, text, 'run the check once with --reference')
            return
        yield from self._compared(open_reference(self._reference, self._clip), replies)

    def _compared(self, imitation: Imitation, replies: Sequence[Reply]) -> Iterator[Line]:
        yield _prompt_line(imitation, replies)
        yield from _answer_lines(imitation, replies)


def _prompt_line(imitation: Imitation, replies: Sequence[Reply]) -> Line:
    """Whether the server reads the tokens that the reference reads, time labels among them."""
    advice = 'the server writes another prompt: compare its chat template and processor files'
    for question, reply in zip(QUESTIONS, replies, strict=True):
        ours, theirs = imitation.prompt(question).ids, reply.prompt_ids
        if not theirs:
            return Line(_SECTION, 'prompt', True, 'its token ids are not told, so not compared')
        if ours != theirs:
            place = next(
                (i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]),
                min(len(ours), len(theirs)),
            )
            text = f'differs at token {place} of {len(ours)}; it reads {len(theirs)} tokens'
            return Line(_SECTION, 'prompt', False, text, advice)
    return Line(_SECTION, 'prompt', True, 'token ids, time labels and number of frames are equal')


def _answer_lines(imitation: Imitation, replies: Sequence[Reply]) -> Iterator[Line]:
    """Whether the answers are the reference's; if not, a line for each deviation that fits."""
    answers = [
        Answered(question, reply.ids[: len(reply.logprobs)], reply.logprobs[: len(reply.ids)])
        for question, reply in zip(QUESTIONS, replies, strict=True)
    ]
    try:
        finding = diagnose(imitation, answers)
    except ValueError:
        text = 'no token ids or log-probabilities are told, so answers cannot be compared'
        yield Line(_SECTION, 'answers', False, text, 'only vLLM tells both')
        return
    except BackendError as err:
        yield Line(_SECTION, 'answers', False, str(err), 'mend what the message names')
        return
    yield from _verdict(finding)


def _verdict(finding: Diagnosis) -> Iterator[Line]:
    apart = f'log-probabilities differ by {finding.largest:.2g} at most, {BOUND} is allowed'
    right = finding.nearest == RIGHT and finding.largest <= BOUND
    yield Line(_SECTION, 'answers', right, apart, 'see the lines below')
    if right:
        return
    mean = finding.distances[finding.nearest]
    words = finding.nearest.words if mean <= BOUND else ()
    for text in words:
        yield Line(
            _SECTION,
            'deviation',
            False,
            f'{text} (computed so, they differ by {mean:.2g})',
            WAY_OUT,
        )
    if not words:
        text = 'none of the known deviations: other weights, or another precision'
        yield Line(_SECTION, 'deviation', False, text, 'serve the folder of --reference')
