# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`~/markers`: points and tracks in 3-D, where their positions are known.

A marker has the stamp of the frame that its point lies in. The line of a track has that of its
newest point, so it is right where the target frame does not move with the camera.

The namespace of a marker is its scene's source. A scene that does not add begins by deleting the
markers of its source, and every marker vanishes by itself after its lifetime.
"""

from __future__ import annotations

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from molmo_ground_ros.msg import GroundedPoint, Track
from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.ros.scene import Scene

SPHERE_M, DOT_M, LINE_M, TEXT_M = 0.03, 0.02, 0.008, 0.03  # diameters, and the height of letters
LIFT_M = 0.04  # of a name above its point
_SUFFIX = {Marker.TEXT_VIEW_FACING: ' names', Marker.LINE_STRIP: ' paths'}


def markers_of(scene: Scene, lifetime: Duration) -> MarkerArray:
    """The markers of a scene; those of its source before it are deleted unless it adds."""
    shapes: list[Marker] = []
    for point, name in scene.names():
        if point.position_status == GroundedPoint.OK:
            shapes += _sphere_and_name(scene, point, name, SPHERE_M)
    for track in scene.tracks:
        shapes += _path(scene, track)
    for marker in shapes:
        marker.lifetime = lifetime
    removed = [] if scene.adds else [_removal(f'{scene.source}{end}') for end in _ends()]
    return MarkerArray(markers=[*removed, *shapes])


def no_markers() -> MarkerArray:
    """Deletes all markers, those of an earlier run of the node included."""
    return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])


def _ends() -> list[str]:
    return ['', *_SUFFIX.values()]


def _removal(namespace: str) -> Marker:
    return Marker(action=Marker.DELETEALL, ns=namespace)


def _path(scene: Scene, track: Track) -> list[Marker]:
    """A line through the known positions of a track, and a sphere with its name at the newest."""
    points = [point for point in track.points if point.position_status == GroundedPoint.OK]
    if not points:
        return []
    name = f'#{track.id} {track.label}'.rstrip()
    line = _marker(scene, points[-1], Marker.LINE_STRIP)
    line.scale.x = LINE_M
    line.points = [point.position for point in points]
    # A strip needs two ends.
    lines = [line] if len(points) > 1 else []
    return [*lines, *_sphere_and_name(scene, points[-1], name, DOT_M)]


def _sphere_and_name(
    scene: Scene, point: GroundedPoint, name: str, diameter: float
) -> list[Marker]:
    sphere = _marker(scene, point, Marker.SPHERE)
    sphere.scale = Vector3(x=diameter, y=diameter, z=diameter)
    _move_to(sphere, point, 0.0)
    text = _marker(scene, point, Marker.TEXT_VIEW_FACING)
    text.scale.z = TEXT_M
    text.text = name
    _move_to(text, point, LIFT_M)
    return [sphere, text]


def _move_to(marker: Marker, point: GroundedPoint, lift: float) -> None:
    where = marker.pose.position
    where.x, where.y, where.z = point.position.x, point.position.y, point.position.z + lift


def _marker(scene: Scene, point: GroundedPoint, kind: int) -> Marker:
    """A marker of a point's id, stamped with the frame that the point lies in."""
    red, green, blue = (value / 255 for value in colour(point.id))
    marker = Marker(
        header=Header(stamp=point.stamp, frame_id=scene.target_frame),
        ns=f'{scene.source}{_SUFFIX.get(kind, "")}',
        id=point.id,
        type=kind,
        action=Marker.ADD,
        color=ColorRGBA(r=red, g=green, b=blue, a=1.0),
    )
    marker.pose.orientation.w = 1.0
    return marker
