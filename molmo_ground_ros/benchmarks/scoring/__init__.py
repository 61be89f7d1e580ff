# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures answers against a data set: asks a backend or reads what was said, scores, shows.

values.py       what is asked, heard and found
data.py         the data set, read as often as it takes
predictions.py  ready answers from a file
predict.py      asks a backend
kept.py         what it said, on disk, to go on from
reading.py      an answer's text -> where it points
score.py        an example and a text -> scores
segmenting.py   J&F, through a segmenter
judge.py        scores a stream, in several processes
run.py          one pass over the data for all models
result.py       a model's outcomes and what they come to, and JSON of them
extremes.py     the worst and the best examples
table.py        tables for people
published.py    what others published, to stand beside
page.py         drawing.py  one HTML page
"""
