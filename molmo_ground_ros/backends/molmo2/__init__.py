# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Molmo2 as one graph of our own, and the runtimes that run it.

config section published         the sizes of a checkpoint
weights formats files            where tensors are stored; number formats; names of graph files
ops graph vision load            the graph in torch
export exported capacity         the graph as ONNX, and fixing its cache for TensorRT
codes quantize                   rounding the matrices of an exported graph
memory weight_counts             the memory that a window needs
runtime runtimes/                what the loop needs of a runtime, and the three that exist
generate draft open_block        the decoding loop, and guesses of what comes next
tokens engine                    the tokenizer, and the backend over any runtime
selfcheck                        a runtime compared with the reference
trt/ engines                     TensorRT's plans, and building all that a checkpoint needs
"""
