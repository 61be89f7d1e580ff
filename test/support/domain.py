# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain for each process that runs tests."""

from __future__ import annotations

import os
import random
import socket

DOMAINS = range(1, 101)  # above, DDS would use ports that Linux gives to others
DOMAIN_PORT = 27400  # TCP, plus the id: bound for as long as a process uses that domain


def own_domain() -> tuple[int, socket.socket]:
    """A domain id that no other run on this machine has, and the socket that holds it.

    In one domain two runs answer each other's questions: their nodes have the same names.

    Raises:
        RuntimeError: every domain is in use.
    """
    for domain in random.sample(DOMAINS, len(DOMAINS)):
        holder = socket.socket()
        try:
            holder.bind(('127.0.0.1', DOMAIN_PORT + domain))
        except OSError:
            holder.close()
            continue
        return domain, holder
    raise RuntimeError(f'all of {len(DOMAINS)} ROS domains are in use')


DOMAIN, _HOLDER = own_domain()
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['ROS_DOMAIN_ID'] = str(DOMAIN)
