# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions about whole recordings, asked window by window and merged. Knows no models or ROS.

run.py              all windows of all cameras, merged
window.py           one window: its frames read, all questions asked
ray/                windows asked by workers on Ray
store.py            answers on disk, so that an interrupted analysis goes on
findings.py         what an analysis gives
calibrated.py       probabilities for the points, and what is withheld
moments/            the answers about many recordings in one file, and looking them up there
records.py          events and track points as JSON records
"""
