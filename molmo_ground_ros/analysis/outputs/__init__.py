# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as files that other programs open. Each is written whole, or what was there stays.

table.py        CSV of the records
page.py         one HTML page: question, answer, evidence; `sections.py`, `figures.py` and
`timeline.py` hold its parts, `look.py` its style and script
bag.py          an MCAP bag to lie over the original; `messages.py` makes its messages of the
definitions in `definitions.py`
video.py        an annotated MP4
colours.py      one colour an id, the same in all of them
"""
