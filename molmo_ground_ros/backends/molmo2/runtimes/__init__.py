# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The runtimes of the graph: torch (with cuda_graphs), onnx (with denormals) and tensorrt."""
