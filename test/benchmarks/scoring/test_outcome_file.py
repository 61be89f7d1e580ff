# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Results that are kept in a file while they are scored."""

import json
import tracemalloc

from molmo_ground_ros.benchmarks.scoring.outcome_file import OutcomeFile
from molmo_ground_ros.benchmarks.scoring.predictions import (
    AnswerState,
    ExampleResult,
    Predictions,
)
from molmo_ground_ros.benchmarks.scoring.result import result_of, write_results


def outcomes(count):
    """Answers of 2 kB."""
    for k in range(count):
        state = AnswerState.UNANSWERED if k % 10 == 9 else AnswerState.ANSWERED
        yield ExampleResult(f'e{k}', 'animal', state, {'f1': k / count}, f'{k:>2000}', count=k % 7)


def test_results_are_read_again_as_they_were_added():
    stored = OutcomeFile(outcomes(3))
    assert list(stored) == list(stored) == list(outcomes(3))
    stored.add(next(outcomes(1)))
    assert len(stored) == 4
    assert [outcome.id for outcome in stored] == ['e0', 'e1', 'e2', 'e0']


def test_a_result_of_a_stream_is_that_of_a_list(tmp_path):
    streamed = result_of(Predictions('m', {}), OutcomeFile(outcomes(20)), [])
    listed = result_of(Predictions('m', {}), list(outcomes(20)), [])
    assert streamed.numbers(0) == listed.numbers(0)
    assert streamed.tally['unanswered'] == 2
    assert [row.name for row in streamed.counts] == ['0-5', '5-10']

    write_results([streamed], [], {'data': 'd'}, tmp_path / 'results.json')

    examples = json.loads((tmp_path / 'results.json').read_text())['models']['m']['examples']
    assert [example['id'] for example in examples] == [f'e{k}' for k in range(20)]
    assert examples[9]['state'] == 'unanswered'


def test_memory_does_not_grow_with_the_number_of_examples(tmp_path):
    def peak(count):
        tracemalloc.start()
        result = result_of(Predictions('m', {}), OutcomeFile(outcomes(count)), [])
        write_results([result], [], {}, tmp_path / f'{count}.json')
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    # The intervals' draws are bounded too, but for few examples they are fewer.
    assert peak(4000) - peak(1000) < 3000 * 200
    assert (tmp_path / '4000.json').stat().st_size > 4000 * 2000
