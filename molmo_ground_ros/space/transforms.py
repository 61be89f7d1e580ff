# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transforms between coordinate frames, as /tf and /tf_static tell them, at any stamp.

For recordings, and for a node that has no tf2_ros. pytransform3d joins frames and interpolates:
screw motion between the two nearest stamps.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.space.errors import NoTransform

Matrix = NDArray[np.float64]  # (4, 4)

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Transform:
    """The fields of `geometry_msgs/TransformStamped`: where the child lies in the parent."""

    parent: str  # header.frame_id
    child: str  # child_frame_id
    stamp_ns: int
    translation: tuple[float, float, float]  # metres
    rotation: tuple[float, float, float, float]  # quaternion x, y, z, w

    @property
    def is_sound(self) -> bool:
        """Whether the numbers are a place and a rotation."""
        values = (*self.translation, *self.rotation)
        return bool(np.all(np.isfinite(values))) and bool(np.any(self.rotation))


def frame_name(name: str) -> str:
    """A frame without the leading slash that older publishers write; tf2 refuses it."""
    return name.lstrip('/')


def rigid_matrix(place: Sequence[float], rotation: Sequence[float]) -> Matrix:
    """(4, 4) of a place in metres and a quaternion x, y, z, w of any length but 0."""
    x, y, z, w = np.array(rotation, dtype=np.float64) / np.linalg.norm(rotation)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = place
    return matrix


@dataclass(slots=True)
class _Edge:
    """All that is known about one child's place in one parent. Ascending, each stamp once."""

    parent: str
    is_static: bool
    stamps_ns: list[int] = field(default_factory=list)
    poses: dict[int, tuple[float, ...]] = field(default_factory=dict)  # by stamp: x y z, w x y z

    def add(self, transform: Transform) -> None:
        x, y, z, w = transform.rotation
        if transform.stamp_ns not in self.poses:
            insort(self.stamps_ns, transform.stamp_ns)
        self.poses[transform.stamp_ns] = (*transform.translation, w, x, y, z)

    def drop_before(self, stamp_ns: int) -> None:
        """Forget what is older, but for the one that the stamp needs."""
        keep = max(bisect_left(self.stamps_ns, stamp_ns) - 1, 0)
        for old in self.stamps_ns[:keep]:
            del self.poses[old]
        del self.stamps_ns[:keep]

    def near(self, stamp_ns: int) -> list[int]:
        """The one or two stamps to interpolate between; [] where it lies outside all."""
        at = bisect_left(self.stamps_ns, stamp_ns)
        if at < len(self.stamps_ns) and self.stamps_ns[at] == stamp_ns:
            return [stamp_ns]
        return self.stamps_ns[at - 1 : at + 1] if 0 < at < len(self.stamps_ns) else []


class TransformBuffer:
    """Transforms of a tree of frames, kept for a time. For one thread at a time."""

    def __init__(self, kept_s: float = 0.0) -> None:
        """Keep transforms for `kept_s` seconds before the newest; 0 keeps all.

        Raises MissingPackage without pytransform3d.
        """
        try:
            from pytransform3d import transform_manager
        except ImportError as err:
            raise MissingPackage('pytransform3d', 'space') from err
        self._module = transform_manager
        self._kept_ns = round(kept_s * _NS_PER_S)
        self._edges: dict[str, _Edge] = {}  # by child
        self.unsound = 0  # transforms that were no place and rotation, and were left out

    def add(self, transforms: Iterable[Transform], *, is_static: bool) -> None:
        """Take transforms of one message. One child has one parent: a new one replaces the old."""
        for transform in transforms:
            if not transform.is_sound:
                self.unsound += 1
                continue
            parent, child = frame_name(transform.parent), frame_name(transform.child)
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.is_static or is_static:
                edge = self._edges[child] = _Edge(parent, is_static)
            edge.add(transform)
            if self._kept_ns and not is_static:
                edge.drop_before(edge.stamps_ns[-1] - self._kept_ns)

    def clear(self) -> None:
        """Forget all that moves, after a jump of time. What is static stays."""
        self._edges = {child: edge for child, edge in self._edges.items() if edge.is_static}

    def matrix(self, source: str, target: str, stamp_ns: int) -> Matrix:
        """(4, 4) that takes places in the source frame to the target frame, at a stamp.

        Raises NoTransform where the two are not joined, or a part of the way is not known then.
        """
        source, target = frame_name(source), frame_name(target)
        if source == target:
            return np.eye(4)
        manager = self._module.TemporalTransformManager(check=False)
        for child in self._way(source, target, stamp_ns):
            manager.add_transform(child, self._edges[child].parent, self._part(child, stamp_ns))
        # The parts are given at this stamp alone, so the time is 0 for all of them.
        return np.asarray(manager.get_transform_at_time(source, target, 0.0))

    def _way(self, source: str, target: str, stamp_ns: int) -> list[str]:
        """The children whose edges lead from one frame to the other over their common ancestor."""
        up, down = self._ancestors(source), self._ancestors(target)
        while up and down and up[-1] == down[-1]:
            up.pop()
            down.pop()
        way = [*up, *down]
        ends = {
            (self._edges[part[-1]].parent if part else end)
            for part, end in ((up, source), (down, target))
        }
        if len(ends) > 1:
            raise NoTransform(source, target, stamp_ns, 'no transforms join the two')
        return way

    def _ancestors(self, frame: str) -> list[str]:
        """The children on the way from a frame up to its root. Ends where a circle begins."""
        children: list[str] = []
        while frame in self._edges and frame not in children:
            children.append(frame)
            frame = self._edges[frame].parent
        return children

    def _part(self, child: str, stamp_ns: int) -> Any:
        edge = self._edges[child]
        if edge.is_static:
            return self._fixed(edge.poses[edge.stamps_ns[-1]])
        near = edge.near(stamp_ns)
        if not near:
            first, last = edge.stamps_ns[0], edge.stamps_ns[-1]
            why = f"'{child}' in '{edge.parent}' is known from {first} to {last}"
            raise NoTransform(child, edge.parent, stamp_ns, why)
        poses = [edge.poses[stamp] for stamp in near]
        if len(near) == 1:
            return self._fixed(poses[0])
        # Relative to the stamp: as float64 seconds of the epoch, nanoseconds would be lost.
        seconds = [(stamp - stamp_ns) / _NS_PER_S for stamp in near]
        return self._module.NumpyTimeseriesTransform(seconds, poses).check_transforms()

    def _fixed(self, pose: tuple[float, ...]) -> Any:
        from pytransform3d.transformations import transform_from_pq

        return self._module.StaticTransform(transform_from_pq(np.array(pose)))
