# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The article's tables, with rows of one's own."""

import json

import pytest

from molmo_ground_ros.benchmarks.datasets import FORMATS
from molmo_ground_ros.benchmarks.scoring.article import (
    BENCHMARKS,
    benchmark,
    data_of,
    own_rows,
    rows_beside,
    table_like_the_articles,
    videos_of,
)
from molmo_ground_ros.errors import BadSetting

TRACKING = ('MeViS valid', 'MeViS valid-u', 'Ref-YT-VOS valid', 'Ref-DAVIS test', 'ReasonVOS')


def test_every_column_of_the_article_has_a_benchmark_with_a_format():
    assert {one.column for one in BENCHMARKS.values()} == {
        *TRACKING,
        *('BURST-VC', 'Molmo2-VC', 'Molmo2-VP'),
    }
    assert {one.format for one in BENCHMARKS.values()} <= set(FORMATS)
    with pytest.raises(BadSetting, match='burst-vc'):
        benchmark('x')


def test_columns_and_rows_stand_in_the_articles_order():
    chosen = benchmark('ref-davis')
    own = own_rows(chosen, {'mine': {'j_and_f': 0.5, 'f1': 0.7}})

    table = table_like_the_articles(chosen, [own], with_published=True)

    assert table.header == ('Model', *(f'{name} J&F' for name in TRACKING))
    assert table.rows[0] == ('GPT-5 (published)', '23.4', '26.5', '30.9', '25.2', '24.7')
    assert table.rows[-2][0] == 'Molmo2-O-7B (published)'
    assert table.rows[-1] == ('mine', '-', '-', '-', '50.0', '-')
    assert "by the reference's rules" in table.title


def test_published_rows_are_there_only_on_request():
    chosen = benchmark('molmo2-vp')
    own = own_rows(chosen, {'mine': {'f1': 0.25, 'recall': 0.5, 'precision': 0.125}})

    table = table_like_the_articles(chosen, [own], with_published=False)

    assert table.rows == (('mine', '-', '-', '-', '-', '25.0', '50.0', '12.5'),)
    assert 'published' not in table.title


def test_ones_own_rows_of_the_articles_models_stand_in_its_order():
    chosen = benchmark('reasonvos')
    names = ('mine', 'Molmo2-8B', 'yours', 'GPT-5', 'Molmo2-4B')
    own = own_rows(chosen, {name: {'j_and_f': 0.5} for name in names})

    rows = table_like_the_articles(chosen, [own], with_published=False).rows

    assert [row[0] for row in rows] == ['GPT-5', 'Molmo2-4B', 'Molmo2-8B', 'mine', 'yours']


def test_cells_that_were_scored_by_other_rules_are_not_put_beside(tmp_path):
    earlier = {'about': {'benchmark': 'reasonvos', 'rules': 'default'}, 'models': {}}
    (tmp_path / 'results.json').write_text(json.dumps(earlier))
    assert rows_beside([str(tmp_path)], 'default') == {}
    with pytest.raises(BadSetting, match='by the rules default, and this run is by parity'):
        rows_beside([str(tmp_path)], 'parity')


def test_cells_of_earlier_runs_join_the_row_of_their_model(tmp_path):
    earlier = {
        'about': {'benchmark': 'reasonvos'},
        'models': {'mine': {'metrics': {'j_and_f': 0.4}}},
    }
    (tmp_path / 'results.json').write_text(json.dumps(earlier))
    chosen = benchmark('mevis-valid-u')
    rows = [rows_beside([str(tmp_path)], 'default'), own_rows(chosen, {'mine': {'j_and_f': 0.6}})]

    (row,) = table_like_the_articles(chosen, rows, with_published=False).rows

    assert row == ('mine', '-', '60.0', '-', '-', '40.0')


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'holds no results.json'), ('{"about": {}, "models": {}}', 'no run with --benchmark')],
)
def test_a_folder_of_other_results_is_named(tmp_path, content, message):
    if content:
        (tmp_path / 'results.json').write_text(content)
    with pytest.raises(BadSetting, match=message):
        rows_beside([str(tmp_path)], 'default')


def test_the_split_of_a_benchmark_is_read_where_the_data_holds_it(tmp_path):
    chosen = benchmark('mevis-valid-u')
    assert data_of(chosen, str(tmp_path)) == str(tmp_path)
    (tmp_path / 'valid_u').mkdir()
    assert data_of(chosen, str(tmp_path)) == str(tmp_path / 'valid_u')


def test_data_of_another_split_is_no_data_of_a_benchmark(tmp_path):
    (tmp_path / 'valid_u').mkdir()
    for data in (tmp_path, tmp_path / 'valid_u'):
        with pytest.raises(BadSetting, match="holds no 'valid', which mevis-valid is of, but"):
            data_of(benchmark('mevis-valid'), str(data))
    assert data_of(benchmark('mevis-valid-u'), str(tmp_path / 'valid_u'))


def test_ref_davis_is_of_the_validation_videos(tmp_path):
    chosen = benchmark('ref-davis')
    assert videos_of(benchmark('reasonvos'), str(tmp_path)) == frozenset()
    (tmp_path / 'valid' / 'Annotations' / 'camel').mkdir(parents=True)
    assert videos_of(chosen, str(tmp_path)) == {'camel'}
    lists = tmp_path / 'DAVIS' / 'ImageSets' / '2017'
    lists.mkdir(parents=True)
    (lists / 'val.txt').write_text('bike-packing\nblackswan\n')
    assert videos_of(chosen, str(tmp_path)) == {'bike-packing', 'blackswan'}
