# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write config/molmo_ground.policy.xml for SROS 2: what the running node uses, and nothing else.

`tools/ros_env.sh python -m tools.security_policy` after a change of a topic or a service; a test
says when it was forgotten. The node is started once for each of CONFIGURATIONS, with no model.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import rclpy
from rclpy.parameter import Parameter

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.ros.node import GroundNode

POLICY = Path(__file__).parents[1] / 'config/molmo_ground.policy.xml'
# Settings that make the node use further names.
CONFIGURATIONS: tuple[Mapping[str, object], ...] = (
    {},
    {'use_sim_time': True},
    {'image_transport': 'compressed'},
    {'depth_topics': ['depth/image'], 'target_frame': 'base_link'},
    {'depth_topics': ['depth/image/compressedDepth']},
)
# What the node uses only where foxglove_msgs and tf2_ros are installed: annotations are published,
# and tf2_ros offers a picture of the frames that it knows.
OPTIONAL_TOPIC, OPTIONAL_SERVICE = '~/annotations', 'tf2_frames'
PATIENCE_S = 10.0
_ACTION = '/_action/'
_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors -->
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- What the node may do under SROS 2, written by `python -m tools.security_policy` from the
     running node. Names are those without remapping: change `ns` and the image topics to yours. -->
"""


@dataclass
class NamesInUse:
    """What a node uses in the ROS graph: names as it states them, such as ~/points and image."""

    publish: set[str] = field(default_factory=set)
    subscribe: set[str] = field(default_factory=set)
    reply: set[str] = field(default_factory=set)
    request: set[str] = field(default_factory=set)

    def add(self, node: Any) -> None:
        """Add what this node uses, as ROS reports it, once it reports all of it.

        The node must be alone in its namespace: ROS may report another of the same name.
        """
        deadline = time.monotonic() + PATIENCE_S
        expected = {entity.topic_name for entity in (*node.subscriptions, *node.publishers)}
        expected |= {service.service_name for service in node.services}
        reported: set[str] = set()
        while missing := expected - reported:
            if time.monotonic() > deadline:
                raise SystemExit(f'ROS does not report {sorted(missing)}')
            time.sleep(0.01)
            reported = self._ask(node)

    def _ask(self, node: Any) -> set[str]:
        """Add what is reported now, and return its full names."""
        own = node.get_name(), node.get_namespace()
        reported: set[str] = set()
        for names, query in (
            (self.publish, node.get_publisher_names_and_types_by_node),
            (self.subscribe, node.get_subscriber_names_and_types_by_node),
            (self.reply, node.get_service_names_and_types_by_node),
            (self.request, node.get_client_names_and_types_by_node),
        ):
            full = {name for name, _ in query(*own)}
            names.update(stated(name, *own) for name in full)
            reported |= full
        return reported


def stated(name: str, node: str, namespace: str) -> str:
    """A full name as the node states it, so that it follows the node's name and namespace."""
    inside = f'{namespace.rstrip("/")}/'
    if name.startswith(f'{inside}{node}/'):
        return f'~/{name.removeprefix(f"{inside}{node}/")}'
    return name.removeprefix(inside) if name.startswith(inside) else name


def names_in_use() -> NamesInUse:
    """What the node uses in any of CONFIGURATIONS."""
    names = NamesInUse(publish={OPTIONAL_TOPIC}, reply={OPTIONAL_SERVICE})
    for number, settings in enumerate(CONFIGURATIONS):
        context = rclpy.Context()
        rclpy.init(context=context)
        overrides = [Parameter(name, value=value) for name, value in settings.items()]
        node = GroundNode(
            lambda _: ReplayBackend([]),
            context=context,
            parameter_overrides=overrides,
            namespace=f'/policy_{os.getpid()}_{number}',
        )
        try:
            if not node.autostart():
                raise SystemExit(f'the node does not start with {dict(settings)}')
            names.add(node)
        finally:
            node.close()
            node.destroy_node()
            rclpy.shutdown(context=context)
    return names


def policy_text(names: NamesInUse) -> str:
    """The policy of a node in the namespace '/' that uses these names."""
    policy = ElementTree.Element('policy', version='0.2.0')
    enclave = ElementTree.SubElement(
        ElementTree.SubElement(policy, 'enclaves'), 'enclave', path='/molmo_ground'
    )
    profile = ElementTree.SubElement(
        ElementTree.SubElement(enclave, 'profiles'), 'profile', ns='/', node='molmo_ground'
    )
    # SROS 2 expands an action to its topics and services.
    actions = {name.partition(_ACTION)[0] for name in names.reply if _ACTION in name}
    for kind, rule, listed in (
        ('action', 'execute', actions),
        ('service', 'reply', _plain(names.reply)),
        ('service', 'request', _plain(names.request)),
        ('topic', 'publish', _plain(names.publish)),
        ('topic', 'subscribe', _plain(names.subscribe)),
    ):
        if listed:
            allowed = ElementTree.SubElement(profile, f'{kind}s', {rule: 'ALLOW'})
            for name in sorted(listed):
                ElementTree.SubElement(allowed, kind).text = name
    ElementTree.indent(policy)
    return f'{_HEAD}{ElementTree.tostring(policy, encoding="unicode")}\n'


def _plain(names: Iterable[str]) -> set[str]:
    return {name for name in names if _ACTION not in name}


def main() -> int:
    """Write the file."""
    POLICY.write_text(policy_text(names_in_use()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
