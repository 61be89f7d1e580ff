# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An episode as a rosbag2 MCAP file, as a robot's camera would have recorded it, and its truth.

Topics: colour pictures, depth, camera_info, tf of the camera (moving, if a hand holds it) and of
the gripper, tf_static. camera_info follows ROS: pixel centres are integers, so cx = 319.5. The
truth's x and y have their origin at the top-left corner of the top-left pixel, half a pixel more
than a K-projection gives. The lens must not bend: camera_info says so.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tools.tabletop.looks import photograph
from tools.tabletop.record import SEEN, Exposure, truth_row
from tools.tabletop.render import Stage
from tools.tabletop.truth import ABSENT, Event
from tools.tabletop.world import HEIGHT, WIDTH, Floats, Scene, state_at

IMAGE, INFO = '/camera/image/compressed', '/camera/camera_info'
DEPTH, TF, TF_STATIC = '/camera/depth/image', '/tf', '/tf_static'
FRAME_ID, WORLD = 'camera_optical_frame', 'world'
TYPES = {
    IMAGE: 'sensor_msgs/msg/CompressedImage',
    INFO: 'sensor_msgs/msg/CameraInfo',
    DEPTH: 'sensor_msgs/msg/Image',
    TF: 'tf2_msgs/msg/TFMessage',
    TF_STATIC: 'tf2_msgs/msg/TFMessage',
}
EPOCH_NS = 1_763_805_600_000_000_000  # stamp of an episode's time 0
LATENCY_NS = 18_000_000  # from a picture's stamp to its arrival in the bag
FARTHEST_M = 10.0  # that depth is measured


class BentLensError(ValueError):
    """The scene's camera has a lens that camera_info would not tell of."""

    def __str__(self) -> str:
        """What to do instead."""
        return f'a bag needs a camera whose lens does not bend, not barrel {self.args[0]}'


@dataclass(frozen=True)
class Span:
    """Which part of an episode, at which rates. Pictures come at start_s + k / rate_hz."""

    start_s: float = 0.0
    length_s: float = 30.0
    rate_hz: float = 10.0
    depth_every: int = 2  # pictures per depth picture
    jpeg_quality: int = 80
    view: int = 0

    def times(self) -> NDArray[np.float64]:
        """Episode times of the pictures."""
        return self.start_s + np.arange(int(self.length_s * self.rate_hz + 1e-6) + 1) / self.rate_hz


def stamp_ns(time_s: float) -> int:
    """Header stamp of an episode time."""
    return EPOCH_NS + round(time_s * 1e9)


def bag_truth(scene: Scene, span: Span) -> dict[str, Any]:
    """What the span shows, as the JSON file beside a bag holds it."""
    first, last = float(span.times()[0]), float(span.times()[-1])
    things = [
        {'kind': item.kind, 'colour': item.colour, 'size': item.size, 'width_m': item.width_m}
        for item in scene.items
    ]
    return {
        'seed': scene.seed,
        'view': span.view,
        'topics': {'image': IMAGE, 'camera_info': INFO, 'depth': DEPTH},
        'width': WIDTH,
        'height': HEIGHT,
        'first_stamp_ns': stamp_ns(first),
        'last_stamp_ns': stamp_ns(last),
        'things': things,
        'events': [_event(scene, span, e) for e in scene.events if first < e.moment_s <= last],
    }


def _event(scene: Scene, span: Span, event: Event) -> dict[str, Any]:
    """An event, and where its thing's middle is at its moment in pixels; none if it is absent."""
    state = state_at(scene, event.moment_s)
    row: dict[str, Any] = {
        'kind': event.kind,
        'thing': event.thing,
        'other': event.other,
        'stamp_ns': stamp_ns(event.moment_s),
    }
    if state.supports[event.thing] != ABSENT:
        middle = scene.cameras[span.view].project(state.places[event.thing], event.moment_s)
        x, y = middle * (WIDTH, HEIGHT)
        row |= {'x': round(float(x), 1), 'y': round(float(y), 1)}
    return row


def write_bag(scene: Scene, span: Span, path: Path) -> dict[str, Any]:
    """Write path (a .mcap file) and the JSON truth beside it; returns the truth."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    if scene.cameras[span.view].barrel:
        raise BentLensError(scene.cameras[span.view].barrel)
    store = get_typestore(Stores.ROS2_JAZZY)
    pictures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / path.stem
        writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with writer:
            links = {
                topic: writer.add_connection(topic, kind, typestore=store)
                for topic, kind in TYPES.items()
            }
            for topic, arrival_ns, message in _messages(store.types, scene, span, pictures):
                data = store.serialize_cdr(message, TYPES[topic])
                writer.write(links[topic], arrival_ns, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / f'{path.stem}.mcap', path)
    truth = bag_truth(scene, span) | {'pictures': pictures}
    path.with_suffix('.json').write_text(json.dumps(truth, indent=1) + '\n')
    return truth


def _messages(
    types: Any, scene: Scene, span: Span, pictures: list[dict[str, Any]]
) -> Iterator[tuple[str, int, Any]]:
    """(topic, arrival in ns, message), ascending in time. Fills `pictures`, twice a second."""
    rng, camera = np.random.default_rng((scene.seed, 2)), scene.cameras[span.view]
    stage = Stage()
    try:
        for number, time_s in enumerate(float(t) for t in span.times()):
            now = stamp_ns(time_s)
            header = _header(types, now, FRAME_ID)
            if camera.waves or number == 0:
                place = TF if camera.waves else TF_STATIC
                yield (
                    place,
                    now,
                    _transform(types, now, FRAME_ID, *_camera_pose(scene, span, time_s)),
                )
            yield TF, now, _gripper(types, scene, time_s, now)
            is_measured = number % round(span.rate_hz / 2) == 0
            with_depth = number % span.depth_every == 0
            shot = stage.shoot(scene, time_s, span.view, depth=with_depth or is_measured)
            image = photograph(shot.image, scene.look, rng)
            if is_measured:
                exposure = Exposure(state_at(scene, time_s), image, shot)
                pictures.append(_picture_truth(scene, span, exposure))
            yield IMAGE, now + LATENCY_NS, _jpeg(types, header, image, span.jpeg_quality)
            yield INFO, now + LATENCY_NS, _camera_info(types, header, camera.focal_px)
            if with_depth and shot.depth is not None:
                yield DEPTH, now + LATENCY_NS, _depth(types, header, shot.depth)
    finally:
        stage.close()


def _picture_truth(scene: Scene, span: Span, exposure: Exposure) -> dict[str, Any]:
    """Which things a picture shows: a pixel in its mask, what that shows, and its middle.

    surface_m: the place in the world that the pixel shows. position_m: the thing's middle.
    gripper: the pixel of its fingertips, None where it is not seen.
    """
    row, rows = truth_row(scene, span.view, exposure), []
    for thing in np.flatnonzero(row['visible'] >= SEEN):
        x, y = (round(float(v), 1) for v in row['point'][thing] * (WIDTH, HEIGHT))
        rows.append(
            {
                'thing': int(thing),
                'x': x,
                'y': y,
                'surface_m': [round(float(v), 5) for v in _surface(scene, span, exposure, x, y)],
                'visible': round(float(row['visible'][thing]), 2),
                'position_m': [round(float(v), 4) for v in row['position_m'][thing]],
            }
        )
    grip = row['gripper_point'] * (WIDTH, HEIGHT)
    gripper = None if np.isnan(grip).any() else [round(float(v), 1) for v in grip]
    return {'stamp_ns': stamp_ns(exposure.state.time_s), 'things': rows, 'gripper': gripper}


def _surface(scene: Scene, span: Span, exposure: Exposure, x: float, y: float) -> Floats:
    """(3,) what a pixel shows, in the world, by the renderer's own depth."""
    camera, depth = scene.cameras[span.view], exposure.shot.depth
    if depth is None:
        return np.full(3, np.nan)
    eye, rotation = camera.pose(exposure.state.time_s)
    ray = np.array(((x - WIDTH / 2) / camera.focal_px, (y - HEIGHT / 2) / camera.focal_px, 1.0))
    place: Floats = eye + rotation @ (ray * float(depth[int(y), int(x)]))
    return place


def _stamp(types: Any, at_ns: int) -> Any:
    return types['builtin_interfaces/msg/Time'](sec=at_ns // 10**9, nanosec=at_ns % 10**9)


def _header(types: Any, at_ns: int, frame_id: str) -> Any:
    return types['std_msgs/msg/Header'](stamp=_stamp(types, at_ns), frame_id=frame_id)


def _jpeg(types: Any, header: Any, image: NDArray[np.uint8], quality: int) -> Any:
    _, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return types[TYPES[IMAGE]](header=header, format='jpeg', data=data.reshape(-1))


def _depth(types: Any, header: Any, metres: NDArray[np.float32]) -> Any:
    """16UC1 millimetres, 0 where nothing is measured."""
    millimetres = np.where(metres < FARTHEST_M, np.round(metres * 1000), 0).astype('<u2')
    return types[TYPES[DEPTH]](
        header=header,
        height=HEIGHT,
        width=WIDTH,
        encoding='16UC1',
        is_bigendian=0,
        step=2 * WIDTH,
        data=millimetres.view(np.uint8).reshape(-1),
    )


def _camera_info(types: Any, header: Any, focal: float) -> Any:
    k = (focal, 0.0, WIDTH / 2 - 0.5, 0.0, focal, HEIGHT / 2 - 0.5, 0.0, 0.0, 1.0)
    p = (*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0)
    roi = types['sensor_msgs/msg/RegionOfInterest'](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return types[TYPES[INFO]](
        header=header,
        height=HEIGHT,
        width=WIDTH,
        distortion_model='plumb_bob',
        d=np.zeros(5),
        k=np.array(k),
        r=np.eye(3).reshape(-1),
        p=np.array(p),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )


def _transform(
    types: Any, at_ns: int, child: str, position: NDArray[np.float64], rotation: Rotation
) -> Any:
    x, y, z, w = (float(v) for v in rotation.as_quat())
    px, py, pz = (float(v) for v in position)
    vector, quaternion = types['geometry_msgs/msg/Vector3'], types['geometry_msgs/msg/Quaternion']
    stamped = types['geometry_msgs/msg/TransformStamped'](
        header=_header(types, at_ns, WORLD),
        child_frame_id=child,
        transform=types['geometry_msgs/msg/Transform'](
            translation=vector(x=px, y=py, z=pz), rotation=quaternion(x=x, y=y, z=z, w=w)
        ),
    )
    return types[TYPES[TF]](transforms=[stamped])


def _camera_pose(scene: Scene, span: Span, time_s: float) -> tuple[NDArray[np.float64], Rotation]:
    eye, rotation = scene.cameras[span.view].pose(time_s)
    return eye, Rotation.from_matrix(rotation)


def _gripper(types: Any, scene: Scene, time_s: float, at_ns: int) -> Any:
    state = state_at(scene, time_s)
    turn = Rotation.from_rotvec((0, 0, state.yaw))
    return _transform(types, at_ns, 'gripper', state.grip, turn)
