# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The values of an episode, and where everything is at a time. Knows nothing of rendering.

Metres, seconds, radians; world frame: x right, y away from the first camera, z up, table at z = 0.
Rotations are quaternions (w, x, y, z). Places in a picture are shares in [0, 1], x right, y down.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.shapes import half_extents
from tools.tabletop.truth import NOTHING, Event

WIDTH, HEIGHT = 640, 480  # pixels of the simulated camera

Floats = NDArray[np.float64]
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Wave:
    """A slow swing of a hand-held camera: amplitudes of its eye and of where it looks."""

    eye_m: Floats  # (3,)
    target_m: Floats  # (3,)
    rate_hz: float
    phase: float


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera with a lens. barrel: radial distortion, 0 for none; waves: how a hand moves it."""

    focal_px: float  # of a picture that is WIDTH pixels wide
    eye: Floats  # (3,)
    target: Floats  # (3,)
    roll: float
    barrel: float = 0.0
    waves: tuple[Wave, ...] = ()

    def pose(self, time_s: float) -> tuple[Floats, Floats]:
        """(3,) eye and (3, 3) rotation, world from optical: x right, y down, z forward."""
        return _pose(self, time_s if self.waves else 0.0)

    def project(self, points: Floats, time_s: float) -> Floats:
        """(..., 3) world points to (..., 2) places in the picture, as the lens bends them."""
        eye, rotation = self.pose(time_s)
        optical = (points - eye) @ rotation
        flat = optical[..., :2] / optical[..., 2:] * self.focal_px
        return self._bent(flat * (2 / WIDTH, 2 / HEIGHT)) / 2 + 0.5

    def unbent(self, places: Floats) -> Floats:
        """(..., 2) places in the picture to places in the picture of a lens that does not bend."""
        away = (places - 0.5) * 2
        r2 = _radius2(away)[..., None]
        return away * (1 + self.barrel * r2) / (1 + self.barrel) / 2 + 0.5

    def _bent(self, away: Floats) -> Floats:
        """The inverse of what `unbent` does, by fixed-point steps; from -1 to 1."""
        if not self.barrel:
            return away
        bent = away
        for _ in range(6):
            bent = away * (1 + self.barrel) / (1 + self.barrel * _radius2(bent)[..., None])
        return bent


@lru_cache(maxsize=64)
def _pose(camera: Camera, time_s: float) -> tuple[Floats, Floats]:
    eye, target = camera.eye.copy(), camera.target.copy()
    for wave in camera.waves:
        swing = math.sin(2 * math.pi * wave.rate_hz * time_s + wave.phase)
        eye += swing * wave.eye_m
        target += swing * wave.target_m
    return eye, _looking(eye, target, camera.roll)


def _radius2(away: Floats) -> Floats:
    """Squared distance to the middle, 1 in a corner."""
    x, y = away[..., 0] * 0.8, away[..., 1] * 0.6  # 4:3
    squared: Floats = np.minimum(x * x + y * y, 4.0)
    return squared


def _looking(eye: Floats, target: Floats, roll: float) -> Floats:
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


@dataclass(frozen=True)
class Item:
    """A thing's body. rgb: its paint while it has the colour of that index."""

    kind: str
    colour: str
    size: str
    width_m: float
    paint: tuple[RGB, ...]  # one for each of COLOURS
    handle: bool  # if it is a cup


@dataclass(frozen=True)
class Clutter:
    """Something on the table that is none of the kinds."""

    shape: str  # pen, book, ring, cone, cable or plate
    rgb: RGB
    position: Floats  # (3,)
    yaw: float
    scale: float


@dataclass(frozen=True)
class Look:
    """What only the picture knows: the table, the lights, the camera's sensor. rgb in [0, 1]."""

    pattern: str  # wood, cloth, checks or plain
    pattern_seed: int
    table_rgb: RGB
    second_rgb: RGB
    floor_rgb: RGB
    edge_m: tuple[float, float] | None  # half sizes of a table with edges
    gripper_rgb: RGB
    finger_rgb: RGB
    finger_m: float  # thickness
    arm_to: tuple[float, float, float]  # where the robot's arm comes from
    light_from: tuple[float, float, float]
    light: float
    ambient: float
    shadow: float  # darkness in [0, 1]
    softness_m: float
    gain: RGB
    gamma: float
    noise_std: float  # of 255
    blur: float  # standard deviation as a share of the picture's width
    vignette: float
    jpeg_quality: int  # of the 640x480 picture


@dataclass(frozen=True)
class Track:
    """How a thing moves from times_s[0] on, until its next track; it rests where it comes to.

    A held one has one row: its place relative to the grip point, and the grip's yaw then.
    """

    times_s: Floats  # (K,) ascending
    places: Floats  # (K, 3) middle
    turns: Floats  # (K, 4) quaternions
    held: bool = False
    yaw: float = 0.0


@dataclass(frozen=True)
class Steps:
    """Values that hold from their times on. times_s[0] is 0."""

    times_s: tuple[float, ...]
    values: tuple[int, ...]

    def at(self, time_s: float) -> int:
        """The value at a time."""
        return self.values[max(bisect_right(self.times_s, time_s) - 1, 0)]


@dataclass(frozen=True)
class Hold:
    """One grasp: closed, clear of the support, no longer clear of the next (or let go), open."""

    thing: int
    close_s: float
    lift_s: float
    low_s: float
    release_s: float


@dataclass(frozen=True, eq=False)
class Scene:
    """An episode. path: (K, 6) rows of time, x, y, z of the grip point, opening, yaw."""

    seed: int
    duration_s: float
    cameras: tuple[Camera, Camera]
    items: tuple[Item, ...]
    clutter: tuple[Clutter, ...]
    look: Look
    path: Floats
    tracks: tuple[tuple[Track, ...], ...]  # of each thing
    supports: tuple[Steps, ...]
    colours: tuple[Steps, ...]
    kinds: tuple[Steps, ...]
    holds: tuple[Hold, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class State:
    """Where everything is at one time."""

    time_s: float
    grip: Floats  # (3,) the point midway between the fingertips
    opening_m: float
    yaw: float
    places: Floats  # (N, 3) middles
    turns: Floats  # (N, 3, 3) rotations
    supports: tuple[int, ...]
    colours: tuple[int, ...]
    kinds: tuple[int, ...]
    held: int
    lifted: int

    def upright(self, index: int) -> bool:
        """Whether a thing stands on its base."""
        return bool(self.turns[index, 2, 2] > 0.7)


def state_at(scene: Scene, time_s: float) -> State:
    """The state at a time in [0, duration_s] (clamped outside)."""
    x, y, z, opening, yaw = grip_at(scene.path, time_s)
    grip = np.array((x, y, z))
    places, turns = [], []
    for tracks in scene.tracks:
        place, turn = _on_track(tracks, time_s, grip, yaw)
        places.append(place)
        turns.append(matrix_of(turn))
    supports = tuple(steps.at(time_s) for steps in scene.supports)
    hold = next((h for h in scene.holds if h.close_s <= time_s < h.release_s), None)
    held = NOTHING if hold is None else hold.thing
    lifted = held if hold is not None and hold.lift_s <= time_s < hold.low_s else NOTHING
    return State(
        time_s=time_s,
        grip=grip,
        opening_m=opening,
        yaw=yaw,
        places=np.array(places),
        turns=np.array(turns),
        supports=supports,
        colours=tuple(steps.at(time_s) for steps in scene.colours),
        kinds=tuple(steps.at(time_s) for steps in scene.kinds),
        held=held,
        lifted=lifted,
    )


def grip_at(path: Floats, time_s: float) -> Floats:
    """(5,) x, y, z, opening, yaw at a time: between two rows the gripper speeds up and slows."""
    k = int(np.clip(np.searchsorted(path[:, 0], time_s, 'right') - 1, 0, len(path) - 2))
    span = path[k + 1, 0] - path[k, 0]
    share = float(np.clip((time_s - path[k, 0]) / max(span, 1e-9), 0.0, 1.0))
    row: Floats = path[k, 1:] + eased(share) * (path[k + 1, 1:] - path[k, 1:])
    return row


def eased(share: float) -> float:
    """Of a way, the part done after a share of its time."""
    return share * share * (3 - 2 * share)


def share_when(part: float) -> float:
    """Of a way's time, the share after which a part of it is done: the inverse of `eased`."""
    return 0.5 - math.sin(math.asin(1 - 2 * part) / 3)


def _on_track(
    tracks: tuple[Track, ...], time_s: float, grip: Floats, yaw: float
) -> tuple[Floats, Floats]:
    track = tracks[0]
    for later in tracks[1:]:
        if later.times_s[0] > time_s:
            break
        track = later
    if track.held:
        turn = about_z(yaw - track.yaw)
        offset = matrix_of(turn) @ track.places[0]
        return grip + offset, times(turn, track.turns[0])
    place = np.array([np.interp(time_s, track.times_s, track.places[:, i]) for i in range(3)])
    turned = np.array([np.interp(time_s, track.times_s, track.turns[:, i]) for i in range(4)])
    return place, turned / np.linalg.norm(turned)


def about_z(angle: float) -> Floats:
    """Quaternion of a turn about z."""
    return np.array((math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)))


def about(axis: Floats, angle: float) -> Floats:
    """Quaternion of a turn about a unit axis."""
    return np.array((math.cos(angle / 2), *(math.sin(angle / 2) * axis)))


def times(a: Floats, b: Floats) -> Floats:
    """Product of two quaternions: first b, then a."""
    w, x, y, z = a
    s, i, j, k = b
    return np.array(
        (
            w * s - x * i - y * j - z * k,
            w * i + x * s + y * k - z * j,
            w * j - x * k + y * s + z * i,
            w * k + x * j - y * i + z * s,
        )
    )


def matrix_of(turn: Floats) -> Floats:
    """(3, 3) rotation of a unit quaternion."""
    w, x, y, z = (float(v) for v in turn)
    return np.array(
        (
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        )
    )


def half_sizes(item: Item, kind: str) -> Floats:
    """(3,) half extents of a thing in its own frame while it is of a kind."""
    return half_extents(kind, item.width_m)
