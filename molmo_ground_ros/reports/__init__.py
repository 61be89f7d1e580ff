# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as files that other programs open. Each is written whole, or what was there stays.

table.py        CSV of the records
page.py         one HTML page: question, answer, evidence
html.py         the frame of a page, its lists and tables
timeline.py     windows, gaps, events and trajectories over the span, for the page
figures.py      the frame of each event and trajectory, with its points drawn, for the page
look.py         the page's style and script
words.py        stamps, scores and doubts in words; text as HTML that runs nothing
bag.py          an MCAP bag to lie over the original
definitions.py  of the bag's messages
video.py        an annotated MP4
answer_record.py  one answer as a JSON object
answer_table.py   one answer as plain text: a summary, a table of its points
contact_sheet.py  one answer as an image: its frames side by side, with its points
colours.py      one colour an id, the same in all of them
"""
