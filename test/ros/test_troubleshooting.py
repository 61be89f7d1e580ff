# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What docs/troubleshooting.md quotes of diagnostics, errors and logs is what the node says."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.clips import stamp
from support.world import World, wait_until

from molmo_ground_ros import config
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import ErrorCode
from molmo_ground_ros.msg import StandingQuery
from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import SetQuery

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs' / 'troubleshooting.md').read_text()
HEAD = ['what you see', 'what diagnostics say', 'why', 'what to do']
# What others than this package say, and words that are only stressed.
FOREIGN = {
    *('No module named torch', 'Unable to find node', 'SECURITY ERROR: directory', 'Fixed Frame'),
    *("This Fast DDS version doesn't have the security libraries", 'all', 'ask again later'),
    *('What not to trust', 'The model', 'Positions in metres', 'does not exist', 'italics'),
}
# Where a message holds a value.
VALUES = re.compile(
    r' ?\.\.\. ?| ?\(\.\.\.\)|\b[NMX]\b(?: GB| s)?|\bTOPIC\b|\b10 s|\bSIG[A-Z]+\b'
    r"|(?<=cannot) .*|(?<=the model's process) "
)


def rows() -> Iterator[list[str]]:
    for line in PAGE.splitlines():
        if line.startswith('|') and not line.startswith('|---'):
            yield [cell.strip() for cell in line.strip('|').split(' | ')]


def phrases() -> Iterator[str]:
    """The parts without values of everything that is quoted as a message."""
    quoted = re.findall(r'(?<!\*)\*([^*]+)\*(?!\*)', PAGE)
    quoted += re.findall(r'`(?:BACKEND_FAILED|BUSY): ([^`]+)`', PAGE)
    for phrase in quoted:
        for part in VALUES.split(phrase):
            text = part.strip(' ,;:')
            if text and text not in FOREIGN:
                yield text


def texts() -> str:
    """Every text in the code of the package, with a blank for each value in it."""
    collected = []
    for path in (ROOT / 'molmo_ground_ros').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                collected.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else ' ' for v in node.values]
                collected.append(''.join(map(str, parts)))
    return '\n'.join(collected)


def test_each_symptom_has_what_diagnostics_say_the_cause_and_the_remedy() -> None:
    table = list(rows())
    assert len([row for row in table if row == HEAD]) >= 5
    for row in table:
        assert len(row) == 4 and all(row), row


def test_quoted_messages_are_those_of_the_code() -> None:
    said = texts()
    missing = sorted({phrase for phrase in phrases() if phrase not in said})
    assert missing == []
    assert len(set(phrases())) > 30


def set_query(world: World) -> None:
    client = world.client.create_client(SetQuery, '/molmo_ground/set_query')
    wait_until(client.service_is_ready, 'the service')
    request = SetQuery.Request(query=StandingQuery(query='How many cups?'))
    future = client.call_async(request)
    wait_until(future.done, 'the reply')
    assert future.result().error_code == ErrorCode.OK, future.result().error_msg


def test_quoted_values_are_in_the_diagnostics(start: Callable[..., World]) -> None:
    world = start(
        ReplayBackend(['There are none.']),
        depth_topics=['depth/image'],
        diagnostics_period_seconds=0.1,
    )
    received = world.listen(DiagnosticArray, '/diagnostics')
    header = Header(stamp=convert.time_msg(stamp(0)), frame_id='optical')
    pixels = bytes(16 * 12 * 3)
    message = Image(header=header, width=16, height=12, encoding='rgb8', step=48, data=pixels)
    world.send(world.publisher(Image, 'image'), 'image', message)
    world.ask(query='How many?')

    set_query(world)

    def keys() -> set[str]:
        status = received[-1].status if received else []
        return {value.key for one in status for value in one.values}

    wait_until(lambda: {'outcome_OK', 'skipped'} <= keys(), 'the answer to be counted')
    quoted = {
        name for row in rows() for name in re.findall(r'`([a-z]\w+)`', row[1]) if name != 'doctor'
    }
    assert quoted - keys() == set()


def test_parameters_and_codes_that_are_named_exist() -> None:
    settings = set(config.limits())
    named = set(re.findall(r'`([a-z]+_[a-z_]+)(?::[^`]*)?`', PAGE))
    known = {'position_status', 'foxglove_msgs', 'use_sim_time', 'last_error', 'best_effort'}
    known |= {'rqt_robot_monitor', 'rmw_fastrtps'}
    told = {name for row in rows() for name in re.findall(r'`(\w+)`', row[1])}
    assert named - settings - known - told == set()
    codes = set(re.findall(r'`([A-Z]{4,}[A-Z_]*)(?::[^`]*)?`', PAGE)) - {'PATH'}
    assert {code for code in codes if not code.startswith('ROS_')} <= set(ErrorCode.__members__)


@pytest.mark.parametrize('phrase', ['no image for', 'could not be taken'])
def test_phrases_are_taken_apart_at_their_values(phrase: str) -> None:
    assert any(phrase in text for text in phrases())
