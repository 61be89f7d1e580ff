# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images and their time. Knows nothing of models, recordings or ROS.

cdr.py            messages as bytes, and image messages
image.py          decodes the image of a message
raw_image.py      rows of samples in one of many layouts
compressed_image.py  a picture file in a message
jpeg.py           the structure of a JPEG
picture_head.py   the size of other picture files
decoded_cache.py  holds decoded images, bounded in bytes
windows.py        which frames of a window are shown, and how a long span is cut into windows
sampled_clip.py   loads the frames of one window
clip_buffer.py    the recent messages of one camera, undecoded
pinned_window.py  the messages of one window, held for a reader
held_messages.py  the messages of a buffer in order, and their bytes
buffer_stats.py   what became of the messages of a buffer
assignment.py     pairs what is in one frame with what is in another
masks.py          the mask of one object, run-length encoded
video_file.py     the images of one video file
video_packets.py  packets of video that come one a message
video_groups.py   puts the packets of one camera into groups
packet_group.py   packets from a keyframe on, and their images
group_decoder.py  decodes the images of groups
h264_order.py     whether a packet of H.264 was lost
video_frame.py    the pixels of a decoded image of a video
"""
