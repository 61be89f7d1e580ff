# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the engine's savings bring, measured beside transformers: `python -m bench`."""
