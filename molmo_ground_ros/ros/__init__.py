# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node. No other room imports rclpy or message types.

process       starts and ends it as a process of its own
node          the node: puts the parts below together
camera_input  one camera: its subscription and its buffer
transports    the type of a camera's messages, by name and setting
image_receiver  takes the images of all cameras, past the executor
standing_server  the services and the topic of standing questions
question_server  its service and its action
client        asks a running node, from a program
replies       its replies as values
event_stream  the events of a standing question, for a client
agent_source  a running node as agents ask it
behaviours    questions in trees of py_trees
ask           the command that asks a running node
executor      runs its callbacks
params        its parameters, from `config.Settings`
convert       messages to our values, and answers to messages
diagnostics   its messages on /diagnostics
views         what people look at: draws in a thread of its own
scene         what one answer or event has to show
overlay       a scene as an image
markers       a scene in 3-D, for RViz
annotations   a scene as Foxglove's image annotations
common_topics a scene in messages that other packages know
detections    a scene as detections of vision_msgs
event_bridge  events as JSON, for bridges
image_bridge  cv_bridge for encodings that we do not know
places        positions in metres for answers
depth_input   the depth of one camera: its subscriptions
depth_buffer  the recent depth of one camera and its calibrations
pairing       depth beside calibrations, with message_filters or without
transform_input  transforms, from tf2_ros or from /tf
camera_watch  why a person must look at a camera, from what arrived lately
"""
