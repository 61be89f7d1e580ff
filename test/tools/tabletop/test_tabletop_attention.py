# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Attention with gradients of its own against torch's."""

import pytest

torch = pytest.importorskip('torch', reason="needs the 'transformers' extra")

from torch.nn import functional as F

from tools.tabletop.attention import SAFE, over_both, over_prefix

B, Q, HEADS, L, SIZE, P = 2, 3, 4, 5, 8, 11


def leaves(*shapes: tuple[int, ...], scale: float = 1.0):
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [part.mul_(scale).requires_grad_() for part in made]


def same(ours, parts, theirs, others):
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1)).double()
    for out in (ours, theirs):
        (out * weights).sum().backward()
    for part, other in zip(parts, others, strict=True):
        torch.testing.assert_close(part.grad, other.grad)


# At the second, exp would overflow.
@pytest.mark.parametrize('scale', [1.0, 12.0])
def test_a_prefix_is_attended_to_as_torch_does(scale):
    shape = (B, HEADS, P, SIZE)
    parts, others = (leaves(shape, shape, shape, scale=scale) for _ in range(2))
    allowed = torch.ones(P, P, dtype=torch.float64).tril()
    allowed[2:6, 2:6] = 1
    most = (parts[0] @ parts[1].transpose(-1, -2)).max()
    assert (most > SAFE) == (scale > 1)
    ours = over_prefix(*parts, allowed)
    theirs = F.scaled_dot_product_attention(*others, attn_mask=allowed > 0, scale=1.0)
    same(ours, parts, theirs, others)


@pytest.mark.parametrize('scale', [1.0, 12.0])
def test_branches_attend_to_the_prefix_and_to_themselves(scale):
    own, far = (B, Q, HEADS, L, SIZE), (B, HEADS, P, SIZE)
    parts, others = (leaves(own, own, own, far, far, scale=scale) for _ in range(2))
    causal = torch.full((L, L), -1e9, dtype=torch.float64).triu(1)
    ours = over_both(tuple(parts[:3]), *parts[3:], causal)
    query, own_key, own_value, key, value = others
    keys, values = (
        torch.cat([there[:, None].expand(-1, Q, -1, -1, -1), here], 3)
        for there, here in ((key, own_key), (value, own_value))
    )
    mask = torch.cat([torch.zeros(L, P, dtype=torch.float64), causal], 1)
    theirs = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=1.0)
    same(ours, parts, theirs, others)
