# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What TrackEval makes of the sequences in a file.

    python trackeval_reference.py SEQUENCES.json ANSWERS.json

A sequence is a list of frames [gt ids, predicted ids, similarity]. Answers: of each sequence, then
of all of them together, every field of TrackEval's HOTA. A process of its own, because TrackEval
needs packages that ours does not. It is looked for in `<sys.prefix>/reference` last; exit code 3
and one line on stdout say that it is nowhere.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

_FOLDER = Path(sys.prefix) / 'reference'
sys.path.append(str(_FOLDER))
if not importlib.util.find_spec('trackeval'):
    print(f'needs pip install --no-deps --target {_FOLDER} trackeval==1.3.0')  # noqa: T201
    sys.exit(3)

import trackeval


def data_of(frames: list[Any]) -> dict[str, Any]:
    """A sequence as TrackEval wants it: ids numbered from 0 in the order of their values."""
    gt, predictions = (sorted({one for frame in frames for one in frame[k]}) for k in (0, 1))
    return {
        'num_gt_ids': len(gt),
        'num_tracker_ids': len(predictions),
        'num_gt_dets': sum(len(frame[0]) for frame in frames),
        'num_tracker_dets': sum(len(frame[1]) for frame in frames),
        'gt_ids': [np.array([gt.index(one) for one in frame[0]], int) for frame in frames],
        'tracker_ids': [
            np.array([predictions.index(one) for one in frame[1]], int) for frame in frames
        ],
        'similarity_scores': [
            np.array(frame[2], float).reshape(len(frame[0]), len(frame[1])) for frame in frames
        ],
    }


def main() -> None:
    """Read, compute, write."""
    metric = trackeval.metrics.HOTA()
    sequences = json.loads(Path(sys.argv[1]).read_text())
    answers = [metric.eval_sequence(data_of(frames)) for frames in sequences]
    answers.append(metric.combine_sequences(dict(enumerate(answers))))
    plain = [{k: np.asarray(v, float).tolist() for k, v in one.items()} for one in answers]
    Path(sys.argv[2]).write_text(json.dumps(plain))


if __name__ == '__main__':
    main()
