# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground convert-checkpoint`: writes a checkpoint as vLLM and Ai2's code read it, and back.

The weights go over unchanged. Nothing is computed, and neither torch nor transformers is needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from molmo_ground_ros.backends.layouts import LAYOUTS, RELEASED, convert_checkpoint
from molmo_ground_ros.errors import BadSetting

_NO_CODE = (
    "vLLM 0.32 also needs Ai2's Python files in the folder: "
    "hf download allenai/Molmo2-4B --include '*.py' --local-dir CODE, then --code CODE"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument('folder', metavar='FOLDER', help='the checkpoint')
    parser.add_argument(
        '--layout',
        required=True,
        choices=LAYOUTS,
        help="released: as Ai2 released Molmo2, for vLLM and Ai2's code. "
        'transformers: as transformers 5.23 saves it.',
    )
    parser.add_argument('--out', required=True, metavar='FOLDER', help='a new folder')
    parser.add_argument(
        '--code', default='', metavar='FOLDER', help="Ai2's Python files, for the released layout"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the new folder. Raises BadModel, BadSetting or OSError."""
    folder, out = Path(arguments.folder), Path(arguments.out)
    if not folder.is_dir():
        raise BadSetting('folder', str(folder), 'is no folder')
    code = Path(arguments.code) if arguments.code else None
    convert_checkpoint(folder, out, arguments.layout, code)
    print(f'{out}: {folder} in the layout {arguments.layout}')
    if arguments.layout == RELEASED and code is None:
        print(_NO_CODE)
    return 0
