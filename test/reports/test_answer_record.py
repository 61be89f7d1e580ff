# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json

from support.answers import ONE_TRACK, TWO_POINTS, finding_of
from support.clips import make_clip, stamp

from molmo_ground_ros.reports.answer_record import answer_record


def test_record_is_json_with_stamps_as_whole_numbers_and_no_nan() -> None:
    record = json.loads(
        json.dumps(answer_record(finding_of(TWO_POINTS, make_clip()), 'replay'), allow_nan=False)
    )
    assert (record['count'], record['task'], record['model']) == (2, 'count', 'replay')
    assert record['points'][0] == {
        'stamp_ns': stamp(0.5) + 1000, 'camera': 'front', 'frame_id': 'optical',
        'id': 1, 'x': 320.0, 'y': 120.0, 'score': None, 'probability': None, 'position': None,
    }  # fmt: skip
    assert (record['frames_used'], record['frames_expected']) == (8, 8)
    assert record['truncated'] is False


def test_record_of_tracks_and_rejections() -> None:
    clip = make_clip()
    record = answer_record(finding_of(ONE_TRACK.replace('1.0 1', '40.0 1'), clip), 'replay')
    assert [(t['id'], t['label'], len(t['points'])) for t in record['tracks']] == [(1, 'cup', 2)]
    assert record['count'] is None
    assert record['rejected'][0]['reason'] == 'no such frame'
