# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Batches of both stages, and the quick reading of a language batch against the plain one."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip('torch', reason="needs the 'transformers' extra")
pytest.importorskip('transformers', reason="needs the 'transformers' extra")

from support import truths

from tools.tabletop import (
    checkpoint,
    network,
    slots,
    train,
    train_language,
    train_vision,
    truth,
)
from tools.tabletop.augment import View
from tools.tabletop.clips import FLAGS, Bank, Batch, Coder, pack
from tools.tabletop.loop import Plan, load_state
from tools.tabletop.questions.clip import THE_GRIPPER
from tools.tabletop.relations import UNTOLD
from tools.tabletop.roughness import Roughness
from tools.tabletop.slots import SLOTS

FRAMES = 24


def painted(seed: int, episode: truth.Truth) -> NDArray[np.uint8]:
    """(F, 168, 168, 3) noise with a disc in each thing's colour where the thing is."""
    size = (len(episode.time_s), 168, 168, 3)
    pictures = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    shades = np.random.default_rng(0).integers(0, 256, (len(truth.COLOURS), 3)).tolist()
    for picture, colours, points in zip(pictures, episode.colour, episode.point, strict=True):
        for colour, place in zip(colours, np.floor(points * 168).astype(int), strict=True):
            cv2.circle(picture, place.tolist(), 9, shades[colour], -1)
    return pictures


@pytest.fixture(scope='module')
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('shards')
    for seed in range(1, 9):
        episode = truths.random_truth(seed, FRAMES)
        truth.save(folder / f'{seed}.npz', painted(seed, episode), episode)
    return folder


@pytest.fixture(scope='module')
def coder() -> Coder:
    return Coder()


@pytest.fixture(scope='module')
def batch(shards: Path, coder: Coder) -> Batch:
    rng = np.random.default_rng(0)
    bank = Bank(shards, None)
    return pack(coder, [bank.draw(rng, 6, 5, False, Roughness()) for _ in range(3)])


def test_every_text_is_read_back_as_it_was(coder: Coder, shards: Path) -> None:
    bank, rng = Bank(shards, None), np.random.default_rng(2)
    for _ in range(10):
        for asked in bank.draw(rng, 12, 8, False, Roughness()).asked:
            for text in (asked.question, asked.reply):
                assert coder.tokenizer.decode(coder.ids(text), skip_special_tokens=False) == text


def test_words_of_the_world_are_single_tokens_and_others_are_not(coder: Coder) -> None:
    for word in (
        ' red',
        ' cylinder',
        ' gripper',
        ' grasped',
        'Where',
        ' leftmost',
        ' 412',
        '12.5 ',
    ):
        assert len(coder.ids(word)) == 1, word
    assert len(coder.ids(' banana')) > 3


def test_branches_are_read_as_if_each_was_alone(coder: Coder, batch: Batch) -> None:
    model = train_language.build_model(coder, 0)
    text = model.model.language_model
    with torch.inference_mode():
        quick = train_language.hidden_states(model, batch, torch.float32)
        places = torch.nonzero(batch.patch)[:, 0]
        prefix = text.embed_tokens(batch.prefix)
        prefix = prefix.index_add(1, places, batch.tokens.flatten(1, 2))
        for clip, question in ((0, 0), (2, 4)):
            hidden = torch.cat([prefix[clip], text.embed_tokens(batch.branch[clip, question])])
            size = len(hidden)
            visual = torch.zeros(size, dtype=torch.bool)
            visual[: len(batch.visual)] = batch.visual
            allowed = torch.ones(size, size).tril().bool() | (visual[:, None] & visual[None])
            mask = torch.zeros(1, 1, size, size).masked_fill(~allowed, -1e9)
            position = torch.arange(size)[None]
            _, last = network.read(text, hidden[None], mask, position, train_language.MIDDLE)
            torch.testing.assert_close(
                quick.last[clip, question], last[0, len(batch.visual) :], atol=1e-4, rtol=1e-3
            )


def test_attention_is_that_of_the_last_layers_first_head(coder: Coder, batch: Batch) -> None:
    model = train_language.build_model(coder, 0)
    text = model.model.language_model
    weights = []
    original = network._attend_both

    def attend(own, key, value, causal):
        # Values that name their place: what comes out is what each head attends to.
        count, questions, heads, length, size = own[0].shape
        places = torch.zeros(1, 1, key.shape[2], size)
        places[0, 0, :size] = torch.eye(key.shape[2], size)[:size]
        far = places.expand(count, heads, -1, -1)
        near = torch.zeros(count, questions, heads, length, size)
        weights.append(original((own[0], own[1], near), key, far, causal).unflatten(-1, (-1, size)))
        return original(own, key, value, causal)

    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(network, '_attend_both', attend)
        reading = train_language.hidden_states(model, batch, torch.float32)
    assert len(weights) == len(text.layers)
    size = weights[-1].shape[-1]
    torch.testing.assert_close(
        reading.attention.softmax(-1)[..., :size], weights[-1][..., 0, :], atol=1e-5, rtol=1e-4
    )


def test_only_answers_are_learned(coder: Coder, batch: Batch) -> None:
    for clip, question in np.ndindex(batch.last.shape):
        learned = torch.nonzero(batch.weight[clip, question])[:, 0]
        assert int(learned[0]) == int(batch.last[clip, question])
        ids = batch.branch[clip, question, : int(learned[-1]) + 2].tolist()
        assert ids[-1] == coder.id('<|im_end|>')
        assert (batch.branch[clip, question, len(ids) :] == coder.id('<|endoftext|>')).all()


def test_times_and_coordinates_are_said_by_the_token_of_their_thing(
    shards: Path, coder: Coder
) -> None:
    bank, rng = Bank(shards, None), np.random.default_rng(1)
    samples = [bank.draw(rng, 6, 2, True, Roughness()) for _ in range(4)]
    batch = pack(coder, samples)
    for b, sample in enumerate(samples):
        found = sample.found
        for q, asked in enumerate(sample.asked):
            source = batch.source[b, q].numpy()
            told = np.flatnonzero(source >= 0)
            frame, slot = np.divmod(source[told], SLOTS)
            if asked.things == (THE_GRIPPER,):
                assert len(told) == 0
                continue
            assert set(found.thing[frame, slot]) == set(asked.things)
            texts = [coder.tokenizer.decode([i]) for i in batch.branch[b, q, told + 1].tolist()]
            for text, f, place in zip(texts, frame, found.point[frame, slot], strict=True):
                times = [float(sample.clip.labels[f])] if '.' in text else []
                near = np.rint(1000 * place).tolist() if len(text) == 4 else []
                assert float(text) in times + near or text.strip() in '123456789', text
            points = len(re.findall(r'\d \d{3} \d{3}', asked.reply))
            groups = len(re.findall(r'\d\.\d ', asked.reply))
            assert len(told) == 3 * points + groups, asked.reply


def test_a_text_is_said_by_the_tokens_of_the_things_it_names(shards: Path, coder: Coder) -> None:
    bank, rng = Bank(shards, None), np.random.default_rng(4)
    named, later = 0, 0
    for _ in range(40):
        sample = bank.draw(rng, 16, 10, False, Roughness())
        batch = pack(coder, [sample])
        for q, asked in enumerate(sample.asked):
            if asked.task != 'text' or not asked.shown:
                continue
            source = batch.source[0, q].numpy()
            told = np.flatnonzero(source >= 0)
            frame, slot = np.divmod(source[told], SLOTS)
            things = sample.found.thing[frame, slot]
            assert set(things) <= {spot.thing for spot in asked.shown}
            # The word that comes next is the colour or kind of the token's thing.
            for at, thing in zip(told, things, strict=True):
                word = coder.tokenizer.decode([int(batch.branch[0, q, at + 1])]).strip().lower()
                what = sample.clip.truth.things[thing]
                if word in truth.COLOURS or word in truth.KINDS:
                    assert word in (what.colour, what.kind), asked
                    named += 1
                    later += asked.shown[0].thing != thing
    assert named > 20
    assert later > 2


def test_a_mirrored_picture_has_mirrored_truth(shards: Path) -> None:
    pictures, episode = truth.load(shards / '1.npz')
    rows = np.arange(4)
    mirror = View(np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), np.ones(3))
    plain = train_vision.batch_of(pictures, episode, rows)
    turned = train_vision.batch_of(pictures, episode, rows, mirror)
    assert (turned[0] == plain[0][:, :, ::-1]).all()
    cover, other = (part[7].reshape(4, 12, 12, -1) for part in (plain, turned))
    np.testing.assert_allclose(other, cover[:, :, ::-1], atol=1e-6)
    places = [np.sort(part[4][part[1]][:, 0]) for part in (plain, turned)]
    np.testing.assert_allclose(places[1], np.sort(1 - places[0]), atol=1e-6)


def test_a_token_attends_to_the_patches_that_its_thing_covers(shards: Path) -> None:
    pictures, episode = truth.load(shards / '2.npz')
    rows = np.arange(2)
    found = slots.slots_of(episode, rows)
    own = train_vision.own_of(episode, rows, found)
    side = truth.CELLS * 2
    for f, slot, patch in np.ndindex(own.shape):
        row, column = np.divmod(patch, network.ROW)
        fine = np.kron(episode.cells[f], np.ones((2, 2), int))
        step = side // network.ROW
        part = fine[row * step : (row + 1) * step, column * step : (column + 1) * step]
        thing = found.thing[f, slot]
        assert own[f, slot, patch] == (thing >= 0 and (part == thing).mean() >= train_vision.OWN)
    batch = train_vision._joined([train_vision.batch_of(pictures, episode, rows)])
    everywhere = torch.zeros(2, 144, 144)
    shares = batch.own[batch.own.any(-1)].float().mean(-1)
    measured = train_vision._attended(everywhere, batch)['m_attention']
    torch.testing.assert_close(measured, shares.mean())


def test_vision_passes_over_truths_without_pictures(shards: Path, tmp_path: Path) -> None:
    alone = np.zeros((0, 168, 168, 3), np.uint8)
    for seed in (1, 2, 3, 20):
        truth.save(tmp_path / f'{seed}.npz', alone, truths.random_truth(seed, FRAMES))
    with pytest.raises(ValueError, match='no episode with pictures'):
        train_vision.Episodes(tmp_path, 0).draw(4)
    assert train_vision.unseen_batches(tmp_path) == []
    (tmp_path / '4.npz').write_bytes((shards / '4.npz').read_bytes())
    pictures, _ = truth.load(shards / '4.npz')
    batch = train_vision.Episodes(tmp_path, 0).draw(4)
    assert len(batch.frames) == 4
    assert batch.frames.shape[1:] == pictures.shape[1:]


def test_one_episode_in_twenty_is_never_trained_on() -> None:
    kept = [seed for seed in range(1_000_000, 1_001_000) if train_vision.is_unseen(Path(f'{seed}'))]
    assert len(kept) == 50


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_losses_fall_in_a_short_training_that_goes_on_where_it_was(
    shards: Path, tmp_path: Path
) -> None:
    """A tiny form of both stages, through the loop: minutes, two runs, one curve."""
    (tmp_path / 'shards').mkdir()
    for path in shards.glob('*.npz'):
        (tmp_path / 'shards' / path.name).write_bytes(path.read_bytes())
    unseen = truths.random_truth(20, 120)
    truth.save(tmp_path / 'shards' / '20.npz', painted(20, unseen), unseen)
    for stage, batch, minutes in (('vision', 16, 0.4), ('language', 500, 0.6)):
        plan = Plan(
            tmp_path / f'{stage}.pt', minutes, 2e-3, workers=1, warm_steps=2, keep=4, report=2
        )
        train.train(stage, plan, batch)
        steps = load_state(plan.checkpoint)['step']
        train.train(stage, replace(plan, minutes=0.02), batch)
        assert load_state(plan.checkpoint)['step'] > steps
        rows = [json.loads(line) for line in plan.curve.read_text().splitlines()]
        losses = [row['loss'] for row in rows if 'loss' in row]
        assert np.mean(losses[-3:]) < 0.95 * losses[0], losses
        unseen_losses = [row['unseen_loss'] for row in rows if 'unseen_loss' in row]
        assert min(unseen_losses) < unseen_losses[0], unseen_losses
        assert plan.best.exists()
    checkpoint.save_states(tmp_path, tmp_path / 'state')
    assert checkpoint.start_from(tmp_path / 'state', tmp_path / 'again') == ['vision', 'language']
    plan = Plan(tmp_path / 'again' / 'vision.pt', 0.01, 1e-3, workers=1)
    assert load_state(plan.checkpoint)['step'] == load_state(tmp_path / 'vision.best.pt')['step']


def test_events_are_numbered_within_their_kind(shards: Path, coder: Coder) -> None:
    bank, rng = Bank(shards, None), np.random.default_rng(4)
    numbered = 0
    for _ in range(6):
        sample = bank.draw(rng, 12, 2, False, Roughness())
        batch = pack(coder, [sample])
        flagged = batch.flags[0].any(-1)
        assert ((batch.order[0] != UNTOLD).all(-1) == flagged).all()
        for kind in {happening.kind for happening in sample.clip.happenings} & set(FLAGS):
            alike = [h for h in sample.clip.happenings if h.kind == kind and h.thing >= 0]
            for frame, token in torch.nonzero(batch.flags[0, :, :, FLAGS.index(kind)]).tolist():
                if batch.flags[0, frame, token].sum() > 1:
                    continue  # two events of one thing in one frame: the later is told
                thing = sample.found.thing[frame, token]
                until = [h for h in alike if h.moment_s <= sample.clip.times[frame] + 1e-6]
                own = [h for h in until if h.thing == thing]
                of_thing, of_all = batch.order[0, frame, token].tolist()
                assert of_thing == len(own)
                assert len(until) - sum(h.moment_s == own[-1].moment_s for h in until) < of_all
                assert of_all <= len(until)
                numbered += 1
    assert numbered > 5
