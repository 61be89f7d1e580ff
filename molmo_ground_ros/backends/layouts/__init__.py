# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two layouts of a checkpoint: as Ai2 released Molmo2, and as transformers 5.23 saves it.

    config_keys  config.json in the spelling of either
    side_files   the files of the processor and the tokenizer
    rewrite      weights and all other files, to a new folder

Both hold the same numbers under the same names. They differ in the keys of config.json, in the row
at which the embedding is cut in two, and in whether code lies beside them. Backends of this package
read both; vLLM 0.32 and Ai2's own code read the released one.
"""

from __future__ import annotations

from molmo_ground_ros.backends.layouts.rewrite import LAYOUTS, RELEASED, convert_checkpoint

__all__ = ['LAYOUTS', 'RELEASED', 'convert_checkpoint']
