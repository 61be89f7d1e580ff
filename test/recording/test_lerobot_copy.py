# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Annotated copies of LeRobot data sets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[lerobot]'")

import pyarrow.parquet as pq

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.recording.lerobot.copy import write_copy
from molmo_ground_ros.recording.lerobot.forms import LANGUAGE, SUBTASKS
from molmo_ground_ros.recording.lerobot.notes import (
    AFTER_LAST,
    NO_EVENT,
    NOT_ASKED,
    EpisodeNotes,
    EventNote,
    TraceNote,
)
from tools.fuzz_recordings.lerobot import FRAMES, IMAGE_KEY, VIDEO_KEY, write_v3, write_v21

NS = 1_000_000_000
NAMES = ['grasps (top)', 'grasps (wrist)']


def event(seconds: float, label: str = 'cube grasped', *, column: int = 0) -> EventNote:
    camera = (VIDEO_KEY, IMAGE_KEY)[column]
    return EventNote(column, camera, label, round(seconds * NS), 12.34, 5.0)


NOTES = {
    0: EpisodeNotes(
        (event(0.5), event(1.5, 'cube released'), event(1.5, column=1)),
        (TraceNote(VIDEO_KEY, 'cube', ((NS, 1.0, 2.0), (2 * NS, 3.0, 4.0))),),
        VIDEO_KEY,
    ),
    2: EpisodeNotes(span_camera=VIDEO_KEY),
}


@pytest.fixture(scope='module')
def v3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_v3(tmp_path_factory.mktemp('v3') / 'set')


def digest(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob('*')
        if path.is_file()
    }


def rows_of(root: Path) -> list[dict]:
    files = sorted((root / 'data').rglob('*.parquet'))
    return [row for path in files for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize('form', [SUBTASKS, LANGUAGE])
def test_original_stays_and_everything_else_is_copied(form, v3, tmp_path: Path) -> None:
    before = digest(v3)
    write_copy(v3, tmp_path / 'copy', form, NOTES, NAMES)
    assert digest(v3) == before
    after = digest(tmp_path / 'copy')
    changed = {name for name in after if before.get(name) != after[name]}
    subtasks = {'meta/subtasks.parquet'} if form == SUBTASKS else set()
    assert changed == {'meta/info.json', 'data/chunk-000/file-000.parquet'} | subtasks
    assert before.keys() <= after.keys()
    old = rows_of(v3)
    assert [{name: row[name] for name in old[0]} for row in rows_of(tmp_path / 'copy')] == old
    with open_recording(tmp_path / 'copy', f'episode_000001/{VIDEO_KEY}') as recording:
        assert len(recording.stamps) == FRAMES
    assert list(tmp_path.iterdir()) == [tmp_path / 'copy']


def test_subtasks_are_spans_that_events_end(v3, tmp_path: Path) -> None:
    write_copy(v3, tmp_path / 'copy', SUBTASKS, NOTES, NAMES)
    rows = rows_of(tmp_path / 'copy')
    table = pq.read_table(tmp_path / 'copy/meta/subtasks.parquet')
    names = dict(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
    assert list(names) == list(range(len(names)))
    spans = [names[row['subtask_index']] for row in rows]
    assert spans[:FRAMES] == ['cube grasped'] * 6 + ['cube released'] * 10 + [AFTER_LAST] * 8
    assert spans[FRAMES : 2 * FRAMES] == [NOT_ASKED] * FRAMES
    assert spans[2 * FRAMES :] == [NO_EVENT] * FRAMES
    counts = {
        k: row['annotation.events'] for k, row in enumerate(rows) if any(row['annotation.events'])
    }
    assert counts == {5: [1, 0], 15: [1, 1]}
    traces = {
        k: json.loads(row['annotation.traces'])
        for k, row in enumerate(rows)
        if row['annotation.traces']
    }
    points = [[1.0, 1.0, 2.0], [2.0, 3.0, 4.0]]
    assert traces == {
        10: [
            {
                'camera': VIDEO_KEY,
                'traces': [{'label': 'cube', 'point_format': 'txy', 'points': points}],
            }
        ]
    }
    features = json.loads((tmp_path / 'copy/meta/info.json').read_text())['features']
    assert features['annotation.events'] == {'dtype': 'int64', 'shape': [2], 'names': NAMES}
    assert features['subtask_index']['dtype'] == 'int64'


def test_language_columns_have_the_rows_that_lerobot_renders(v3, tmp_path: Path) -> None:
    write_copy(v3, tmp_path / 'copy', LANGUAGE, NOTES, NAMES)
    rows = rows_of(tmp_path / 'copy')
    # The same on every frame of an episode; none where nothing was asked.
    persistent = rows[0]['language_persistent']
    assert [(row['content'], row['timestamp']) for row in persistent] == [
        ('cube grasped', 0.0),
        ('cube released', pytest.approx(0.6)),
        (AFTER_LAST, pytest.approx(1.6)),
    ]
    assert {row['timestamp'] for row in persistent} <= {row['timestamp'] for row in rows}
    assert all(row['language_persistent'] == persistent for row in rows[:FRAMES])
    assert rows[FRAMES]['language_persistent'] == []
    events = {k: row['language_events'] for k, row in enumerate(rows) if row['language_events']}
    questions = {
        key: [('vqa', 'user', key), ('vqa', 'assistant', key)] for key in (VIDEO_KEY, IMAGE_KEY)
    }
    assert {
        k: [(row['style'], row['role'], row['camera']) for row in rows]
        for k, rows in events.items()
    } == {
        5: questions[VIDEO_KEY],
        10: [('trace', 'assistant', VIDEO_KEY)],
        15: questions[VIDEO_KEY] + questions[IMAGE_KEY],
    }
    assert json.loads(events[5][1]['content']) == {
        'label': 'cube grasped',
        'point_format': 'xy',
        'point': [12.3, 5.0],
    }
    features = json.loads((tmp_path / 'copy/meta/info.json').read_text())['features']
    assert features['language_events'] == {'dtype': 'language', 'shape': [1], 'names': None}


def test_older_data_set_gets_its_columns_in_every_file(tmp_path: Path) -> None:
    root = write_v21(tmp_path / 'old')
    notes = {0: EpisodeNotes((event(0.5), event(1.5)), (), VIDEO_KEY)}
    write_copy(root, tmp_path / 'copy', SUBTASKS, notes, NAMES[:1])
    counts = [row['annotation.events'] for row in rows_of(tmp_path / 'copy')]
    assert [k for k, count in enumerate(counts) if count] == [5, 15]
    with pytest.raises(BadSetting, match='v2 have no language columns'):
        write_copy(root, tmp_path / 'other', LANGUAGE, notes, NAMES[:1])


@pytest.mark.parametrize(
    ('target', 'words'),
    [('set/inside', 'not outside'), ('set', 'it is there already'), ('', 'it is there already')],
)
def test_copy_never_touches_the_original(target, words, v3) -> None:
    before = digest(v3)
    with pytest.raises(BadSetting, match=words):
        write_copy(v3, v3.parent / target, SUBTASKS, NOTES, NAMES)
    assert digest(v3) == before


def test_annotations_of_another_are_not_replaced(v3, tmp_path: Path) -> None:
    write_copy(v3, tmp_path / 'copy', SUBTASKS, NOTES, NAMES)
    with pytest.raises(BadSetting, match=r"has a column 'annotation\.events' already"):
        write_copy(tmp_path / 'copy', tmp_path / 'again', SUBTASKS, NOTES, NAMES)


def test_copy_that_fails_leaves_nothing(v3, tmp_path: Path) -> None:
    wrong = {0: EpisodeNotes((event(0.5, column=1),), (), VIDEO_KEY)}
    with pytest.raises(IndexError):
        write_copy(v3, tmp_path / 'copy', SUBTASKS, wrong, NAMES[:1])
    assert list(tmp_path.iterdir()) == []
