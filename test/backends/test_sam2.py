# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.sam2_checkpoint import SIZE, write_sam2
from transformers import Sam2VideoInferenceSession, Sam2VideoModel

from molmo_ground_ros.backends.sam2 import BadPrompt, Segmenter
from molmo_ground_ros.backends.segmenter import load_segmenter
from molmo_ground_ros.errors import (
    BackendError,
    BadModel,
    BadSetting,
    ImageError,
    MissingPackage,
)

HEIGHT, WIDTH = 60, 90
BOX, OTHER = (10.0, 12.0, 30.0, 24.0), (50.0, 5.0, 25.0, 40.0)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_sam2(tmp_path_factory.mktemp('sam2'))


@pytest.fixture(scope='module')
def segmenter(folder):
    return load_segmenter(str(folder), 'cpu')


@pytest.fixture(scope='module')
def video():
    """(24, 60, 90, 3): a bright block that moves over noise."""
    frames = np.random.default_rng(0).integers(0, 120, (24, HEIGHT, WIDTH, 3), dtype=np.uint8)
    for k, frame in enumerate(frames):
        frame[15:35, 12 + k : 36 + k] = (220, 180, 40)
    frames.flags.writeable = False  # as those of a MediaFolder
    return frames


def arrays(tracked, number):
    return [masks[number].array() for masks in tracked]


def test_masks_come_for_each_object_between_its_first_and_last_box(segmenter, video):
    boxes = {3: {2: BOX, 20: BOX}, 8: {5: OTHER, 6: OTHER, 9: OTHER}}
    tracked = list(segmenter.track_boxes(video, boxes))
    assert [sorted(masks) for masks in tracked] == [
        [number for number, (first, last) in {3: (2, 20), 8: (5, 9)}.items() if first <= k <= last]
        for k in range(len(video))
    ]
    assert {(mask.height, mask.width) for masks in tracked for mask in masks.values()} == {(60, 90)}


def test_an_object_is_followed_as_if_it_were_alone(segmenter, video):
    together = segmenter.track_boxes(video, {3: {0: BOX, 23: BOX}, 8: {5: OTHER, 23: OTHER}})
    alone = segmenter.track_boxes(video, {8: {5: OTHER, 23: OTHER}})
    assert [m.get(8) for m in together] == [m.get(8) for m in alone]


def test_points_give_masks_from_the_first_one_on(segmenter, video):
    points = {1: {0: (20.0, 20.0), 6: (26.0, 20.0)}, 2: {4: (60.5, 30.0)}}
    tracked = list(segmenter.track_points(video, points))
    assert [sorted(masks) for masks in tracked] == [[1]] * 4 + [[1, 2]] * 20


def test_every_point_is_a_prompt(segmenter, video):
    points = {k: (20.0 + k, 20.0) for k in range(0, 24, 8)}
    all_of_them = arrays(segmenter.track_points(video, {1: points}), 1)
    first_alone = arrays(segmenter.track_points(video, {1: {0: points[0]}}), 1)
    same = [np.array_equal(a, b) for a, b in zip(all_of_them, first_alone, strict=True)]
    assert same[:8] == [True] * 8
    assert not same[8]


def unbounded_session(folder, frames, prompts):
    """The masks by a session of transformers that forgets nothing. prompts: by frame."""
    network = Sam2VideoModel.from_pretrained(folder).eval()
    session = Sam2VideoInferenceSession(dtype=torch.float32)
    tracked = []
    for k, frame in enumerate(frames):
        if k in prompts:
            points, labels = prompts[k]
            scale = torch.tensor([SIZE / WIDTH, SIZE / HEIGHT])
            session.add_point_inputs(
                session.obj_id_to_idx(1),
                k,
                {
                    'point_coords': (torch.tensor(points) * scale)[None, None],
                    'point_labels': torch.tensor(labels, dtype=torch.int32)[None, None],
                },
            )
            session.obj_with_new_inputs = [1]
        output = network(session, frame_idx=k, frame=frame)
        masks = torch.nn.functional.interpolate(output.pred_masks, (HEIGHT, WIDTH), mode='bilinear')
        tracked.append(masks[0, 0].numpy() > 0)
    return tracked


def pixels_of(video):
    """As the network takes them, by another way than Segmenter's."""

    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for frame in video:
        image = torch.tensor(frame).permute(2, 0, 1)[None]
        image = torch.nn.functional.interpolate(
            image, (SIZE, SIZE), mode='bilinear', antialias=True
        )
        yield (image / 255 - mean) / std


def agreement(mask, other):
    """Share of equal pixels over all frames."""
    return np.mean([np.mean(a == b) for a, b in zip(mask, other, strict=True)])


@pytest.mark.parametrize(
    'clicks', [range(1), range(0, 24, 2)], ids=['one prompt', 'twelve prompts']
)
def test_forgetting_changes_no_mask(clicks, folder, segmenter, video):
    points = {k: (20.0 + k, 20.0) for k in clicks}
    ours = arrays(segmenter.track_points(video, {1: points}), 1)
    prompts = {k: (((x, y),), (1,)) for k, (x, y) in points.items()}
    theirs = unbounded_session(folder, pixels_of(video), prompts)
    if len(points) > 7:  # the eighth prompt is the first that one of ours is let go for
        ours, theirs = ours[:15], theirs[:15]
    assert agreement(ours, theirs) > 0.9999


def held_bytes():
    gc.collect()
    tensors = {id(mask): mask for mask in gc.get_objects() if type(mask) is torch.Tensor}
    return sum(mask.untyped_storage().nbytes() for mask in tensors.values())


def test_what_is_held_does_not_grow_with_the_video(segmenter, video):
    frames = (video[k % len(video)] for k in range(60))
    masks = segmenter.track_points(frames, {1: dict.fromkeys(range(0, 60, 2), (20.0, 20.0))})
    held = [held_bytes() for k, _ in enumerate(masks) if k in (29, 59)]
    assert held[1] <= held[0]


def test_frames_are_taken_one_at_a_time(segmenter, video):
    read_frames = []
    frames = (read_frames.append(k) or frame for k, frame in enumerate(video))
    masks = segmenter.track_boxes(frames, {1: {0: BOX, 23: BOX}})
    assert not read_frames
    next(masks)
    assert read_frames == [0]
    next(masks)
    assert read_frames == [0, 1]


def test_a_doubted_box_is_a_new_prompt(segmenter, video):
    compared = []

    def doubt(mask, box):
        compared.append(box)
        return len(compared) == 2

    boxes = {1: {0: BOX, 3: BOX, 6: OTHER, 9: OTHER}}
    tracked = [masks.get(1) for masks in segmenter.track_boxes(video, boxes, doubt)]
    assert compared == [BOX, OTHER, OTHER]  # not the first: it is the prompt
    fresh = [m.get(1) for m in segmenter.track_boxes(video, {1: {6: OTHER, 9: OTHER}})]
    plain = [m.get(1) for m in segmenter.track_boxes(video, boxes)]
    assert tracked[:6] == plain[:6]
    assert tracked[6] == fresh[6] != plain[6]
    assert tracked[7] != plain[7]


def test_the_part_of_a_box_on_the_picture_is_the_prompt(segmenter, video):
    over = {1: {0: (-20.0, 30.0, 50.0, 100.0)}}
    cut = {1: {0: (0.0, 30.0, 30.0, 30.0)}}
    assert next(segmenter.track_boxes(video, over)) == next(segmenter.track_boxes(video, cut))


def test_an_object_that_is_gone_has_no_mask(tmp_path, video):
    blind = Segmenter(str(write_sam2(tmp_path, seen=-9.0)), 'cpu')
    assert list(blind.track_boxes(video[:3], {1: {0: BOX, 2: BOX}})) == [{}, {}, {}]


def test_half_precision_runs(folder, video):
    half = Segmenter(str(folder), 'cpu', 'bfloat16')
    boxes = {1: {0: BOX, 4: OTHER, 7: OTHER}}
    masks = list(half.track_boxes(video[:8], boxes, lambda mask, box: True))
    assert {type(rough.get(1)).__name__ for rough in masks[:4]} == {'Mask'}


@pytest.mark.parametrize(
    ('box', 'message'),
    [
        pytest.param((95.0, 5.0, 10.0, 10.0), r'box = \(95\.0.*object 7, frame 1', id='beside it'),
        pytest.param((5.0, 5.0, 0.0, 10.0), 'not on the picture of 90 x 60', id='empty'),
        pytest.param((5.0, 5.0, -3.0, 10.0), 'not on the picture', id='turned round'),
        pytest.param((float('nan'), 5.0, 10.0, 10.0), 'not on the picture', id='nan'),
    ],
)
def test_a_box_that_is_none_is_named(box, message, segmenter, video):
    with pytest.raises(BadPrompt, match=message):
        list(segmenter.track_boxes(video, {7: {1: box}}))


def test_other_bad_input_is_named(segmenter, video):
    with pytest.raises(BadPrompt, match='object 4 has none'):
        list(segmenter.track_boxes(video, {4: {}}))
    with pytest.raises(BadPrompt, match=r'frame = 24: of object 4: there are 24'):
        list(segmenter.track_boxes(video, {4: {24: BOX}}))
    with pytest.raises(BadPrompt, match=r'point = \(91, 3\).*object 4, frame 0'):
        list(segmenter.track_points(video, {4: {0: (91, 3)}}))
    with pytest.raises(ImageError, match=r'frame 1 is \(50, 90, 3\), the first one'):
        list(segmenter.track_boxes([video[0], video[1][:50]], {4: {0: BOX, 1: BOX}}))
    with pytest.raises(ImageError, match='uint8'):
        list(segmenter.track_boxes(video.astype(np.float32), {4: {0: BOX}}))


def test_weights_that_give_nan_are_an_error(folder, video):
    broken = Segmenter(str(folder), 'cpu')
    with torch.no_grad():
        broken._network.mask_decoder.mask_tokens.weight.fill_(float('nan'))
    with pytest.raises(BackendError, match='nan'):
        list(broken.track_boxes(video, {1: {0: BOX}}))


def test_a_folder_that_is_no_sam2_is_named(tmp_path, folder):
    with pytest.raises(BadModel, match='no such folder'):
        load_segmenter(str(tmp_path / 'nowhere'))
    with pytest.raises(BadModel, match=r'missing in .*: config\.json'):
        load_segmenter(str(tmp_path))
    (tmp_path / 'config.json').write_text('{"model_type": "molmo2"}')
    with pytest.raises(BadModel, match="'molmo2', not 'sam2_video'"):
        load_segmenter(str(tmp_path))
    (tmp_path / 'config.json').write_text((folder / 'config.json').read_text())
    with pytest.raises(BadModel, match=r'missing in .*: model\.safetensors'):
        load_segmenter(str(tmp_path))
    (tmp_path / 'model.safetensors').write_bytes((folder / 'model.safetensors').read_bytes()[:900])
    with pytest.raises(BadModel, match='cannot load its weights'):
        load_segmenter(str(tmp_path))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (('gpu',), "device = 'gpu'"),
        (('cuda:99',), "device = 'cuda:99'"),
        (('cpu', 'int8'), "dtype = 'int8'"),
        (('cpu', 'double'), "dtype = 'double'"),
    ],
)
def test_a_device_or_precision_that_is_none_is_named(settings, message, folder):
    with pytest.raises(BadSetting, match=message):
        load_segmenter(str(folder), *settings)


@pytest.mark.parametrize('package', ['torch', 'transformers'])
def test_a_missing_package_names_the_extra(package, monkeypatch):
    for name in ('device', 'sam2', 'weights'):
        monkeypatch.delitem(sys.modules, f'molmo_ground_ros.backends.{name}', raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=rf"'{package}'.*molmo_ground_ros\[transformers\]"):
        load_segmenter('facebook/sam2.1-hiera-tiny')


CASES = [
    {'boxes': [[0, BOX]]},
    {'boxes': [[4, OTHER]]},
    {'points': [[0, [20.0, 20.0]]]},
]


def test_pixels_and_masks_are_those_of_transformers_own_processor(
    folder, segmenter, video, tmp_path
):
    np.save(tmp_path / 'frames.npy', video)
    cases = [{'folder': str(folder), **case} for case in CASES]
    (tmp_path / 'cases.json').write_text(json.dumps(cases))
    script = Path(__file__).with_name('sam2_reference.py')
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / 'answers.npz') as answers:
        reference = {name: answers[name] for name in answers}
    np.testing.assert_allclose(
        reference['0/pixels'], torch.cat(list(pixels_of(video))).numpy(), atol=1e-5
    )
    last = len(video) - 1
    for i, case in enumerate(CASES):
        if 'boxes' in case:
            first, box = case['boxes'][0]
            masks = list(segmenter.track_boxes(video, {1: {first: box, last: box}}))
        else:
            first, spot = case['points'][0]
            masks = list(segmenter.track_points(video, {1: {first: tuple(spot)}}))
        assert agreement(arrays(masks[first:], 1), reference[f'{i}/masks']) > 0.9999
