# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""vLLM's Molmo2 with its three deviations from the released model mended. Imported by vLLM alone.

    frame markers  embedded as the prompt has them, for vLLM takes <frame_start> and <frame_end>
                   whatever use_frame_special_tokens says (build_flat_video_bool_length)
    features       added to the embedding of <im_patch>, not put in its place
                   (the released modeling_molmo2.py:1447)
    mask           every visual token sees those of all frames

Source of what is mended: vLLM 0.32.0, vllm/model_executor/models/molmo2.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from vllm.config import VllmConfig
from vllm.forward_context import get_forward_context
from vllm.model_executor.models.molmo2 import Molmo2ForConditionalGeneration

from molmo_ground_ros.vllm_plugin import obstacle, switch_off
from molmo_ground_ros.vllm_plugin.all_frames import AttentionOverAllFrames, Videos, find_videos

# Source: the released processing_molmo2.py:107-116 (f3cb108), `image_token_ids`.
_VISUAL = (
    'image_patch_id',
    'image_col_id',
    'image_start_token_id',
    'low_res_image_start_token_id',
    'frame_start_token_id',
    'image_end_token_id',
    'frame_end_token_id',
    'image_low_res_id',
)


class Molmo2OverAllFrames(Molmo2ForConditionalGeneration):
    """Molmo2 as it was released."""

    # `forward` is then given the ids of the prompt beside their embeddings.
    requires_raw_input_tokens = True

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = '') -> None:
        """Raises ValueError for settings with which the mask cannot be had."""
        if problem := obstacle(vllm_config) or ', '.join(switch_off(vllm_config)):
            raise ValueError(problem)
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        ids = sorted(getattr(self.config, name) for name in _VISUAL)
        self.register_buffer('visual_ids', torch.tensor(ids), persistent=False)
        self._videos = Videos()
        for layer in self.model.layers:
            own = layer.self_attn
            own.attn = AttentionOverAllFrames(own.attn, self._videos, own.head_dim, own.scaling)

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: object,
    ) -> Any:
        """As vLLM's own, with the videos of the batch found first."""
        # While vLLM measures its memory there are no prompts, and ids mean nothing.
        prompts = get_forward_context().attn_metadata is not None
        visual = torch.isin(input_ids, self.visual_ids)
        self._videos.current = find_videos(visual, positions) if prompts else []
        try:
            return super().forward(
                input_ids, positions, intermediate_tensors, inputs_embeds, **kwargs
            )
        finally:
            self._videos.current = []

    def embed_input_ids(
        self,
        input_ids: Tensor,
        multimodal_embeddings: Sequence[Tensor] | Tensor | None = None,
        *,
        is_multimodal: Tensor | None = None,
    ) -> Tensor:
        """The embeddings of the prompt's own ids, to which the visual features are added."""
        embeddings: Tensor = self.get_language_model().embed_input_ids(input_ids)
        if multimodal_embeddings is None or not len(multimodal_embeddings):
            return embeddings
        if is_multimodal is None:
            raise ValueError('vLLM does not say which tokens of the prompt are visual')
        features = torch.cat(list(multimodal_embeddings)).to(embeddings.dtype)
        where = is_multimodal.to(embeddings.device)
        embeddings[where] = embeddings[where] + features
        return embeddings

    def _process_video_input(self, video_input: Any) -> tuple[Tensor, ...]:
        return self._features_alone(
            super()._process_video_input(video_input),
            video_input['video_tokens'].split(video_input['num_video_tokens'].tolist()),
        )

    def _process_image_input(self, image_input: Any) -> tuple[Tensor, ...]:
        return self._features_alone(
            super()._process_image_input(image_input),
            image_input['image_tokens'].split(image_input['num_image_tokens'].tolist()),
        )

    def _features_alone(
        self, mixed: Sequence[Tensor], tokens: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Zero where a token has no feature: (tokens, hidden) of each picture or video."""
        return tuple(
            rows * (ids == self.img_patch_id)[:, None].to(rows)
            for rows, ids in zip(mixed, tokens, strict=True)
        )
