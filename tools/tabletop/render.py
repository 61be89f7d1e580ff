# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, masks and depth of a scene, with MuJoCo's software renderer (OSMesa, no GPU)."""

import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.world import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Camera,
    Floats,
    Look,
    Scene,
    State,
    corners,
    state_at,
)

GRIPPER = len(COLOURS)  # its number in a label picture, after the colours
EMPTY = 255  # table and mat in a label picture
FINGER_M = 0.012
OFF_STAGE = (0.0, -50.0, -1.0)  # behind every camera
_BLOCKS = ''.join(
    f'<body name="{c}" mocap="true"><geom name="{c}" type="box" size=".02 .02 .02"/></body>'
    for c in COLOURS
)
_XML = f"""
<mujoco>
  <statistic extent="1" center="0 0 0"/>
  <visual>
    <quality offsamples="{{samples}}" shadowsize="0"/>
    <map znear="0.02" zfar="20"/>
    <global offwidth="{{width}}" offheight="{{height}}"/>
    <headlight ambient=".3 .3 .3" diffuse=".2 .2 .2" specular="0 0 0"/>
  </visual>
  <worldbody>
    <light name="lamp" castshadow="false"/>
    <camera name="camera" resolution="{WIDTH} {HEIGHT}" sensorsize=".064 .048" focal=".05 .05"/>
    <geom name="table" type="plane" size="6 6 .1"/>
    <geom name="mat" type="box" size=".1 .1 .001" pos=".1 .2 .3"/>
    {_BLOCKS}
    <body name="palm" mocap="true">
      <geom name="palm" type="box" size=".05 .02 .015"/>
      <geom name="arm" type="cylinder" size=".012" fromto="0 0 0 0 .45 .6"/>
    </body>
    <body name="left" mocap="true"><geom name="left" type="box" size=".006 .015 .03"/></body>
    <body name="right" mocap="true"><geom name="right" type="box" size=".006 .015 .03"/></body>
  </worldbody>
</mujoco>
"""


class RendererMissingError(RuntimeError):
    """MuJoCo or OSMesa is not installed."""

    def __str__(self) -> str:
        """What to install, and what was raised."""
        return (
            'the simulator needs the pip package mujoco and the Debian package libosmesa6 '
            f'(apt-get install libosmesa6): {self.args[0]}'
        )


@dataclass(frozen=True)
class Shot:
    """One rendered instant."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    labels: NDArray[np.uint8]  # (H, W) a colour's number, GRIPPER or EMPTY
    depth: NDArray[np.float32] | None  # (H, W) metres along the optical axis


class Stage:
    """The MuJoCo model that plays every scene. Not thread-safe; close() frees the contexts.

    width, height: of the largest picture; the whole buffer is copied, so a small one is quicker.
    """

    def __init__(self, samples: int = 4, width: int = WIDTH, height: int = HEIGHT) -> None:
        os.environ.setdefault('MUJOCO_GL', 'osmesa')
        os.environ.setdefault('PYOPENGL_PLATFORM', os.environ['MUJOCO_GL'])
        try:
            import mujoco
        except (ImportError, OSError, AttributeError) as err:
            raise RendererMissingError(repr(err)) from err
        self._mujoco: Any = mujoco
        self._model: Any = mujoco.MjModel.from_xml_string(
            _XML.format(samples=samples, width=width, height=height)
        )
        self._data: Any = mujoco.MjData(self._model)
        self._renderers: dict[tuple[int, int], Any] = {}
        self._scene: Scene | None = None
        self._label_of: NDArray[np.uint8] = self._geom_labels()

    def check(self) -> None:
        """Raise RendererMissingError unless pictures can be made here."""
        self._renderer(16, 16)

    def close(self) -> None:
        """Free the rendering contexts."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def shoot(
        self, scene: Scene, time_s: float, width: int, height: int, depth: bool = False
    ) -> Shot:
        """The scene at a time, squashed into width x height pixels; no camera noise yet."""
        if scene is not self._scene:
            self._dress(scene)
        self._pose(scene, state_at(scene, time_s))
        renderer = self._renderer(width, height)
        renderer.update_scene(self._data, 'camera')
        renderer.scene.flags[self._mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        image = renderer.render()
        renderer.enable_segmentation_rendering()
        geoms = renderer.render()[..., 0]  # (H, W) geom number, -1 for nothing
        renderer.disable_segmentation_rendering()
        metres = None
        if depth:
            renderer.enable_depth_rendering()
            metres = renderer.render()
            renderer.disable_depth_rendering()
        return Shot(image, self._label_of[geoms], metres)

    def _renderer(self, width: int, height: int) -> Any:
        if (width, height) not in self._renderers:
            try:
                renderer = self._mujoco.Renderer(self._model, height, width)
            except (ImportError, OSError, AttributeError, RuntimeError) as err:
                raise RendererMissingError(repr(err)) from err
            self._renderers[width, height] = renderer
        return self._renderers[width, height]

    def _geom_labels(self) -> NDArray[np.uint8]:
        """(geoms + 1,) geom number to label; the last entry answers geom -1."""
        table = np.full(self._model.ngeom + 1, EMPTY, np.uint8)
        for label, name in enumerate(COLOURS):
            table[self._model.geom(name).id] = label
        for name in ('palm', 'arm', 'left', 'right'):
            table[self._model.geom(name).id] = GRIPPER
        return table

    def _dress(self, scene: Scene) -> None:
        """Everything that stays as it is for a whole scene."""
        model, look = self._model, scene.look
        self._aim(scene.camera)
        model.geom('table').rgba[:3] = look.table_rgb
        model.geom('mat').rgba[:3] = look.mat_rgb
        x, y, half_x, half_y = look.mat_box
        model.geom('mat').pos[:] = (x, y, 0.0) if half_x > 0 else OFF_STAGE
        model.geom('mat').size[:] = (max(half_x, 0.01), max(half_y, 0.01), 0.001)
        light = model.light('lamp')
        light.pos[:] = look.light_position
        light.dir[:] = -np.array(look.light_position) / np.linalg.norm(look.light_position)
        light.diffuse[:] = look.light_diffuse
        light.cutoff[:] = 80
        model.vis.headlight.ambient[:] = look.ambient
        self._build(scene, look)
        self._scene = scene

    def _build(self, scene: Scene, look: Look) -> None:
        for colour in COLOURS:
            self._place(colour, np.array(OFF_STAGE), 0.0)
        for block in scene.blocks:
            geom = self._model.geom(block.colour)
            geom.rgba[:3] = block.rgb
            geom.size[:] = block.size_m / 2
        tallest = max(block.size_m for block in scene.blocks)
        self._finger = tallest + 0.02
        half = tallest * 0.2
        self._model.geom('palm').size[:] = (tallest / 2 + 0.04, half, 0.016)
        for name in ('left', 'right'):
            self._model.geom(name).size[:] = (FINGER_M / 2, half, self._finger / 2)
        for name in ('palm', 'arm', 'left', 'right'):
            shade = 0.75 if name == 'arm' else 1.0
            self._model.geom(name).rgba[:3] = np.array(look.gripper_rgb) * shade

    def _aim(self, camera: Camera) -> None:
        model, i = self._model, self._model.camera('camera').id
        model.cam_pos[i] = camera.position
        axes = camera.rotation * (1.0, -1.0, -1.0)  # MuJoCo's camera: y up, looks along -z
        self._mujoco.mju_mat2Quat(model.cam_quat[i], axes.reshape(-1))
        model.cam_intrinsic[i, :2] = camera.focal_px * 1e-4  # a pixel is 0.1 mm on the sensor

    def _pose(self, scene: Scene, state: State) -> None:
        for block, centre in zip(scene.blocks, state.blocks, strict=True):
            self._place(block.colour, centre, block.yaw)
        x, y, z = state.grip
        self._place('palm', np.array((x, y, z + self._finger)), state.yaw)
        aside = (state.opening_m + FINGER_M) / 2
        along = np.array((np.cos(state.yaw), np.sin(state.yaw), 0.0)) * aside
        middle = state.grip + (0.0, 0.0, self._finger / 2)
        self._place('left', middle - along, state.yaw)
        self._place('right', middle + along, state.yaw)
        self._mujoco.mj_kinematics(self._model, self._data)
        self._mujoco.mj_camlight(self._model, self._data)

    def _place(self, name: str, position: Floats, yaw: float) -> None:
        i = int(self._model.body(name).mocapid[0])
        self._data.mocap_pos[i] = position
        self._data.mocap_quat[i] = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))


def photograph(image: NDArray[np.uint8], look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(H, W, 3) rendered RGB as the camera's sensor gives it: gain, gamma, noise."""
    ramp = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    table = 255.0 * np.clip(ramp * np.array(look.gain, np.float32), 0.0, 1.0) ** look.gamma
    noise = rng.standard_normal(image.shape, np.float32) * look.noise_std
    seen = np.asarray(cv2.LUT(image, table[None]), np.float32) + noise
    rounded: NDArray[np.uint8] = np.clip(seen + 0.5, 0, 255).astype(np.uint8)
    return rounded


def silhouette_area(scene: Scene, index: int, state: State) -> float:
    """Pixels (of 640x480) the block would cover with nothing in front of it."""
    outline = scene.camera.project(corners(scene.blocks[index], state.blocks[index]))
    return float(cv2.contourArea(cv2.convexHull(outline.astype(np.float32))))
