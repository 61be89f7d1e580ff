# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The server for agents in a process of its own, asked by the client of the protocol's own SDK."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip('mcp', reason="needs pip install '.[mcp]'")

from mcp import Client
from mcp.client.stdio import StdioServerParameters

from molmo_ground_ros import cli
from molmo_ground_ros.errors import MissingPackage

ROOT = Path(__file__).parents[2]
BAG = 'run/tabletop.mcap'
QUESTION = 'How many times was the red block grasped?'
GRASPS = (
    'Counting the <points coords="6.0 1 546 208;9.5 2 286 196;16.0 3 293 198">grasp of the red '
    'block</points> shows a total of 3.'
)
TRACK = '<tracks coords="0.0 1 500 500;0.5 1 510 500;1.0 1 520 500">red block</tracks>'
TOOLS = ['find_recordings', 'list_cameras', 'ask', 'track', 'watch', 'show']

Talk = Callable[[Client], Awaitable[None]]


def command(tmp_path: Path) -> list[str]:
    """The command that serves a folder with one recording and recorded answers."""
    bags = tmp_path / 'bags'
    (bags / 'run').mkdir(parents=True)
    shutil.copy(ROOT / 'examples/tabletop.mcap', bags / 'run')
    shutil.copy(ROOT / 'examples/tabletop.mcap', tmp_path / 'secret.mcap')
    (bags / 'link.mcap').symlink_to(tmp_path / 'secret.mcap')
    answers = tmp_path / 'answers.jsonl'
    lines = [{'match': 'grasped', 'text': GRASPS}, {'text': TRACK}]
    answers.write_text('\n'.join(map(json.dumps, lines)))
    return [
        *('-m', 'molmo_ground_ros.cli', 'mcp', str(bags), '--backend', 'replay'),
        *('--model', str(answers), '--target-frame', 'world'),
    ]


def talk(words: list[str], conversation: Talk) -> None:
    """Start the server with stdin and stdout as its connection, and talk to it."""
    parameters = StdioServerParameters(
        command=sys.executable, args=words, env=dict(os.environ), cwd=ROOT
    )

    async def connected() -> None:
        async with Client(parameters) as client:
            await conversation(client)

    asyncio.run(connected())


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return dict(result.structured_content)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)


def picture(result: Any) -> Any:
    (content,) = result.content
    assert (content.type, content.mime_type) == ('image', 'image/jpeg')
    return cv2.imdecode(np.frombuffer(base64.b64decode(content.data), np.uint8), cv2.IMREAD_COLOR)


def test_agent_finds_asks_watches_and_is_shown(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        assert all('context' not in tool.input_schema['properties'] for tool in tools)

        (entry,) = (await called(client, 'find_recordings', words='TABLE run'))['recordings']
        assert entry == {
            'recording': BAG,
            'bytes': (ROOT / 'examples/tabletop.mcap').stat().st_size,
        }
        assert (await called(client, 'find_recordings', words='moon'))['recordings'] == []

        (camera,) = (await called(client, 'list_cameras', recording=BAG))['cameras']
        assert (camera['recording'], camera['images'], camera['losses']) == (BAG, 241, [])

        progress: list[tuple[float, float | None, str | None]] = []

        async def note(done: float, total: float | None, message: str | None) -> None:
            progress.append((done, total, message))

        asked = {'question': QUESTION, 'start': camera['start'], 'end': '+24.0'}
        result = await client.call_tool('ask', asked, progress_callback=note)
        answer = result.structured_content
        assert (answer['answer'], answer['count'], answer['coverage']) == ('a1', 3, 1.0)
        assert (answer['start'], answer['end']) == (camera['start'], camera['end'])
        first = answer['points'][0]
        assert first['stamp'] == '1763805606.000000000'
        assert first['metres']['frame'] == 'world'
        assert abs(first['metres']['z']) < 1.0
        assert answer['not_seen'] == []
        assert progress == [(0, 1, '0 of 1 windows'), (1, 1, '1 of 1 windows')]

        followed = await called(client, 'track', what='the red block', end='+2')
        assert (followed['task'], len(followed['tracks'][0]['points'])) == ('track', 3)

        watched = await called(client, 'watch', question=QUESTION, seconds=24.0, most=2)
        assert [event['id'] for event in watched['events']] == [1, 2]
        assert watched['events_left_out'] == 1

        sheet = picture(await client.call_tool('show', {'answer': 'a1'}))
        frame = picture(await client.call_tool('show', {'answer': 'a1', 'number': 2}))
        way = picture(await client.call_tool('show', {'answer': 'a2', 'number': 1}))
        assert sheet.shape[1] > frame.shape[1]
        assert frame.shape == way.shape == (480, 640, 3)

    talk(command(tmp_path), conversation)


@pytest.mark.parametrize(
    ('tool', 'arguments', 'message'),
    [
        ('list_cameras', {'recording': '../secret.mcap'}, 'find_recordings lists'),
        ('list_cameras', {'recording': 'link.mcap'}, 'find_recordings lists'),
        ('ask', {'question': QUESTION, 'recording': '/etc/passwd'}, 'find_recordings lists'),
        ('ask', {'question': ''}, 'the question is empty'),
        ('ask', {'question': QUESTION, 'task': 'dance'}, "task = 'dance'"),
        ('ask', {'question': QUESTION, 'camera': 'roof'}, "no camera 'roof'"),
        ('ask', {'question': QUESTION, 'start': '+90'}, 'is from 1763805600.000000000'),
        ('ask', {'question': QUESTION, 'timeout_s': -1}, 'timeout_s = -1.0'),
        ('watch', {'question': QUESTION, 'most': 0}, 'most = 0'),
        ('show', {'answer': 'a9'}, "answer = 'a9': there is none"),
    ],
)
def test_bad_request_is_an_error_of_the_tool_with_code_and_what_to_do(
    served: Callable[[Talk], None], tool: str, arguments: dict[str, Any], message: str
) -> None:
    async def conversation(client: Client) -> None:
        error = await refused(client, tool, **arguments)
        assert 'BAD_REQUEST: ' in error
        assert message in error
        assert 'What to do: ' in error
        assert '/tmp' not in error

    served(conversation)


@pytest.fixture(scope='module')
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where one server is reached over HTTP, which is started once."""
    with http_server(command(tmp_path_factory.mktemp('served'))) as address:
        yield address


@pytest.fixture
def served(address: str) -> Callable[[Talk], None]:
    """Talks to that server."""

    def over_http(conversation: Talk) -> None:
        async def connected() -> None:
            async with Client(address) as client:
                await conversation(client)

        asyncio.run(connected())

    return over_http


@contextmanager
def http_server(words: list[str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, *words, '--http', str(port)], cwd=ROOT, stderr=subprocess.PIPE
    )
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    break
            assert server.poll() is None, server.stderr and server.stderr.read()
        yield f'http://127.0.0.1:{port}/mcp'
    finally:
        server.terminate()
        server.wait(20)
        if server.stderr:
            server.stderr.close()


def test_same_tools_over_http(served: Callable[[Talk], None]) -> None:
    async def conversation(client: Client) -> None:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        assert (await called(client, 'ask', question=QUESTION))['count'] == 3

    served(conversation)


@pytest.mark.parametrize(
    ('header', 'code'),
    [({'Host': 'evil.example'}, 421), ({'Origin': 'http://evil.example'}, 403)],
)
def test_page_of_another_site_is_refused_over_http(
    address: str, header: dict[str, str], code: int
) -> None:
    headers = {'Content-Type': 'application/json', 'Accept': 'application/json', **header}
    request = urllib.request.Request(address, b'{}', headers, method='POST')
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == code
    caught.value.close()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'name a folder with recordings, or --node'),
        (['no/such/folder'], 'is no folder'),
        (['examples', '--http', '0'], 'must be a port'),
        (['examples', '--window', 'nan'], 'must be a number'),
    ],
)
def test_wrong_options_are_named(
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.main(['mcp', *words]) == 2
    assert message in capsys.readouterr().err


def test_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delitem(sys.modules, 'molmo_ground_ros.commands.agents.server', raising=False)
    monkeypatch.setitem(sys.modules, 'mcp', None)
    monkeypatch.setitem(sys.modules, 'mcp.server.mcpserver', None)
    assert cli.main(['mcp', 'examples']) == 2
    assert 'molmo_ground_ros[mcp]' in capsys.readouterr().err
    assert issubclass(MissingPackage, Exception)
