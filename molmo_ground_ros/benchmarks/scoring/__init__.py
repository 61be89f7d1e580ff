# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evaluates models on a data set: asks them, scores their answers, and writes tables and a page.

evaluation_data.py    the data set, read as often as needed
predict.py            asks a backend
answer_store.py       its answers on disk, to resume from
predictions.py        a model's answers, and the result of one example
prediction_files.py   answers from a file, and to one
answer_points.py      the points that an answer's text holds
score.py              an example and an answer's text to scores
segmenting.py         J&F, with a segmenter
parallel_scoring.py   scores a stream of examples in several processes
worker_process.py     what each of them does first
evaluation.py         one pass over the data for all models
result.py             the results of one model, their averages, and both as JSON
worst_and_best.py     the worst and the best examples
result_tables.py      tables for people
published.py          published scores to compare with
page.py  drawing.py   one HTML page
"""
