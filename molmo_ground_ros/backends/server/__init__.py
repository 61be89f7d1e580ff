# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions to a server that speaks the OpenAI chat protocol: vLLM or `transformers serve`."""
