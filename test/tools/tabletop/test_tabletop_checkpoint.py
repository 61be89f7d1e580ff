# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which checkpoints of the stages are taken."""

from pathlib import Path

import pytest

torch = pytest.importorskip('torch', reason="needs pip install '.[hf]'")

from tools.tabletop.checkpoint import begin_tune, best_of, save_states, start_from
from tools.tabletop.loop import load_state
from tools.tabletop.train_language import LanguageTask
from tools.tabletop.train_vision import VisionTask


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


def test_what_is_tuned_is_taken_before_what_is_not(tmp_path: Path) -> None:
    for name, value in (('vision.pt', 5.0), ('language.best.pt', 2.0), ('tune.pt', 4.0)):
        put(tmp_path / name, value)
    assert best_of(tmp_path, 'language').name == 'tune.pt'
    put(tmp_path / 'tune.best.pt', 6.0)
    assert best_of(tmp_path, 'language').name == 'tune.best.pt'
    assert best_of(tmp_path, 'vision').name == 'vision.pt'


def fresh(work: Path) -> None:
    """Both stages with fresh weights, in float16 as they are kept, and their curves."""
    tasks = {
        'vision': VisionTask(work, 1, 3, 0),
        'language': LanguageTask(work, None, 500, 3, False, 0),
    }
    for step, (stage, task) in enumerate(tasks.items(), 7):
        parts = {name: part.half().float() for name, part in task.parts.state_dict().items()}
        torch.save({'parts': parts, 'step': step, 'hours': 0.5}, work / f'{stage}.pt')
        (work / f'{stage}.curve.jsonl').write_text('{"step": 4}\n{"step": 8}\n')


def test_training_goes_on_from_what_was_saved(tmp_path: Path) -> None:
    work, saved, again = (tmp_path / name for name in ('work', 'saved', 'again'))
    work.mkdir()
    fresh(work)
    saved.mkdir()
    (saved / 'vision.curve.jsonl').write_text('{"step": 4, "old": 1}\n')
    save_states(work, saved)
    assert start_from(saved, again) == ['vision', 'language']
    for stage in ('vision', 'language'):
        before, after = (load_state(folder / f'{stage}.pt') for folder in (work, again))
        assert (after['step'], after['hours']) == (before['step'], before['hours'])
        assert before['parts'].keys() == after['parts'].keys()
        assert all(torch.equal(part, after['parts'][k]) for k, part in before['parts'].items())
    assert (saved / 'vision.curve.jsonl').read_text() == '{"step": 4, "old": 1}\n{"step": 8}\n'
    assert (saved / 'language.curve.jsonl').read_text() == '{"step": 4}\n{"step": 8}\n'
    assert start_from(saved, again) == [], 'it never replaces a checkpoint'
    for name in ('model.safetensors', 'heads.safetensors'):
        assert (saved / name).stat().st_mode & 0o777 == 0o644


def test_a_model_needs_both_stages(tmp_path: Path) -> None:
    put(tmp_path / 'vision.pt', 1.0)
    with pytest.raises(FileNotFoundError, match=r'language\.pt: train language first'):
        save_states(tmp_path, tmp_path / 'saved')


def test_without_a_language_model_there_is_nothing_to_tune(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'language\.pt: train the language model first'):
        begin_tune(tmp_path)
