# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Converts messages to the package's values and back. Stamps are copied, never computed."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point as PointMsg
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage as CompressedImageMsg
from sensor_msgs.msg import Image as ImageMsg
from std_msgs.msg import Header

from molmo_ground_ros.errors import BadRequest, BadSpan, ErrorCode, GroundError, UnknownTask, clean
from molmo_ground_ros.grounding.calibration import WITHHELD
from molmo_ground_ros.grounding.standing import (
    Delivery,
    NumberedEvent,
    StandingRequest,
    StandingStatus,
)
from molmo_ground_ros.grounding.stitch import unseen_of
from molmo_ground_ros.msg import (
    CameraAnswer,
    Event,
    GroundedPoint,
    PointArray,
    StandingQuery,
    TimeSpan,
    TrackArray,
)
from molmo_ground_ros.msg import Track as TrackMsg
from molmo_ground_ros.space.camera_model import CameraModel, Region, from_camera_info
from molmo_ground_ros.space.transforms import Transform
from molmo_ground_ros.types import (
    Answer,
    CompressedImage,
    EncodedImage,
    Point,
    Position,
    PositionStatus,
    Query,
    RawImage,
    Task,
    Track,
)

_NS = 1_000_000_000
# In place of names: every camera.
ALL_CAMERAS = '*'


def stamp_ns(time: Time | Duration) -> int:
    """A Time or Duration message in int nanoseconds."""
    return int(time.sec) * _NS + int(time.nanosec)


def time_msg(stamp: int) -> Time:
    """Int nanoseconds, not negative, as a Time message."""
    return Time(sec=stamp // _NS, nanosec=stamp % _NS)


def duration_msg(nanoseconds: int) -> Duration:
    """Int nanoseconds as a Duration message."""
    return Duration(sec=nanoseconds // _NS, nanosec=nanoseconds % _NS)


def image(msg: ImageMsg | CompressedImageMsg) -> EncodedImage:
    """An image message's fields, without a copy of its data."""
    if isinstance(msg, ImageMsg):
        return RawImage(
            width=msg.width,
            height=msg.height,
            encoding=msg.encoding,
            step=msg.step,
            data=memoryview(msg.data),
            is_bigendian=bool(msg.is_bigendian),
        )
    return CompressedImage(format=msg.format, data=memoryview(msg.data))


def query(request: Any) -> Query:
    """The question in a service request or an action goal. Raises UnknownTask, BadSpan."""
    task = _task(request.task)
    start_ns, end_ns = stamp_ns(request.start), stamp_ns(request.end)
    if start_ns < 0 or end_ns < 0:
        raise BadSpan(start_ns, end_ns, 'a stamp is negative')
    text, camera = clean(request.query), clean(request.camera)
    return Query(text, task, camera, start_ns, end_ns)


def _task(number: int) -> Task:
    if number not in set(Task):
        raise UnknownTask(number, [f'{task.name}={task.value}' for task in Task])
    return Task(number)


def queries(request: Any, cameras: Iterable[str]) -> list[Query]:
    """The questions of a request, one for each camera that it asks. cameras: all that there are.

    Raises BadRequest where it names one camera and several, or a camera twice, and as `query` does.
    """
    alone = query(request)
    names = [clean(name) for name in request.cameras]
    if names and alone.camera:
        raise BadRequest(f'camera = {alone.camera!r}: cameras = {names!r} are named too')
    if names == [ALL_CAMERAS]:
        names = list(cameras)
    if not names:
        return [alone]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        # The list may be longer than a message.
        raise BadRequest(f"cameras: '{name}' is named twice")
    return [dataclasses.replace(alone, camera=name) for name in names]


def standing_request(message: StandingQuery) -> StandingRequest:
    """The standing question in a request. Raises UnknownTask."""
    return StandingRequest(
        text=clean(message.query),
        task=_task(message.task),
        id=clean(message.id),
        cameras=tuple(clean(camera) for camera in message.cameras),
        period_ns=stamp_ns(message.period),
        window_ns=stamp_ns(message.window),
        priority=message.priority,
    )


def standing_query(status: StandingStatus) -> StandingQuery:
    """A standing question and how far it is, as a message."""
    request = status.request
    return StandingQuery(
        id=request.id,
        query=request.text,
        task=int(request.task),
        cameras=list(request.cameras),
        period=duration_msg(request.period_ns),
        window=duration_msg(request.window_ns),
        priority=request.priority,
        total=status.total,
        due=status.due,
        answered=status.answered,
        skipped=status.skipped,
        failed=status.failed,
        actual_period=duration_msg(status.actual_period_ns),
        coverage=status.coverage,
        covered_until=time_msg(status.covered_until_ns),
        last_error=status.last_error,
    )


def event(delivery: Delivery, numbered: NumberedEvent) -> Event:
    """An event of a standing question as a message."""
    point, answer = numbered.point, delivery.answer
    start_ns, end_ns = numbered.covered
    return Event(
        header=Header(stamp=time_msg(point.stamp_ns), frame_id=point.frame_id),
        query_id=delivery.request.id,
        query=delivery.request.text,
        label=numbered.label,
        camera=answer.camera,
        number=numbered.number,
        total=numbered.total,
        point=point_msg(point),
        target_frame=target_frame([point]),
        image_width=answer.image_width,
        image_height=answer.image_height,
        coverage=numbered.coverage,
        covered=TimeSpan(start=time_msg(start_ns), end=time_msg(end_ns)),
        doubts=list(numbered.doubts),
    )


def transform(msg: TransformStamped) -> Transform:
    """A transform's fields."""
    move, turn = msg.transform.translation, msg.transform.rotation
    return Transform(
        msg.header.frame_id,
        msg.child_frame_id,
        stamp_ns(msg.header.stamp),
        (move.x, move.y, move.z),
        (turn.x, turn.y, turn.z, turn.w),
    )


def camera_model(msg: CameraInfo, *, rectified: bool) -> CameraModel:
    """The camera of a calibration. Raises CalibrationError."""
    region = Region(msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height)
    size, binning = (msg.width, msg.height), (msg.binning_x, msg.binning_y)
    fields = (msg.k, msg.d, msg.p, msg.distortion_model, binning, region)
    return from_camera_info(size, *fields, rectified=rectified)


def point_msg(value: Point) -> GroundedPoint:
    """A point as a message, with its position if it has one."""
    position = value.position or Position(PositionStatus.NONE)
    msg = GroundedPoint(
        stamp=time_msg(value.stamp_ns),
        frame_id=value.frame_id,
        id=value.id,
        x=value.x,
        y=value.y,
        score=value.score,
        probability=value.probability,
        position_status=int(position.status),
        depth_spread=position.spread_m,
    )
    if position.status is PositionStatus.OK:
        msg.position = PointMsg(x=position.x, y=position.y, z=position.z)
    return msg


def trust(point: GroundedPoint) -> float:
    """The probability of a point where there is one, else its score; NaN if neither is known."""
    return float(point.score if math.isnan(point.probability) else point.probability)


def target_frame(points: Iterable[Point]) -> str:
    """The coordinate frame of the points' positions; '' where none has one."""
    frames = (value.position.frame_id for value in points if value.position)
    return next(filter(None, frames), '')


def points_of(points: Iterable[Point]) -> list[GroundedPoint]:
    """Points as messages, ascending by stamp, then by id."""
    return [point_msg(p) for p in sorted(points, key=lambda p: (p.stamp_ns, p.id))]


def _track(track: Track) -> TrackMsg:
    points = points_of(track.points)
    return TrackMsg(id=track.id, label=track.label, points=points, speeds=list(track.speeds))


def _envelope(answer: Answer, query_id: str) -> dict[str, Any]:
    """The fields that PointArray and TrackArray share."""
    return {
        'header': Header(stamp=time_msg(answer.newest_ns), frame_id=answer.frame_id),
        'query_id': query_id,
        'query': answer.query.text,
        'label': answer.label,
        'camera': answer.camera,
        'window_start': time_msg(answer.start_ns),
        'window_end': time_msg(answer.end_ns),
        'image_width': answer.image_width,
        'image_height': answer.image_height,
        'target_frame': target_frame(
            (*answer.points, *(point for track in answer.tracks for point in track.points))
        ),
        'count': -1 if answer.count is None else min(answer.count, 2**31 - 1),
    }


def point_array(answer: Answer, query_id: str) -> PointArray:
    """The points of an answer as a message."""
    return PointArray(points=points_of(answer.points), **_envelope(answer, query_id))


def track_array(answer: Answer, query_id: str) -> TrackArray:
    """The tracks of an answer as a message."""
    tracks = [_track(track) for track in sorted(answer.tracks, key=lambda track: track.id)]
    return TrackArray(tracks=tracks, **_envelope(answer, query_id))


def camera_answer(camera: str, outcome: Answer | GroundError, query_id: str) -> CameraAnswer:
    """What one camera of several answers, as a message."""
    message = CameraAnswer(camera=camera)
    if isinstance(outcome, GroundError):
        message.error_code, message.error_msg = int(outcome.code), str(outcome)
        message.points.count = message.tracks.count = -1
    else:
        _fill(message, outcome, query_id)
    return message


def fill_answer(reply: Any, answer: Answer, query_id: str, latency_ns: int) -> None:
    """Write an answer into a service response or an action result."""
    reply.error_code = int(ErrorCode.OK)
    reply.error_msg = ''
    _fill(reply, answer, query_id)
    reply.latency = duration_msg(latency_ns)
    reply.model = answer.model


def _fill(message: Any, answer: Answer, query_id: str) -> None:
    """Write what a reply and a CameraAnswer share."""
    message.answer = answer.text
    message.points = point_array(answer, query_id)
    message.tracks = track_array(answer, query_id)
    message.frames_used = answer.frames_used
    message.frames_expected = answer.frames_expected
    message.truncated = answer.truncated
    message.unseen = [
        TimeSpan(start=time_msg(start_ns), end=time_msg(end_ns))
        for start_ns, end_ns in answer.unseen or unseen_of(answer)
    ]
    message.withheld = [piece.text for piece in answer.rejected if piece.reason == WITHHELD]


def fill_error(reply: Any, error: GroundError, latency_ns: int) -> None:
    """Write an error into a service response or an action result; a count of -1 is no count."""
    reply.error_code = int(error.code)
    reply.error_msg = str(error)
    reply.points.count = reply.tracks.count = -1
    reply.latency = duration_msg(latency_ns)
