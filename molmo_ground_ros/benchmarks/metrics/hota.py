# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""HOTA: how well objects are detected, and how well they keep their ids over time.

Restates TrackEval 1.3.0 (PyPI), trackeval/metrics/hota.py:31-202. Alpha is the similarity that a
pair needs. Detection (DetA) and association (AssA) are computed at each alpha, and HOTA is their
geometric mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from molmo_ground_ros.benchmarks.metrics.assign import least_cost_pairs
from molmo_ground_ros.errors import BadArgument

Curve = NDArray[np.float64]  # (A,) one value for each alpha
Ids = NDArray[np.int64]

ALPHAS: tuple[float, ...] = tuple(np.arange(0.05, 0.99, 0.05).tolist())  # 19, hota.py:20
_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-10  # hota.py:132


@dataclass(frozen=True, slots=True)
class HotaValues:
    """HOTA and its parts at one alpha, or averaged over alphas. Each is in [0, 1]."""

    hota: float
    deta: float  # detection: TP / (TP + FN + FP)
    assa: float  # association: TP / (TP + FN + FP) of each pair's ids, averaged over the pairs
    detre: float  # recall of the detection
    detpr: float  # precision of the detection
    assre: float  # recall of the association
    asspr: float  # precision of the association
    loca: float  # mean similarity of the pairs


@dataclass(frozen=True, slots=True, eq=False)
class Hota:
    """The counts at each alpha, and the scores that follow from them. Each array is (A,)."""

    tp: Curve  # pairs of an object and a prediction
    fn: Curve  # objects without a prediction
    fp: Curve  # predictions without an object
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
        """The means over all alphas, which is what articles publish as HOTA, DetA and so on."""
        names = [field.name for field in fields(HotaValues)]
        return HotaValues(**{name: float(np.mean(getattr(self, name))) for name in names})

    def at(self, place: int) -> HotaValues:
        """The values at one alpha. place: its index among the alphas, from 0."""
        names = [field.name for field in fields(HotaValues)]
        return HotaValues(**{name: float(getattr(self, name)[place]) for name in names})


def hota(
    gt_ids: Sequence[ArrayLike],
    pred_ids: Sequence[ArrayLike],
    similarity: Sequence[ArrayLike],
    alphas: Sequence[float] = ALPHAS,
) -> Hota:
    """HOTA of one sequence.

    Each argument holds one entry for each frame: gt_ids (G,) the ids of the objects, pred_ids (P,)
    the ids of the predictions, similarity (G, P) in [0, 1]. Ids are whole numbers, each at most
    once in a frame. Without objects, without predictions, or without both, DetA, AssA and HOTA are
    0 and LocA is 1 (hota.py:42-52).
    Raises BadArgument for arguments of different lengths, a repeated id, and a similarity of
    another shape or outside [0, 1].
    """
    truth, gt_count = _numbered('gt_ids', gt_ids)
    predicted, pred_count = _numbered('pred_ids', pred_ids)
    similar = _checked(truth, predicted, similarity)
    steps = np.array(alphas, np.float64)
    fn, fp = (np.full(len(steps), sum(map(len, ids)), np.float64) for ids in (truth, predicted))
    if not gt_count or not pred_count:
        zeros = np.zeros(len(steps))
        return Hota(zeros, fn, fp, zeros, zeros, zeros, np.ones(len(steps)))
    alignment = _alignment(truth, predicted, similar, (gt_count, pred_count))
    gt, pred, likeness = _matches(truth, predicted, similar, alignment)
    is_pair = likeness >= steps[:, None] - _EPS  # (A, pairs)
    tp = is_pair.sum(axis=1).astype(np.float64)
    frames = _frame_counts(truth, gt_count), _frame_counts(predicted, pred_count)
    assa, assre, asspr = _association(is_pair, gt, pred, *frames)
    return Hota(
        tp=tp,
        fn=fn - tp,
        fp=fp - tp,
        assa=assa,
        assre=assre,
        asspr=asspr,
        loca=np.maximum(_TINY, (is_pair * likeness).sum(axis=1)) / np.maximum(_TINY, tp),
    )


def _association(
    is_pair: NDArray[np.bool_],  # (A, pairs)
    gt: Ids,  # (pairs,) the object's id
    pred: Ids,  # (pairs,) the prediction's id
    gt_frames: NDArray[np.float64],  # (objects,) in how many frames each is
    pred_frames: NDArray[np.float64],
) -> tuple[Curve, Curve, Curve]:
    """AssA, AssRe and AssPr at each alpha (hota.py:101-131)."""
    alphas, tp = len(is_pair), is_pair.sum(axis=1).astype(np.float64)
    # How often an object's id and a prediction's id are paired, at each alpha. Few of all possible
    # combinations occur, so only those are counted.
    alpha, pair = np.nonzero(is_pair)
    combinations = len(gt_frames) * len(pred_frames)
    codes, together = np.unique(
        alpha * combinations + gt[pair] * len(pred_frames) + pred[pair], return_counts=True
    )
    alpha, code = np.divmod(codes, combinations)
    of_gt = gt_frames[code // len(pred_frames)]
    of_pred = pred_frames[code % len(pred_frames)]

    def average(total: NDArray[np.float64]) -> Curve:
        """The mean over pairs of their frames together, as a share of `total` frames."""
        sums = np.bincount(alpha, weights=together * together / total, minlength=alphas)
        return np.asarray(sums / np.maximum(1, tp))

    return average(of_gt + of_pred - together), average(of_gt), average(of_pred)


def _numbered(name: str, frames: Sequence[ArrayLike]) -> tuple[list[Ids], int]:
    """The ids of each frame renumbered from 0, and how many different ids there are."""
    ids = [np.asarray(frame, np.int64).reshape(-1) for frame in frames]
    distinct, places = np.unique(np.concatenate([np.zeros(0, np.int64), *ids]), return_inverse=True)
    numbered = np.split(places.astype(np.int64), np.cumsum([len(frame) for frame in ids]))[:-1]
    for frame, own in zip(numbered, ids, strict=True):
        if len(frame) > 1 and len(np.unique(frame)) < len(frame):
            raise BadArgument(name, own.tolist(), 'holds an id twice')
    return numbered, len(distinct)


def _checked(
    truth: list[Ids], predicted: list[Ids], similarity: Sequence[ArrayLike]
) -> list[NDArray[np.float64]]:
    """The similarity of each frame as an array (G, P). Raises BadArgument."""
    if not len(truth) == len(predicted) == len(similarity):
        counts = (len(truth), len(predicted), len(similarity))
        raise BadArgument('frames', counts, 'are not as many of each kind')
    checked = []
    for gt, pred, of_frame in zip(truth, predicted, similarity, strict=True):
        similar = np.asarray(of_frame, np.float64)
        # An empty matrix may come in another shape: [] or [[], []].
        if not similar.size and not len(gt) * len(pred):
            similar = similar.reshape(len(gt), len(pred))
        if similar.shape != (len(gt), len(pred)):
            raise BadArgument('similarity', similar.shape, f'is not {(len(gt), len(pred))}')
        if similar.size and not (similar.min() >= 0 and similar.max() <= 1):
            raise BadArgument('similarity', similar.tolist(), 'is not in 0..1')
        checked.append(similar)
    return checked


def _frame_counts(frames: list[Ids], ids: int) -> NDArray[np.float64]:
    """(ids,) in how many frames each id occurs."""
    return np.bincount(np.concatenate(frames), minlength=ids).astype(np.float64)


def _alignment(
    truth: list[Ids],
    predicted: list[Ids],
    similarity: list[NDArray[np.float64]],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """(objects, predictions) how well two ids fit over all frames, before any pairing.

    Source: hota.py:60-79.
    """
    potential = np.zeros(shape)
    for gt, pred, similar in zip(truth, predicted, similarity, strict=True):
        if not similar.size:
            continue
        union = similar.sum(0)[None] + similar.sum(1)[:, None] - similar
        share = np.divide(similar, union, out=np.zeros_like(similar), where=union > _EPS)
        potential[gt[:, None], pred[None]] += share
    frames = _frame_counts(truth, shape[0])[:, None] + _frame_counts(predicted, shape[1])[None]
    return np.asarray(potential / (frames - potential))


def _matches(
    truth: list[Ids],
    predicted: list[Ids],
    similarity: list[NDArray[np.float64]],
    alignment: NDArray[np.float64],
) -> tuple[Ids, Ids, NDArray[np.float64]]:
    """The pairs of all frames: object ids, prediction ids and similarities (hota.py:92-99)."""
    gts, preds, likeness = [], [], []
    for gt, pred, similar in zip(truth, predicted, similarity, strict=True):
        if not similar.size:
            continue
        rows, columns = least_cost_pairs(-(alignment[gt[:, None], pred[None]] * similar))
        gts.append(gt[rows])
        preds.append(pred[columns])
        likeness.append(similar[rows, columns])
    if not likeness:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate(gts), np.concatenate(preds), np.concatenate(likeness)
