# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a grounder is made of, as a value that can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass, replace

from molmo_ground_ros import backends
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.grounding.calibration import read_calibration
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Query, Question


@dataclass(frozen=True, slots=True)
class GrounderLoader:
    """Loads a model and puts a grounder on it. Can be pickled."""

    # A name of backends.BACKENDS, or 'auto'.
    backend: str
    settings: BackendSettings
    max_new_tokens: int = 0
    answer_format: str = 'molmo2'

    def question(self, query: Query) -> Question:
        """Make a query into a question for this model, before it is loaded.

        Raises BadQuestion, and BadSetting for an answer format that there is not.
        """
        return grammar.format_of(self.answer_format).question(query, self.max_new_tokens)

    def load(self) -> Grounder:
        """Load the model, which may take minutes. Raises as `backends.load`, and BadSetting."""
        calibration = read_calibration(self.settings.model)
        loaded = backends.load(self.backend, self.settings)
        return Grounder(loaded, self.max_new_tokens, self.answer_format, calibration)

    def chosen(self) -> GrounderLoader:
        """The same with the backend that 'auto' stands for on this machine."""
        return replace(self, backend=backends.choose(self.backend, self.settings))

    def with_threads(self, threads: int) -> GrounderLoader:
        """The same with another number of threads; 0 leaves the library's own choice."""
        return replace(self, settings=replace(self.settings, threads=threads))
