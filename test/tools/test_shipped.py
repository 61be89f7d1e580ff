# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bag and the checkpoint that ship are what their truth and their code say."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tools.tabletop.bag import DEPTH, IMAGE, INFO, TF, TF_STATIC, TYPES, truth_of
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.simulate import DEMO, demo_seed

HUES = {'red': 0, 'orange': 13, 'yellow': 28, 'green': 65, 'blue': 110, 'purple': 142}  # OpenCV's


@pytest.fixture(scope='module')
def truth(bag_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bag_path.with_suffix('.json').read_text())
    return found


@pytest.fixture(scope='module')
def messages(bag_path: Path) -> dict[str, list[Any]]:
    rosbag2 = pytest.importorskip('rosbags.rosbag2', reason='needs the pip extra [bag]')
    from rosbags.typesys import Stores, get_typestore

    store, found = get_typestore(Stores.ROS2_JAZZY), {topic: list[Any]() for topic in TYPES}
    reader = rosbag2.Reader.STORAGE_PLUGINS['.mcap'](bag_path)
    reader.open()
    for connection, _, data in reader.messages(reader.connections):
        assert connection.msgdef.data  # definitions are embedded
        found[connection.topic].append(store.deserialize_cdr(data, connection.msgtype))
    reader.close()
    return found


def stamp(message: Any) -> int:
    """Header stamp in ns."""
    return int(message.header.stamp.sec) * 10**9 + int(message.header.stamp.nanosec)


def test_truth_is_the_plans(truth: dict[str, Any]) -> None:
    assert truth == json.loads(json.dumps(truth_of(scene_from_seed(truth['seed']), DEMO)))


def test_bag_is_the_first_that_fits_the_description(truth: dict[str, Any]) -> None:
    assert truth['seed'] == demo_seed(5000)
    colours = Counter(grasp['colour'] for grasp in truth['grasps'])
    assert colours['red'] >= 3
    assert sum(colours.values()) - colours['red'] >= 2
    assert any(attempt['kind'] == 'miss' for attempt in truth['failed'])


def test_bag_is_twenty_seconds_at_ten_hertz_and_small(
    truth: dict[str, Any], messages: dict[str, list[Any]], bag_path: Path
) -> None:
    stamps = [stamp(message) for message in messages[IMAGE]]
    assert stamps[0] == truth['first_stamp_ns']
    assert stamps[-1] == truth['last_stamp_ns']
    assert stamps[-1] - stamps[0] >= 20 * 10**9
    assert set(np.diff(stamps)) == {10**8}
    assert bag_path.stat().st_size < 8e6
    assert [stamp(message) for message in messages[INFO]] == stamps
    assert [stamp(message) for message in messages[DEPTH]] == stamps
    assert len(messages[TF]) == len(stamps)
    assert len(messages[TF_STATIC]) == 1


def test_truths_pixel_shows_its_colour(
    truth: dict[str, Any], messages: dict[str, list[Any]]
) -> None:
    stamps = np.array([stamp(message) for message in messages[IMAGE]])
    for grasp in truth['grasps']:
        nearest = int(np.abs(stamps - grasp['stamp_ns']).argmin())
        picture = cv2.imdecode(messages[IMAGE][nearest].data, cv2.IMREAD_COLOR)
        assert picture.shape == (truth['height'], truth['width'], 3)
        column, row = int(grasp['x']), int(grasp['y'])
        patch = picture[row - 2 : row + 3, column - 2 : column + 3]
        hue = cv2.cvtColor(patch, cv2.COLOR_BGR2HSV)[..., 0]
        apart = np.abs(hue.astype(int) - HUES[grasp['colour']])
        assert np.median(np.minimum(apart, 180 - apart)) <= 12


def test_depth_and_intrinsics_put_the_grasped_block_above_the_table(
    truth: dict[str, Any], messages: dict[str, list[Any]]
) -> None:
    """Pixel -> K -> depth -> transform: the block's front is within its size of its height."""
    depths = {stamp(message): message for message in messages[DEPTH]}
    k = np.array(messages[INFO][0].k).reshape(3, 3)
    moved = messages[TF_STATIC][0].transforms[0].transform
    scene = scene_from_seed(truth['seed'])
    position = np.array([getattr(moved.translation, axis) for axis in 'xyz'])
    assert np.allclose(position, scene.camera.position)
    for grasp in truth['grasps']:
        at = min(depths, key=lambda s, g=grasp: abs(s - g['stamp_ns']))
        message = depths[at]
        assert message.encoding == '16UC1'
        plane = message.data.view('<u2').reshape(message.height, message.width)
        metres = plane[int(grasp['y']), int(grasp['x'])] / 1000
        ray = np.array([grasp['x'] - 0.5 - k[0, 2], grasp['y'] - 0.5 - k[1, 2], k[0, 0]]) / k[0, 0]
        point = scene.camera.position + scene.camera.rotation @ (ray * metres)
        assert -0.01 < point[2] < 0.2


def test_checkpoint_is_complete_and_small(model_folder: Path) -> None:
    files = {path.name for path in model_folder.iterdir()}
    assert files >= {
        'config.json',
        'generation_config.json',
        'decoder.float32.opset24.onnx',
        'model.safetensors',
        'tokenizer.json',
        'tokenizer_config.json',
        'processor_config.json',
        'preprocessor_config.json',
        'video_preprocessor_config.json',
        'chat_template.jinja',
        'vision.float32.opset24.onnx',
        'README.md',
    }
    assert sum(path.stat().st_size for path in model_folder.iterdir()) <= 20e6
    assert not json.loads((model_folder / 'processor_config.json').read_text())[
        'use_frame_special_tokens'
    ]


def test_checkpoint_loads_in_transformers_offline(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    transformers = pytest.importorskip('transformers', reason='needs the extra [transformers]')
    from tools.tabletop.vocabulary import make_tokenizer

    model, info = transformers.Molmo2ForConditionalGeneration.from_pretrained(
        model_folder, output_loading_info=True
    )
    assert not info['missing_keys']
    assert not info['unexpected_keys']
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)
    assert model.config.image_patch_id == tokenizer.convert_tokens_to_ids('<im_patch>')
    assert model.config.text_config.vocab_size == make_tokenizer()[1]
    text = 'Counting the <points coords="4.5 1 412 630">grasp</points>? grün'
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    assert ids == make_tokenizer()[0].encode(text, add_special_tokens=False).ids


def test_chat_template_puts_the_video_first(model_folder: Path) -> None:
    transformers = pytest.importorskip('transformers', reason='needs the extra [transformers]')
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)
    content = [{'type': 'text', 'text': 'Track the red block.'}, {'type': 'video'}]
    text = tokenizer.apply_chat_template(
        [{'role': 'user', 'content': content}], tokenize=False, add_generation_prompt=True
    )
    assert text == (
        '<|video|><|im_start|>user\nTrack the red block.<|im_end|>\n<|im_start|>assistant\n'
    )
