# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How things move by themselves, in closed form: rest, fall, slide, roll, tip over."""

import math

import numpy as np

from tools.tabletop.world import Floats, Track, about, eased, times

GRAVITY = 9.81
TIP_S = 0.55  # from standing to lying
OFF_STAGE = np.array((0.0, -50.0, -1.0))  # behind every camera


def rest(place: Floats, turn: Floats, start_s: float) -> Track:
    """It stays there."""
    return Track(np.array([start_s]), place[None].copy(), turn[None].copy())


def fall(place: Floats, turn: Floats, low_z: float, start_s: float) -> Track:
    """It falls straight down until its middle is at low_z."""
    height = max(float(place[2]) - low_z, 0.0)
    spent = np.linspace(0.0, math.sqrt(2 * height / GRAVITY), 9)
    places = np.repeat(place[None], 9, 0)
    places[:, 2] = np.maximum(place[2] - GRAVITY / 2 * spent**2, low_z)
    return Track(start_s + spent, places, np.repeat(turn[None], 9, 0))


def roll(
    place: Floats, turn: Floats, way: Floats, speed_m_s: float, radius_m: float, start_s: float
) -> Track:
    """It rolls along `way` (3,) at a falling speed, and stops at its end."""
    length = float(np.linalg.norm(way))
    lasts = 2 * length / speed_m_s
    share = np.linspace(0.0, 1.0, 16)
    done = 2 * share - share**2
    axis = np.cross((0.0, 0.0, 1.0), way / max(length, 1e-9))
    turns = [times(about(axis, float(part) * length / radius_m), turn) for part in done]
    return Track(start_s + share * lasts, place + done[:, None] * way, continuous(turns))


def slide(place: Floats, turn: Floats, way: Floats, start_s: float, end_s: float) -> Track:
    """It slides along `way` (3,), speeding up and slowing down as the gripper does."""
    share = np.linspace(0.0, 1.0, 16)
    done = np.array([eased(float(part)) for part in share])
    spent = start_s + share * (end_s - start_s)
    return Track(spent, place + done[:, None] * way, np.repeat(turn[None], 16, 0))


def tip(place: Floats, turn: Floats, half: tuple[float, float], angle: float, at_s: float) -> Track:
    """It tips over its base's edge towards an angle (in the table's plane) until it lies.

    half: from its axis to that edge, and half of its height.
    """
    edge, tall = half
    forward = np.array((math.cos(angle), math.sin(angle), 0.0))
    axis = np.array((-forward[1], forward[0], 0.0))
    share = np.linspace(0.0, 1.0, 16)
    tilts = math.pi / 2 * share**2
    pivot = place + edge * forward - (0.0, 0.0, tall)
    along = tall * np.sin(tilts) - edge * np.cos(tilts)
    up = edge * np.sin(tilts) + tall * np.cos(tilts)
    places = pivot + along[:, None] * forward + up[:, None] * np.array((0.0, 0.0, 1.0))
    turns = [times(about(axis, float(tilt)), turn) for tilt in tilts]
    return Track(at_s + share * TIP_S, places, continuous(turns))


def tipped_half_s(start_s: float) -> float:
    """When something that begins to tip is past 45 degrees."""
    return start_s + TIP_S * math.sqrt(0.5)


def continuous(turns: list[Floats]) -> Floats:
    """(K, 4) quaternions whose signs do not flip between neighbours."""
    steady = [turns[0]]
    for turn in turns[1:]:
        steady.append(turn if float(steady[-1] @ turn) >= 0 else -turn)
    return np.array(steady)
