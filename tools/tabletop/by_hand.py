# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: ask a model the questions of by_hand.json about the bag that they were typed for.

Usage:
    python -m tools.tabletop.by_hand [BAG.mcap] [--model FOLDER]

BAG is the one that ships, and its truth lies beside it. Each question has what a person says is
right: words, events, things or a track. The last line printed is one JSON object;
`sure_and_wrong` are wrong answers that have a point with a calibrated probability above SURE; null
for a model without a calibration. Texts have no probability.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.tabletop.bag_truth import BagTruth
from tools.tabletop.scoring import EVENT_S

ROOT = Path(__file__).resolve().parents[2]
ASKED = Path(__file__).with_name('by_hand.json')
SURE = 0.8
TRACKED = 0.8  # share of a track's points, and of the pictures, that must be right


def is_right(truth: BagTruth, right: Mapping[str, Any], answer: Any) -> bool:
    """Whether an answer is what a person says is right.

    right has one of: says (a pattern of the words), none, things (one point on each, no other),
    track (a thing), and events ([kind, thing]: a point at each of them, no other).
    """
    if 'says' in right:
        return re.fullmatch(right['says'], answer.text.strip()) is not None
    if 'none' in right:
        return not answer.points and not answer.tracks and not answer.count
    if 'track' in right:
        points = [point for track in answer.tracks for point in track.points]
        on = sum(truth.is_on(point, right['track']) for point in points)
        wanted_points = max(len(points), truth.seen(right['track']) * answer.frames_used)
        return bool(on >= TRACKED * wanted_points)
    wanted: list[tuple[int | None, str]]
    if 'events' in right:
        kind, name = right['events']
        wanted = [(moment, name) for moment in truth.moments(kind, name)]
    else:
        wanted = [(None, name) for name in right['things']]
    is_counted = answer.count is None or answer.count == len(wanted)
    return is_counted and _are_hit(truth, wanted, answer.points)


def _are_hit(
    truth: BagTruth, wanted: Sequence[tuple[int | None, str]], points: Sequence[Any]
) -> bool:
    """Whether each wanted thing, at its moment if it has one, is hit by a point of its own."""
    left = list(points)
    for moment, name in wanted:
        for point in left:
            is_then = moment is None or abs(point.stamp_ns - moment) <= EVENT_S * 1e9
            if is_then and truth.is_on(point, name):
                left.remove(point)
                break
        else:
            return False
    return not left


def surest(answer: Any) -> float:
    """The highest probability of an answer's points; 0 if no point has one."""
    points = [*answer.points, *(point for track in answer.tracks for point in track.points)]
    return max((p.probability for p in points if not math.isnan(p.probability)), default=0.0)


def ask(grounder: Any, bag: Path, texts: Sequence[str]) -> list[Any]:
    """The package's answers about the whole bag."""
    from molmo_ground_ros.frames.image import decode
    from molmo_ground_ros.frames.windows import sample
    from molmo_ground_ros.recording import open_recording
    from molmo_ground_ros.types import Clip, Frame, Query

    with open_recording(bag) as recording:
        pictures = list(recording.messages())
    stamps = [picture.stamp_ns for picture in pictures]
    samples, expected = sample(stamps, stamps[0], stamps[-1])
    frames = tuple(
        Frame(stamps[s.index], decode(pictures[s.index].image), 'camera') for s in samples
    )
    labels = tuple(s.seconds for s in samples)
    clip = Clip('camera', frames, labels, stamps[0], stamps[-1], expected)
    return [grounder.ground(clip, Query(text)) for text in texts]


def loader_of(model: str, backend: str) -> Any:
    """The package's loader: a calibration in the model's folder is part of what it loads."""
    from molmo_ground_ros.backends.base import BackendSettings
    from molmo_ground_ros.grounding.loader import GrounderLoader

    return GrounderLoader(backend, BackendSettings(model, device='cpu'))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('bag', type=Path, nargs='?', default=ROOT / 'examples' / 'tabletop.mcap')
    parser.add_argument('--model', default=str(ROOT / 'models' / 'tabletop'))
    parser.add_argument('--backend', default='onnx')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options, asked = _parser().parse_args(arguments), json.loads(ASKED.read_text())
    truth = BagTruth.beside(options.bag)
    questions = asked['questions']
    texts = [question['question'] for question in questions]
    loader = loader_of(options.model, options.backend)
    answers = ask(loader.load(), options.bag, texts)
    rights = [is_right(truth, q['right'], a) for q, a in zip(questions, answers, strict=True)]
    for text, answer, right in zip(texts, answers, rights, strict=True):
        print('right' if right else 'WRONG', f'{surest(answer):.2f}', text, answer.text, sep=' | ')
    sure = [a for a, right in zip(answers, rights, strict=True) if not right and surest(a) > SURE]
    is_calibrated = loader.calibration() is not None
    figures = {
        'asked': len(texts),
        'right': sum(rights),
        'sure_and_wrong': len(sure) if is_calibrated else None,
    }
    print(json.dumps(figures))
    return 0


if __name__ == '__main__':
    sys.exit(main())
