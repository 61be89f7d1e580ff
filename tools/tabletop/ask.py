# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
r"""Command: ask the model that ships for the suite's tracks in words that it was trained with.

    python -m tools.tabletop.ask OUT --out own-words.jsonl
    molmo-ground evaluate --data OUT/videotrackeval --format videotrackeval \
        --predictions 'in its own words=own-words.jsonl'

`molmo-ground evaluate` asks as Molmo2's own evaluation does, in one of ten wordings, most of which
this model never saw (`questions.TRACK`).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from molmo_ground_ros import backends
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.benchmarks.scoring.predict import predict
from molmo_ground_ros.benchmarks.scoring.prediction_files import write_predictions
from molmo_ground_ros.grounding.grounder import Grounder
from tools.tabletop.evaluate import MODEL
from tools.tabletop.questions import TRACK
from tools.tabletop.suite import TRACKS, VIDEOS


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('folder', type=Path, metavar='OUT', help='of tools.tabletop.suite')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE', help='JSON Lines')
    parser.add_argument('--model', default=str(MODEL))
    parser.add_argument('--backend', default='onnx')
    options = parser.parse_args(arguments)
    found = (one for one in read(TRACKS, options.folder / TRACKS) if isinstance(one, Example))
    examples = [replace(one, query=TRACK[0].format(one.label)) for one in found]
    media = MediaFolder(options.folder / VIDEOS)
    backend = backends.load(options.backend, BackendSettings(options.model, device='cpu'))
    grounder = Grounder(backend)
    answers = predict('own words', examples, grounder, media.clip)
    grounder.close()
    write_predictions(answers.answers.items(), options.out)
    print(f'{options.out}: {len(answers.answers)} of {len(examples)} answered')
    return 0


if __name__ == '__main__':
    sys.exit(main())
