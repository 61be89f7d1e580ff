# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
r"""Command: filmed clips as a benchmark in the hub's formats, for `molmo-ground evaluate`.

    python -m tools.tabletop.suite OUT --seed 0 --clips 60
    molmo-ground evaluate --data OUT/videopointeval --media OUT/videos --format videopointeval \
        --backend onnx --model models/tabletop

OUT gets `videos/` (2 frames a second, MJPEG), and a folder each of VideoCountEval, VideoPointEval
and VideoTrackEval. The clips are those of `evaluate`, 8 to 63 s long, without frames off the grid.
Each is asked, by a seeded draw, for points and a count of each of Molmo2-VideoPoint's eight
categories, and for a track of one thing and of several.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np

from tools.tabletop import suite_rows
from tools.tabletop.evaluate import forms_of
from tools.tabletop.footage import LONGEST_S, SHORTEST_S, Footage, camera_stage, film
from tools.tabletop.formats import (
    COUNTS,
    POINTS,
    TRACKS,
    VIDEOS,
    Rows,
    write_formats,
    write_video,
)
from tools.tabletop.questions.clip import Clip
from tools.tabletop.questions.draw import MOST_POINTS, MOST_TRACKED, ask
from tools.tabletop.questions.referents import CATEGORIES, Referent, group, make
from tools.tabletop.render import RendererMissingError
from tools.tabletop.shares import shares

TRIES = 16  # draws of what is followed


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('folder', type=Path, metavar='OUT')
    parser.add_argument('--seed', type=int, default=0, help='of the clips (default 0)')
    parser.add_argument('--clips', type=int, default=60)
    parser.add_argument(
        '--seconds', type=float, nargs=2, default=(SHORTEST_S, LONGEST_S), metavar=('LOW', 'HIGH')
    )
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    (options.folder / VIDEOS).mkdir(parents=True, exist_ok=True)
    share = partial(write_clips, options.folder / VIDEOS, options.seed, tuple(options.seconds))
    try:
        found = shares(share, options.clips, options.processes)
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    write_formats([pair for part in found for pair in part], options.folder)
    return 0


def write_clips(
    videos: Path, seed: int, seconds: tuple[float, float], numbers: range
) -> list[tuple[str, Rows]]:
    """Film some clips, write their videos, and give each one's name and rows by format."""
    stage = camera_stage()
    found = []
    for number in numbers:
        footage = film(seed, number, stage, seconds, extra=False)
        name = f'tabletop-{seed}-{number:04d}'
        write_video(footage.jpegs, videos / f'{name}.avi')
        found.append((name, rows_of(name, footage, np.random.default_rng((seed, number, 5)))))
    stage.close()
    return found


def rows_of(name: str, footage: Footage, rng: np.random.Generator) -> Rows:
    """What one clip is asked, as far as chance finds such questions."""
    clip = Clip(footage.truth, np.arange(len(footage.jpegs)))
    points, counts = [], []
    for category in CATEGORIES:
        referent = make(category, clip, rng)
        if referent is not None and len(referent.spots) <= MOST_POINTS:
            points.append(suite_rows.point_row(name, footage, referent))
        asked = ask(clip, category, 'count', rng, forms_of(rng.random() < 0.5))
        if asked is not None:
            counts.append(suite_rows.count_row(name, footage, asked))
    followed = [_followed(clip, rng, several) for several in (False, True)]
    tracks = [suite_rows.track_row(name, footage, clip, one) for one in followed if one is not None]
    return {COUNTS: counts, POINTS: points, TRACKS: tracks}


def _followed(clip: Clip, rng: np.random.Generator, several: bool) -> Referent | None:
    """What a track follows; None if chance finds nothing."""
    for _ in range(TRIES):
        found = group(clip, rng) if several else make('object', clip, rng)
        count = len(found.things) if found else 0
        if 0 < count <= MOST_TRACKED and (count > 1) == several:
            return found
    return None


if __name__ == '__main__':
    sys.exit(main())
