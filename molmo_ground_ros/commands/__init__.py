# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The subcommands of `molmo-ground`: one file each, named for its command.

Each of them has the same two functions:

    add_arguments(parser)      declares its arguments and options
    run(arguments) -> int      does the work, prints, and returns the exit code; raises errors

The file of a command is imported only when that command is chosen. Other files of this folder:

    settings    options that stand for settings, and the older spelling of options
    exit_codes  the exit code of an error
    loading     the options of the model that recordings are asked with
    positions   the options of positions in metres
    questions   reads the questions of `analyze --questions` from a file
    progress    shows how far a command has come
    estimate    guesses the time and the disk space that a build takes
    checks      the checks of `doctor`
    server_checks  the checks of `doctor --server`
    agents      what `mcp` serves
    probes      programs that these checks run in another process
"""

from __future__ import annotations

COMMANDS = {
    'analyze': 'ask a question about a recording',
    'build': 'write the graphs or engines that a backend runs',
    'calibrate': 'make scores probabilities, from answers that somebody has judged',
    'convert': 'turn masks or boxes into pointing and tracking data for Molmo2',
    'convert-checkpoint': "write a checkpoint as vLLM and Ai2's code read it, or back",
    'doctor': 'say what this machine can run, and what is missing',
    'evaluate': 'measure what models say on a data set',
    'export': 'turn answers that a person looked at into training data for Molmo2',
    'find': 'list the moments of an index, by words, time and camera',
    'index': 'keep the answers to questions about all recordings below a folder',
    'mcp': 'serve a running node and recordings to agents, by the Model Context Protocol',
}


def module_of(command: str) -> str:
    """The module of one of COMMANDS, in which an underscore stands for a hyphen."""
    return f'{__name__}.{command.replace("-", "_")}'
