# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures answers against data sets, and makes training data.

datasets/      reads and writes the data sets of the field
metrics/       scores of one prediction, and their averages
scoring/       evaluates models on a data set: `molmo-ground evaluate`
conversions/   annotated videos to training records: `molmo-ground convert`
feedback/      answers labelled by people to training records: `molmo-ground export`
"""
