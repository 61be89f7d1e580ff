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

from tools.tabletop.bag import DEPTH, IMAGE, INFO, TF, TF_STATIC, TYPES, Span, bag_truth
from tools.tabletop.bag_truth import BagTruth
from tools.tabletop.plan import scene_from_seed

LENGTH_S = 24.0
RED = 'red block'
HUES = {'red': 0, 'purple': 142}  # OpenCV's


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
    scene = scene_from_seed(truth['seed'], LENGTH_S + 0.1, calm=True)
    plans = bag_truth(scene, Span(length_s=LENGTH_S))
    assert {name: value for name, value in truth.items() if name != 'pictures'} == json.loads(
        json.dumps(plans)
    )


def test_bag_shows_three_grasps_of_one_red_block_and_more(truth: dict[str, Any]) -> None:
    kinds = Counter(event['kind'] for event in truth['events'])
    assert len(BagTruth(truth).moments('grasp', RED)) == 3
    assert sum(thing['colour'] == 'red' for thing in truth['things']) == 1
    assert kinds['grasp'] > 3
    assert kinds.keys() >= {'touch', 'push', 'roll', 'place'}
    assert len({thing['kind'] for thing in truth['things']}) >= 4


def test_bag_is_twenty_four_seconds_at_ten_hertz_and_small(
    truth: dict[str, Any], messages: dict[str, list[Any]], bag_path: Path
) -> None:
    stamps = [stamp(message) for message in messages[IMAGE]]
    assert stamps[0] == truth['first_stamp_ns']
    assert stamps[-1] == truth['last_stamp_ns']
    assert stamps[-1] - stamps[0] == LENGTH_S * 10**9
    assert set(np.diff(stamps)) == {10**8}
    assert bag_path.stat().st_size < 8e6
    assert [stamp(message) for message in messages[INFO]] == stamps
    assert [stamp(message) for message in messages[DEPTH]] == stamps[::5]  # all that a model sees
    assert len(messages[TF]) == len(stamps)
    assert len(messages[TF_STATIC]) == 1


def test_truths_pixel_shows_its_colour(
    truth: dict[str, Any], messages: dict[str, list[Any]]
) -> None:
    pictures = {stamp(message): message for message in messages[IMAGE]}
    checked = 0
    for row in truth['pictures']:
        picture = cv2.imdecode(pictures[row['stamp_ns']].data, cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (truth['height'], truth['width'], 3)
        for thing in row['things']:
            column, line = int(thing['x']), int(thing['y'])
            hue, saturation, _ = cv2.cvtColor(picture[line : line + 1, column : column + 1],
                                              cv2.COLOR_BGR2HSV)[0, 0]  # fmt: skip
            colour = truth['things'][thing['thing']]['colour']
            if colour in HUES:
                apart = abs(int(hue) - HUES[colour])
                assert min(apart, 180 - apart) <= 15
            else:
                assert colour == 'white'
                assert saturation < 60
            checked += 1
    assert checked > 150


def test_depth_and_intrinsics_put_what_a_pixel_shows_where_it_is(
    truth: dict[str, Any], messages: dict[str, list[Any]]
) -> None:
    """Pixel -> K -> depth -> transform, at every picture with a truth."""
    depths = {stamp(message): message for message in messages[DEPTH]}
    k = np.array(messages[INFO][0].k).reshape(3, 3)
    moved = messages[TF_STATIC][0].transforms[0].transform
    scene = scene_from_seed(truth['seed'], LENGTH_S + 0.1, calm=True)
    position, rotation = scene.cameras[0].pose(0.0)
    assert np.allclose([getattr(moved.translation, axis) for axis in 'xyz'], position)
    checked = 0
    for row in truth['pictures']:
        message = depths[row['stamp_ns']]
        assert message.encoding == '16UC1'
        plane = message.data.view('<u2').reshape(message.height, message.width)
        for thing in row['things']:
            metres = plane[int(thing['y']), int(thing['x'])] / 1000
            x, y = thing['x'] - 0.5 - k[0, 2], thing['y'] - 0.5 - k[1, 2]
            place = position + rotation @ (np.array([x, y, k[0, 0]]) / k[0, 0] * metres)
            assert np.linalg.norm(place - thing['surface_m']) < 0.005
            checked += 1
    assert checked > 150


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
    assert sum(path.stat().st_size for path in model_folder.iterdir()) <= 25e6
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
