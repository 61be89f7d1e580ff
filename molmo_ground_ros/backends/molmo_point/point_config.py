# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads what is MolmoPoint's own in a checkpoint's config.json. Knows neither torch nor weights.

All three released checkpoints have the same values here but for sizes. Other values, which the
released code knows too, are refused by name: nothing was compared with them.
Source: molmo2 f3cb108, olmo/hf_model/configuration_molmo_point.py:134-232.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.backends.checkpoint import MOLMO_POINT, is_molmo_point, read_json
from molmo_ground_ros.backends.molmo2.config import Molmo2Config, read_config, sizes_of
from molmo_ground_ros.backends.molmo2.section import Section

# A location in a subpatch is one of 3 x 3.
LOCATIONS = 9
# The released head has so many rows for further tokens, whatever config.json says.
_EXTRA_ROWS = 128


@dataclass(frozen=True, slots=True)
class MolmoPointConfig:
    """The sizes of one checkpoint's graph, and its grounding tokens.

    width: of queries and keys. theta: of the rotary embedding of patches. patch_token,
    subpatch_token, location_token: what the decoder reads and writes for a grounding token of each
    kind. tied: the head is the embedding.
    """

    sizes: Molmo2Config
    width: int
    theta: float
    patch_token: int
    subpatch_token: int
    location_token: int
    tied: bool

    @property
    def first_grounding_token(self) -> int:
        """The id from which on ids are grounding tokens."""
        return self.sizes.text.vocabulary + self.sizes.text.extra_vocabulary


def read_point_config(model: str, folder: Path) -> MolmoPointConfig:
    """The config of a checkpoint. Raises BadModel naming the key whose value is not supported."""
    section = Section(model, 'config.json', read_json(model, folder / 'config.json'))
    section.only('model_type', MOLMO_POINT, default=None)
    section.only('tie_word_embeddings', False, default=False)
    # In the order of the released class, whose defaults stand for missing keys.
    section.only('patch_location', '3x3', default='3x3')
    section.only('no_more_points_class', True, default=False)
    section.only('embed_selected_vit_patch', 'linear', default='linear')
    section.only('embed_location', False, default=False)
    section.only('layer_norm_x', True, default=True)
    section.only('norm_logits', True, default=True)
    section.only('mask_patches', 'always', default='always')
    section.only('mask_subpatches', 'inference', default='inference')
    section.only('mask_repeats', 'inference', default='inference')
    section.only('token_prediction_rotary', 'one_d', default=True)
    # The released code embeds a selected patch in one way only, and does not read this key.
    section.only('patch_embedding_kind', 'image_feature0', default='linear')
    adapter = section.section('adapter_config')
    adapter.only('attention_pooling_out_layer', False, default=False)
    adapter.only('pooling_attention_mask', True, default=False)
    text = section.section('text_config')
    if text.integer('additional_vocab_size', default=_EXTRA_ROWS) != _EXTRA_ROWS:
        raise text.unexpected('additional_vocab_size', str(_EXTRA_ROWS))
    width = section.integer('patch_embed_dim', default=256)
    if width % 2:
        raise section.unexpected('patch_embed_dim', 'an even number')
    config = MolmoPointConfig(
        sizes=sizes_of(section),
        width=width,
        theta=section.number('token_prediction_rotary_theta', default=50000.0),
        patch_token=section.integer('patch_token_id', default=151947),
        subpatch_token=section.integer('subpatch_token_id', default=151948),
        location_token=section.integer('location_token_id', default=151949),
        tied=bool(text.only('tie_word_embeddings', True, False, default=False)),
    )
    for key in ('patch_token_id', 'subpatch_token_id', 'location_token_id'):
        if section.get(key, default=0) >= config.first_grounding_token:
            raise section.unexpected(key, f'a token below {config.first_grounding_token}')
    return config


def read_any_config(model: str, folder: Path) -> Molmo2Config:
    """The sizes of a checkpoint of Molmo2 or MolmoPoint. Raises BadModel."""
    if is_molmo_point(model, folder):
        return read_point_config(model, folder).sizes
    return read_config(model, folder)
