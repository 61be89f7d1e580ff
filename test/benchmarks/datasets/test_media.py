# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos and pictures by name, and the frames of them that the model is shown."""

import cv2
import numpy as np
import pytest
from support.dataset_records import counteval, pointeval, track, write_lines

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Example, ImageTruth, Media
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.errors import BadSetting, ImageError, NoFrames
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.types import Task

SIZE = (64, 48)
BITS = 8  # of a picture's number, each a stripe of black or white


def stripes(number):
    bits = [255 * (number >> k & 1) for k in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8), SIZE[0] // BITS)
    return np.broadcast_to(row[None, :, None], (SIZE[1], SIZE[0], 3)).copy()


def number_of(image):
    means = np.asarray(image, float).mean(axis=(0, 2)).reshape(BITS, -1).mean(axis=1)
    return sum(int(mean > 127) << k for k, mean in enumerate(means))


def film(path, count=40, fps=10.0):
    """A video whose picture k shows k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), fps, SIZE)
    assert writer.isOpened()
    for k in range(count):
        writer.write(stripes(k))
    writer.release()
    return path


def folder(path, count=12, first=0):
    path.mkdir(parents=True)
    for k in range(count):
        cv2.imwrite(str(path / f'{first + k}.png'), stripes(k))
    return path


def example(record, name='videopointeval', *, where):
    (found,) = read(name, write_lines(where / 'record.jsonl', [record]))
    assert isinstance(found, Example)
    return found


@pytest.mark.parametrize(
    ('file', 'name', 'source'),
    [
        pytest.param('a.avi', 'a', '', id='with a suffix'),
        pytest.param('a.avi', 'a.mp4', '', id='with another suffix'),
        pytest.param('x/y/a.avi', 'a', '', id='below'),
        pytest.param('youtube-cc/youtube-cc-kw-2fps/a_2fps.avi', 'a', 'youtube', id='2 fps'),
        pytest.param('generated/sora2-2fps/a_2fps.avi', 'sora2/a', 'generated', id='in a folder'),
        pytest.param('youtube-cc/youtube-cc-kw/a/any name.avi', 'a', '', id='alone in its folder'),
        pytest.param('sav/videos/test/a.b_0_3.avi', 'a.b_0_3', 'sav', id='a name with a point'),
        pytest.param('a[1].avi', 'a[1]', '', id='a name with brackets'),
    ],
)
def test_a_video_is_found_by_its_name(tmp_path, file, name, source):
    path = film(tmp_path / file, count=2)
    film(tmp_path / 'other' / 'b.avi', count=2)
    film(tmp_path / 'other' / 'c.avi', count=2)

    assert MediaFolder(tmp_path).find(Media(name, source)) == path


def test_of_several_the_one_of_its_folder_its_source_or_2_fps_is_taken(tmp_path):
    first = film(tmp_path / 'APTv2' / 'v' / '7.avi', count=1)
    second = film(tmp_path / 'sav' / 'w' / '7.avi', count=1)
    film(tmp_path / 'sav' / 'full_videos' / '7.avi', count=1)
    fast = film(tmp_path / 'youtube' / 'n.avi', count=1)
    slow = film(tmp_path / 'youtube-2fps' / 'n_2fps.avi', count=1)
    media = MediaFolder(tmp_path)

    assert media.find(Media('v/7')) == first
    assert media.find(Media('7', 'sav')) == second
    assert media.find(Media('n')) == slow
    assert media.find(Media('n')) != fast
    with pytest.raises(NoFrames, match='2 of that name are below'):
        media.find(Media('7'))


@pytest.mark.parametrize('name', ['nothing', '../a', '/a', '', '..'])
def test_what_is_not_there_is_an_error(tmp_path, name):
    film(tmp_path / 'in' / 'b.avi', count=1)
    film(tmp_path / 'a.avi', count=1)

    with pytest.raises(NoFrames):
        MediaFolder(tmp_path / 'in').find(Media(name))


def test_media_that_are_no_folder_are_an_error(tmp_path):
    with pytest.raises(BadSetting, match=r'media = .*is no folder'):
        MediaFolder(tmp_path / 'none')


def test_what_is_missing_is_counted_and_the_first_are_named(tmp_path):
    film(tmp_path / 'here.avi', count=1)
    records = [pointeval('here'), *(pointeval(f'lost{k}') for k in range(7))]
    records.append(pointeval('lost0', label='other'))
    examples = list(read('videopointeval', write_lines(tmp_path / 'a.jsonl', records)))

    found = MediaFolder(tmp_path).missing(examples)

    assert found.names == tuple(f'lost{k}' for k in range(7))
    assert (found.examples, found.of_names, found.of_examples) == (8, 8, 9)
    assert str(found).startswith(
        f'7 of 8 videos are missing below {tmp_path}, and so 8 of 9 examples: '
        "'lost0', 'lost1', 'lost2', 'lost3', 'lost4' and 2 more; looked for lost0.mp4"
    )
    assert 'none missing' in str(MediaFolder(tmp_path).missing(examples[:1]))


def test_points_are_shown_two_frames_a_second_and_the_newest(tmp_path):
    film(tmp_path / 'a.avi', count=38)

    clip = MediaFolder(tmp_path).clip(example(pointeval(), where=tmp_path))

    assert clip.seconds == (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 3.7)
    assert [number_of(frame.image) for frame in clip.frames] == [0, 5, 10, 15, 20, 25, 30, 35, 37]
    assert clip.size == SIZE
    assert not clip.frames[0].image.flags.writeable


def test_parity_labels_the_last_frame_with_the_end_of_the_clip(tmp_path):
    """As TimeSampler of the reference does with load_video_torchcodec, of 38 frames at 10 fps."""
    film(tmp_path / 'a.avi', count=38)
    media = MediaFolder(tmp_path, parity=True)

    clip = media.clip(example(pointeval(), where=tmp_path))

    assert clip.seconds == (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 3.8)
    assert [number_of(frame.image) for frame in clip.frames] == [0, 5, 10, 15, 20, 25, 30, 35, 37]

    record = counteval(clip_start=2.0, clip_end=3.25)
    clip = media.clip(example(record, 'videocounteval', where=tmp_path))
    assert clip.seconds == (0.0, 0.5, 1.0, 1.2)
    assert [number_of(frame.image) for frame in clip.frames] == [20, 25, 30, 32]


def test_counts_are_shown_their_clip_alone(tmp_path):
    film(tmp_path / 'a.avi', count=60)
    record = counteval(clip_start=2.0, clip_end=4.25)

    clip = MediaFolder(tmp_path).clip(example(record, 'videocounteval', where=tmp_path))

    assert clip.seconds == (0.0, 0.5, 1.0, 1.5, 2.0, 2.2)
    assert [number_of(frame.image) for frame in clip.frames] == [20, 25, 30, 35, 40, 42]


def test_a_clip_after_the_end_of_its_video_is_an_error(tmp_path):
    film(tmp_path / 'a.avi', count=20)

    with pytest.raises(NoFrames, match=r'it ends at 1\.900 s, and the clip begins at 10'):
        MediaFolder(tmp_path).clip(example(counteval(), 'videocounteval', where=tmp_path))


def test_a_video_over_63_s_is_shown_evenly_with_its_first_and_last_frame(tmp_path):
    film(tmp_path / 'a.avi', count=100, fps=1.0)

    clip = MediaFolder(tmp_path).clip(example(pointeval(), where=tmp_path))

    assert len(clip.frames) == 100
    assert clip.seconds[-1] == 99.0
    assert number_of(clip.frames[-1].image) == 99

    film(tmp_path / 'b.avi', count=100, fps=1.5)
    record = pointeval('b', video_duration=70.0)
    assert MediaFolder(tmp_path).clip(example(record, where=tmp_path)).seconds[:3] == (0, 0.7, 1.3)


def test_most_frames_of_a_long_video_are_those_of_63_s(tmp_path):
    folder(tmp_path / 'a', count=140)
    one = example(pointeval(video_duration=200.0), where=tmp_path)
    slow = Example(**{f: getattr(one, f) for f in one.__slots__} | {'media': Media('a', fps=1.0)})

    clip = MediaFolder(tmp_path).clip(slow)

    assert len(clip.frames) == 127
    assert (clip.seconds[0], clip.seconds[-1]) == (0.0, 139.0)


def test_tracks_are_shown_at_the_highest_rate_that_divides_the_videos(tmp_path):
    folder(tmp_path / 'APTv2' / 'v_long_0_3')
    none = [None] * 12
    record = track(fps=6, points=[{'object_id': k, 'points': none} for k in '73'])

    clip = MediaFolder(tmp_path).clip(example(record, 'videotrack', where=tmp_path))

    assert [number_of(frame.image) for frame in clip.frames] == list(range(12))
    assert clip.seconds == (0.0, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0, 1.2, 1.3, 1.5, 1.7, 1.8)


@pytest.mark.parametrize(
    ('fps', 'frames', 'step'),
    [
        pytest.param(6, 100, 1, id='all of 6'),
        pytest.param(6, 200, 2, id='3 a second, for all to fit'),
        pytest.param(6, 300, 3, id='2 a second'),
        pytest.param(6, 10_000, 6, id='1 a second, and the end is not shown'),
        pytest.param(30, 200, 3, id='10 a second'),
        pytest.param(25, 100, 5, id='5 a second'),
        pytest.param(11, 60, 11, id='prime'),
        pytest.param(29.97, 60, 29, id='cut to a whole number'),
    ],
)
def test_rate_of_tracks_is_the_references(fps, frames, step):
    assert TrackRule().step(fps, 1, frames) == step


def test_pictures_are_in_the_order_of_their_numbers(tmp_path):
    folder(tmp_path / 'v' / 'img1', count=11, first=2)
    media = MediaFolder(tmp_path)

    shown = [number_of(image) for image in media.images(Media('v', fps=2.0))]

    assert shown == list(range(11))
    with pytest.raises(NoFrames, match='tells no rate'):
        list(media.images(Media('v')))


def test_a_picture_is_its_own_clip(tmp_path):
    (tmp_path / 'val').mkdir()
    cv2.imwrite(str(tmp_path / 'val' / 'x.png'), stripes(7))
    one = Example('x', 'Point', Task.POINT, 'cup', '', Media('x.png'), ImageTruth(()))

    clip = MediaFolder(tmp_path).clip(one)

    assert (clip.seconds, number_of(clip.frames[0].image)) == ((0.0,), 7)


def test_picture_nearest_to_a_time_of_the_clip(tmp_path):
    film(tmp_path / 'a.avi', count=60)
    folder(tmp_path / 'v_long_0_3')
    media = MediaFolder(tmp_path)
    count = example(counteval(clip_start=2.0, clip_end=4.0), 'videocounteval', where=tmp_path)
    tracked = example(track(), 'videotrack', where=tmp_path)

    assert number_of(media.image(count, 1.02)) == 30
    assert number_of(media.image(count, 1e6)) == 59
    assert number_of(media.image(tracked, 1.5)) == 3


def test_damaged_pictures_are_passed_over_or_named(tmp_path):
    place = folder(tmp_path / 'a')
    (place / '3.png').write_bytes(b'no picture')
    one = example(pointeval(), where=tmp_path)
    slow = Example(**{f: getattr(one, f) for f in one.__slots__} | {'media': Media('a', fps=2.0)})

    clip = MediaFolder(tmp_path).clip(slow)

    assert [number_of(frame.image) for frame in clip.frames] == [0, 1, 2, *range(4, 12)]
    with pytest.raises(ImageError, match=r'3\.png: cannot be decoded'):
        list(MediaFolder(tmp_path).images(Media('a', fps=2.0)))


def test_a_file_that_is_no_video_is_an_error(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'no video')

    with pytest.raises(ImageError, match='finds no video'):
        MediaFolder(tmp_path).clip(example(pointeval(), where=tmp_path))


def test_colours_are_red_green_blue(tmp_path):
    (tmp_path / 'v').mkdir()
    red = np.zeros((*SIZE[::-1], 3), np.uint8)
    red[:, :, 2] = 255  # OpenCV writes blue, green, red
    cv2.imwrite(str(tmp_path / 'v' / '0.png'), red)

    (shown,) = MediaFolder(tmp_path).images(Media('v', fps=1.0))

    assert shown[0, 0].tolist() == [255, 0, 0]


def test_tracks_of_a_model_without_a_rule_are_shown_the_frames_of_points(tmp_path):
    folder(tmp_path / 'APTv2' / 'v_long_0_3')
    none = [None] * 12
    record = track(fps=6, points=[{'object_id': k, 'points': none} for k in '73'])
    tracked = example(record, 'videotrack', where=tmp_path)

    plain = MediaFolder(tmp_path).clip(tracked, None)
    slower = MediaFolder(tmp_path).clip(tracked, TrackRule(most_hz=3))

    assert [number_of(frame.image) for frame in plain.frames] == [0, 3, 6, 9, 11]
    assert plain.seconds == (0.0, 0.5, 1.0, 1.5, 1.8)
    assert [number_of(frame.image) for frame in slower.frames] == [0, 2, 4, 6, 8, 10]
