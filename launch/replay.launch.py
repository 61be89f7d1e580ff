# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Play a bag into the node: `ros2 launch molmo_ground_ros replay.launch.py bag:=FOLDER`.

Every argument of ground.launch.py is taken, too. The node's clock is that of the bag.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

GROUND = Path(__file__).resolve().parent / 'ground.launch.py'


def declared_arguments() -> list[DeclareLaunchArgument]:
    """What the command line can set beside the arguments of ground.launch.py."""
    return [
        DeclareLaunchArgument('bag', description='The bag to play: a rosbag2 folder or file.'),
        DeclareLaunchArgument(
            'rate',
            default_value='1.0',
            description='How fast it is played; 2.0 is twice as fast as it was recorded.',
        ),
        DeclareLaunchArgument(
            'loop',
            default_value='false',
            choices=['true', 'false'],
            description='Whether it begins anew at its end. The node then forgets all frames.',
        ),
        DeclareLaunchArgument(
            'delay',
            default_value='3.0',
            description='Seconds before it begins, so that the node finds its topics.',
        ),
    ]


def player_command(context: LaunchContext) -> list[str]:
    """What plays the bag."""

    def value(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    loop = ['--loop'] if value('loop') == 'true' else []
    options = ['--clock', '--rate', value('rate'), '--delay', value('delay')]
    return ['ros2', 'bag', 'play', value('bag'), *options, *loop]


def start_player(context: LaunchContext) -> list[ExecuteProcess]:
    """The player, once the arguments are known."""
    return [ExecuteProcess(cmd=player_command(context), name='bag_player', output='screen')]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` calls."""
    return LaunchDescription(
        [
            *declared_arguments(),
            # The stamps of a bag are in the past: the node's clock must be the player's.
            SetLaunchConfiguration('use_sim_time', 'true'),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(GROUND))),
            OpaqueFunction(function=start_player),
        ]
    )
