# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracks of single windows, and the objects that they are joined to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.grounding.stitch.doubts import Merged
from molmo_ground_ros.grounding.stitch.json_values import (
    integer,
    point_json,
    point_of,
    real,
    words,
)
from molmo_ground_ros.types import Track


class TrackPiece:
    """One window's track."""

    def __init__(self, track: Track, window: int, diagonal: float) -> None:
        self.track = track
        self.window = window
        self.diagonal = diagonal
        self.stamps = np.array([point.stamp_ns for point in track.points], np.int64)
        # (points, 2), as shares of the diagonal.
        self.places = np.array([(p.x, p.y) for p in track.points]) / diagonal

    @property
    def first_ns(self) -> int:
        """The stamp of its first point."""
        return self.track.points[0].stamp_ns

    @property
    def last_ns(self) -> int:
        """The stamp of its last point."""
        return self.track.points[-1].stamp_ns

    def order(self) -> tuple[tuple[int, float, float], ...]:
        """A key by time and place, so that the ids of a window do not matter."""
        return tuple((point.stamp_ns, point.x, point.y) for point in self.track.points)

    def state(self) -> dict[str, Any]:
        """The piece as JSON."""
        return {
            'window': self.window,
            'diagonal': self.diagonal,
            'id': self.track.id,
            'label': self.track.label,
            # A path is joined by pixels.
            'points': [point_json(replace(p, position=None)) for p in self.track.points],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> TrackPiece:
        """The piece of `state`. Raises ValueError, TypeError or LookupError."""
        points = tuple(point_of(entry) for entry in state['points'])
        if not points or real(state['diagonal']) <= 0:
            raise ValueError('a track without points, or on no image')
        track = Track(integer(state['id']), words(state['label']), points)
        return cls(track, integer(state['window']), state['diagonal'])


class FollowedObject(Merged):
    """The pieces of one object, ascending in window."""

    def __init__(self, piece: TrackPiece) -> None:
        super().__init__()
        self.pieces = [piece]
        self.last_ns = piece.last_ns
        self.resumed_ns: list[tuple[int, int]] = []

    def join(self, piece: TrackPiece) -> None:
        """Take the track of the next window that has the object."""
        self.pieces.append(piece)
        self.last_ns = max(self.last_ns, piece.last_ns)

    def path(self, since_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Stamps and places from `since_ns` on; of one stamp, the oldest window's."""
        pieces = [piece for piece in self.pieces if piece.last_ns >= since_ns]
        stamps = np.concatenate([piece.stamps for piece in pieces])
        places = np.concatenate([piece.places for piece in pieces])
        stamps, first = np.unique(stamps, return_index=True)
        begin = np.searchsorted(stamps, since_ns)
        return stamps[begin:], places[first[begin:]]

    def prune(self, since_ns: int) -> None:
        """Forget the pieces that end before this, but for the newest, and what it may be."""
        self.pieces = [p for p in self.pieces[:-1] if p.last_ns >= since_ns] + self.pieces[-1:]
        self.resumed_ns.clear()
        self.may_be.clear()

    def state(self) -> dict[str, Any]:
        """The object as JSON, without the times across which it was joined."""
        pieces = [piece.state() for piece in self.pieces]
        return {**self.doubts_state(), 'last_ns': self.last_ns, 'pieces': pieces}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> FollowedObject:
        """The object of `state`. Raises ValueError, TypeError or LookupError."""
        first, *others = [TrackPiece.restored(entry) for entry in state['pieces']]
        item = cls(first)
        item.pieces += others
        item.last_ns = integer(state['last_ns'])
        item.restore_doubts(state)
        return item
