# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`analyze` gives metres: found by convention, named, left out, and the same after --resume."""

import csv
import json

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('pytransform3d', reason='needs the extra: pip install molmo_ground_ros[space]')

from rosbags.highlevel import AnyReader
from support import spatial
from support.bags import write_bag
from support.clips import stamp

from molmo_ground_ros import backends, cli
from molmo_ground_ros.backends.replay import ReplayBackend

# Pixels (16, 36) and (48, 12) of 64x48.
POINTS = (
    'Counting the <points coords="0.5 1 250 750;2.0 2 750 250">grasp</points> shows a total of 2.'
)
TRACKS = '<tracks coords="0.0 1 250 750;0.5 1 250 750;1.0 1 250 750">cup</tracks>'
ASK = ['--query', 'How many grasps?', '--query', 'Track the cup']


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    return spatial.write_scene(tmp_path_factory.mktemp('scene') / 'bag')


@pytest.fixture
def analyze(monkeypatch):
    """Runs the command; gives its exit code."""

    def command(*arguments):
        monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: ReplayBackend([POINTS, TRACKS]))
        words = map(str, arguments)
        return cli.main(['analyze', *words, '--backend', 'replay', '--model', 'truth'])

    return command


def records_of(folder):
    lines = (folder / 'records.jsonl').read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_file_has_the_places_in_the_target_frame(bag, analyze, tmp_path, capsys):
    assert analyze(bag, *ASK, '--target-frame', 'map', '--out', tmp_path) == 0
    captured = capsys.readouterr()
    assert f'depth {spatial.DEPTH}, camera_info {spatial.INFO}' in captured.err
    assert 'position [m]' in captured.out
    found = records_of(tmp_path)
    assert len(found) == 5
    for record in found:
        seconds = (record['stamp_ns'] - stamp(0.0)) / 1e9
        place = [record[f'position_{axis}'] for axis in 'xyz']
        expected = spatial.true_place(seconds, record['x'], record['y'])
        np.testing.assert_allclose(place, expected, atol=1e-6)
        assert (record['position_status'], record['target_frame']) == ('ok', 'map')
        assert record['depth_spread'] == 0.0
    # The camera moves along x at 1 m/s, and the pixel of the cup stays.
    assert [r['speed'] for r in found if r['type'] == 'track_point'] == pytest.approx([1.0] * 3)
    assert [r['speed'] for r in found if r['type'] == 'event'] == [None, None]
    rows = list(csv.DictReader((tmp_path / 'records.csv').read_text().splitlines()))
    assert [float(row['position_x']) for row in rows] == [r['position_x'] for r in found]
    page = (tmp_path / 'report.html').read_text()
    first = next(r for r in found if r['type'] == 'event')
    words = '({position_x:.3f}, {position_y:.3f}, {position_z:.3f})'.format(**first)
    assert f'<td>{words}</td>' in page
    assert f'{words} m in &#39;map&#39;' in page
    assert f'depth {spatial.DEPTH}' in page
    check_bag(tmp_path / 'overlay.mcap', found)


def check_bag(path, found):
    """The arrays of the overlay hold the records' places."""
    with AnyReader([path]) as reader:
        messages = [reader.deserialize(data, link.msgtype) for link, _, data in reader.messages()]
    arrays = [m for m in messages if m.__msgtype__.endswith('PointArray') and m.points]
    tracks = [m for m in messages if m.__msgtype__.endswith('TrackArray') and m.tracks]
    assert {m.target_frame for m in (*arrays, *tracks)} == {'map'}
    points = [p for array in arrays for p in array.points]
    places = [
        (r['position_x'], r['position_y'], r['position_z']) for r in found if r['type'] == 'event'
    ]
    assert [(p.position.x, p.position.y, p.position.z) for p in points] == places
    assert {(p.position_status, p.depth_spread) for p in points} == {(1, 0.0)}
    assert tracks[0].tracks[0].speeds.tolist() == pytest.approx([1.0] * 3)


def test_resumed_run_is_the_same_and_positions_ask_nothing_anew(bag, analyze, tmp_path):
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    assert analyze(bag, *ASK, '--target-frame', 'map', '--out', whole) == 0
    assert analyze(bag, *ASK, '--depth', 'none', '--out', resumed) == 0
    assert {r['position_status'] for r in records_of(resumed)} == {'none'}
    lines = next(resumed.glob('windows-*.jsonl')).read_bytes()
    assert analyze(bag, *ASK, '--target-frame', 'map', '--out', resumed, '--resume') == 0
    for name in ('records.jsonl', 'records.csv'):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()
    assert next(resumed.glob('windows-*.jsonl')).read_bytes() == lines


def test_json_has_the_place_of_each_point(bag, analyze, capsys):
    assert analyze(bag, *ASK[:2], '--json') == 0
    first, _ = json.loads(capsys.readouterr().out)['points']
    x, y, z = np.subtract(spatial.true_place(0.5, 16.0, 36.0), (0.5, 0.0, 0.5))
    assert first['position'] == {
        'status': 'ok', 'reason': '', 'frame_id': 'optical',
        'x': pytest.approx(x, abs=1e-4), 'y': pytest.approx(y, abs=1e-4),
        'z': pytest.approx(z, abs=1e-4), 'spread': 0.0,
    }  # fmt: skip


def test_point_without_depth_says_why_and_its_pixel_is_there(analyze, tmp_path, capsys):
    early = [spatial.depth(time) for time in (0.0, 0.5)]
    bag = spatial.write_scene(tmp_path / 'bag', DEPTH=early)
    assert analyze(bag, *ASK[:2], '--out', tmp_path / 'out') == 0
    ok, without = records_of(tmp_path / 'out')
    assert (ok['position_status'], without['position_status']) == ('ok', 'no_depth')
    assert (without['x'], without['position_x']) == (48.0, None)
    assert without['position_reason'] == 'no depth image near that stamp'
    assert 'no depth' in capsys.readouterr().out


def test_recording_without_depth_is_as_before(tmp_path, analyze, capsys):
    bag = spatial.write_scene(tmp_path / 'bag', DEPTH=None)
    assert analyze(bag, *ASK[:2]) == 0
    captured = capsys.readouterr()
    assert 'position' not in captured.out + captured.err


def test_doubtful_depth_is_told_and_the_answer_comes(tmp_path, analyze, capsys):
    messages = spatial.topics()
    bag = write_bag(tmp_path / 'bag', {**messages, '/cam/depth2/image': messages[spatial.DEPTH]})
    assert analyze(bag, *ASK[:2]) == 0
    captured = capsys.readouterr()
    assert 'count: 2' in captured.out
    assert 'no positions: ' in captured.err and '/cam/depth2/image' in captured.err
    assert analyze(bag, *ASK[:2], '--depth', '/cam/depth2/image') == 0
    assert 'depth /cam/depth2/image' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        pytest.param(['--depth', '/none'], "'/none'", id='no such topic'),
        pytest.param(['--camera-info', '/none'], "'/none'", id='no such camera_info'),
        pytest.param(['--depth', '/a', '--depth', '/b'], 'there are 1 cameras', id='too many'),
    ],
)
def test_bad_topics_are_one_line_before_anything_is_asked(bag, analyze, capsys, options, message):
    assert analyze(bag, *ASK, *options) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count('\n')) == ('', 1)
    assert message in captured.err


def test_frame_that_needs_a_missing_package_names_the_extra(bag, analyze, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'pytransform3d', None)
    assert analyze(bag, *ASK, '--target-frame', 'map') == 2
    assert "pip install 'molmo_ground_ros[space]'" in capsys.readouterr().err
    assert analyze(bag, *ASK[:2]) == 0
    assert 'position [m]' in capsys.readouterr().out
