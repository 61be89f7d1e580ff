# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny SAM 2 with random weights, laid out as released."""

from __future__ import annotations

from pathlib import Path

SIZE = 128  # pixels, of the square it takes


def write_sam2(folder: Path, *, seed: int = 0, seen: float = 2.0) -> Path:
    """Write a Sam2VideoModel. seen: how sure it is that objects are there; below 0 they are not."""
    import torch
    from transformers import Sam2VideoConfig, Sam2VideoModel

    backbone = {
        'model_type': 'sam2_hiera_det_model',
        'image_size': [SIZE, SIZE],
        'hidden_size': 8,
        'blocks_per_stage': [1, 1, 2, 1],
        'embed_dim_per_stage': [8, 16, 32, 64],
        'num_attention_heads_per_stage': [1, 1, 2, 2],
        'window_size_per_stage': [4, 2, 4, 2],
        'global_attention_blocks': [3],
        'window_positional_embedding_background_size': [2, 2],
    }
    config = Sam2VideoConfig(
        image_size=SIZE,
        vision_config={
            'model_type': 'sam2_vision_model',
            'backbone_config': backbone,
            'backbone_channel_list': [64, 32, 16, 8],
            'backbone_feature_sizes': [[SIZE // by, SIZE // by] for by in (4, 8, 16)],
            'fpn_hidden_size': 128,
        },
        prompt_encoder_config={'hidden_size': 128, 'image_size': SIZE, 'patch_size': 16},
        mask_decoder_config={
            'hidden_size': 128,
            'mlp_dim': 32,
            'num_attention_heads': 2,
            'iou_head_hidden_dim': 32,
        },
        memory_attention_hidden_size=128,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[SIZE // 16, SIZE // 16],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,  # other widths transformers cannot attend to
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    torch.manual_seed(seed)
    network = Sam2VideoModel(config).float()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=weight[0].numel() ** -0.5)
            elif 'norm' not in name:
                weight.normal_(std=0.1)
        network.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(seen)
    network.save_pretrained(folder)
    return folder
