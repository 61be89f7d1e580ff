# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/jetson.md: what fits a board, from `memory` alone. Nothing was run on one."""

from __future__ import annotations

from molmo_ground_ros.backends.base import SAVE_ALL
from molmo_ground_ros.backends.molmo2 import memory
from molmo_ground_ros.backends.molmo2.memory import ModelSizes, Need, WindowSize
from molmo_ground_ros.backends.molmo2.published import FRAME_FEATURES, FRAME_TOKENS, PUBLISHED

BOARDS_GB = (8, 16, 32, 64)
RESERVED = 2_500_000_000  # bytes for everything else on the board: an assumption, not measured
FEATURES = SAVE_ALL.feature_bytes
FORMATS = ('int4', 'int8', 'float16')  # what Orin computes with; bfloat16 takes what float16 does
PLANS = (  # board, model, format, window in seconds
    (8, 'Molmo2-4B', 'int4', 16),
    (16, 'Molmo2-4B', 'int8', 30),
    (16, 'Molmo2-8B', 'int4', 30),
    (32, 'Molmo2-4B', 'float16', 63),
    (32, 'Molmo2-8B', 'int8', 63),
    (64, 'Molmo2-8B', 'float16', 63),
)


def free_bytes(board: int) -> int:
    """What is left for the model on a board of so many GB (2^30 bytes each)."""
    return board * 2**30 - RESERVED


def model_of(name: str) -> ModelSizes:
    """A released model's sizes."""
    return ModelSizes(PUBLISHED[name], FRAME_TOKENS, FRAME_FEATURES)


def windows_table() -> str:
    """The longest window of each model and format on each board."""
    boards = ' | '.join(f'{board} GB' for board in BOARDS_GB)
    rows = [f'| model | weights | {boards} |', '|---|---|' + '---|' * len(BOARDS_GB)]
    for name in PUBLISHED:
        for dtype in FORMATS:
            cells = [_window(name, dtype, board) for board in BOARDS_GB]
            rows.append(f'| {name} | {dtype} | {" | ".join(cells)} |')
    return '\n'.join(rows)


def plans_table() -> str:
    """Each plan with its bytes by part, in GB (10^9 bytes)."""
    names = [name for name, _ in _need(*PLANS[0][1:])[1].parts]
    head = ['board', 'model', 'weights', 'window', 'frames', 'capacity', *names, 'total', 'left']
    rows = [f'| {" | ".join(head)} |', '|' + '---|' * len(head)]
    for board, name, dtype, seconds in PLANS:
        window, need = _need(name, dtype, seconds)
        left = free_bytes(board) - need.total
        parts = [
            f'{nbytes / 1e9:.2f}' for nbytes in (*(n for _, n in need.parts), need.total, left)
        ]
        cells = [f'{board} GB', name, dtype, f'{seconds} s', str(window.frames), str(window.rows)]
        rows.append(f'| {" | ".join([*cells, *parts])} |')
    return '\n'.join(rows)


def _need(name: str, dtype: str, seconds: float) -> tuple[WindowSize, Need]:
    model = model_of(name)
    window = memory.window_of(seconds, model)
    return window, memory.need(model, dtype, window, features=FEATURES)


def _window(name: str, dtype: str, board: int) -> str:
    seconds = memory.longest_window(model_of(name), dtype, free_bytes(board), features=FEATURES)
    return f'{seconds:g} s' if seconds else 'does not fit'
