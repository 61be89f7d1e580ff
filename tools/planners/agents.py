# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An agent's session, over the running node and over the recording, by the client of MCP's SDK."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from molmo_ground_ros.reports.agent_record import moment_ns
from tools.node_process import ROOT
from tools.planners.calls import near_the_grasps
from tools.planners.row import must
from tools.planners.table import BAG, FRAME, MODEL, QUESTION, Table

COMMAND = ['-m', 'molmo_ground_ros.cli', 'mcp']
RECORDINGS = ['examples', '--backend', 'onnx', '--model', MODEL,
              '--target-frame', FRAME]  # fmt: skip
_START_S = 60.0


def over_the_node(table: Table) -> str:
    """List, ask and show over stdin and stdout; the node is the table's."""
    from mcp.client.stdio import StdioServerParameters

    server = StdioServerParameters(
        command=sys.executable, args=[*COMMAND, '--node'], env=dict(os.environ), cwd=ROOT
    )
    return asyncio.run(_session(table, server, ''))


def over_recordings(table: Table) -> str:
    """Find, ask and show over HTTP; the recording is that of the table."""
    with _http_server() as address:
        return asyncio.run(_session(table, address, BAG.rpartition('/')[2]))


async def _session(table: Table, server: Any, recording: str) -> str:
    from mcp import Client
    from mcp_types import ImageContent

    async with Client(server) as client:
        if recording:
            listed = await _called(client, 'find_recordings')
            must({'recording': recording} in [_name(each) for each in listed['recordings']],
                 f'{recording} is not listed')  # fmt: skip
        cameras = (await _called(client, 'list_cameras', recording=recording))['cameras']
        answer = await _called(client, 'ask', question=QUESTION, recording=recording)
        must(answer['coverage'] == 1.0, f'coverage {answer["coverage"]}')
        must(all(point['metres'] for point in answer['points']), 'a point has no place')
        newest = answer['points'][-1]['id']
        shown = await client.call_tool('show', {'answer': answer['answer'], 'number': newest})
        must(not shown.is_error, str(shown.content))
        (content,) = shown.content
        must(isinstance(content, ImageContent), f'{content.type} is no image')
        image = base64.b64decode(getattr(content, 'data', ''))
    stamps = (moment_ns(point['stamp'], None, 0) for point in answer['points'])
    words = near_the_grasps(table, stamps)
    return f'{len(cameras)} camera, {words}, an image of {len(image) // 1000} kB'


def _name(entry: dict[str, Any]) -> dict[str, Any]:
    return {'recording': entry['recording']}


async def _called(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    must(not result.is_error, f'{tool}: {result.content}')
    return dict(result.structured_content)


@contextmanager
def _http_server() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, *COMMAND, *RECORDINGS, '--http', str(port)],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_S
        while not _answers(port):
            must(time.monotonic() < deadline and server.poll() is None, 'the server does not start')
            time.sleep(0.1)
        yield f'http://127.0.0.1:{port}/mcp'
    finally:
        server.terminate()
        server.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0
