# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command `molmo-ground`. Finds the subcommand in `commands/`.

Exit codes: 0 done; 1 the model failed; 2 bad input, with one line on stderr.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from molmo_ground_ros.commands import COMMANDS, module_of
from molmo_ground_ros.commands.exit_codes import EXPECTED, exit_code
from molmo_ground_ros.commands.settings import with_hyphens


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    words, notes = with_hyphens(sys.argv[1:] if arguments is None else arguments)
    for note in notes:
        print(f'molmo-ground: {note}', file=sys.stderr)
    parsed = _parser(words).parse_args(words)
    try:
        return int(parsed.run(parsed))
    except EXPECTED as error:
        return _complain(error, exit_code(error))
    except KeyboardInterrupt:
        return 130


def _complain(error: Exception, code: int) -> int:
    print(f'molmo-ground: {" ".join(str(error).split())}', file=sys.stderr)
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """All commands by name, and the arguments of the one that is named: only that is imported."""
    parser = argparse.ArgumentParser(
        prog='molmo-ground', description="Ask a Molmo2 model about a camera's recordings."
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f'{text.capitalize()}.')
        if name in words[:1]:
            module = importlib.import_module(module_of(name))
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


if __name__ == '__main__':
    sys.exit(main())
