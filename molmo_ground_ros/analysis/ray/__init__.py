# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks windows through workers on Ray, on this machine or on a cluster. Merges and stores nothing.

cluster.py    joining or starting Ray, and leaving it
share.py      how many workers, and what each of them takes
stretches.py  which window goes to which worker
separate.py   many recordings, each by itself
worker.py     what runs in a worker
workers.py    the workers as one `WindowRunner`: hands out windows, replaces workers that die
"""
