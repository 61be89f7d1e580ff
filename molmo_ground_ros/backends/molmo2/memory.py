# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many frames, cache rows and bytes a window needs; refuses a window that will not fit.

All of it is computed from a config: nothing is loaded or allocated, and no weights are needed. The
bytes of weights, cache and features are exact. Those of the workspace are an estimate, see
`workspace_bytes`. The memory of the runtime's own libraries is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from molmo_ground_ros.backends.molmo2.config import Molmo2Config, TextConfig, VisionConfig
from molmo_ground_ros.backends.molmo2.formats import (
    CODE_BITS,
    CPU,
    CPU_FORMATS,
    FLOAT_BYTES,
    HEAD_FORMATS,
    SCALE_BITS,
    SCALE_BLOCK,
    compute_dtype,
)
from molmo_ground_ros.backends.molmo2.weight_counts import (
    layer_matrices,
    layer_others,
    vision_weights,
)
from molmo_ground_ros.errors import BadSetting, DoesNotFit
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, SAMPLE_PERIOD_NS, most_frames
from molmo_ground_ros.types import Task

# A capacity is a multiple of it.
ROWS = 256
# Room for the question and for the marks of the turns around it.
QUESTION_TOKENS = 128
# Tokens of one frame's answer about three tracked objects: a time takes about 4 tokens, and a point
# about 10 (molmo2.md 4).
ANSWER_A_FRAME = 4 + 3 * 10
# What one pass of the vision tower reads at most: on a GPU so many frames, on a CPU frames of so
# many patches together. A frame of the released models has 729: of four layers of their size, ONNX
# Runtime took 0.91 s of a core for a frame alone, 0.95 s for each of two, 1.05 s for each of four.
_GPU_FRAMES, _CPU_PATCHES = 8, 729
_MAX_SECONDS = MAX_WINDOW_NS / 1e9
_PERIOD_SECONDS = SAMPLE_PERIOD_NS / 1e9


FORMATS = (*FLOAT_BYTES, 'int8', 'fp8', 'int4')
"""What the weights of engines and of torch may be stored as; see also formats.CPU_FORMATS."""

# Bits a weight that ONNX Runtime's CPU keeps besides a code: for each block a scale and a sum, in
# float32. Where 128 does not divide the inputs, blocks are smaller and take more than this.
_PACKED_BITS = 2 * 32 / SCALE_BLOCK


@dataclass(frozen=True, slots=True)
class Format:
    """What a number format of the weights means for memory.

    bits: of one weight in a matrix of the decoder's layers, with its share of a scale. head, table
    and vision: the same of the head, the embeddings and the vision tower. item: bytes of every
    other weight, and of a number in the cache and in features.
    """

    bits: float
    head: float
    table: float
    vision: float
    item: int


def _format(dtype: str) -> Format:
    """A format by name. In 'int4.float32' the matrices are int4 and all else is float32."""
    weights, _, computed = dtype.partition('.')
    if dtype in CPU_FORMATS and computed:
        bits = {name: CODE_BITS[name] + _PACKED_BITS for name in ('int4', 'int8')}
        head = bits[HEAD_FORMATS.get(weights, weights)]
        # The rows of the table that a prompt needs are read from the checkpoint's file.
        return Format(bits[weights], head, 0, bits['int8'], FLOAT_BYTES['float32'])
    if not {weights, computed or weights} <= set(FORMATS):
        raise BadSetting('dtype', dtype, f'not one of {", ".join(FORMATS)}')
    item = FLOAT_BYTES[compute_dtype(computed or weights)]
    # The scales of int8 (one for each output) and fp8 (one for each matrix) are too few to count.
    # Where 128 does not divide the inputs, int4 has smaller blocks, and takes more than this.
    scales = SCALE_BITS / SCALE_BLOCK if weights == 'int4' else 0
    bits_of_matrix = CODE_BITS.get(weights, 8 * item) + scales
    head_bits = CODE_BITS.get(HEAD_FORMATS.get(weights, ''), 8 * item)
    return Format(bits_of_matrix, head_bits, 8 * item, 8 * item, item)


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The sizes of a checkpoint that decide how much memory it needs.

    frame_tokens: tokens of a frame in the prompt, with its markers and without its time label.
    frame_features: rows of features of a frame.
    """

    config: Molmo2Config
    frame_tokens: int
    frame_features: int


@dataclass(frozen=True, slots=True)
class WindowSize:
    """How much of the context a window of video needs.

    prompt: tokens of the prompt, with a question of QUESTION_TOKENS. answer: the most tokens of the
    answer. rows: the capacity of the cache.
    """

    seconds: float
    frames: int
    prompt: int
    answer: int
    rows: int


@dataclass(frozen=True, slots=True)
class Need:
    """The bytes that are needed, by part."""

    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(nbytes for _, nbytes in self.parts)


@dataclass(frozen=True, slots=True)
class Budget:
    """What memory a runtime can still use.

    free: bytes that can still be allocated. where: what they are part of, 'memory' for example.
    rows: rows of the cache now. step: by how many rows it grows. item: bytes of a number in it.
    fused: whether attention is computed without storing its scores. batch: frames that are encoded
    in one pass.
    """

    free: int
    where: str
    rows: int
    step: int
    item: int
    fused: bool
    batch: int


def frames_of_pass(vision: VisionConfig, *, gpu: bool) -> int:
    """How many frames one pass of the vision tower reads at most."""
    return _GPU_FRAMES if gpu else max(1, _CPU_PATCHES // vision.positions)


def window_of(seconds: float, model: ModelSizes) -> WindowSize:
    """The frames, tokens and rows of a window. Raises BadSetting if the window is impossible.

    The number of frames is `windows.most_frames`. A time label as ' 12.5 ' is counted as one token
    for each character. That is exact for Qwen's own tokenizer, which writes digits one by one, and
    no byte-level tokenizer needs more. The answer has room for three objects tracked in every
    frame, within `Task.token_limit`.
    """
    if not _PERIOD_SECONDS <= seconds <= _MAX_SECONDS:
        raise BadSetting('window', seconds, f'not in {_PERIOD_SECONDS:g} to {_MAX_SECONDS:g} s')
    frames = most_frames(round(seconds * 1e9))
    prompt = frames * model.frame_tokens + _label_tokens(frames) + QUESTION_TOKENS
    low, high = Task.TEXT.token_limit, Task.TRACK.token_limit
    answer = min(max(low, ANSWER_A_FRAME * frames), high)
    positions = model.config.text.positions
    if prompt >= positions:
        raise BadSetting(
            'window', seconds, f'its prompt of {prompt} tokens fills the context of {positions}'
        )
    rows = min(_rounded(prompt + answer, ROWS), positions)
    return WindowSize(seconds, frames, prompt, min(answer, rows - prompt), rows)


def need(
    model: ModelSizes, dtype: str, window: WindowSize, *, features: int = 0, fused: bool = True
) -> Need:
    """The bytes, by part, that answering over this window needs.

    features: bytes of the cache of features, which holds at least those of the window. fused: as
    in `workspace_bytes`. Raises BadSetting for a dtype that is in neither
    FORMATS nor formats.CPU_FORMATS.
    """
    item = _format(dtype).item
    frame = model.frame_features * model.config.text.hidden * item
    batch = frames_of_pass(model.config.vision, gpu=fused)
    return Need(
        (
            *weights(model.config, dtype).parts,
            ('keys and values', cache_bytes(model.config.text, window.rows, item)),
            ('features kept, at most', max(features, window.frames * frame)),
            (
                'workspace (estimate)',
                workspace_bytes(model, window.prompt, item, batch, fused=fused),
            ),
        )
    )


def weights(config: Molmo2Config, dtype: str) -> Need:
    """Bytes of the weights, by part. Raises BadSetting as `need`."""
    chosen = _format(dtype)
    text = config.text
    matrices = text.layers * layer_matrices(text)
    others = text.layers * layer_others(text) + text.hidden
    table = (text.vocabulary + text.extra_vocabulary) * text.hidden
    head = text.vocabulary * text.hidden
    vision = vision_weights(config)
    return Need(
        (
            ('decoder layers', math.ceil(matrices * chosen.bits / 8) + others * chosen.item),
            ('embeddings', math.ceil(table * chosen.table / 8)),
            ('head', math.ceil(head * chosen.head / 8)),
            ('vision', math.ceil(vision * chosen.vision / 8)),
        )
    )


def copied_bytes(config: Molmo2Config, dtype: str) -> dict[str, int]:
    """Bytes of the weights that graphs for ONNX Runtime's CPU hold, by the graph's part.

    They are codes and a scale a block. dtype: one of formats.CPU_FORMATS with few bits.
    """
    total = dict(weights(config, dtype).parts)
    stored = _format(dtype)

    def copied(name: str, bits: float) -> int:
        return math.ceil(total[name] * (bits - _PACKED_BITS / 2) / bits)

    return {
        'decoder': copied('decoder layers', stored.bits) + copied('head', stored.head),
        'vision': copied('vision', stored.vision),
    }


def cache_bytes(text: TextConfig, rows: int, item: int) -> int:
    """Bytes of the keys and values of so many rows; item: bytes of a number."""
    return rows * text.kv_bytes_per_token * item


def workspace_bytes(model: ModelSizes, tokens: int, item: int, batch: int, *, fused: bool) -> int:
    """An estimate of what a pass over so many tokens takes besides.

    item: bytes of a number. batch: frames that are encoded in one pass.

    The larger of two, since they do not run at once:
    - the decoder, over a prompt of S tokens at once:
      S * item * (2 * hidden + 4 * max(intermediate, all heads' width))    one layer's values
      + S * S * (2 + item)                               the mask, as truth values and as numbers
      + S * S * heads * item                             scores, where attention is not fused
    - the vision tower, over frames of P patches:
      batch * P * item * (read layers * hidden + 2 * (hidden + intermediate)), and
      batch * P * P * heads * item as above.

    Measured with the model that ships, float32, peak of resident memory over one pass (2 CPU cores,
    2026-11-22): torch, fused, 2000 / 4000 tokens: 47 / 69 MB, estimated 42 / 132; ONNX Runtime,
    not fused: 93 / 346 MB, estimated 122 / 452. On a GPU it has not been measured.
    """
    text, vision = model.config.text, model.config.vision
    width = (text.heads + 2 * text.kv_heads) * text.head_dim
    decoder = tokens * item * (2 * text.hidden + 4 * max(text.intermediate, width))
    decoder += tokens * tokens * (2 + item + (0 if fused else text.heads * item))
    patches = vision.positions
    layers_read = len(model.config.adapter.feature_layers)
    tower = patches * item * (layers_read * vision.hidden)
    tower += patches * item * 2 * (vision.hidden + vision.intermediate)
    tower += 0 if fused else patches * patches * vision.heads * item
    return max(decoder, batch * tower)


def longest_window(
    model: ModelSizes, dtype: str, free: int, *, features: int = 0, fused: bool = True
) -> float:
    """The longest window, in steps of half a second, whose `need` is at most `free`; 0 for none."""
    for halves in range(round(_MAX_SECONDS / _PERIOD_SECONDS), 0, -1):
        seconds = halves * _PERIOD_SECONDS
        try:
            demand = need(model, dtype, window_of(seconds, model), features=features, fused=fused)
        except BadSetting:
            # The clip is longer than the context.
            continue
        if demand.total <= free:
            return seconds
    return 0.0


def fit(
    model: ModelSizes,
    dtype: str,
    window: WindowSize,
    free: int,
    where: str,
    *,
    formats: Iterable[str] = (),
    features: int = 0,
    fused: bool = True,
) -> Need:
    """The `need` of a window. If it is more than is free, raises DoesNotFit, saying what would fit.

    formats: others that could be used instead of this dtype.
    """
    demand = need(model, dtype, window, features=features, fused=fused)
    if demand.total <= free:
        return demand
    would = _window_that_fits(longest_window(model, dtype, free, features=features, fused=fused))
    for other in formats:
        if need(model, other, window, features=features, fused=fused).total <= free:
            would += [f'dtype {other.removesuffix(CPU)}']
    raise DoesNotFit(f'a window of {window.seconds:g} s', demand.parts, free, where, would)


def fit_weights(
    config: Molmo2Config,
    dtype: str,
    free: int,
    where: str,
    formats: Iterable[str] = ('float16', 'bfloat16'),
) -> None:
    """Raise DoesNotFit if the weights alone need more than the free bytes.

    formats: others that could be used instead of this dtype.
    """
    demand = weights(config, dtype)
    if demand.total > free:
        smaller = (name for name in formats if weights(config, name).total <= free)
        would = [f'dtype {name.removesuffix(CPU)}' for name in smaller if name != dtype]
        what = f'the weights in {dtype.removesuffix(CPU)}'
        raise DoesNotFit(what, demand.parts, free, where, would)


def fit_prompt(
    model: ModelSizes, budget: Budget, frames: int, prompt: int, answer: int, *, dense: bool = False
) -> None:
    """Raise DoesNotFit if a prompt and its answer, in tokens, need more memory than is free.

    A cache that grows is copied, so for a moment the old one is in memory too. dense: the frames
    are nearer than half a second.
    """
    demand = _prompt_need(model, budget, frames, prompt, prompt + answer)
    if demand.total <= budget.free:
        return
    would = _window_that_fits(_longest_prompt(model, budget))
    if _prompt_need(model, budget, frames, prompt, prompt + 1).total <= budget.free:
        would += ['a lower max_new_tokens']
    would += ['track_rate_hz 2'] if dense else []
    what = f'a prompt of {prompt} tokens with an answer of at most {answer}'
    raise DoesNotFit(what, demand.parts, budget.free, budget.where, would)


def _prompt_need(model: ModelSizes, budget: Budget, frames: int, prompt: int, end: int) -> Need:
    text, item = model.config.text, budget.item
    rows = _rounded(end, budget.step)
    grown = rows + max(rows - budget.step, budget.rows) - budget.rows if end > budget.rows else 0
    frame = model.frame_features * text.hidden * item
    return Need(
        (
            ('keys and values', cache_bytes(text, grown, item)),
            ('features of frames', frames * frame),
            (
                'workspace (estimate)',
                workspace_bytes(model, prompt, item, budget.batch, fused=budget.fused),
            ),
        )
    )


def _longest_prompt(model: ModelSizes, budget: Budget) -> float:
    for halves in range(round(_MAX_SECONDS / _PERIOD_SECONDS), 0, -1):
        try:
            window = window_of(halves * _PERIOD_SECONDS, model)
        except BadSetting:
            # The clip is longer than the context.
            continue
        end = window.prompt + window.answer
        demand = _prompt_need(model, budget, window.frames, window.prompt, end)
        if demand.total <= budget.free:
            return window.seconds
    return 0.0


def _window_that_fits(seconds: float) -> list[str]:
    return [f'a window of {seconds:g} s'] if seconds else []


def _rounded(rows: int, step: int) -> int:
    return -(-rows // step) * step


def _label_tokens(frames: int) -> int:
    """The most tokens of all time labels, for frames half a second apart."""
    labels = (f'{" " if i else ""}{_PERIOD_SECONDS * i:.1f} ' for i in range(frames))
    return sum(len(label) for label in labels)
