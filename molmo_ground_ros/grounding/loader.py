# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a grounder is made of, as a value that can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from molmo_ground_ros import backends
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.checkpoint import find_folder, has_track_rule, longest_clip
from molmo_ground_ros.frames.track_rule import ASKED_HZ, MOST_TRACK_HZ, TrackRule
from molmo_ground_ros.frames.windows import MAX_FRAMES, MAX_WINDOW_NS
from molmo_ground_ros.grounding.calibration import FILE, Calibration, read_calibration
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Query, Question

# The files of a checkpoint. Graphs and engines beside them are made from these.
_CHECKPOINT = frozenset({'.jinja', '.json', '.safetensors', '.txt'})


def track_rule_of(model: str, rate_hz: int) -> TrackRule | None:
    """How frames for tracks are sampled; None as for every other question.

    rate_hz: the most frames a second; 0 follows what the model was trained on, by its own files on
    this machine. Raises BadModel for files that cannot be read.
    """
    if rate_hz <= ASKED_HZ and (rate_hz or not has_track_rule(model)):
        return None
    trained = longest_clip(model)
    most_frames = min(MAX_FRAMES, trained[0] if trained else MAX_FRAMES)
    return TrackRule(min(rate_hz or MOST_TRACK_HZ, MOST_TRACK_HZ), most_frames)


@dataclass(frozen=True, slots=True)
class GrounderLoader:
    """Loads a model and puts a grounder on it. Can be pickled."""

    # A name of backends.BACKENDS, or 'auto'.
    backend: str
    settings: BackendSettings
    max_new_tokens: int = 0
    answer_format: str = 'molmo2'
    # A file; '' for the one in the model's folder, if there is one.
    calibration_file: str = ''
    # See `track_rule_of`.
    track_rate_hz: int = 0

    def question(self, query: Query) -> Question:
        """Make a query into a question for this model, before it is loaded.

        Raises BadQuestion, and BadSetting for an answer format that there is not.
        """
        return grammar.format_of(self.answer_format).question(query, self.max_new_tokens)

    def load(self) -> Grounder:
        """Load the model, which may take minutes. Raises as `backends.load`, and BadSetting."""
        calibration = self.calibration()
        loaded = backends.load(self.backend, self.settings)
        # A model that is named by a hub id is on this machine now.
        tracks = self.tracks()
        return Grounder(loaded, self.max_new_tokens, self.answer_format, calibration, tracks=tracks)

    def tracks(self) -> TrackRule | None:
        """How frames for tracks are sampled: see `track_rule_of`. Raises BadModel."""
        return track_rule_of(self.settings.model, self.track_rate_hz)

    def calibration(self) -> Calibration | None:
        """What gives points a probability. Raises BadModel, BadSetting."""
        return read_calibration(self.settings.model, self.calibration_file)

    def window_ns(self) -> int:
        """The longest clip that the model was trained on, by its own files; 63 s at most.

        Both ends of a clip lie on the grid, and its newest frame may lie beside it: 128 frames at 2
        a second are 63 s. Raises BadModel.
        """
        told = longest_clip(self.settings.model)
        if told is None:
            return MAX_WINDOW_NS
        frames, rate = told
        return min(MAX_WINDOW_NS, round((frames - 2) / rate * 1e9))

    def files(self) -> list[Path]:
        """The files that decide what the model says, in order; none of a model on a server.

        The files of a checkpoint, or all of a folder without weights. A model that is named by a
        hub id is fetched. Raises BadModel.
        """
        if self.chosen().backend == 'server':
            return []
        path = Path(self.settings.model).expanduser()
        if path.is_file():
            return [path]
        files = [
            file for file in sorted(find_folder(self.settings.model).iterdir()) if file.is_file()
        ]
        parts = [file for file in files if file.suffix in _CHECKPOINT and file.name != FILE]
        return parts if any(file.suffix == '.safetensors' for file in parts) else files

    def chosen(self) -> GrounderLoader:
        """The same with the backend that 'auto' stands for on this machine."""
        return replace(self, backend=backends.choose(self.backend, self.settings))

    def with_threads(self, threads: int) -> GrounderLoader:
        """The same with another number of threads; 0 leaves the library's own choice."""
        return replace(self, settings=replace(self.settings, threads=threads))
