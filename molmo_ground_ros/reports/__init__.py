# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers and analyses as files that other programs open.

Each file is replaced completely, or what was there stays.

page.py           an analysis as one HTML page: question, answer, evidence, labels
page_data.py      for the page: what its scripts read
page_video.py     for the page: the images around the events as a video that plays in it
timeline.py       for the page: stamps to places on its timeline
figures.py        for the page: the frame of each event and trajectory, and what is drawn on it
html.py           templates to pages
templates/        the pages' HTML, style sheets and scripts
words.py          stamps, scores and doubts in words
colours.py        one colour for each id, the same in page, bag and video, and in the node's views
drawing.py        rings, names, trails and text on an image
annotations.py    the same as Foxglove's image annotations
table.py          an analysis as CSV
bag.py            an analysis as an MCAP bag to lay over the original
message_definitions.py  of that bag's messages
video.py          an analysis as an annotated MP4
answer_record.py  one answer as a JSON object
answer_table.py   one answer as plain text: a summary, a table of its points
contact_sheet.py  one answer as an image: its frames side by side, with its points
"""
