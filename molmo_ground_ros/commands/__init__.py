# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The subcommands of `molmo-ground`, one file each with the same two functions.

    add_arguments(parser)      what it takes
    run(arguments) -> int      does it, prints, gives the exit code; raises errors of errors.py

A file is imported when its command is chosen, and no sooner.
"""

from __future__ import annotations

COMMANDS = {
    'analyze': 'ask a question about a recording',
    'build': 'write the graphs or engines that a backend runs',
    'convert': 'turn masks or boxes into pointing and tracking data for Molmo2',
    'doctor': 'say what this machine can run, and what is missing',
    'evaluate': 'measure what models say on a data set',
    'export': 'turn answers that a person looked at into training data for Molmo2',
}
