# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Declares `config.Settings` as ROS parameters, and checks their changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    NameValidationException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from molmo_ground_ros import config
from molmo_ground_ros.errors import BadSetting

_TYPES = {
    bool: Parameter.Type.BOOL,
    str: Parameter.Type.STRING,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    tuple: Parameter.Type.STRING_ARRAY,
}


def declare(node: Node) -> config.Settings:
    """Declare every setting as a parameter of `node` and return their values.

    Raises BadSetting for a value, from the command line or a file, that a setting does not take.
    """
    values: dict[str, object] = {}
    for name, limits in config.limits().items():
        default = config.default(name)
        kind = _TYPES[type(default)]
        initial = list(default) if isinstance(default, tuple) else default
        try:
            parameter = node.declare_parameter(
                name, Parameter(name, kind, initial).value, descriptor(name, limits)
            )
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            override = node._parameter_overrides.get(name)
            raise BadSetting(name, override.value if override else None, str(error)) from error
        values[name] = [] if parameter.value is None and kind is _TYPES[tuple] else parameter.value
    settings = config.settings(values)
    _check_topics(node, values)
    return settings


def descriptor(name: str, limits: config.Bounds) -> ParameterDescriptor:
    """The description of one setting that `ros2 param describe` prints."""
    default = config.default(name)
    fixed = '' if limits.live else 'changes only while the node is unconfigured'
    description = ParameterDescriptor(
        name=name,
        description=limits.text,
        additional_constraints='; '.join(filter(None, [', '.join(limits.choices), fixed])),
        # An empty list in a YAML file reaches rclpy as "not set", which static typing refuses.
        dynamic_typing=isinstance(default, tuple),
    )
    if limits.lowest is None or limits.highest is None:
        return description
    if isinstance(default, int):
        span = IntegerRange(from_value=int(limits.lowest), to_value=int(limits.highest), step=0)
        description.integer_range = [span]
    else:
        wide = FloatingPointRange(from_value=limits.lowest, to_value=limits.highest, step=0.0)
        description.floating_point_range = [wide]
    return description


def check_live(changes: Mapping[str, object], settings: config.Settings) -> None:
    """Raise BadSetting for a change that a configured node does not take."""
    for name, value in changes.items():
        current = getattr(settings, name)
        if value != current and not config.limits()[name].live:
            raise BadSetting(name, value, f'stays {current} until the node is unconfigured')


def on_change(
    node: Node,
    apply: Callable[[dict[str, object]], None],
) -> Callable[[Iterable[Any]], SetParametersResult]:
    """A callback for `add_on_set_parameters_callback`, which checks values and applies them.

    A bad value is refused with the reason. `apply` gets the changed settings by name, and raises
    BadSetting for those that it does not take. Parameters that are no settings are left alone.
    """

    def callback(parameters: Iterable[Any]) -> SetParametersResult:
        limits = config.limits()
        values = {item.name: _plain(item.value) for item in parameters if item.name in limits}
        try:
            for name, value in values.items():
                config.check(name, value)
            _check_topics(node, values)
            apply(values)
        except BadSetting as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    return callback


def _check_topics(node: Node, values: Mapping[str, Any]) -> None:
    """Raise BadSetting for a topic among these settings by name that ROS does not take as one."""
    for name in values:
        for topic in values[name] if name.endswith('_topics') else ():
            try:
                node.resolve_topic_name(topic)
            # RCLError, which rclpy does not export, is a RuntimeError.
            except (RuntimeError, NameValidationException) as error:
                raise BadSetting(name, topic, str(error)) from error


def _plain(value: object) -> object:
    """A list of texts as the tuple that the settings hold."""
    return tuple(value) if isinstance(value, list) else value
