# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What people look at: `~/overlay`, `~/markers` and `~/annotations`, drawn in a thread of its own.

Each is made only while someone subscribes to it. The thread that publishes an answer only puts a
scene into a queue. Where drawing is slower than the answers, the oldest scenes are left out. The
messages that programs know (common_topics.py) are made of the same scenes, and none is left out.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from molmo_ground_ros.errors import GroundError, describe
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import Decode, PinnedWindow, StoredMessage
from molmo_ground_ros.msg import Event, PointArray, TrackArray
from molmo_ground_ros.ros import convert, markers, overlay
from molmo_ground_ros.ros.annotations import SceneAnnotations, foxglove_types
from molmo_ground_ros.ros.common_topics import CommonTopics
from molmo_ground_ros.ros.scene import Scene, scene_of_event, scene_of_points, scene_of_tracks

# Scenes that may wait to be drawn.
MOST_WAITING = 16
# Images, markers and annotations that may wait in the middleware. An answer about a track has an
# annotation for every frame.
DEPTH, ANNOTATIONS_DEPTH = 5, 200
JOIN_TIMEOUT_S = 1.0


class Views:
    """Publishes what an answer or an event looks like. Any thread may call every method."""

    def __init__(
        self, node: Node, buffer_of: Callable[[str], ClipBuffer], lifetime_s: float
    ) -> None:
        """Offer the topics.

        buffer_of: of a camera; raises KeyError where there is none. lifetime_s: of a marker.
        """
        self._node = node
        self._buffer_of = buffer_of
        self._lifetime = convert.duration_msg(round(lifetime_s * 1e9))
        self._overlay = node.create_publisher(Image, '~/overlay', DEPTH)
        self._markers = node.create_publisher(MarkerArray, '~/markers', DEPTH)
        self._annotations: Any = None  # a publisher, where foxglove_msgs is installed
        self._make_annotations: SceneAnnotations | None = None
        types = foxglove_types()
        if types is not None:
            self._make_annotations = SceneAnnotations(types)
            kind = type(self._make_annotations.empty())
            self._annotations = node.create_publisher(kind, '~/annotations', ANNOTATIONS_DEPTH)
        self._common = CommonTopics(node)
        self._changed = threading.Condition()
        # Guarded by _changed. A frame is held with its scene, so that it is not evicted meanwhile.
        self._waiting: deque[tuple[Scene, _HeldFrame | None]] = deque(maxlen=MOST_WAITING)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name='views', daemon=True)
        self._thread.start()

    def show_points(self, array: PointArray, window: PinnedWindow | None = None) -> None:
        """Show the points of an answer. window: what the model saw; None where it is not held."""
        if self._is_watched():
            self._show(scene_of_points(array), window)

    def show_tracks(self, array: TrackArray, window: PinnedWindow | None = None) -> None:
        """Show the tracks of an answer. window: as above."""
        if self._is_watched():
            self._show(scene_of_tracks(array), window)

    def show_event(self, event: Event, window: PinnedWindow | None = None) -> None:
        """Show an event beside the earlier ones of its question. window: as above."""
        if self._is_watched():
            self._show(scene_of_event(event), window)

    def clear(self) -> None:
        """Take away what is shown: it belongs to a time that is over."""
        with self._changed:
            self._waiting.clear()
        self._markers.publish(markers.no_markers())
        if self._annotations is not None and self._make_annotations is not None:
            self._annotations.publish(self._make_annotations.empty())

    def close(self) -> None:
        """Draw no more, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(JOIN_TIMEOUT_S)

    def _is_watched(self) -> bool:
        views = self._overlay, self._markers, self._annotations
        return self._common.is_watched() or any(_has_subscribers(view) for view in views)

    def _show(self, scene: Scene, window: PinnedWindow | None) -> None:
        self._tried(lambda: self._common.publish(scene))
        frame = self._frame(scene, window) if _has_subscribers(self._overlay) else None
        with self._changed:
            self._waiting.append((scene, frame))
            self._changed.notify()

    def _frame(self, scene: Scene, window: PinnedWindow | None) -> _HeldFrame | None:
        """The frame of a scene, undecoded; None where nobody holds it any more."""
        # The event of a standing question may lie before the window that made it certain.
        if window is None or window.at(scene.stamp_ns) is None:
            try:
                window = self._buffer_of(scene.camera).pin(scene.stamp_ns, scene.stamp_ns)
            except (GroundError, KeyError):
                return None
        stored = window.at(scene.stamp_ns)
        return None if stored is None else _HeldFrame(stored, window.decode_image)

    def _work(self) -> None:
        while self._publish_next():
            pass

    def _publish_next(self) -> bool:
        """Publish what waits longest; False at the end. Holds no frame while it waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return False
            scene, frame = self._waiting.popleft()
        self._tried(lambda: self._publish(scene, frame))
        return True

    def _tried(self, publish: Callable[[], None]) -> None:
        try:
            publish()
        except Exception as error:  # noqa: BLE001 - the node lives on without a picture
            text = f'cannot show an answer: {describe(error)}'
            self._node.get_logger().error(text, throttle_duration_sec=5.0)

    def _publish(self, scene: Scene, frame: _HeldFrame | None) -> None:
        if _has_subscribers(self._markers):
            self._markers.publish(markers.markers_of(scene, self._lifetime))
        if self._make_annotations is not None and _has_subscribers(self._annotations):
            for message in self._make_annotations.messages(scene):
                self._annotations.publish(message)
        if frame is not None:
            # A copy: the decoded image is the model's as well.
            image = frame.decode(frame.stored.image).copy()
            overlay.draw(scene, image)
            self._overlay.publish(overlay.message(frame.stored, image))


@dataclass(frozen=True, slots=True)
class _HeldFrame:
    """The frame of a scene, and what decodes it."""

    stored: StoredMessage
    decode: Decode


def _has_subscribers(publisher: Any) -> bool:
    return publisher is not None and publisher.get_subscription_count() > 0
