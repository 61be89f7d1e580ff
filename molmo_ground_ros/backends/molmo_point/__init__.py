# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""MolmoPoint: Molmo2 with grounding tokens, three a point, in place of written coordinates.

point_config checkpoint    what a checkpoint holds
stored                     where its tensors are
graph load                 the decoder with its pointing heads, and the vision tower, in torch
heads                      what the rest needs of a runtime: logits, queries, keys
rules                      which tokens may follow
pointing                   tokens to tokens: a `molmo2.runtime.Runtime` over the heads
rewriting point_backend    grounding tokens to points in the text of the answer
point_export point_files   the graphs as ONNX
selfcheck                  whether exported graphs compute what torch does
runtimes/                  the heads in torch and in ONNX Runtime

All else is Molmo2's own: the layers, the cache, the decoding loop, prompts and pixels (molmo2/).
"""
