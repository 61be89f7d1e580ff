# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Start the node: `ros2 launch molmo_ground_ros ground.launch.py image:=/camera/image_raw`."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode

CONFIG = Path(__file__).resolve().parents[1] / 'config' / 'ground.yaml'
AS_THE_FILE_SAYS = 'Empty: as params_file says.'


def declared_arguments() -> list[DeclareLaunchArgument]:
    """What the command line can set; `ros2 launch ... --show-args` prints it."""
    return [
        DeclareLaunchArgument(
            'params_file',
            default_value=str(CONFIG),
            description='YAML file with the parameters of the node. An argument below that is not '
            'empty wins over it.',
        ),
        DeclareLaunchArgument(
            'namespace',
            default_value='',
            description='Namespace of the node, and of its relative topic names.',
        ),
        DeclareLaunchArgument(
            'image',
            default_value='',
            description='Image topic of the one camera to look through. For several cameras set '
            f'image_topics in params_file. {AS_THE_FILE_SAYS}',
        ),
        DeclareLaunchArgument(
            'depth',
            default_value='',
            description='Depth topic of the one camera, for positions in metres. The calibration '
            f'is camera_info beside the image. {AS_THE_FILE_SAYS}',
        ),
        DeclareLaunchArgument(
            'target_frame',
            default_value='',
            description=f'Coordinate frame of the positions. {AS_THE_FILE_SAYS}',
        ),
        DeclareLaunchArgument(
            'model',
            default_value='',
            description=f'Local folder or hub id of the model. {AS_THE_FILE_SAYS}',
        ),
        DeclareLaunchArgument(
            'backend',
            default_value='',
            description=f'Name of the backend that runs the model. {AS_THE_FILE_SAYS}',
        ),
        DeclareLaunchArgument(
            'autostart',
            default_value='',
            choices=['', 'true', 'false'],
            description='Whether the node configures and activates itself; false leaves that to a '
            f'lifecycle manager. {AS_THE_FILE_SAYS}',
        ),
        DeclareLaunchArgument(
            'log_level',
            default_value='info',
            choices=['debug', 'info', 'warn', 'error', 'fatal'],
            description='Least severe log messages to show.',
        ),
        DeclareLaunchArgument(
            'use_sim_time',
            default_value='false',
            choices=['true', 'false'],
            description='Whether the clock is the topic /clock: true with a simulator, or with '
            '`ros2 bag play --clock`.',
        ),
    ]


def value(context: LaunchContext, name: str) -> str:
    """What an argument was set to."""
    return str(LaunchConfiguration(name).perform(context))


def parameters_of(context: LaunchContext) -> dict[str, object]:
    """The parameters that arguments set: only those given, for the file decides on the rest."""
    parameters: dict[str, object] = {'use_sim_time': value(context, 'use_sim_time') == 'true'}
    if value(context, 'image'):
        parameters['image_topics'] = [value(context, 'image')]
    if value(context, 'depth'):
        parameters['depth_topics'] = [value(context, 'depth')]
    if value(context, 'autostart'):
        parameters['autostart'] = value(context, 'autostart') == 'true'
    for name in ('target_frame', 'model', 'backend'):
        if value(context, name):
            parameters[name] = value(context, name)
    return parameters


def start_node(context: LaunchContext) -> list[LifecycleNode]:
    """The node, once the arguments are known."""
    return [
        LifecycleNode(
            package='molmo_ground_ros',
            executable='ground_node',
            name='molmo_ground',
            namespace=value(context, 'namespace'),
            parameters=[value(context, 'params_file'), parameters_of(context)],
            arguments=['--ros-args', '--log-level', value(context, 'log_level')],
            output='screen',
            emulate_tty=True,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` calls."""
    return LaunchDescription([*declared_arguments(), OpaqueFunction(function=start_node)])
