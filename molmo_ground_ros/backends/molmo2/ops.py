# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Four operators that runtimes compute in their own ways, in the three forms of the graph.

EAGER    torch, the cache written in place
FUSED    ONNX opset 24: Attention, TensorScatter, RotaryEmbedding, RMSNormalization, which TensorRT
         from 10.15 on runs fused and in place (tensorrt.md 4.5)
PLAIN    ONNX opset 20: the same, made of matrix products, Softmax and ScatterElements
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

# Rows up to which Eager.attend does not copy keys and values.
_FEW = 64


class Ops(Protocol):
    """How one form computes the operators. Shapes: n heads, m key and value heads, capacity C."""

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        """(..., d) normed over d in float32, times weight (d,)."""
        ...

    def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Rotary embedding of (1, n, S, d), halves; cos and sin (1, S, d / 2) in float32."""
        ...

    def write(self, cache: Tensor, new: Tensor, start: Tensor) -> Tensor:
        """The cache (1, m, C, d) with `new` (1, m, S, d) at rows from start (1,) on."""
        ...

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Attention of q (B, n, S, d) over k, v (B, m, C, d); mask (1, 1, S, C), True is seen."""
        ...


class Eager:
    """torch's own operators."""

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        """Source: transformers 5.23 modeling_molmo2.py:144-149."""
        wide = x.float()
        return weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)

    def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Source: transformers 5.23 modeling_molmo2.py:200-231."""
        cos, sin = cos.to(x.dtype)[:, None], sin.to(x.dtype)[:, None]  # (1, 1, S, d / 2)
        first, second = cut(x, [x.shape[-1] // 2] * 2)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)

    def write(self, cache: Tensor, new: Tensor, start: Tensor) -> Tensor:
        """Write in place, and return the same tensor."""
        rows = start + torch.arange(new.shape[2], device=new.device)
        return cache.index_copy_(2, rows, new)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Scaled dot product attention; a key and value head serves n / m query heads.

        Up to 64 rows are rearranged as n / m times as many rows of m heads; otherwise the cache
        would be copied for every token. For more rows it is copied: on CUDA `enable_gqa` with a
        mask would only leave the kernel that keeps all scores in memory (transformers 5.23
        integrations/sdpa_attention.py:51-52).
        """
        groups, length = q.shape[1] // k.shape[1], q.shape[2]
        if length > _FEW:
            k, v = (
                tensor.repeat_interleave(groups, 1) if groups > 1 else tensor for tensor in (k, v)
            )
            groups = 1
        if groups == 1:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        folded = q.unflatten(1, (-1, groups)).flatten(2, 3)  # (B, m, n / m * S, d)
        many = None if mask is None else mask.repeat(1, 1, groups, 1)
        return F.scaled_dot_product_attention(folded, k, v, attn_mask=many).reshape(q.shape)


class Plain(Eager):
    """ONNX opset 20. Masked scores get a finite value: -inf would need extra nodes against NaN."""

    def write(self, cache: Tensor, new: Tensor, start: Tensor) -> Tensor:
        """A new tensor: ScatterElements copies the cache."""
        rows = start + torch.arange(new.shape[2], device=new.device)
        return cache.scatter(2, rows[None, None, :, None].expand(new.shape), new)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """As Eager's, step by step."""
        batch, heads, length, width = q.shape
        groups = q.reshape(batch, k.shape[1], heads // k.shape[1], length, width)
        scores = (groups * width**-0.5) @ k[:, :, None].transpose(-1, -2)
        if mask is not None:
            scores = torch.where(mask[:, :, None], scores, torch.finfo(q.dtype).min)
        shares = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
        attended: Tensor = shares @ v[:, :, None]
        return attended.reshape(q.shape)


class Fused:
    """ONNX opset 24. Only for the exporter to trace: called in torch it computes nothing."""

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        """RMSNormalization; stash_type 1 is float32."""
        return _symbol('RMSNormalization', [x, weight], x, axis=-1, epsilon=eps, stash_type=1)

    def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """RotaryEmbedding with the angles of each position given."""
        return _symbol('RotaryEmbedding', [x, cos.to(x.dtype), sin.to(x.dtype)], x, interleaved=0)

    def write(self, cache: Tensor, new: Tensor, start: Tensor) -> Tensor:
        """TensorScatter along the rows."""
        return _symbol('TensorScatter', [cache, new, start], cache, axis=2, mode='linear')

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Attention, with no `softmax_precision`: TensorRT's parser refuses it."""
        inputs = [q, k, v] if mask is None else [q, k, v, mask]
        return _symbol('Attention', inputs, q, scale=q.shape[-1] ** -0.5)


EAGER: Ops = Eager()
PLAIN: Ops = Plain()
FUSED: Ops = Fused()


def cut(x: Tensor, widths: Sequence[int]) -> list[Tensor]:
    """Cut the last axis into pieces of these widths.

    Slices are used because the exporter turns `split` into an ONNX sequence.
    """
    ends = [sum(widths[: i + 1]) for i in range(len(widths))]
    return [x[..., end - width : end] for width, end in zip(widths, ends, strict=True)]


def _symbol(name: str, inputs: list[Tensor], like: Tensor, **attrs: Any) -> Tensor:
    """One ONNX node whose output has the type and shape of `like`."""
    return torch.onnx.ops.symbolic(name, inputs, attrs, dtype=like.dtype, shape=like.shape)
