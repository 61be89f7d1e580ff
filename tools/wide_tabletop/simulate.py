# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: simulated episodes to learn from.

Usage:
    python -m tools.wide_tabletop.simulate shards FOLDER --first 1000000 --count 2000
"""

import argparse
import sys
import time
from pathlib import Path

from tools.wide_tabletop.render import RendererMissingError
from tools.wide_tabletop.shards import write_shards


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest='command', required=True)
    shards = commands.add_parser('shards', help='frames and truth to train on, a file an episode')
    shards.add_argument('folder', type=Path)
    shards.add_argument('--first', type=int, default=1_000_000, help='first seed')
    shards.add_argument('--count', type=int, default=2000, help='episodes')
    shards.add_argument('--processes', type=int, default=1, help='at a time')
    return parser


def _shards(options: argparse.Namespace) -> None:
    began = time.monotonic()
    seeds = range(options.first, options.first + options.count)
    for number, path in enumerate(write_shards(options.folder, seeds, options.processes), 1):
        if number % 50 == 0:
            rate = 60 * number / (time.monotonic() - began)
            print(f'{number} episodes, {rate:.0f} a minute, last {path}', flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    options = _parser().parse_args(arguments)
    try:
        _shards(options)
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
