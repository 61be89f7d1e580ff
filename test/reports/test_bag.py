# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from support.disk import room_for
from support.findings import (
    CAMERA,
    COUNT,
    HEIGHT,
    NASTY,
    STAMPS,
    TRACK,
    WIDTH,
    analysis,
    grasps,
    paths,
)

from molmo_ground_ros.grounding.stitch import WindowState
from molmo_ground_ros.reports import bag
from molmo_ground_ros.reports.bag import typestore, write_bag
from molmo_ground_ros.reports.message_definitions import ANNOTATIONS, DEFINITIONS, POINT_ARRAY

ROOT = Path(__file__).resolve().parents[2]
BASE = f'{CAMERA}/molmo_ground'


def read(path):
    """(topic, log time, message) of each message, by the definitions that the bag carries."""
    with AnyReader([path]) as reader:
        return [
            (connection.topic, time, reader.deserialize(data, connection.msgtype))
            for connection, time, data in reader.messages()
        ]


def on(messages, topic):
    return [(time, message) for where, time, message in messages if where == topic]


def ns(time):
    return time.sec * 10**9 + time.nanosec


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp('bag') / 'out.mcap'
    write_bag(analysis(grasps(), paths()), path)
    return path


@pytest.fixture(scope='module')
def messages(written):
    return read(written)


def test_points_are_read_back_as_they_are(messages):
    finding = grasps()
    arrays = on(messages, f'{BASE}/q1/points')
    assert [time for time, _ in arrays] == [w.newest_ns for w in finding.windows[:2]]
    assert [array.count for _, array in arrays] == [3, 4]
    found = [point for _, array in arrays for point in array.points]
    assert [
        (point.id, ns(point.stamp), point.x, point.y, point.frame_id, point.position_status)
        for point in found
    ] == [
        (event.id, event.sighting.point.stamp_ns, event.sighting.point.x, event.sighting.point.y,
         'camera_optical', point.NONE)
        for event, point in zip(finding.events, found, strict=True)
    ]  # fmt: skip
    assert found[0].score == pytest.approx(0.9)
    assert math.isnan(found[3].score)
    assert {ns(point.stamp) for point in found} <= set(STAMPS)


def test_envelope_names_query_camera_window_and_image(messages):
    window = grasps().windows[0]
    _, array = on(messages, f'{BASE}/q1/points')[0]
    _, tracks = on(messages, f'{BASE}/q1/tracks')[0]
    assert (array.query, array.camera, array.label) == (COUNT.text, CAMERA, 'block')
    assert (ns(array.window_start), ns(array.window_end)) == (window.start_ns, window.end_ns)
    assert ns(array.header.stamp) == window.newest_ns
    assert (array.image_width, array.image_height) == (WIDTH, HEIGHT)
    assert array.query_id == tracks.query_id == 'q1-window1'
    assert tracks.tracks == []


def test_tracks_are_read_back_as_they_are(messages):
    found: dict[int, list] = {}
    for _, array in on(messages, f'{BASE}/q2/tracks'):
        assert array.query == TRACK.text
        for track in array.tracks:
            found.setdefault(track.id, []).extend(
                (ns(point.stamp), point.id, point.x, point.y) for point in track.points
            )
    assert found == {
        track.id: [(o.point.stamp_ns, track.id, o.point.x, o.point.y) for o in track.points]
        for track in paths().tracks
    }


def test_annotations_lie_on_the_original_stamps(messages):
    events = grasps().events
    drawn = [(time, one) for time, one in on(messages, f'{BASE}/q1/annotations') if one.circles]
    assert [time for time, _ in drawn] == [event.sighting.point.stamp_ns for event in events]
    for (time, message), event in zip(drawn, events, strict=True):
        (circle,), (text,) = message.circles, message.texts
        assert ns(circle.timestamp) == ns(text.timestamp) == time
        assert (circle.position.x, circle.position.y) == (
            event.sighting.point.x,
            event.sighting.point.y,
        )
        assert text.text == f'#{event.id} block'
        assert circle.outline_color.a == 1.0


def test_annotation_is_taken_away_half_a_second_later(messages):
    stamps = [event.sighting.point.stamp_ns for event in grasps().events]
    empty = [time for time, one in on(messages, f'{BASE}/q1/annotations') if not one.circles]
    assert empty == [stamp + 500_000_000 for stamp in stamps]
    followed = [one for _, one in on(messages, f'{BASE}/q2/annotations')]
    assert [bool(one.circles) for one in followed] == [True] * 41 + [False]


def test_trail_is_the_last_five_seconds_of_the_path(messages):
    time, message = on(messages, f'{BASE}/q2/annotations')[30]
    line = message.points[1]
    assert line.type == line.LINE_STRIP
    track = paths().tracks[1]
    ages = [(time - one.point.stamp_ns, one.point) for one in track.points]
    expected = [(point.x, point.y) for age_ns, point in ages if 0 <= age_ns <= 5e9]
    assert [(point.x, point.y) for point in line.points] == expected
    assert len(expected) == 11


def test_messages_are_in_the_order_of_time(messages):
    times = [time for _, time, _ in messages]
    assert times == sorted(times)


def test_failed_window_has_no_message(messages):
    assert [window.state for window in grasps().windows][2] is WindowState.FAILED
    assert len(on(messages, f'{BASE}/q1/points')) == 2


def test_definitions_are_those_that_ros_builds():
    """Constants, names, types and order, and so the hash by which ROS tells types apart."""
    built = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted((ROOT / 'msg').glob('*.msg')):
        built.register(get_types_from_msg(file.read_text(), f'molmo_ground_ros/msg/{file.stem}'))
    ours = [name for name in DEFINITIONS if name.startswith('molmo_ground_ros/')]
    assert len(ours) == 4
    carried = typestore()
    for name in ours:
        assert carried.get_msgdef(name).fields == built.get_msgdef(name).fields
        assert carried.hash_rihs01(name) == built.hash_rihs01(name)
        constants = built.fielddefs[name][0]
        assert carried.fielddefs[name][0] == constants


def test_bag_carries_every_definition_it_needs(written):
    with AnyReader([written]) as reader:
        texts = {one.msgtype: one.msgdef.data for one in reader.connections}
    assert set(texts) == {POINT_ARRAY, bag.TRACK_ARRAY, ANNOTATIONS}
    assert 'MSG: molmo_ground_ros/GroundedPoint' in texts[POINT_ARRAY]
    assert 'MSG: foxglove_msgs/Point2' in texts[ANNOTATIONS]


def test_mcap_reads_it_too(written):
    reader = pytest.importorskip('mcap.reader', reason='needs pip install mcap')
    with written.open('rb') as file:
        summary = reader.make_reader(file).get_summary()
    topics = {channel.topic for channel in summary.channels.values()}
    assert topics == {
        f'{BASE}/q{n}/{kind}' for n in (1, 2) for kind in ('points', 'tracks', 'annotations')
    }
    assert {schema.encoding for schema in summary.schemas.values()} == {'ros2msg'}


def test_any_text_and_any_camera_can_be_written(tmp_path):
    finding = grasps(replace(COUNT, text=NASTY), words=NASTY)
    odd = [replace(finding, camera=name) for name in ('front 1.mp4', 'front_1.mp4', '2/x')]
    write_bag(analysis(*odd), tmp_path / 'out.mcap')
    messages = read(tmp_path / 'out.mcap')
    arrays = [one for topic, _, one in messages if topic.endswith('points')]
    assert {array.camera for array in arrays} == {'front 1.mp4', 'front_1.mp4', '2/x'}
    assert {array.query for array in arrays} == {
        NASTY.replace('\0', '\ufffd').replace('\ud800', '?')
    }
    topics = {topic for topic, _, _ in messages if topic.endswith('points')}
    assert topics == {
        '/front_1_mp4/molmo_ground/q1/points',
        '/front_1_mp4/molmo_ground/q1_1/points',
        '/_2/x/molmo_ground/q1/points',
    }


def test_same_analysis_gives_the_same_bytes(written, tmp_path):
    write_bag(analysis(grasps(), paths()), tmp_path / 'again.mcap')
    assert (tmp_path / 'again.mcap').read_bytes() == written.read_bytes()


def test_disk_that_fills_leaves_the_older_bag(tmp_path):
    path = tmp_path / 'out.mcap'
    path.write_text('older')
    with room_for(5000), pytest.raises(OSError, match='too large'):
        write_bag(analysis(grasps(), paths()), path)
    assert path.read_text() == 'older'
    assert list(tmp_path.iterdir()) == [path]


def test_question_without_an_answer_gives_an_empty_bag(tmp_path):
    nothing = replace(grasps(), windows=(), events=())
    write_bag(analysis(nothing), tmp_path / 'out.mcap')
    assert read(tmp_path / 'out.mcap') == []
