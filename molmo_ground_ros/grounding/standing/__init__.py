# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions that are asked again and again as a camera's window slides. Knows no ROS.

questions.py  all standing questions: set, removed, listed, asked and answered
entries.py    a question with its courses, and what of it outlives a restart
request.py    what is asked for, checked, and written in a parameter
course.py     one question on one camera: its turns, its joined answers, its counts
turns.py      when a question is due
reach.py      which window it is asked about, so that answers can be joined without a hole
schedule.py   which questions are asked now, and about which window
passes.py     all questions that are due on one camera, asked about one window at once
recall.py     a span longer than the buffer, answered from what was joined
state_file.py what outlives a restart
"""

from molmo_ground_ros.grounding.standing.course import NumberedEvent, StandingStatus
from molmo_ground_ros.grounding.standing.passes import StandingPass, run_pass
from molmo_ground_ros.grounding.standing.questions import Delivery, Outlet, StandingQuestions
from molmo_ground_ros.grounding.standing.request import StandingRequest, read_request

__all__ = [
    'Delivery',
    'NumberedEvent',
    'Outlet',
    'StandingPass',
    'StandingQuestions',
    'StandingRequest',
    'StandingStatus',
    'read_request',
    'run_pass',
]
