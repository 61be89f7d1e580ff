# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CompressedImage, Image
from support.clips import make_clip, stamp

from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend, pieces
from molmo_ground_ros.errors import BadSpan, Busy, ErrorCode, UnknownTask
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.grounding.calibration import Calibration
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.ros import convert, replies
from molmo_ground_ros.srv import Ground
from molmo_ground_ros.types import Answer, Point, Query, Task

TWO = 'Counting the <points coords="3.0 2 100 800;0.5 1 500 250">grasp</points> shows a total of 2.'


def answer() -> Answer:
    return Grounder(ReplayBackend([TWO])).ground(make_clip(), Query('How many grasps?'))


@pytest.mark.parametrize('ns', [0, 1, 999_999_999, 10**9, 1_763_805_606_123_456_789])
def test_stamp_survives_both_ways_to_the_nanosecond(ns: int) -> None:
    assert convert.stamp_ns(convert.time_msg(ns)) == ns
    assert convert.stamp_ns(convert.duration_msg(ns)) == ns


def test_negative_duration_is_read_as_such() -> None:
    assert convert.stamp_ns(Duration(sec=-2, nanosec=500_000_000)) == -1_500_000_000


def test_image_data_is_taken_over_without_a_copy_and_decodes() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    message = Image(width=3, height=2, encoding='rgb8', step=9, data=pixels.tobytes())
    raw = convert.image(message)
    message.data[0] = 77
    assert raw.data[0] == 77
    pixels[0, 0, 0] = 77
    assert np.array_equal(decode(raw), pixels)
    assert raw.nbytes == 18


def test_compressed_image_keeps_format_and_bytes() -> None:
    converted = convert.image(CompressedImage(format='jpeg', data=b'abc'))
    assert (converted.format, bytes(converted.data), converted.nbytes) == ('jpeg', b'abc', 3)


def test_error_codes_and_tasks_are_those_of_the_interfaces() -> None:
    for code in ErrorCode:
        assert getattr(Ground.Response, code.name) == code
    for task in Task:
        assert getattr(Ground.Request, task.name) == task


def test_request_becomes_a_query() -> None:
    request = Ground.Request(
        query='x', task=2, camera='front', start=Time(sec=1), end=Time(sec=2, nanosec=5)
    )
    assert convert.query(request) == Query('x', Task.COUNT, 'front', 10**9, 2 * 10**9 + 5)


def test_words_of_a_request_that_no_message_can_hold_are_cleaned() -> None:
    query = convert.query(Ground.Request(query='red \ud83d block', camera='fr\0nt'))
    assert (query.text, query.camera) == ('red \ufffd block', 'fr\ufffdnt')


def test_unknown_task_and_negative_stamp_are_refused() -> None:
    with pytest.raises(UnknownTask, match='200'):
        convert.query(Ground.Request(query='x', task=200))
    with pytest.raises(BadSpan, match=r'-3\.000'):
        convert.query(Ground.Request(query='x', start=Time(sec=-3)))


def test_points_ascend_by_stamp_whatever_the_model_wrote_first() -> None:
    message = convert.point_array(answer(), 'q-1')
    assert [point.id for point in message.points] == [1, 2]
    assert message.points[0].stamp == convert.time_msg(stamp(0.5) + 1000)
    assert math.isnan(message.points[0].score)
    assert math.isnan(message.points[0].probability)
    assert math.isnan(convert.trust(message.points[0]))
    assert (message.query_id, message.count, message.label) == ('q-1', 2, 'grasp')


def test_calibrated_answer_goes_there_and_back_with_what_was_withheld() -> None:
    curve = Calibration({Task.COUNT: ((0.0, 0.0), (1.0, 0.5))}, {Task.COUNT: 0.5})
    # The words of the first point, which is the second grasp, are unlikely.
    before, after = (len(pieces(part)) for part in TWO.split(';'))
    recorded = RecordedAnswer(TWO, logprobs=(-1.0,) * before + (-0.01,) * (after + 1))
    grounder = Grounder(ReplayBackend([recorded]), calibration=curve, abstain=True)
    sent = grounder.ground(make_clip(), Query('How many grasps?'))

    reply = Ground.Response()
    convert.fill_answer(reply, sent, 'q-1', 5)
    (point,) = reply.points.points
    assert point.score > 0.5
    assert point.probability == pytest.approx(point.score / 2)
    assert [line.split()[0] for line in reply.withheld] == ['#2']
    got = replies.answer(reply, 'How many grasps?', Task.COUNT)
    assert [(p.score, p.probability) for p in got.points] == [(point.score, point.probability)]
    assert got.rejected == sent.rejected[-1:]


def test_unstated_and_absurd_totals_fit_the_field() -> None:
    unstated = dataclasses.replace(answer(), count=None)
    assert convert.point_array(unstated, '').count == -1
    absurd = dataclasses.replace(answer(), count=10**30)
    assert convert.track_array(absurd, '').count == 2**31 - 1


def test_failure_carries_code_words_and_no_count() -> None:
    response = Ground.Response()
    convert.fill_error(response, Busy(5), 1_500_000_000)
    assert response.error_code == Ground.Response.BUSY
    assert '5 questions' in response.error_msg
    assert (response.points.count, response.tracks.count) == (-1, -1)
    assert response.latency == Duration(sec=1, nanosec=500_000_000)


def test_largest_id_fits_the_field() -> None:
    point = Point(stamp(0), 2**31 - 1, 1.0, 2.0)
    (message,) = convert.points_of([point])
    assert message.id == 2**31 - 1
