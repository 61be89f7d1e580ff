# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ask Molmo2 what a camera saw. Joins this source tree with the generated msg, srv and action."""

__path__ = __import__('pkgutil').extend_path(__path__, __name__)
