# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An episode as a rosbag2 MCAP file, as a robot's camera would have recorded it, and its truth.

camera_info follows ROS: pixel centres are integers, so cx = 319.5. The truth's x and y have their
origin at the top-left corner of the top-left pixel, half a pixel more than a K-projection gives.
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

from tools.tabletop.render import Stage, photograph
from tools.tabletop.world import HEIGHT, WIDTH, Scene, state_at

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
STEP_S = 0.5  # between the frames that a model sees
LATENCY_NS = 18_000_000  # from a picture's stamp to its arrival in the bag


@dataclass(frozen=True)
class Span:
    """Which part of an episode, at which rates. Pictures come at start_s + k / rate_hz."""

    start_s: float
    length_s: float
    rate_hz: float = 10.0
    depth_every: int = 2  # pictures per depth picture
    jpeg_quality: int = 80

    def times(self) -> NDArray[np.float64]:
        """Episode times of the pictures."""
        return self.start_s + np.arange(int(self.length_s * self.rate_hz + 1e-6) + 1) / self.rate_hz


def stamp_ns(time_s: float) -> int:
    """Header stamp of an episode time."""
    return EPOCH_NS + round(time_s * 1e9)


def truth_of(scene: Scene, span: Span) -> dict[str, Any]:
    """What happens in the span, as the JSON file beside a bag holds it."""
    times = span.times()

    def inside(time_s: float) -> bool:
        return bool(times[0] <= time_s <= times[-1])

    grasps = []
    for hold in scene.holds:
        if inside(hold.lift_s):
            centre = state_at(scene, hold.lift_s).blocks[hold.block]
            x, y = (round(float(v), 1) for v in scene.camera.project(centre))
            colour = scene.blocks[hold.block].colour
            grasp = {'stamp_ns': stamp_ns(hold.lift_s), 'colour': colour, 'x': x, 'y': y}
            grasps.append(grasp | {'places': _places(scene, span, hold.block, hold.lift_s)})
    failed = [
        {'kind': a.kind, 'colour': scene.blocks[a.block].colour, 'stamp_ns': stamp_ns(a.end_s)}
        for a in scene.actions
        if a.kind in ('miss', 'touch') and inside(a.start_s) and inside(a.end_s)
    ]
    return {
        'seed': scene.seed,
        'topics': {'image': IMAGE, 'camera_info': INFO, 'depth': DEPTH},
        'width': WIDTH,
        'height': HEIGHT,
        'first_stamp_ns': stamp_ns(times[0]),
        'last_stamp_ns': stamp_ns(times[-1]),
        'blocks': [{'colour': b.colour, 'size_m': round(b.size_m, 4)} for b in scene.blocks],
        'grasps': grasps,
        'failed': failed,
    }


def _places(scene: Scene, span: Span, block: int, lift_s: float) -> list[dict[str, Any]]:
    """Where a block's middle is in the world, in the frames that a model sees after it is lifted.

    It sees one each half second, and may name the next one.
    """
    times = [t for t in span.times()[:: round(span.rate_hz / 2)] if 0 <= t - lift_s < 2 * STEP_S]
    return [
        {
            'stamp_ns': stamp_ns(time_s),
            'position_m': [round(float(v), 4) for v in state_at(scene, time_s).blocks[block]],
        }
        for time_s in times
    ]


def write_bag(scene: Scene, span: Span, path: Path) -> dict[str, Any]:
    """Write path (a .mcap file) and the JSON truth beside it; returns the truth."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / path.stem
        writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with writer:
            links = {
                topic: writer.add_connection(topic, kind, typestore=store)
                for topic, kind in TYPES.items()
            }
            for topic, arrival_ns, message in _messages(store.types, scene, span):
                data = store.serialize_cdr(message, TYPES[topic])
                writer.write(links[topic], arrival_ns, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / f'{path.stem}.mcap', path)
    truth = truth_of(scene, span)
    path.with_suffix('.json').write_text(json.dumps(truth, indent=2) + '\n')
    return truth


def _messages(types: Any, scene: Scene, span: Span) -> Iterator[tuple[str, int, Any]]:
    """(topic, arrival in ns, message), ascending in time."""
    rng = np.random.default_rng((scene.seed, 2))
    stage = Stage()
    for number, time_s in enumerate(span.times()):
        now = stamp_ns(time_s)
        header = _header(types, now, FRAME_ID)
        if number == 0:
            yield TF_STATIC, now, _camera_transform(types, scene, now)
        yield TF, now, _gripper_transform(types, scene, time_s, now)
        with_depth = number % span.depth_every == 0
        shot = stage.shoot(scene, time_s, WIDTH, HEIGHT, depth=with_depth)
        image = photograph(shot.image, scene.look, rng)
        yield IMAGE, now + LATENCY_NS, _jpeg(types, header, image, span.jpeg_quality)
        yield INFO, now + LATENCY_NS, _camera_info(types, header, scene.camera.focal_px)
        if shot.depth is not None:
            yield DEPTH, now + LATENCY_NS, _depth(types, header, shot.depth)
    stage.close()


def _stamp(types: Any, at_ns: int) -> Any:
    return types['builtin_interfaces/msg/Time'](sec=at_ns // 10**9, nanosec=at_ns % 10**9)


def _header(types: Any, at_ns: int, frame_id: str) -> Any:
    return types['std_msgs/msg/Header'](stamp=_stamp(types, at_ns), frame_id=frame_id)


def _jpeg(types: Any, header: Any, image: NDArray[np.uint8], quality: int) -> Any:
    _, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return types[TYPES[IMAGE]](header=header, format='jpeg', data=data.reshape(-1))


def _depth(types: Any, header: Any, metres: NDArray[np.float32]) -> Any:
    """16UC1 millimetres, 0 where nothing is measured."""
    millimetres = np.where(metres < 10.0, np.round(metres * 1000), 0).astype('<u2')
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


def _camera_transform(types: Any, scene: Scene, at_ns: int) -> Any:
    turn = Rotation.from_matrix(scene.camera.rotation)
    return _transform(types, at_ns, FRAME_ID, scene.camera.position, turn)


def _gripper_transform(types: Any, scene: Scene, time_s: float, at_ns: int) -> Any:
    state = state_at(scene, time_s)
    return _transform(types, at_ns, 'gripper', state.grip, Rotation.from_rotvec((0, 0, state.yaw)))
