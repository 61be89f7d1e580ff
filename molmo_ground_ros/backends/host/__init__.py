# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine that a model runs on.

machine     its GPUs, by nvidia-smi, and its Jetson board
ram         its free memory
installed   its Python packages, and whether they load
device      names of devices and number formats, as torch's
"""
