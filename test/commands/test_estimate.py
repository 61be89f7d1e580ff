# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from molmo_ground_ros.backends.molmo2.memory import ModelSizes, weights
from molmo_ground_ros.backends.molmo2.published import FRAME_FEATURES, FRAME_TOKENS, PUBLISHED
from molmo_ground_ros.commands.estimate import (
    CHECK,
    CHECK_FRAMES,
    ROUNDED,
    best_on_cpu,
    building_bytes,
    cpu_formats,
    disk_bytes,
    onnx_steps,
    tensorrt_steps,
    too_large,
)

SIZES = ModelSizes(PUBLISHED['Molmo2-4B'], FRAME_TOKENS, FRAME_FEATURES)


def test_the_export_of_the_4b_is_guessed_as_it_was_measured():
    """18 s for its decoder: tensorrt.md 0.4."""
    assert dict(onnx_steps(SIZES, 'float32', ['decoder']))['exporting decoder'] == pytest.approx(
        18, abs=1
    )


def test_a_graph_that_is_there_takes_no_time():
    steps = dict(onnx_steps(SIZES, 'float32', ['vision']))
    assert steps['exporting decoder'] == 0
    assert steps['exporting vision'] > 0
    assert steps[CHECK] > 0


def test_only_quantised_engines_are_quantised_and_only_those_that_run_here_are_compared():
    for dtype, quantised in (('int4', True), ('float16', False)):
        steps = dict(tensorrt_steps(SIZES, dtype, runs_here=False))
        assert (steps['quantising'] > 0) is quantised
        assert CHECK not in steps
    assert CHECK in dict(tensorrt_steps(SIZES, 'int4', runs_here=True))


@pytest.mark.parametrize(('dtype', 'times'), [('float16', 1), ('int4', 1.5)])
def test_engines_take_their_weights_and_quantised_ones_those_beside_them(dtype, times):
    nbytes = weights(SIZES.config, dtype).total
    assert nbytes < disk_bytes(SIZES, 'tensorrt', dtype) - 130e6 < (times + 0.1) * nbytes + 50e6


def test_graphs_hold_no_weights_but_rounded_ones():
    """2.796 GB is what a build of a random Molmo2-4B wrote."""
    assert disk_bytes(SIZES, 'onnx', 'float32') < 20e6
    assert disk_bytes(SIZES, 'onnx', 'int4.cpu') == pytest.approx(2.796e9, rel=0.01)


def test_what_is_there_is_not_written_or_built_again():
    nbytes = dict(weights(SIZES.config, 'int4').parts)
    whole = disk_bytes(SIZES, 'tensorrt', 'int4')
    again = disk_bytes(SIZES, 'tensorrt', 'int4', {'vision', ROUNDED})
    kept = nbytes['vision'] + nbytes['decoder layers'] + nbytes['head']
    assert whole - again == pytest.approx(kept, abs=70e6)
    steps = dict(tensorrt_steps(SIZES, 'int4', runs_here=False, there={'vision', ROUNDED}))
    assert steps['building vision'] == steps['quantising'] == 0
    assert steps['building decoder'] > 0
    # Rounded to few bits for a CPU, the tower is int8's in both formats: 0.46 GB.
    without = disk_bytes(SIZES, 'onnx', 'int8.cpu', ['vision'])
    assert disk_bytes(SIZES, 'onnx', 'int8.cpu') - without == pytest.approx(0.46e9, rel=0.05)
    assert disk_bytes(SIZES, 'onnx', 'float32', ['vision']) < 20e6


@pytest.mark.parametrize(
    ('dtype', 'peaks'),
    [('int4', (8.47e9, 9.76e9)), ('int8', (11.05e9, 12.28e9)), ('fp8', (11.04e9,))],
)
def test_memory_of_building_engines_is_said_within_a_fifth_of_what_was_measured(dtype, peaks):
    """Builds of a random Molmo2-4B: docs/performance.md."""
    said = building_bytes(SIZES, 'tensorrt', dtype)
    for peak in peaks:
        assert peak == pytest.approx(said, rel=0.2)


def test_rounding_and_restoring_take_time():
    steps = {dtype: dict(onnx_steps(SIZES, dtype, ['decoder', 'vision'])) for dtype in
             ('float32', 'int4.cpu')}  # fmt: skip
    for name, seconds in steps['float32'].items():
        assert steps['int4.cpu'][name] > seconds
    assert dict(onnx_steps(SIZES, 'int4.cpu', [])).keys() == steps['int4.cpu'].keys()
    assert dict(onnx_steps(SIZES, 'int4.cpu', ['vision']))['exporting decoder'] == 0


def test_the_clip_is_that_of_the_self_check():
    pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
    from molmo_ground_ros.backends.molmo2.selfcheck import SECONDS

    assert len(SECONDS) == CHECK_FRAMES


def test_few_bits_of_the_4b_model_fit_into_8_gb_of_a_cpu():
    fits, text = cpu_formats(SIZES, 8 * 10**9)
    assert fits
    assert 'onnx in int4 (2.92 GB of weights) fits 22.5 s' in text
    assert 'torch in bfloat16 (9.70 GB of weights) does not fit' in text
    assert text.endswith('best: onnx in int4')


def test_float32_is_best_where_it_fits():
    assert best_on_cpu(SIZES, 64 * 10**9) == 'float32'
    assert best_on_cpu(SIZES, 16 * 10**9) == 'int4'
    assert best_on_cpu(SIZES, 3 * 10**9) == ''


def test_what_a_folder_lacks_is_said_with_the_format_that_fits():
    pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
    shipped = Path(__file__).parents[2] / 'models' / 'tabletop'
    build = f'molmo-ground build {shipped} --backend onnx --dtype '
    assert too_large(shipped, 'onnx', ['float32'], 10**9) == ('', '')
    assert too_large(shipped, 'onnx', ['float32'], None) == ('', '')
    assert too_large(shipped, 'onnx', [], 10**9) == (
        'no current graphs in the folder',
        f'{build}float32',
    )
    assert too_large(shipped, 'onnx', ['float32'], 20 * 10**6) == (
        '20.00 MB are free: no window fits, not even in float32',
        f'{build}int4',
    )
    why, advice = too_large(shipped, 'torch', ['float16'], 10**6)
    assert 'no window fits, not even in float16' in why
    assert advice == 'more memory or a smaller model'


def test_what_fits_into_16_gb_of_a_cpu():
    fits, text = cpu_formats(SIZES, 16 * 10**9)
    assert fits
    assert 'torch in bfloat16 (9.70 GB of weights) fits 63 s' in text
    assert 'torch in float32 (19.40 GB of weights) does not fit' in text
    assert 'onnx in float32 (19.40 GB of weights) does not fit' in text
    assert cpu_formats(SIZES, 3 * 10**9)[0] is False
