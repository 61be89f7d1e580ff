# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground mcp`: serves a running node and recordings to agents.

The Model Context Protocol goes over stdin and stdout, or over HTTP on this machine alone.
"""

from __future__ import annotations

import argparse
import importlib
from contextlib import ExitStack
from typing import Any

from molmo_ground_ros.commands.agents.folders import AllowedFolders
from molmo_ground_ros.commands.agents.recorded import RecordingSource
from molmo_ground_ros.commands.agents.source import AgentSource
from molmo_ground_ros.commands.loading import add_model, loader_of
from molmo_ground_ros.commands.window import add_window, check_window, window_ns
from molmo_ground_ros.errors import BadSetting, MissingPackage

# The room that knows ROS lies above this one, so it is found by name, as `cli.py` finds this file.
LIVE = 'molmo_ground_ros.client.agents'
NODE, LOOPBACK = '/molmo_ground', '127.0.0.1'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument(
        'folder', metavar='FOLDER', nargs='*',
        help='folder with recordings that may be asked about; nothing outside is read',
    )  # fmt: skip
    parser.add_argument(
        '--node', metavar='NAME', nargs='?', const=NODE, default='',
        help=f'serve a running node of this full name; without NAME {NODE}. Needs ROS 2',
    )  # fmt: skip
    parser.add_argument(
        '--http', type=int, default=None, metavar='PORT',
        help=f'serve http://{LOOPBACK}:PORT/mcp in place of stdin and stdout',
    )  # fmt: skip
    add_window(parser, 'of recordings: ')
    parser.add_argument(
        '--target-frame', default='', metavar='FRAME',
        help="of recordings: coordinate frame of the positions. Default: the camera's own",
    )  # fmt: skip
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the agent leaves, or Ctrl-C."""
    _check(arguments)
    server_module = _server_module()
    with ExitStack() as stack:
        live = _live(arguments.node) if arguments.node else None
        if live is not None:
            stack.callback(live.close)
        recorded = _recorded(arguments) if arguments.folder else None
        if recorded is not None:
            stack.callback(recorded.close)
        server = server_module.AgentServer(live, recorded).server
        if arguments.http is None:
            server.run('stdio')
        else:
            server.run('streamable-http', host=LOOPBACK, port=arguments.http)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.folder and not arguments.node:
        raise BadSetting('folder', '', 'name a folder with recordings, or --node')
    check_window(arguments)
    if arguments.http is not None and not 0 < arguments.http < 2**16:
        raise BadSetting('http', arguments.http, 'must be a port from 1 to 65535')


def _server_module() -> Any:
    try:
        return importlib.import_module('molmo_ground_ros.commands.agents.server')
    except ModuleNotFoundError as error:
        raise MissingPackage(error.name or 'mcp', 'mcp') from error


def _live(node: str) -> AgentSource:
    try:
        source: AgentSource = importlib.import_module(LIVE).NodeSource(node)
    except ModuleNotFoundError as error:
        why = f'needs ROS 2, and there is no {error.name}'
        raise BadSetting('node', node, why) from error
    return source


def _recorded(arguments: argparse.Namespace) -> RecordingSource:
    loader, _ = loader_of(arguments)
    return RecordingSource(
        AllowedFolders(arguments.folder),
        loader,
        window_ns=window_ns(arguments, loader),
        target_frame=arguments.target_frame,
    )
