# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make gpu-proof`: what was never run on a GPU, run on one, and a page about it.

__main__.py  the command: which checks there are, their order, their time
card.py      what the card is, and what power it takes
outcome.py   what a check ends with, and how a check in a process of its own tells it
compare.py   one check: torch and its CUDA graphs beside torch on the CPU
engines.py   one check: TensorRT's engines of the shipped model
released.py  one check: a random model of a released size in int4
speed.py     one check: the bench at a released size in bfloat16
page.py      the page
"""
