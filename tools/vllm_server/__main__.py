# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Serve the shipped model on vLLM with our plugin and without, and compare both with our engine.

40 clips of the evaluation, 160 questions, frames without loss. The last line is one JSON object.
Exits with 1 if a bar is missed, or if `doctor --server` does not tell the two servers apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.layouts import RELEASED, convert_checkpoint
from molmo_ground_ros.commands.server_checks import ServerChecks
from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.reports.answer_table import text_table
from molmo_ground_ros.types import Answer
from tools.setup.steps import ROOT, SetupError
from tools.tabletop.render import RendererMissingError
from tools.vllm_server import asking
from tools.vllm_server.environment import FOLDER, prepare
from tools.vllm_server.serving import PLUGIN, served

MODEL = ROOT / 'models' / 'tabletop'
# Prompts and new tokens of several questions then share a step of the server.
AT_ONCE, CLIPS_AT_ONCE = 4, 10
MOST_APART, LEAST_EQUAL = 0.01, 130 / 160
_CODE = (
    "vLLM 0.32 needs Ai2's Python files: "
    "hf download allenai/Molmo2-4B --include '*.py' --local-dir CODE, then make vllm CODE=CODE"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One server: its answers, whether the doctor calls it right, and the seconds of asking."""

    given: Sequence[Answer]
    right: bool
    seconds: float
    # The answers to the first questions, AT_ONCE of them at a time.
    at_once: Sequence[Answer] = ()


def main() -> int:
    """Run it; 2 with one line if something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--code', type=Path, help="the folder with Ai2's Python files")
    parser.add_argument('--environment', type=Path, default=FOLDER, metavar='FOLDER')
    parser.add_argument('--clips', type=int, default=40)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    if options.code is None:
        print(_CODE, file=sys.stderr)
        return 2
    try:
        return _compare(options)
    except (GroundError, RendererMissingError, SetupError) as err:
        print(err, file=sys.stderr)
        return 2


def _compare(options: argparse.Namespace) -> int:
    folder = options.environment.absolute()
    binaries = prepare(folder)
    checkpoint = folder / 'tabletop-released'
    shutil.rmtree(checkpoint, ignore_errors=True)
    convert_checkpoint(MODEL, checkpoint, RELEASED, options.code)
    clips = asking.film_clips(options.seed, options.clips)
    began = time.monotonic()
    ours = asking.answers('onnx', BackendSettings(str(MODEL), device='cpu'), clips)
    own = Trial(ours, True, time.monotonic() - began)
    trials = {'onnx': own}
    for name, plugin in (('vLLM with the plugin', PLUGIN), ('vLLM as it is', '')):
        with served(binaries, checkpoint, plugin, folder / 'set-up' / f'{name}.log') as address:
            trials[name] = _tried(address, clips, CLIPS_AT_ONCE if plugin else 0)
    print(_table(clips, trials))
    mended, stock = list(trials.values())[1:]
    return judged(clips, own, mended, stock)


def _tried(address: str, clips: Sequence[asking.Asked], clips_at_once: int) -> Trial:
    lines = ServerChecks(address, str(MODEL)).lines()
    for line in lines:
        print(f'doctor: {"ok" if line.ok else "NO"} {line.name}: {line.text}', flush=True)
    began = time.monotonic()
    given = asking.answers('server', BackendSettings(address), clips)
    seconds = time.monotonic() - began
    at_once = asking.answers_at_once(BackendSettings(address), clips[:clips_at_once], AT_ONCE)
    return Trial(given, all(line.ok for line in lines), seconds, at_once)


def _table(clips: Sequence[asking.Asked], trials: dict[str, Trial]) -> str:
    head = ['', 'point F1', 'count exact', 'grasp F1', 'track F1', 'texts equal', 'seconds']
    own = trials['onnx']
    rows = []
    for name, trial in trials.items():
        score = asking.scores(clips, trial.given)
        values = (score.point_f1, score.count_exact, score.grasp_f1, score.track_f1)
        equal = asking.equal_texts(own.given, trial.given)
        figures = [f'{value:.3f}' for value in values]
        rows.append([name, *figures, f'{equal} of {len(own.given)}', f'{trial.seconds:.0f}'])
    return text_table(head, rows)


def judged(clips: Sequence[asking.Asked], own: Trial, mended: Trial, stock: Trial) -> int:
    """Print the figures, and return the exit code."""
    ours, theirs = (asking.scores(clips, trial.given) for trial in (own, mended))
    equal, at_once = asking.equal_texts(own.given, mended.given), len(mended.at_once)
    differences = {
        'point_f1_difference': abs(ours.point_f1 - theirs.point_f1),
        'count_difference': abs(ours.count_exact - theirs.count_exact),
        'track_f1_difference': abs(ours.track_f1 - theirs.track_f1),
        'scores_max_difference': asking.largest_score_difference(own.given, mended.given),
    }
    bars = (
        *(difference <= MOST_APART for difference in differences.values()),
        equal >= LEAST_EQUAL * len(own.given),
        mended.right and not stock.right,
    )
    figures = {
        'texts_equal': equal,
        **{name: round(value, 6) for name, value in differences.items()},
        'stock_point_f1': round(asking.scores(clips, stock.given).point_f1, 4),
        'texts_equal_at_once': asking.equal_texts(mended.given[:at_once], mended.at_once),
        'questions_at_once': at_once,
        'doctor_right': [mended.right, stock.right],
    }
    print(json.dumps(figures))
    return 0 if all(bars) else 1


if __name__ == '__main__':
    sys.exit(main())
