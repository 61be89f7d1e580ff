# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.backends import BackendSettings, load
from molmo_ground_ros.backends.base import GenerateOptions, Generation, Savings
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting, ImageError
from molmo_ground_ros.types import Clip, Frame

torch = pytest.importorskip('torch', reason="needs pip install '.[transformers]'")
pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")

from molmo_ground_ros.backends.hf import TransformersBackend

ROOT = Path(__file__).parents[2]
QUESTIONS = ['How many "красный кубик 🟥"?', 'Track it.', 'Point to every cup.']
CLIPS = {'one': [0.0], 'two': [0.0, 0.5], 'eight': [round(0.5 * i, 1) for i in range(8)]}
LIMIT = 24


def go_on(index: int, piece: str) -> bool:
    return True


def ask(backend, clip: Clip, *prompts: str, limit: int = LIMIT) -> list[Generation]:
    return backend.generate(clip, prompts, GenerateOptions(limit), go_on)


def altered(folder: Path, to: Path, name: str, **changes) -> Path:
    """A copy of a checkpoint with some keys of one JSON file changed."""
    shutil.copytree(folder, to)
    content = json.loads((to / name).read_text())
    (to / name).write_text(json.dumps(content | changes))
    return to


@pytest.fixture(scope='module')
def folders(make_checkpoint, checkpoint):
    return {
        'released': checkpoint,
        'frame tokens': make_checkpoint(frame_tokens=True, column_tokens=True, seed=1),
    }


@pytest.fixture(scope='module')
def backends(folders):
    return {
        name: TransformersBackend(BackendSettings(str(folder), device='cpu', threads=1))
        for name, folder in folders.items()
    }


@pytest.fixture
def backend(backends):
    return backends['released']


@pytest.fixture
def clip(make_clip) -> Clip:
    return make_clip(CLIPS['two'])


@pytest.fixture(scope='module')
def generated(run_reference, folders, picture):
    """What `generate` of transformers makes of every folder, clip and question."""
    keys = [(name, clip, j) for name in folders for clip in CLIPS for j in range(len(QUESTIONS))]
    cases = [
        {
            'folder': str(folders[name]),
            'frames': np.stack([picture(64, 48, i) for i in range(len(CLIPS[clip]))]),
            'seconds': CLIPS[clip],
            'question': QUESTIONS[j],
            'max_new_tokens': LIMIT,
        }
        for name, clip, j in keys
    ]
    return dict(zip(keys, run_reference(cases), strict=True))


@pytest.mark.parametrize('name', ['released', 'frame tokens'])
@pytest.mark.parametrize('seconds', CLIPS)
def test_answers_equal_generate_token_for_token(name, seconds, generated, backends, make_clip):
    answers = ask(backends[name], make_clip(CLIPS[seconds]), *QUESTIONS)
    for j, ours in enumerate(answers):
        theirs = generated[name, seconds, j]
        ids = [token for token in theirs['generated'].tolist() if token != 2]  # 2 = <|im_end|>
        decode = backends[name]._tokenizer.decode
        assert ours.text == decode(ids, skip_special_tokens=True)
        assert len(ours.tokens) == len(ids)
        assert ours.truncated == (len(ids) == LIMIT)
        logprobs = torch.log_softmax(torch.from_numpy(theirs['logits']), -1)
        assert ours.tokens[0].logprob == pytest.approx(logprobs[ids[0]].item(), abs=1e-5)


def test_the_cases_hold_both_endings_and_text_beyond_ascii(generated):
    """Otherwise the test above would show less than it says."""
    ends = {2 in generations['generated'] for generations in generated.values()}
    assert ends == {True, False}
    assert len({tuple(generations['generated']) for generations in generated.values()}) > 9


def test_cached_features_change_nothing_at_all(folders, clip):
    cold = load('transformers', BackendSettings(str(folders['released']), threads=1))
    warm = load('transformers', BackendSettings(str(folders['released']), threads=1))
    for frame in clip.frames:
        warm.prepare('cam', frame)
    first, second = ask(cold, clip, *QUESTIONS), ask(warm, clip, *QUESTIONS)
    assert first == second == ask(cold, clip, *QUESTIONS)


def test_one_prompt_answers_as_it_does_among_others(backend, clip):
    together = ask(backend, clip, *QUESTIONS)
    assert [ask(backend, clip, question)[0] for question in QUESTIONS] == together


def test_a_frame_is_encoded_once(folders, clip):
    backend = TransformersBackend(BackendSettings(str(folders['released']), threads=1))
    backend.prepare('cam', clip.frames[0])
    held = backend._features.nbytes
    ask(backend, clip, 'a')
    assert backend._features.nbytes == 2 * held
    ask(backend, clip, 'a', 'b')
    assert backend._features.nbytes == 2 * held


def test_a_stamp_seen_again_with_another_picture_is_not_mistaken(backend, make_clip):
    """Two bags both start at zero: the features must follow the pixels, not the stamp."""
    first, second = make_clip([0.0]), make_clip([0.0], seed=50)
    assert first.frames[0].stamp_ns == second.frames[0].stamp_ns
    assert ask(backend, first, 'a')[0].tokens != ask(backend, second, 'a')[0].tokens


def test_a_small_cache_changes_nothing(folders, clip, backend):
    small = TransformersBackend(
        BackendSettings(str(folders['released']), savings=Savings(feature_bytes=1))
    )
    assert ask(small, clip, 'a') == ask(backend, clip, 'a')
    assert len(small._features) == 0


def test_every_piece_is_heard_and_joins_to_the_text(backend, clip):
    pieces: dict[int, list[str]] = {}

    def on_text(index: int, piece: str) -> bool:
        pieces.setdefault(index, []).append(piece)
        return True

    answers = backend.generate(clip, QUESTIONS, GenerateOptions(LIMIT), on_text)
    for index, answer in enumerate(answers):
        assert ''.join(pieces[index]) == answer.text
        assert ''.join(token.text for token in answer.tokens) == answer.text
        assert len(pieces[index]) in (len(answer.tokens), len(answer.tokens) + 1)
        assert all(token.logprob <= 0 for token in answer.tokens)
    assert list(pieces) == [0, 1, 2]


def test_false_stops_that_prompt_at_that_token(backend, clip):
    count = 0

    def on_text(index: int, piece: str) -> bool:
        nonlocal count
        count += index == 0
        return index == 1 or count < 3

    first, second = backend.generate(clip, QUESTIONS[:2], GenerateOptions(LIMIT), on_text)
    assert (len(first.tokens), first.stopped, first.truncated, count) == (3, True, False, 3)
    assert ''.join(token.text for token in first.tokens) == first.text
    assert second == ask(backend, clip, QUESTIONS[1])[0]


def test_the_token_limit_truncates(backend, clip):
    full, cut = ask(backend, clip, 'a')[0], ask(backend, clip, 'a', limit=2)[0]
    assert (len(cut.tokens), cut.truncated, cut.stopped) == (2, True, False)
    assert cut.tokens[0] == full.tokens[0]


def test_the_context_shortens_the_answer_then_refuses(make_checkpoint, make_clip):
    short = TransformersBackend(BackendSettings(str(make_checkpoint(context=40)), threads=1))
    assert ask(short, make_clip([0.0]), 'a', limit=LIMIT)[0].truncated
    with pytest.raises(BackendError, match=r'the prompt has \d\d\d* tokens.*context 40'):
        ask(short, make_clip(CLIPS['eight']), 'a')


def test_any_stop_token_of_the_checkpoint_ends_the_answer(backend, clip, folders, tmp_path):
    first = ask(backend, clip, 'a')[0].tokens
    ids = [backend._tokenizer.encode(token.text)[0] for token in first[:1]]
    folder = altered(
        folders['released'], tmp_path / 'm', 'generation_config.json', eos_token_id=[0, *ids]
    )
    [answer] = ask(TransformersBackend(BackendSettings(str(folder), threads=1)), clip, 'a')
    assert (answer.text, answer.tokens, answer.truncated) == ('', (), False)


def test_no_generation_config_leaves_the_turn_end(backend, clip, folders, tmp_path):
    shutil.copytree(folders['released'], tmp_path / 'm')
    (tmp_path / 'm' / 'generation_config.json').unlink()
    bare = TransformersBackend(BackendSettings(str(tmp_path / 'm'), threads=1))
    assert ask(bare, clip, *QUESTIONS) == ask(backend, clip, *QUESTIONS)


def test_an_empty_clip_is_refused(backend):
    with pytest.raises(BackendError, match="clip of camera 'cam' holds no frames"):
        ask(backend, Clip('cam', (), (), 0, 0, 0), 'a')


def test_a_frame_that_is_no_picture_is_refused_by_name(backend):
    with pytest.raises(ImageError, match=r'found \(4, 4\) uint8'):
        backend.prepare('cam', Frame(0, np.zeros((4, 4), np.uint8)))


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (
            RuntimeError('CUDA error: launch failure\nmore'),
            'RuntimeError: CUDA error: launch failure',
        ),
        (torch.OutOfMemoryError('tried to allocate 9 GiB'), 'OutOfMemoryError: tried to allocate'),
        (IndexError('index out of range'), 'IndexError'),
    ],
)
@pytest.mark.parametrize('after', [0, 2])
def test_what_torch_raises_becomes_our_error_and_the_next_call_works(
    error, message, after, backend, clip, monkeypatch
):
    before = ask(backend, clip, 'a')
    forward, calls = backend._network.forward, []

    def fail(*args, **inputs):
        calls.append(1)
        if len(calls) > after:
            raise error
        return forward(*args, **inputs)

    with monkeypatch.context() as patched:
        patched.setattr(backend._network, 'forward', fail)
        with pytest.raises(BackendError, match=message) as caught:
            ask(backend, clip, 'a')
    assert caught.value.__cause__ is error
    assert '\n' not in str(caught.value)
    assert ask(backend, clip, 'a') == before


def test_what_the_listener_raises_is_passed_on(backend, clip):
    def on_text(index: int, piece: str) -> bool:
        raise RuntimeError('mine')

    with pytest.raises(RuntimeError, match=r'^mine$'):
        backend.generate(clip, ['a'], GenerateOptions(), on_text)


def test_nan_is_an_error_and_never_an_answer(folders, clip):
    broken = TransformersBackend(BackendSettings(str(folders['released']), threads=1))
    with torch.no_grad():
        broken._network.lm_head.weight.fill_(float('nan'))
    with pytest.raises(BackendError, match='nan'):
        ask(broken, clip, 'a')


def test_close_frees_the_weights(folders):
    backend = TransformersBackend(BackendSettings(str(folders['released'])))
    backend.close()
    assert not hasattr(backend, '_network')


@pytest.mark.parametrize(('name', 'dtype'), [('auto', torch.float32), ('bfloat16', torch.bfloat16)])
def test_precision_is_float32_on_a_cpu_unless_asked(name, dtype, folders, clip):
    settings = BackendSettings(str(folders['released']), device='cpu', dtype=name)
    backend = TransformersBackend(settings)
    assert {weight.dtype for weight in backend._network.parameters()} == {dtype}
    assert ask(backend, clip, 'a')[0].tokens


def test_threads_are_set(folders):
    before = torch.get_num_threads()
    try:
        TransformersBackend(BackendSettings(str(folders['released']), threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_gpu_that_is_not_there_is_refused(folders):
    with pytest.raises(BadSetting, match=r"device = 'cuda:99': torch .* sees \d+ GPUs"):
        TransformersBackend(BackendSettings(str(folders['released']), device='cuda:99'))


def test_attention_is_sdpa_whatever_the_checkpoint_says(folders, tmp_path, backend, clip):
    folder = altered(
        folders['released'],
        tmp_path / 'm',
        'config.json',
        attn_implementation='flash_attention_2',
        _attn_implementation='flash_attention_2',
    )
    other = TransformersBackend(BackendSettings(str(folder), threads=1))
    assert other._network.config.text_config._attn_implementation == 'sdpa'
    assert ask(other, clip, 'a') == ask(backend, clip, 'a')


def test_missing_weights_are_refused_and_never_made_up(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(folders['released'], tmp_path / 'm')
    path = tmp_path / 'm' / 'model.safetensors'
    weights = load_file(path)
    weights.pop(next(name for name in weights if 'image_projector' in name))
    save_file(weights, path, metadata={'format': 'pt'})
    with pytest.raises(BadModel, match=r'its weights lack 1 tensors, .*gate_proj'):
        TransformersBackend(BackendSettings(str(tmp_path / 'm')))


def test_damaged_weights_are_refused_in_one_line(folders, tmp_path):
    shutil.copytree(folders['released'], tmp_path / 'm')
    (tmp_path / 'm' / 'model.safetensors').write_bytes(b'not safetensors')
    with pytest.raises(BadModel, match='cannot load its weights') as caught:
        TransformersBackend(BackendSettings(str(tmp_path / 'm')))
    assert '\n' not in str(caught.value)


def test_a_damaged_tokenizer_is_refused_in_one_line(folders, tmp_path):
    shutil.copytree(folders['released'], tmp_path / 'm')
    (tmp_path / 'm' / 'tokenizer.json').write_text('{}')
    with pytest.raises(BadModel, match='cannot load its tokenizer') as caught:
        TransformersBackend(BackendSettings(str(tmp_path / 'm')))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('name', 'changes', 'why'),
    [
        ('config.json', {'image_patch_id': 5}, r'<im_patch> is token \d+ .* 5 to its config'),
        ('video_preprocessor_config.json', {'patch_size': 28}, '9 patches .* reads 36'),
    ],
)
def test_files_of_different_checkpoints_are_refused(folders, tmp_path, name, changes, why):
    folder = altered(folders['released'], tmp_path / 'm', name, **changes)
    with pytest.raises(BadModel, match=why):
        TransformersBackend(BackendSettings(str(folder)))


HOSTILE = """
import pathlib
pathlib.Path({flag!r}).touch()
class Hostile:
    pass
"""


def test_code_in_the_folder_is_never_run(folders, tmp_path, backend, clip):
    folder, flag = tmp_path / 'm', tmp_path / 'was_run'
    names = ('AutoConfig', 'AutoModelForImageTextToText', 'AutoProcessor', 'AutoTokenizer')
    auto_map = {'auto_map': dict.fromkeys(names, 'modeling.Hostile')}
    altered(folders['released'], folder, 'config.json', **auto_map)
    for name in ('tokenizer_config.json', 'processor_config.json'):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | auto_map))
    for name in ('modeling.py', '__init__.py', 'tokenizer.py'):
        (folder / name).write_text(HOSTILE.format(flag=str(flag)))
    other = TransformersBackend(BackendSettings(str(folder), threads=1))
    assert ask(other, clip, 'a') == ask(backend, clip, 'a')
    assert not flag.exists()


ALONE = """
import sys


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torchvision', 'PIL', 'requests'):
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, Refuse())
import socket

socket.socket.connect = None
import numpy as np
from molmo_ground_ros.backends import BackendSettings, load
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.types import Clip, Frame

backend = load('transformers', BackendSettings(sys.argv[1], threads=1))
clip = Clip('cam', (Frame(0, np.zeros((9, 9, 3), np.uint8)),), (0.0,), 0, 0, 1)
[answer] = backend.generate(clip, ['a'], GenerateOptions(2), lambda index, piece: True)
print('tokens', len(answer.tokens))
"""


def test_it_runs_without_torchvision_pillow_or_network(folders):
    done = subprocess.run(
        [sys.executable, '-c', ALONE, str(folders['released'])],
        cwd=ROOT,
        env=os.environ | {'HF_HUB_OFFLINE': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == 'tokens 2', done.stderr
    assert 'Loading' not in done.stderr  # no progress bar
