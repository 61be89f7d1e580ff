# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs any backend in a child process, which may crash or hang without harm to this one.

backend.py        the backend of this process: hands calls to the child, and its answers back
supervisor.py     keeps a child running: starts it again after it ended
model_process.py  one child: its start, its calls, its end
child.py          what the child runs: loads the real backend and answers calls
channel.py        messages between the two, with open files beside them
shared_frames.py  frames as files in memory: written once here, mapped there
values.py         generations and errors as plain values
death.py          how a child ended, in words
"""

from molmo_ground_ros.backends.own_process.backend import OwnProcessBackend

__all__ = ['OwnProcessBackend']
