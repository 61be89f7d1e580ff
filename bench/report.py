# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes rows as a table, as JSON, and into docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.inputs import ROOT
from bench.rows import PEER, Row
from bench.timing import Spread

DOC = ROOT / 'docs' / 'performance.md'
BEGIN = '<!-- results: written by `python -m bench --write` -->'
END = '<!-- end of results -->'

_SIDES = (PEER, 'transformers', 'torch', 'onnx', 'torch, no drafting', 'onnx, no drafting')
# Keys of the last line, and the row behind each.
_RATIOS = {
    'first_question_ttft_ratio': 'first_ttft',
    'second_question_ttft_ratio': 'second_ttft',
    'slide_ttft_ratio': 'slide_ttft',
    'track_time_ratio': 'track_total',
}
_MEDIANS = {
    'four_questions_time_ratio': 'four_ratio',
    'tokens_per_forward': 'tokens_per_forward',
}
_PEER = {
    'slide_bound': 'slide_bound',  # the ratio beside it is of the peer's time as well
    'answers_compared': 'compared',
    'answers_undecided': 'ties',
}
# Of drafting alone, without a model: where the vocabulary is installed.
_QWEN = {
    'tokens_per_forward_qwen': 'tokens_per_forward_qwen',
    'forward_passes_per_point': 'forward_passes_per_point',
}
_ONNX = {'onnx_rss_mb': 'peak_mb', 'onnx_ready_s': 'ready_s'}
_LARGE_MEDIANS = {'decode_tokens_s': 'decode_speed', 'ttft_64_frames_ms': 'cached_ttft'}
_LARGE_RATIOS = {'decode_vs_eager_ratio': 'decode_speed'}


def headline(rows: Sequence[Row], backend: str) -> dict[str, float]:
    """The figures of the model that ships, for this backend."""
    figures = _ratios(rows, _RATIOS, backend) | _medians(rows, _MEDIANS, backend)
    figures |= _medians(rows, _ONNX, 'onnx') | _medians(rows, _PEER, PEER)
    is_measured = any(row.key in _QWEN for row in rows)
    return figures | (_medians(rows, _QWEN, 'torch') if is_measured else {})


def large_headline(rows: Sequence[Row]) -> dict[str, float]:
    """The figures of a model of a released size."""
    return _medians(rows, _LARGE_MEDIANS, 'torch') | _ratios(rows, _LARGE_RATIOS, 'torch')


def table(rows: Iterable[Row]) -> str:
    """A Markdown table: median (10th to 90th percentile), times better than the peer."""
    listed = list(rows)
    sides = [side for side in _SIDES if any(side in row.cells for row in listed)]
    lines = [['measure', 'unit', *sides]]
    for row in listed:
        cells = [_cell(row, side) for side in sides]
        lines.append([row.title, row.unit, *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = ['-' * width for width in widths]
    return '\n'.join(_line(line, widths) for line in (lines[0], rule, *lines[1:]))


def with_results(doc: str, text: str) -> str:
    """The document with the text between its two markers. Raises ValueError if it lacks them."""
    head, begin, rest = doc.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f'the document lacks {BEGIN} and {END}')
    return f'{head}{BEGIN}\n{text}\n{END}{tail}'


def section(rows: Sequence[Row], record: Mapping[str, Any], command: str) -> str:
    """What goes between the markers: command, machine, table, last line."""
    machine = record['machine']
    versions = ', '.join(
        f'{name} {machine[name]}'
        for name in ('python', 'torch', 'transformers', 'onnxruntime', 'numpy', 'tokenizers')
    )
    where = f'{machine["cpu"]}, {machine["cores"]} cores, {machine["memory_gb"]} GB'
    gpu = machine['gpu'] or 'no GPU'
    figures = {name: value for name, value in record.items() if isinstance(value, float)}
    return '\n'.join(
        [
            f'`{command}`, {machine["date"]}: {where}, {gpu}, {machine["system"]};',
            f'{versions}; {record["threads"]} threads.',
            '',
            table(rows),
            '',
            f'Headline, backend `{record["backend"]}`:',
            '',
            '| figure | value |',
            '| --- | --- |',
            *(f'| `{name}` | {_number(value)} |' for name, value in figures.items()),
        ]
    )


def _medians(rows: Sequence[Row], names: Mapping[str, str], side: str) -> dict[str, float]:
    by_key = {row.key: row for row in rows}
    return {name: round(by_key[key].cells[side].median, 3) for name, key in names.items()}


def _ratios(rows: Sequence[Row], names: Mapping[str, str], side: str) -> dict[str, float]:
    by_key = {row.key: row for row in rows}
    return {name: round(by_key[key].ratios[side], 3) for name, key in names.items()}


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f'| {" | ".join(padded)} |'


def _cell(row: Row, side: str) -> str:
    if side not in row.cells:
        return ''
    text = _spread(row.cells[side])
    return f'{text}, {row.ratios[side]:.3g}x' if side in row.ratios else text


def _spread(cell: Spread) -> str:
    if cell.low == cell.high:
        return _number(cell.median)
    return f'{_number(cell.median)} ({_number(cell.low)}-{_number(cell.high)})'


def _number(value: float) -> str:
    """Three significant digits, no exponent."""
    return f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'


def write_doc(text: str, path: Path = DOC) -> None:
    """Refresh the document."""
    path.write_text(with_results(path.read_text(), text))
