# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: simulated episodes as training shards or as a rosbag2 MCAP file with its truth.

Usage:
    python -m tools.tabletop.simulate shards FOLDER --first 1000000 --count 1800
    python -m tools.tabletop.simulate bag examples/tabletop.mcap --from-seed 5000
"""

import argparse
import sys
from pathlib import Path

from tools.tabletop.bag import Span, truth_of, write_bag
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import RendererMissingError
from tools.tabletop.shards import write_shard

SHARD = 40  # episodes
DEMO = Span(start_s=0.0, length_s=22.3, depth_every=1)


def demo_seed(first: int, span: Span = DEMO) -> int:
    """The first seed whose plan has three red grasps, grasps of others and a miss in the span."""
    seed = first
    while True:
        truth = truth_of(scene_from_seed(seed), span)
        red = sum(grasp['colour'] == 'red' for grasp in truth['grasps'])
        missed = any(attempt['kind'] == 'miss' for attempt in truth['failed'])
        if red >= 3 and len(truth['grasps']) - red >= 2 and missed:
            return seed
        seed += 1


def write_shards(folder: Path, first: int, count: int) -> None:
    """Shards of SHARD episodes with ascending seeds; finished ones are kept as they are."""
    for start in range(first, first + count, SHARD):
        if not (folder / f'{start}.frames.npy').exists():
            write_shard(folder / str(start), range(start, min(start + SHARD, first + count)))
            print(folder / str(start), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest='command', required=True)
    shards = commands.add_parser('shards', help='frames and labels to train on')
    shards.add_argument('folder', type=Path)
    shards.add_argument('--first', type=int, default=1_000_000, help='first seed')
    shards.add_argument('--count', type=int, default=1800, help='episodes')
    bag = commands.add_parser('bag', help='one episode as an MCAP bag, its truth beside it')
    bag.add_argument('path', type=Path)
    bag.add_argument('--seed', type=int, help='this very episode')
    bag.add_argument('--from-seed', type=int, default=5000, help='the first fitting one from here')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == 'shards':
            write_shards(options.folder, options.first, options.count)
        else:
            seed = demo_seed(options.from_seed) if options.seed is None else options.seed
            truth = write_bag(scene_from_seed(seed), DEMO, options.path)
            print(f'{options.path}: seed {seed}, {len(truth["grasps"])} grasps')
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
