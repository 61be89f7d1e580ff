# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a recorded camera topic, played over DDS into the real node, and one question.

Starts the node as a process of its own and plays `examples/tabletop.mcap`. Meanwhile a standing
question counts the events as they happen. At its end it asks over the service, prints the answer
beside the truth and writes a contact sheet. Exit code 0 only if a count came
back over the service.
"""

from __future__ import annotations

import argparse
import math
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from builtin_interfaces.msg import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from molmo_ground_ros.client import GroundClient, GroundedEvent
from molmo_ground_ros.errors import BagError, ErrorCode
from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import (
    ImageMessage,
    Recording,
    SpaceTopics,
    find_space,
    open_recording,
)
from molmo_ground_ros.reports.answer_table import POINT_HEADER, point_rows, score_text, text_table
from molmo_ground_ros.reports.contact_sheet import Tile, contact_sheet, save_png
from molmo_ground_ros.reports.words import metres
from molmo_ground_ros.srv import Ground, SetQuery
from molmo_ground_ros.types import Point, Position, PositionStatus
from tools.node_process import ROOT, node_process, parameters_for
from tools.player import Player
from tools.tabletop.bag_truth import BagTruth

QUESTION = 'how many times was the red block grasped?'
THING = 'red block'
START_TIMEOUT_S = 120.0  # for the node to appear and load its model
ANSWER_TIMEOUT_S = 120
# Of the standing question, in the recording's own time.
LIVE_PERIOD_S, LIVE_WINDOW_S = 2.0, 8.0
PLACE_HEADER = ('id', 'point', 'middle of the block', 'apart')
MATCH_S = 0.5  # a grasp is found if a point lies this close to it in time


def main() -> int:
    """Run the demo; returns the exit code."""
    options = _options()
    truth = BagTruth.beside(options.bag)
    with open_recording(options.bag) as recording:
        pictures = list(recording.messages())
        reply = _answer(options, recording, pictures)
    return _report(options, reply, truth, pictures)


def _answer(
    options: argparse.Namespace, recording: Recording, pictures: Sequence[ImageMessage]
) -> Any:
    """Start the node, play the recording to it, and ask."""
    rclpy.init()
    asker = Node('planner')
    executor = SingleThreadedExecutor()
    executor.add_node(asker)
    threading.Thread(target=executor.spin, daemon=True).start()
    space = _space(recording)
    parameters = parameters_for(
        options.model, recording.topic, space, options.frame, options.backend
    )
    with (
        node_process(parameters),
        _watched(asker, options.question, pictures[0].stamp_ns),
    ):
        _play(asker, recording, space, pictures, options.rate)
        reply = _ask(asker, options.question)
    executor.shutdown()
    rclpy.shutdown()
    return reply


def _space(recording: Recording) -> SpaceTopics | None:
    """Where positions in metres come from; None if the recording has no depth."""
    try:
        return find_space(recording, SpaceTopics())
    except BagError as err:
        print(f'no positions: {err}')
        return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='make demo', description=__doc__.splitlines()[0])
    parser.add_argument('--bag', type=Path, default=ROOT / 'examples/tabletop.mcap')
    parser.add_argument('--model', type=Path, default=ROOT / 'models/tabletop')
    parser.add_argument('--backend', default='onnx')
    parser.add_argument('--question', default=QUESTION)
    parser.add_argument('--frame', default='world', help='of the positions in metres')
    parser.add_argument('--rate', type=float, default=2.0, help='times real time')
    parser.add_argument('--sheet', type=Path, default=ROOT / 'build/demo.png')
    return parser.parse_args()


@contextmanager
def _watched(node: Node, question: str, zero_ns: int) -> Iterator[None]:
    """Let the node ask the same question again and again; print each event as it is found."""
    appears = node.create_client(SetQuery, '/molmo_ground/set_query')
    _wait(appears.service_is_ready, 'the node')
    with (
        GroundClient(node) as ground,
        ground.watch(question, period_s=LIVE_PERIOD_S, window_s=LIVE_WINDOW_S) as events,
    ):
        threading.Thread(target=_print_live, args=(events, zero_ns), daemon=True).start()
        yield


def _print_live(events: Iterator[GroundedEvent], zero_ns: int) -> None:
    for event in events:
        point = event.point
        at_s = (point.stamp_ns - zero_ns) / 1e9
        place = f', place [m] {metres(point.position)}' if point.position else ''
        pixel = f'pixel ({point.x:.0f}, {point.y:.0f})'
        print(f'  live: number {event.total} at {at_s:.2f} s, {pixel}{place}', flush=True)


def _play(
    node: Node,
    recording: Recording,
    space: SpaceTopics | None,
    pictures: Sequence[ImageMessage],
    rate: float,
) -> None:
    """Publish the recording with its own stamps, `rate` times as fast as it was recorded."""
    length_s = (pictures[-1].stamp_ns - pictures[0].stamp_ns) / 1e9
    topic = recording.topic
    print(f'playing {len(pictures)} pictures ({length_s:.1f} s) on {topic} at {rate:g}x ...')
    needed = [topic, *([space.depth, space.camera_info] if space else [])]
    Player(node, recording).play(rate, needed, _wait)
    # Received is not yet taken: give the node time to take the last ones before the question comes.
    time.sleep(0.2)


def _ask(node: Node, question: str) -> Any:
    """Ask over the service; while the model loads the node says so, and we ask again."""
    client = node.create_client(Ground, '/molmo_ground/ground')
    _wait(client.service_is_ready, 'the service')
    print(f'asking: {question}')
    request = Ground.Request(query=question, timeout=Duration(sec=ANSWER_TIMEOUT_S))
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        future = client.call_async(request)
        _wait(future.done, 'the answer', ANSWER_TIMEOUT_S + 10.0)
        reply = future.result()
        if reply.error_code != ErrorCode.MODEL_LOADING or time.monotonic() > deadline:
            return reply
        time.sleep(0.5)


def _wait(ready: Any, what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f'demo: no sign of {what} within {timeout_s:g} s')
        time.sleep(0.05)


def _report(
    options: argparse.Namespace, reply: Any, truth: BagTruth, pictures: Sequence[ImageMessage]
) -> int:
    if reply.error_code != ErrorCode.OK:
        print(f'{ErrorCode(reply.error_code).name}: {reply.error_msg}', file=sys.stderr)
        return 1
    print(f'\nthe model says: {reply.answer}\n')
    points = [_point(point) for point in reply.points.points]
    grasps = truth.events('grasp', THING)
    zero_ns = pictures[0].stamp_ns
    header = (*POINT_HEADER, 'true grasp', 'off by')
    rows = list(_rows(points, grasps, zero_ns))
    print(text_table(header, rows))
    if any(point.position for point in points):
        print(f"\nin metres, in the frame '{options.frame}':\n")
        print(text_table(PLACE_HEADER, list(_place_rows(points, truth.middles_m(THING)))))
        half_cm = 100 * truth.half_m(THING)
        print(
            f'a pixel shows the near side of the block, {half_cm:.1f} to '
            f'{half_cm * math.sqrt(3):.1f} cm from its middle'
        )
    latency_s = reply.latency.sec + reply.latency.nanosec / 1e9
    print(
        f'\ncount: {reply.points.count}   truth: {len(grasps)}   '
        f'latency: {latency_s:.2f} s   frames: {reply.frames_used} of {reply.frames_expected}'
    )
    summary = f'count: {reply.points.count}   (truth: {len(grasps)})'
    _sheet(options, summary, points, pictures)
    return 0 if reply.points.count >= 0 else 1


def _point(msg: Any) -> Point:
    stamp_ns = msg.stamp.sec * 10**9 + msg.stamp.nanosec
    status, place = PositionStatus(msg.position_status), msg.position
    position = None
    if status is not PositionStatus.NONE:
        position = Position(status, place.x, place.y, place.z, msg.depth_spread)
    return Point(stamp_ns, msg.id, msg.x, msg.y, msg.score, msg.frame_id, position)


def _place_rows(
    points: Sequence[Point], middles: Mapping[int, tuple[float, float, float]]
) -> Iterator[tuple[str, ...]]:
    """Each point's place, and where the middle of the block is in that frame."""
    for point in points:
        middle, position = middles.get(point.stamp_ns), point.position
        true_text, apart = 'none', ''
        if middle is not None:
            true_text = '({:.3f}, {:.3f}, {:.3f})'.format(*middle)
        if middle is not None and position and position.status is PositionStatus.OK:
            apart = f'{math.dist((position.x, position.y, position.z), middle) * 100:.1f} cm'
        yield str(point.id), metres(position), true_text, apart


def _rows(
    points: Sequence[Point], grasps: Sequence[Any], zero_ns: int
) -> Iterator[tuple[str, ...]]:
    """The answer's points with the nearest true grasp beside each, then the grasps not found."""
    matched = set()
    for point, cells in zip(points, point_rows(points, zero_ns), strict=True):
        nearest = min(grasps, key=lambda g: abs(g['stamp_ns'] - point.stamp_ns), default=None)
        off_s = (point.stamp_ns - nearest['stamp_ns']) / 1e9 if nearest else math.inf
        if nearest is None or abs(off_s) > MATCH_S or nearest['stamp_ns'] in matched:
            yield (*cells, 'none', '')
            continue
        matched.add(nearest['stamp_ns'])
        yield (*cells, f'{(nearest["stamp_ns"] - zero_ns) / 1e9:.2f} s', f'{off_s:+.2f} s')
    for grasp in grasps:
        if grasp['stamp_ns'] not in matched:
            yield (
                '-',
                '-',
                '-',
                '-',
                '-',
                f'{(grasp["stamp_ns"] - zero_ns) / 1e9:.2f} s',
                'missed',
            )


def _sheet(
    options: argparse.Namespace,
    summary: str,
    points: Sequence[Point],
    pictures: Sequence[ImageMessage],
) -> None:
    by_stamp = {picture.stamp_ns: picture for picture in pictures}
    zero_ns = pictures[0].stamp_ns
    tiles = []
    for point in points:
        seconds = (point.stamp_ns - zero_ns) / 1e9
        caption = f'#{point.id}   {seconds:.1f} s   score {score_text(point.score)}'
        decoded = image.decode(by_stamp[point.stamp_ns].image)
        tiles.append(Tile(decoded, caption, point.stamp_ns, (point,)))
    span_ns = (zero_ns, pictures[-1].stamp_ns)
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet(options.question, summary, tiles, span_ns)
    save_png(sheet, str(options.sheet))
    print(f'contact sheet: {options.sheet}')


if __name__ == '__main__':
    sys.exit(main())
