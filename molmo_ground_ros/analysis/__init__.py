# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions about whole recordings: asked window by window, merged, kept. Knows no models or ROS.

values.py   what it gives
window.py   one window asked
spread/     windows asked by workers on Ray
run.py      all windows of all cameras, merged
store.py    finished windows on disk, to go on from
records.py  events and track points, one JSON record each
replace.py  a file that is whole or as it was
"""
