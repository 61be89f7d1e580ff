# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures and their time: decoding, sampling windows, clip buffers, video files and masks."""
