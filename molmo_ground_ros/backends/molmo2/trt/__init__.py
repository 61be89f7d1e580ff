# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT: finds what is installed, builds plans from graphs, stores plans and runs them.

find log          the installed TensorRT, and its log and progress
memory            what is needed of a GPU's memory; cuda_memory implements it with CUDA
graphs graph_file the ONNX graphs that plans are built from, and what such a file holds
profiles build    the sizes of inputs that a plan is built for, and building it
content plans     hashes of files; plans on disk and whether this machine may load them
choose            which plans to load
engine            a plan on a GPU
reference         new engines against the reference
"""
