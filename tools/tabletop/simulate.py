# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: simulated episodes, to learn from or as a rosbag2 MCAP file with its truth.

Usage:
    python -m tools.tabletop.simulate shards FOLDER --first 1000000 --count 2000
    python -m tools.tabletop.simulate shards FOLDER --first 5000000 --count 20000 --frames 6
    python -m tools.tabletop.simulate shards FOLDER --first 2000000 --count 4000 --truth-alone
    python -m tools.tabletop.simulate bag PATH.mcap --seed 7 --seconds 30 --depth-every 5
"""

import argparse
import sys
import time
from pathlib import Path

from tools.tabletop.bag import Span, write_bag
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import RendererMissingError
from tools.tabletop.shards import TRUTH_ALONE, write_shards


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest='command', required=True)
    shards = commands.add_parser('shards', help='frames and truth to train on, a file an episode')
    shards.add_argument('folder', type=Path)
    shards.add_argument('--first', type=int, default=1_000_000, help='first seed')
    shards.add_argument('--count', type=int, default=2000, help='episodes')
    shards.add_argument('--frames', type=int, default=0, help='of an episode; 0: all of it')
    shards.add_argument(
        '--truth-alone',
        dest='frames',
        action='store_const',
        const=TRUTH_ALONE,
        help='no pictures: twice as quick, and all that the language model needs for codes',
    )
    shards.add_argument('--processes', type=int, default=1, help='at a time')
    bag = commands.add_parser('bag', help='one episode as an MCAP bag, its truth beside it')
    bag.add_argument('path', type=Path)
    bag.add_argument('--seed', type=int, default=0)
    bag.add_argument('--seconds', type=float, default=30.0, help='length')
    bag.add_argument('--rate', type=float, default=10.0, help='pictures a second')
    bag.add_argument('--depth-every', type=int, default=2, help='pictures per depth picture')
    bag.add_argument('--view', type=int, choices=(0, 1), default=0, help='which camera')
    return parser


def _bag(options: argparse.Namespace) -> None:
    scene = scene_from_seed(options.seed, options.seconds + 0.1, calm=True)
    span = Span(0.0, options.seconds, options.rate, options.depth_every, view=options.view)
    truth = write_bag(scene, span, options.path)
    print(f'{options.path}: seed {options.seed}, {len(truth["events"])} events')


def _shards(options: argparse.Namespace) -> None:
    began = time.monotonic()
    seeds = range(options.first, options.first + options.count)
    written = write_shards(options.folder, seeds, options.processes, options.frames)
    for number, path in enumerate(written, 1):
        if number % 50 == 0:
            rate = 60 * number / (time.monotonic() - began)
            print(f'{number} episodes, {rate:.0f} a minute, last {path}', flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    options = _parser().parse_args(arguments)
    try:
        _shards(options) if options.command == 'shards' else _bag(options)
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
