# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The message definitions that a written bag carries, so that it opens where ROS is not.

Ours are those of msg/, without the comments, since pip installs no msg/; a test holds them to it.
Foxglove's are the fields that every version of its public schema of image annotations has.
"""

_OURS = {
    'GroundedPoint': """
uint8 NONE=0
uint8 OK=1
uint8 NO_DEPTH=2
uint8 NO_TRANSFORM=3
builtin_interfaces/Time stamp
string frame_id
int32 id
float64 x
float64 y
float32 score
float32 probability
uint8 position_status
geometry_msgs/Point position
float32 depth_spread
""",
    'PointArray': """
std_msgs/Header header
string query_id
string query
string label
string camera
builtin_interfaces/Time window_start
builtin_interfaces/Time window_end
uint32 image_width
uint32 image_height
string target_frame
int32 count
GroundedPoint[] points
""",
    'Track': """
int32 id
string label
GroundedPoint[] points
float32[] speeds
""",
    'TrackArray': """
std_msgs/Header header
string query_id
string query
string label
string camera
builtin_interfaces/Time window_start
builtin_interfaces/Time window_end
uint32 image_width
uint32 image_height
string target_frame
int32 count
Track[] tracks
""",
}

_FOXGLOVE = {
    'Color': """
float64 r
float64 g
float64 b
float64 a
""",
    'Point2': """
float64 x
float64 y
""",
    'CircleAnnotation': """
builtin_interfaces/Time timestamp
foxglove_msgs/Point2 position
float64 diameter
float64 thickness
foxglove_msgs/Color fill_color
foxglove_msgs/Color outline_color
""",
    'PointsAnnotation': """
uint8 UNKNOWN=0
uint8 POINTS=1
uint8 LINE_LOOP=2
uint8 LINE_STRIP=3
uint8 LINE_LIST=4
builtin_interfaces/Time timestamp
uint8 type
foxglove_msgs/Point2[] points
foxglove_msgs/Color outline_color
foxglove_msgs/Color[] outline_colors
foxglove_msgs/Color fill_color
float64 thickness
""",
    'TextAnnotation': """
builtin_interfaces/Time timestamp
foxglove_msgs/Point2 position
string text
float64 font_size
foxglove_msgs/Color text_color
foxglove_msgs/Color background_color
""",
    'ImageAnnotations': """
foxglove_msgs/CircleAnnotation[] circles
foxglove_msgs/PointsAnnotation[] points
foxglove_msgs/TextAnnotation[] texts
""",
}

POINT_ARRAY = 'molmo_ground_ros/msg/PointArray'
TRACK_ARRAY = 'molmo_ground_ros/msg/TrackArray'
ANNOTATIONS = 'foxglove_msgs/msg/ImageAnnotations'

DEFINITIONS = {
    **{f'molmo_ground_ros/msg/{name}': text for name, text in _OURS.items()},
    **{f'foxglove_msgs/msg/{name}': text for name, text in _FOXGLOVE.items()},
}
