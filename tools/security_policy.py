# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write config/molmo_ground.policy.xml for SROS 2: what the running node uses, and nothing else.

A second enclave is for those who ask the node: they may ask and look, and change nothing.

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
from rclpy.node import Node
from rclpy.parameter import Parameter

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.ros.node import GroundNode

POLICY = Path(__file__).parents[1] / 'config/molmo_ground.policy.xml'
# Settings that make the node use further names.
CONFIGURATIONS: tuple[Mapping[str, object], ...] = (
    {},
    {'use_sim_time': True},
    {'image_transport': 'compressed'},
    {'image_transport': 'ffmpeg'},
    {'depth_topics': ['depth/image'], 'target_frame': 'base_link'},
    {'depth_topics': ['depth/image/compressedDepth']},
    {'events_json': True},
)
# What the node uses only where foxglove_msgs, vision_msgs and tf2_ros are installed: it publishes
# annotations and detections, and tf2_ros offers a picture of the frames that it knows.
OPTIONAL_TOPICS = {'~/annotations', '~/detections', '~/detections_3d'}
OPTIONAL_SERVICE = 'tf2_frames'
# What an asker has no business with.
NOT_FOR_ASKERS = {'~/transition_event'}
PACKAGE = 'molmo_ground_ros/'
PATIENCE_S = 10.0
_ACTION = '/_action/'
_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors -->
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- What the node may do under SROS 2, and what those who ask it may do, written by
     `python -m tools.security_policy` from the running node. Names are those without remapping:
     change `ns` and the image topics to yours, and `asker` to the name of the node that asks. -->
"""


@dataclass
class NamesInUse:
    """What a node uses in the ROS graph: names as it states them, such as ~/points and image."""

    publish: set[str] = field(default_factory=set)
    subscribe: set[str] = field(default_factory=set)
    reply: set[str] = field(default_factory=set)
    request: set[str] = field(default_factory=set)
    # Services with types of this package.
    own_services: set[str] = field(default_factory=set)

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
            full = dict(query(*own))
            names.update(stated(name, *own) for name in full)
            reported |= set(full)
            if names is self.reply:
                ours = {name for name, (kind,) in full.items() if kind.startswith(PACKAGE)}
                self.own_services |= {stated(name, *own) for name in ours}
        return reported


def stated(name: str, node: str, namespace: str) -> str:
    """A full name as the node states it, so that it follows the node's name and namespace."""
    inside = f'{namespace.rstrip("/")}/'
    if name.startswith(f'{inside}{node}/'):
        return f'~/{name.removeprefix(f"{inside}{node}/")}'
    return name.removeprefix(inside) if name.startswith(inside) else name


def names_in_use() -> NamesInUse:
    """What the node uses in any of CONFIGURATIONS."""
    names = NamesInUse(publish=set(OPTIONAL_TOPICS), reply={OPTIONAL_SERVICE})
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


def asker_names(names: NamesInUse) -> NamesInUse:
    """What a node uses that asks the node of these names, and looks at what it publishes."""
    context = rclpy.Context()
    rclpy.init(context=context)
    asker = Node('asker', context=context, namespace=f'/policy_{os.getpid()}_asker')
    used = NamesInUse(
        subscribe={'/clock', '/diagnostics'}
        | {_full(n) for n in _plain(names.publish) - NOT_FOR_ASKERS if n.startswith('~/')},
        request={_full(name) for name in _plain(names.own_services)},
    )
    try:
        # What every node of rclpy uses.
        used.add(asker)
    finally:
        asker.destroy_node()
        rclpy.shutdown(context=context)
    return used


def policy_text(names: NamesInUse, asker: NamesInUse) -> str:
    """The policy of a node in the namespace '/' that uses these names, and of its askers."""
    policy = ElementTree.Element('policy', version='0.2.0')
    enclaves = ElementTree.SubElement(policy, 'enclaves')
    # SROS 2 expands an action to its topics and services.
    actions = {name.partition(_ACTION)[0] for name in names.reply if _ACTION in name}
    _add_enclave(enclaves, 'molmo_ground', names, 'execute', actions)
    _add_enclave(enclaves, 'asker', asker, 'call', {_full(name) for name in actions})
    ElementTree.indent(policy)
    return f'{_HEAD}{ElementTree.tostring(policy, encoding="unicode")}\n'


def _add_enclave(
    enclaves: ElementTree.Element, node: str, names: NamesInUse, rule: str, actions: set[str]
) -> None:
    """The permissions of one node; rule: what it does with the actions."""
    path = '/molmo_ground' if node == 'molmo_ground' else f'/molmo_ground_{node}'
    enclave = ElementTree.SubElement(enclaves, 'enclave', path=path)
    profiles = ElementTree.SubElement(enclave, 'profiles')
    profile = ElementTree.SubElement(profiles, 'profile', ns='/', node=node)
    for kind, verb, listed in (
        ('action', rule, actions),
        ('service', 'reply', _plain(names.reply)),
        ('service', 'request', _plain(names.request)),
        ('topic', 'publish', _plain(names.publish)),
        ('topic', 'subscribe', _plain(names.subscribe)),
    ):
        if listed:
            allowed = ElementTree.SubElement(profile, f'{kind}s', {verb: 'ALLOW'})
            for name in sorted(listed):
                ElementTree.SubElement(allowed, kind).text = name


def _full(name: str) -> str:
    """A name of the node as others state it."""
    return name.replace('~/', '/molmo_ground/')


def _plain(names: Iterable[str]) -> set[str]:
    return {name for name in names if _ACTION not in name}


def main() -> int:
    """Write the file."""
    names = names_in_use()
    POLICY.write_text(policy_text(names, asker_names(names)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
