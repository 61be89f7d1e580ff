# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""HOTA: how well objects are found, and how well they keep their identities.

Restates TrackEval 1.3.0 (PyPI), trackeval/metrics/hota.py:31-202. Found and right at each alpha, a
similarity that a pair needs; HOTA is the geometric mean of detection and association.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.metrics.assign import cheapest

Curve = NDArray[np.float64]  # (A,) one value an alpha
Ids = NDArray[np.int64]

ALPHAS: tuple[float, ...] = tuple(np.arange(0.05, 0.99, 0.05).tolist())  # 19, hota.py:20
_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-10  # hota.py:132


@dataclass(frozen=True, slots=True)
class HotaValues:
    """HOTA and its parts at one alpha, or their means: each in 0..1."""

    hota: float
    deta: float  # detection: TP / (TP + FN + FP)
    assa: float  # association: the same of each pair's identities, averaged over the pairs
    detre: float
    detpr: float
    assre: float
    asspr: float
    loca: float  # similarity of the pairs


@dataclass(frozen=True, slots=True, eq=False)
class Hota:
    """What was counted at each alpha, (A,) each, and the shares that follow."""

    tp: Curve  # pairs
    fn: Curve
    fp: Curve
    assa: Curve
    assre: Curve
    asspr: Curve
    loca: Curve

    @property
    def detre(self) -> Curve:
        """TP / (TP + FN)."""
        return np.asarray(self.tp / np.maximum(1, self.tp + self.fn))

    @property
    def detpr(self) -> Curve:
        """TP / (TP + FP)."""
        return np.asarray(self.tp / np.maximum(1, self.tp + self.fp))

    @property
    def deta(self) -> Curve:
        """TP / (TP + FN + FP)."""
        return np.asarray(self.tp / np.maximum(1, self.tp + self.fn + self.fp))

    @property
    def hota(self) -> Curve:
        """sqrt(DetA AssA)."""
        return np.asarray(np.sqrt(self.deta * self.assa))

    def mean(self) -> HotaValues:
        """Over all alphas: what is published as HOTA, DetA and so on."""
        names = [field.name for field in fields(HotaValues)]
        return HotaValues(**{name: float(np.mean(getattr(self, name))) for name in names})

    def at(self, place: int) -> HotaValues:
        """At the alpha of this place, from 0."""
        names = [field.name for field in fields(HotaValues)]
        return HotaValues(**{name: float(getattr(self, name)[place]) for name in names})


def hota(
    gt_ids: Sequence[ArrayLike],
    pred_ids: Sequence[ArrayLike],
    similarity: Sequence[ArrayLike],
    alphas: Sequence[float] = ALPHAS,
) -> Hota:
    """HOTA of one sequence: for each frame the ids (G,), (P,), and how alike they are (G, P), 0..1.

    Ids are any whole numbers, each once a frame. Without objects or without predictions DetA, AssA
    and HOTA are 0 and LocA is 1, also where there is neither (hota.py:42-52).
    Raises BadSetting for frames that do not go together, a repeated id, a similarity off 0..1.
    """
    truth, gt_count = _numbered('gt_ids', gt_ids)
    said, pred_count = _numbered('pred_ids', pred_ids)
    alike = _checked(truth, said, similarity)
    steps = np.array(alphas, np.float64)
    fn, fp = (np.full(len(steps), sum(map(len, ids)), np.float64) for ids in (truth, said))
    if not gt_count or not pred_count:
        none = np.zeros(len(steps))
        return Hota(none, fn, fp, none, none, none, np.ones(len(steps)))
    alignment = _alignment(truth, said, alike, (gt_count, pred_count))
    gt, pred, found = _matches(truth, said, alike, alignment)
    taken = found >= steps[:, None] - _EPS  # (A, pairs)
    tp = taken.sum(axis=1).astype(np.float64)
    alpha, pair = np.nonzero(taken)
    # How often each pair of identities is together, at each alpha: of many ids few pairs meet.
    known = gt_count * pred_count
    codes, together = np.unique(
        alpha * known + gt[pair] * pred_count + pred[pair], return_counts=True
    )
    alpha, code = np.divmod(codes, known)
    gts = _counts(truth, gt_count)[code // pred_count]
    preds = _counts(said, pred_count)[code % pred_count]

    def associated(whole: NDArray[np.float64]) -> Curve:
        share = np.bincount(alpha, weights=together * together / whole, minlength=len(steps))
        return np.asarray(share / np.maximum(1, tp))

    return Hota(
        tp=tp,
        fn=fn - tp,
        fp=fp - tp,
        assa=associated(gts + preds - together),
        assre=associated(gts),
        asspr=associated(preds),
        loca=np.maximum(_TINY, (taken * found).sum(axis=1)) / np.maximum(_TINY, tp),
    )


def combine(sequences: Sequence[Hota]) -> Hota:
    """Of all sequences together: pairs are added up, not shares averaged (hota.py:136-146).

    Raises BadSetting for none, or for other alphas.
    """
    if len({len(one.tp) for one in sequences}) != 1:
        raise BadSetting('sequences', len(sequences), 'are none, or have not the same alphas')
    tp = np.sum([one.tp for one in sequences], axis=0)

    def averaged(name: str) -> NDArray[np.float64]:
        return np.asarray(np.sum([getattr(one, name) * one.tp for one in sequences], axis=0))

    return Hota(
        tp=tp,
        fn=np.sum([one.fn for one in sequences], axis=0),
        fp=np.sum([one.fp for one in sequences], axis=0),
        assa=averaged('assa') / np.maximum(1, tp),
        assre=averaged('assre') / np.maximum(1, tp),
        asspr=averaged('asspr') / np.maximum(1, tp),
        loca=np.maximum(_TINY, averaged('loca')) / np.maximum(_TINY, tp),
    )


def _numbered(name: str, frames: Sequence[ArrayLike]) -> tuple[list[Ids], int]:
    """The ids of each frame as numbers from 0, and how many there are in all."""
    ids = [np.asarray(frame, np.int64).reshape(-1) for frame in frames]
    known, places = np.unique(np.concatenate([np.zeros(0, np.int64), *ids]), return_inverse=True)
    numbered = np.split(places.astype(np.int64), np.cumsum([len(frame) for frame in ids]))[:-1]
    for frame, own in zip(numbered, ids, strict=True):
        if len(frame) > 1 and len(np.unique(frame)) < len(frame):
            raise BadSetting(name, own.tolist(), 'holds an id twice')
    return numbered, len(known)


def _checked(
    truth: list[Ids], said: list[Ids], similarity: Sequence[ArrayLike]
) -> list[NDArray[np.float64]]:
    if not len(truth) == len(said) == len(similarity):
        counts = (len(truth), len(said), len(similarity))
        raise BadSetting('frames', counts, 'are not as many of each kind')
    alike = []
    for gt, pred, given in zip(truth, said, similarity, strict=True):
        one = np.asarray(given, np.float64)
        if not one.size and not len(gt) * len(pred):  # [] and [[], []] are written for it
            one = one.reshape(len(gt), len(pred))
        if one.shape != (len(gt), len(pred)):
            raise BadSetting('similarity', one.shape, f'is not {(len(gt), len(pred))}')
        if one.size and not (one.min() >= 0 and one.max() <= 1):
            raise BadSetting('similarity', one.tolist(), 'is not in 0..1')
        alike.append(one)
    return alike


def _counts(frames: list[Ids], known: int) -> NDArray[np.float64]:
    """(known,) in how many frames each id is."""
    return np.bincount(np.concatenate(frames), minlength=known).astype(np.float64)


def _alignment(
    truth: list[Ids],
    said: list[Ids],
    alike: list[NDArray[np.float64]],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """How far two identities go together over all frames, before any pairing (hota.py:60-79)."""
    potential = np.zeros(shape)
    for gt, pred, one in zip(truth, said, alike, strict=True):
        if not one.size:
            continue
        whole = one.sum(0)[None] + one.sum(1)[:, None] - one
        share = np.divide(one, whole, out=np.zeros_like(one), where=whole > _EPS)
        potential[gt[:, None], pred[None]] += share
    together = _counts(truth, shape[0])[:, None] + _counts(said, shape[1])[None]
    return np.asarray(potential / (together - potential))


def _matches(
    truth: list[Ids],
    said: list[Ids],
    alike: list[NDArray[np.float64]],
    alignment: NDArray[np.float64],
) -> tuple[Ids, Ids, NDArray[np.float64]]:
    """All frames' pairs: identities and how alike they are (hota.py:92-99)."""
    gts, preds, found = [], [], []
    for gt, pred, one in zip(truth, said, alike, strict=True):
        if not one.size:
            continue
        rows, columns = cheapest(-(alignment[gt[:, None], pred[None]] * one))
        gts.append(gt[rows])
        preds.append(pred[columns])
        found.append(one[rows, columns])
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate(gts), np.concatenate(preds), np.concatenate(found)
