# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages, the service and the action: every line explained, all built, numbers agreed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = sorted(
    path for kind in ('msg', 'srv', 'action') for path in ROOT.glob(f'{kind}/*.{kind}')
)

ERROR_CODES = {
    'OK': 0,
    'BUSY': 1,
    'TIMEOUT': 2,
    'NO_FRAMES': 3,
    'WINDOW_NOT_COVERED': 4,
    'BAD_REQUEST': 5,
    'MODEL_LOADING': 6,
    'BACKEND_FAILED': 7,
    'CANCELED': 8,
    'SHUTTING_DOWN': 9,
    'NOT_ACTIVE': 10,
}
TASKS = {'AUTO': 0, 'POINT': 1, 'COUNT': 2, 'TRACK': 3, 'TEXT': 4}
POSITION_STATUS = {'NONE': 0, 'OK': 1, 'NO_DEPTH': 2, 'NO_TRANSFORM': 3}


@pytest.mark.parametrize('path', DEFINITIONS, ids=lambda path: path.name)
def test_every_field_and_constant_has_a_comment_above_it(path):
    above = ''
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line and not line.startswith('#') and line != '---':
            assert above.startswith('# '), f'{path.name}:{number}: {line}: no comment above'
        above = line


@pytest.mark.parametrize('path', DEFINITIONS, ids=lambda path: path.name)
def test_definition_is_named_in_cmake(path):
    assert f'"{path.parent.name}/{path.name}"' in (ROOT / 'CMakeLists.txt').read_text()


def test_service_and_action_ask_and_answer_alike():
    service = (ROOT / 'srv/Ground.srv').read_text().split('---\n')
    action = (ROOT / 'action/Ground.action').read_text().split('---\n')
    fields = [[line for line in part.splitlines() if line[:1] not in ('#', '')] for part in service]
    assert fields == [
        [line for line in part.splitlines() if line[:1] not in ('#', '')] for part in action[:2]
    ]


@pytest.mark.ros
@pytest.mark.skipif(
    importlib.util.find_spec('rclpy') is None, reason='needs rclpy: see CONTRIBUTING.md'
)
class TestBuilt:
    """What the generators made of them, imported beside the source tree."""

    def test_types_import_beside_the_source_tree(self):
        import molmo_ground_ros
        from molmo_ground_ros import action, msg, srv

        assert Path(molmo_ground_ros.__file__).parent == ROOT / 'molmo_ground_ros'
        for path in DEFINITIONS:
            if path.suffix == '.msg':
                assert getattr(msg, path.stem).__name__ == path.stem
        assert msg.__name__ == 'molmo_ground_ros.msg'
        assert srv.Ground.Request is not action.Ground.Goal

    def test_numbers_are_the_agreed_ones(self):
        from molmo_ground_ros.action import Ground as Action
        from molmo_ground_ros.errors import ErrorCode
        from molmo_ground_ros.msg import GroundedPoint
        from molmo_ground_ros.srv import Ground as Service

        for kind in (Service.Response, Action.Result):
            assert {name: getattr(kind, name) for name in ERROR_CODES} == ERROR_CODES
        for kind in (Service.Request, Action.Goal):
            assert {name: getattr(kind, name) for name in TASKS} == TASKS
        assert {name: getattr(GroundedPoint, name) for name in POSITION_STATUS} == POSITION_STATUS
        assert {code.name: code.value for code in ErrorCode} == ERROR_CODES

    def test_message_survives_the_wire(self):
        from builtin_interfaces.msg import Time
        from rclpy.serialization import deserialize_message, serialize_message

        from molmo_ground_ros.msg import GroundedPoint, PointArray

        point = GroundedPoint(
            stamp=Time(sec=12, nanosec=345), frame_id='camera', id=3, x=0.5, y=7.25
        )
        sent = PointArray(query='how many?', count=-1, points=[point])
        assert deserialize_message(serialize_message(sent), PointArray) == sent
