# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`config.Settings` as ROS parameters: declared, described, checked, refused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
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
            given = node._parameter_overrides.get(name)
            raise BadSetting(name, given.value if given else None, str(error)) from error
        values[name] = [] if parameter.value is None and kind is _TYPES[tuple] else parameter.value
    return config.settings(values)


def descriptor(name: str, limits: config.Bounds) -> ParameterDescriptor:
    """What `ros2 param describe` shows of one setting."""
    default = config.default(name)
    shown = ParameterDescriptor(
        name=name,
        description=limits.text,
        additional_constraints=', '.join(limits.choices),
        read_only=not limits.live,
        # An empty list in a YAML file reaches rclpy as "not set", which static typing refuses.
        dynamic_typing=isinstance(default, tuple),
    )
    if limits.lowest is None or limits.highest is None:
        return shown
    if isinstance(default, int):
        span = IntegerRange(from_value=int(limits.lowest), to_value=int(limits.highest), step=0)
        shown.integer_range = [span]
    else:
        wide = FloatingPointRange(from_value=limits.lowest, to_value=limits.highest, step=0.0)
        shown.floating_point_range = [wide]
    return shown


def on_change(
    apply: Callable[[dict[str, object]], None],
) -> Callable[[Iterable[Any]], SetParametersResult]:
    """A callback for `add_on_set_parameters_callback`: checks all, then applies our live ones."""

    def callback(parameters: Iterable[Any]) -> SetParametersResult:
        known = config.limits()
        ours = {p.name: p.value for p in parameters if p.name in known}
        try:
            for name, value in ours.items():
                config.check(name, value)
        except BadSetting as error:
            return SetParametersResult(successful=False, reason=str(error))
        apply({name: value for name, value in ours.items() if known[name].live})
        return SetParametersResult(successful=True)

    return callback
