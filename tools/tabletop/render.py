# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, masks and depth of a scene, with MuJoCo's software renderer (OSMesa, no GPU).

MuJoCo only draws: its list of geoms is filled from the scene's own state.
"""

import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.tabletop.looks import TEXTURE, TEXTURE_M, pattern
from tools.tabletop.meshes import MESHES, as_xml
from tools.tabletop.props import (
    Prop,
    clutter_props,
    gripper_props,
    table_props,
    thing_props,
)
from tools.tabletop.shade import local_points, shadows, silhouette_share
from tools.tabletop.truth import CELL_EMPTY, KINDS
from tools.tabletop.world import HEIGHT, WIDTH, Camera, Floats, Scene, State, state_at

NEAR_M, FAR_M = 0.02, 20.0
SUPER = 2  # pictures are drawn larger by that, and shrunk: edges come out smooth
_GEOMS = 400
_XML = f"""
<mujoco>
  <visual>
    <quality offsamples="0" shadowsize="1" numslices="18" numstacks="10"/>
    <map znear="{NEAR_M}" zfar="{FAR_M}"/>
    <global offwidth="{{width}}" offheight="{{height}}"/>
  </visual>
  <asset>
    <texture name="top" type="2d" builtin="flat" width="{TEXTURE}" height="{TEXTURE}"/>
    <material name="top" texture="top" texuniform="true"
              texrepeat="{1 / TEXTURE_M} {1 / TEXTURE_M}"/>
    {''.join(as_xml(name) for name in MESHES)}
  </asset>
  <worldbody/>
</mujoco>
"""
_EYE, _ORIGIN = np.eye(3), np.zeros(3)
_PLANES, _NO_POINTS = ('table', 'floor'), np.zeros((0, 3))


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
    labels: NDArray[np.uint8]  # (H, W) a thing's index, CELL_GRIPPER or CELL_EMPTY
    depth: NDArray[np.float32] | None  # (H, W) metres along the optical axis
    silhouettes: NDArray[np.float32]  # (N,) share of the picture each thing would cover alone


class Stage:
    """What plays every scene, in pictures of one size. Not thread-safe; close() frees it.

    oversize: how much larger pictures are drawn before they are shrunk.
    """

    def __init__(self, width: int = WIDTH, height: int = HEIGHT, oversize: int = SUPER) -> None:
        os.environ.setdefault('MUJOCO_GL', 'osmesa')
        os.environ.setdefault('PYOPENGL_PLATFORM', os.environ['MUJOCO_GL'])
        os.environ.setdefault('LP_NUM_THREADS', '1')
        try:
            import mujoco
        except (ImportError, OSError, AttributeError) as err:
            raise RendererMissingError(repr(err)) from err
        self._mujoco: Any = mujoco
        self.width, self.height, self.oversize = width, height, oversize
        large = _XML.format(width=width * oversize, height=height * oversize)
        self._model: Any = mujoco.MjModel.from_xml_string(large)
        self._open()
        self._mesh_turns = [self._mesh_turn(name) for name in MESHES]
        self._shown: tuple[Any, ...] = ()
        self._props: list[Prop] = []
        self._outlines: list[Floats] = []  # of each prop, in its owner's frame
        self._pattern_seed: int | None = None
        self._maps: dict[float, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def _open(self) -> None:
        mujoco = self._mujoco
        try:
            self._gl: Any = mujoco.GLContext(
                self.width * self.oversize, self.height * self.oversize
            )
            self._gl.make_current()
            self._context: Any = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except (ImportError, OSError, AttributeError, RuntimeError, mujoco.FatalError) as err:
            raise RendererMissingError(repr(err)) from err
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene: Any = mujoco.MjvScene(self._model, maxgeom=_GEOMS)

    def close(self) -> None:
        """Free the rendering context."""
        # Else the buffers of another stage, of the same numbers, would be freed.
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def shoot(
        self,
        scene: Scene,
        time_s: float,
        view: int = 0,
        depth: bool = False,
        labels_only: bool = False,
    ) -> Shot:
        """The scene at a time, squashed into the stage's size; no noise yet.

        labels_only: the image stays empty, which takes a third of the time.
        """
        state, camera = state_at(scene, time_s), scene.cameras[view]
        self._gl.make_current()
        moving = self._fill(scene, state)
        self._aim(camera, time_s)
        labels = self._bend(self._draw(1, labels=True), camera, 1, cv2.INTER_NEAREST)
        clouds = self._clouds(scene, state, moving)
        image = np.zeros((0, 0, 3), np.uint8)
        if not labels_only:
            image = self._image(scene, camera, time_s, labels, clouds)
        metres = self._depth(camera) if depth else None
        return Shot(image, labels, metres, self._silhouettes(clouds, camera, time_s))

    def _silhouettes(
        self, clouds: list[list[Floats]], camera: Camera, time_s: float
    ) -> NDArray[np.float32]:
        shares = [silhouette_share(cloud, camera, time_s) for cloud in clouds[:-1]]
        return np.array(shares, np.float32)

    def _image(
        self,
        scene: Scene,
        camera: Camera,
        time_s: float,
        labels: NDArray[np.uint8],
        clouds: list[list[Floats]],
    ) -> NDArray[np.uint8]:
        self._light(scene)
        bent: NDArray[np.uint8] = self._bend(
            self._draw(self.oversize), camera, self.oversize, cv2.INTER_LINEAR
        )
        if scene.look.shadow:
            return self._shadowed(bent, labels, clouds, scene, camera, time_s)
        return bent

    def _fill(self, scene: Scene, state: State) -> list[Prop]:
        """Set up the geoms. Returns the gripper's."""
        if self._shown != (scene, state.kinds, state.colours):
            self._dress(scene, state)
            self._shown = (scene, state.kinds, state.colours)
        gripper = gripper_props(scene, state)
        for number, prop in enumerate(self._props + gripper):
            place, turn = _ORIGIN, _EYE
            if prop.owner < len(scene.items):
                place, turn = state.places[prop.owner], state.turns[prop.owner]
            self._place(self._scene.geoms[number], prop, place, turn, number >= len(self._props))
        self._scene.ngeom = len(self._props) + len(gripper)
        return gripper

    def _dress(self, scene: Scene, state: State) -> None:
        look = scene.look
        props = table_props(look)
        for piece in scene.clutter:
            props += clutter_props(piece)
        for index in range(len(scene.items)):
            kind = KINDS[state.kinds[index]]
            props += thing_props(scene, index, kind, state.colours[index])
        self._props = props
        for number, prop in enumerate(props):
            self._make(self._scene.geoms[number], prop)
        self._outlines = [_NO_POINTS if p.shape in _PLANES else local_points(p) for p in props]
        if self._pattern_seed != look.pattern_seed:
            self._model.tex_data[: TEXTURE * TEXTURE * 3] = pattern(look).reshape(-1)
            self._mujoco.mjr_uploadTexture(self._model, self._context, 0)
            self._pattern_seed = look.pattern_seed

    def _make(self, geom: Any, prop: Prop) -> None:
        mujoco = self._mujoco
        kinds = mujoco.mjtGeom
        kind = {
            'box': kinds.mjGEOM_BOX,
            'ball': kinds.mjGEOM_ELLIPSOID,
            'cylinder': kinds.mjGEOM_CYLINDER,
            'rod': kinds.mjGEOM_CAPSULE,
            'table': kinds.mjGEOM_PLANE,
            'floor': kinds.mjGEOM_PLANE,
        }.get(prop.shape, kinds.mjGEOM_MESH)
        rgba = np.array((*prop.rgb, 1.0), np.float32)
        mujoco.mjv_initGeom(geom, kind, np.array(prop.size), _ORIGIN, _EYE.reshape(-1), rgba)
        geom.size[:] = prop.size
        geom.segid = geom.objid = prop.owner
        geom.specular, geom.shininess = (0.0, 0.0) if prop.owner == CELL_EMPTY else (0.3, 0.4)
        if prop.shape in MESHES:
            geom.dataid = 2 * MESHES.index(prop.shape)
        if prop.shape == 'table':
            geom.matid = 0

    def _place(self, geom: Any, prop: Prop, place: Floats, turn: Floats, fresh: bool) -> None:
        if fresh:
            self._make(geom, prop)
        at, axes = prop.place, prop.axes
        if prop.shape in MESHES:
            shift, turned = self._mesh_turns[MESHES.index(prop.shape)]
            at, axes = at + axes @ shift, axes @ turned
        geom.pos[:] = turn @ at + place
        geom.mat[:] = turn @ axes

    def _mesh_turn(self, name: str) -> tuple[Floats, Floats]:
        """Where MuJoCo has moved a mesh's origin to, and how it has turned its axes."""
        i = self._model.mesh(name).id
        turned = np.zeros(9)
        self._mujoco.mju_quat2Mat(turned, self._model.mesh_quat[i])
        return np.array(self._model.mesh_pos[i]), turned.reshape(3, 3)

    def _aim(self, camera: Camera, time_s: float) -> None:
        eye, rotation = camera.pose(time_s)
        for lens in self._scene.camera:
            lens.pos[:], lens.forward[:], lens.up[:] = eye, rotation[:, 2], -rotation[:, 1]
            lens.frustum_near, lens.frustum_far, lens.frustum_center = NEAR_M, FAR_M, 0.0
            lens.frustum_width = NEAR_M * WIDTH / 2 / camera.focal_px
            lens.frustum_top = NEAR_M * HEIGHT / 2 / camera.focal_px
            lens.frustum_bottom = -lens.frustum_top

    def _light(self, scene: Scene) -> None:
        look, lamp = scene.look, self._scene.lights[0]
        self._scene.nlight = 1
        position = np.array(look.light_from)
        lamp.pos[:], lamp.dir[:] = position, -position / np.linalg.norm(position)
        lamp.ambient[:], lamp.diffuse[:], lamp.specular[:] = look.ambient, look.light, 0.25
        lamp.attenuation[:], lamp.castshadow, lamp.cutoff = (1, 0, 0), False, 90
        lamp.type = self._mujoco.mjtLightType.mjLIGHT_DIRECTIONAL

    def _draw(self, oversize: int, labels: bool = False) -> NDArray[np.uint8]:
        """(H, W, 3) RGB, or (H, W) labels, before the lens bends it."""
        mujoco, flags = self._mujoco, self._scene.flags
        width, height = self.width * oversize, self.height * oversize
        for name in ('SHADOW', 'REFLECTION', 'SKYBOX', 'FOG', 'HAZE'):
            flags[getattr(mujoco.mjtRndFlag, f'mjRND_{name}')] = 0
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = labels
        flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = labels
        area = mujoco.MjrRect(0, 0, width, height)
        picture = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_render(area, self._scene, self._context)
        mujoco.mjr_readPixels(picture, None, area, self._context)
        upright = picture[::-1]
        if not labels:
            return np.ascontiguousarray(upright)
        # The colour is the label plus 1, and 0 where there is nothing; 256 is in the second byte.
        return np.ascontiguousarray(upright[..., 0] - np.uint8(1))

    def _depth(self, camera: Camera) -> NDArray[np.float32]:
        mujoco = self._mujoco
        area = mujoco.MjrRect(0, 0, self.width, self.height)
        raw = np.empty((self.height, self.width), np.float32)
        mujoco.mjr_render(area, self._scene, self._context)
        mujoco.mjr_readPixels(None, raw, area, self._context)
        metres = NEAR_M / (1 - raw[::-1] * (1 - NEAR_M / FAR_M))
        bent: NDArray[np.float32] = self._bend(
            np.ascontiguousarray(metres), camera, 1, cv2.INTER_NEAREST
        )
        return bent

    def _bend(self, picture: Any, camera: Camera, oversize: int, how: int) -> Any:
        """What the lens makes of it, in the stage's size."""
        if not camera.barrel:
            if oversize == 1:
                return picture
            size = (self.width, self.height)
            return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        x, y = self._lens(camera)
        inside = oversize / 2 - 0.5  # the middle of the large pixels that make up a small one
        return cv2.remap(
            picture,
            x * oversize + inside,
            y * oversize + inside,
            how,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _lens(self, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For every pixel the x and y (H, W) of where it comes from."""
        if camera.barrel not in self._maps:
            rows, columns = np.mgrid[0 : self.height, 0 : self.width] + 0.5
            places = np.stack([columns / self.width, rows / self.height], -1)
            source = camera.unbent(places) * (self.width, self.height) - 0.5
            self._maps = {
                camera.barrel: (
                    source[..., 0].astype(np.float32),
                    source[..., 1].astype(np.float32),
                )
            }
        return self._maps[camera.barrel]

    def _clouds(self, scene: Scene, state: State, gripper: list[Prop]) -> list[list[Floats]]:
        """Outline points of each thing's primitives, and last those of gripper and clutter."""
        clouds: list[list[Floats]] = [[] for _ in range(len(scene.items) + 1)]
        for prop, points in zip(self._props, self._outlines, strict=True):
            if prop.owner < len(scene.items):
                turned = points @ state.turns[prop.owner].T + state.places[prop.owner]
                clouds[prop.owner].append(turned)
            elif prop.place[2] > 0:
                clouds[-1].append(points)
        clouds[-1] += [local_points(prop) for prop in gripper]
        return clouds

    def _shadowed(
        self,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        clouds: list[list[Floats]],
        scene: Scene,
        camera: Camera,
        time_s: float,
    ) -> NDArray[np.uint8]:
        every = [
            cloud
            for group in clouds
            for cloud in group
            if cloud[0, 1] > -10  # what is absent is far behind the camera
        ]
        dark = shadows(every, camera, time_s, scene.look, (self.height, self.width))
        light = np.where(labels == CELL_EMPTY, 1 - dark, 1.0)[..., None]
        shaded: NDArray[np.uint8] = (image * light).astype(np.uint8)
        return shaded
