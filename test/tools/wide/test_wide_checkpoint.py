# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints of the wide model's stages are taken."""

from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason="needs pip install '.[hf]'")

from tools.wide_tabletop.checkpoint import begin_tune, best_of, save_states, start_from
from tools.wide_tabletop.loop import load_state


def put(path: Path, value: float, **more: object) -> None:
    torch.save({'parts': {'a': torch.tensor([value])}, 'step': 3, 'hours': 0.5, **more}, path)


def test_tune_begins_with_the_best_language_model_and_its_own_best(tmp_path: Path) -> None:
    put(tmp_path / 'language.pt', 1.0)
    put(tmp_path / 'language.best.pt', 2.0, best=1.1)
    begin_tune(tmp_path)
    state = load_state(tmp_path / 'tune.pt')
    assert state['parts']['a'].item() == 2.0 and state['step'] == 3
    # The loss on codes of the truth is no measure for it.
    assert 'best' not in state
    put(tmp_path / 'tune.pt', 4.0)
    begin_tune(tmp_path)
    assert load_state(tmp_path / 'tune.pt')['parts']['a'].item() == 4.0


def test_what_is_tuned_is_exported_and_saved_before_what_is_not(tmp_path: Path) -> None:
    for name, value in (('vision.pt', 5.0), ('language.best.pt', 2.0), ('tune.pt', 4.0)):
        put(tmp_path / name, value)
    assert best_of(tmp_path, 'language').name == 'tune.pt'
    put(tmp_path / 'tune.best.pt', 6.0)
    assert best_of(tmp_path, 'language').name == 'tune.best.pt'
    assert best_of(tmp_path, 'vision').name == 'vision.pt'
    save_states(tmp_path, tmp_path / 'saved')
    assert start_from(tmp_path / 'saved', tmp_path / 'again') == ['vision', 'language']
    assert load_state(tmp_path / 'again' / 'language.pt')['parts']['a'].item() == 6.0


def test_without_a_language_model_there_is_nothing_to_tune(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'language\.pt: train the language model first'):
        begin_tune(tmp_path)
