# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions about clips to answers. Knows nothing of recordings or ROS.

grounder.py   asks a backend about one clip
placement.py  puts what the text of an answer says on the frames of the clip
scores.py     the probabilities of tokens to the score of a point
calibration.py  scores to probabilities that were measured for a model
loader.py     what a grounder is loaded from, as a value
session.py    the worker of the node, with its queue and deadlines
session_settings.py  what a session and standing questions read of the settings
tally.py      how its jobs ended, counted
session_stats.py  what the session says about itself
guarded_backend.py  a backend whose every failure is an error of ours, with its calls timed
job.py        one accepted question of a session, and its outcome
ahead.py      prepares frames while no question waits
standing/     questions that are asked again and again as the window slides
stitch/       the answers about overlapping windows, merged into findings
"""
