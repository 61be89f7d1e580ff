# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic copies of every source's layout, and whether they are read right: `make sources`.

table_videos.py     videos of the simulated table, drawn simply, with their truth
copy_masks.py       copies of sources with masks
copy_boxes.py       copies of sources with boxes
copies.py           the copy of each source by name, and what a reader must give
own_format.py       the same truth in Molmo2's own format, and answers about it
compare.py          scores of a copy beside scores of the same truth
harm.py             copies with something missing or damaged
"""
