# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The words to a model and from it. Knows nothing of frames or models.

prompts.py  a query -> the question that a model is asked
grammar/    the text of an answer -> points, totals and refusals, and back
"""
