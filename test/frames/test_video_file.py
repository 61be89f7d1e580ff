# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The images of videos of a hundred kinds, in any order, and beside those of the program ffmpeg."""

from __future__ import annotations

import random
import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

from support.films import Film, number_of, write_film

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.video_file import VideoFile

COUNT = 30
QUICK = {'preset': 'ultrafast'}
B_FRAMES = {'x264-params': 'bframes=3:b-pyramid=normal:scenecut=0'}
OPEN = {'x264-params': 'open-gop=1:bframes=3:scenecut=0'}
SILENT = {'x265-params': 'log-level=none', 'preset': 'fast'}
REALTIME = {'deadline': 'realtime', 'cpu-used': '8'}
ALTREF = {'auto-alt-ref': '1', 'lag-in-frames': '16'}
INTERLACED = {'x264-params': 'tff=1:bframes=2'}
FIELDS = {'flags': '+ildct+ilme'}
GAPS = [0, 1, 2, 5, 6, 9, 20, 21, 22, 40, 41, 43, 60]
LATE = [7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
AV1 = {'preset': '12'}


def films() -> dict[str, Film]:
    """A hundred kinds, by name."""
    made = dict[str, Film]()

    def add(name: str, codec: str, suffixes: str, options: dict[str, str], **fields) -> None:
        for suffix in suffixes.split():
            made[f'{name}.{suffix}'] = Film(codec, f'.{suffix}', options, **fields)

    for gop, b_frames in product((1, 12, 250), (0, 3)):
        options = B_FRAMES if b_frames else QUICK
        fields = {'gop': gop, 'b_frames': b_frames}
        add(f'h264_{gop}_{b_frames}', 'libx264', 'mp4 mkv mov ts flv', options, **fields)
    add('h264_open', 'libx264', 'mp4 mkv ts', OPEN, b_frames=3)
    add('h264_interlaced', 'libx264', 'mp4 mkv ts', INTERLACED, b_frames=2)
    add('h264_gaps', 'libx264', 'mp4 mkv mov', B_FRAMES, b_frames=3, times=GAPS)
    add('h264_late', 'libx264', 'mp4 mkv mov', QUICK, times=LATE)
    add('h264', 'libx264', 'avi', B_FRAMES, b_frames=3)
    for pixel_format in ('yuv422p', 'yuv444p', 'yuv420p10le'):
        add(f'h264_{pixel_format}', 'libx264', 'mp4', QUICK, pixel_format=pixel_format)
    for rotation in (90, 180, 270):
        add(f'h264_turned_{rotation}', 'libx264', 'mp4 mov', QUICK, rotation=rotation)
    for gop, b_frames in product((12, 250), (0, 3)):
        fields = {'gop': gop, 'b_frames': b_frames}
        add(f'hevc_{gop}_{b_frames}', 'libx265', 'mp4 mkv ts', SILENT, **fields)
    add('hevc_10', 'libx265', 'mp4', SILENT, pixel_format='yuv420p10le')
    add('vp9', 'libvpx-vp9', 'webm mkv mp4', REALTIME)
    add('vp9_altref', 'libvpx-vp9', 'webm mp4', ALTREF)
    add('vp8', 'libvpx', 'webm mkv', REALTIME)
    add('vp8_altref', 'libvpx', 'webm', ALTREF)
    add('av1', 'libsvtav1', 'mp4 mkv webm', AV1, size=(64, 64))
    add('mpeg4_0', 'mpeg4', 'mp4 mkv mov avi', {})
    add('mpeg4_2', 'mpeg4', 'mp4 mkv mov avi', {}, b_frames=2)
    for b_frames in (0, 2):
        fields = {'rate': 25, 'b_frames': b_frames}
        add(f'mpeg2_{b_frames}', 'mpeg2video', 'mpg ts mkv m2ts', {}, **fields)
        add(f'mpeg1_{b_frames}', 'mpeg1video', 'mpg', {}, **fields)
    add('mpeg2_interlaced', 'mpeg2video', 'mpg mkv', FIELDS, rate=25)
    add('mjpeg', 'mjpeg', 'avi mov mkv', {}, pixel_format='yuvj420p')
    add('ffv1', 'ffv1', 'mkv avi', {})
    add('prores', 'prores', 'mov', {}, pixel_format='yuv422p10le')
    add('gif', 'gif', 'gif', {}, pixel_format='rgb8')
    add('wmv', 'wmv2', 'wmv', {})
    add('flv', 'flv', 'flv', {})
    return made


FILMS = films()


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('films')


def written(folder: Path, name: str) -> Path:
    path = folder / name
    return path if path.exists() else write_film(path, FILMS[name], COUNT)


def test_there_are_a_hundred() -> None:
    assert len(FILMS) >= 100


@pytest.mark.parametrize('name', FILMS)
def test_any_image_is_that_of_its_time_in_any_order(folder: Path, name: str) -> None:
    film = FILMS[name]
    video = VideoFile(written(folder, name), name)
    times, missing = video.times()
    expected = [time / film.rate for time in film.times or range(COUNT)]
    if name.endswith(('ts', 'mpg', 'flv')):
        # Such clocks begin anywhere; those of an FLV with the first image's time of decoding.
        expected = [times[0] / 1e9 + time for time in expected]
    # FFmpeg makes up most times of MPEG-1, whose packets have few.
    tolerance = 0.041 if name.startswith('mpeg1') else 0.0006
    assert [time_ns / 1e9 for time_ns in times] == pytest.approx(expected, abs=tolerance)
    assert missing == 0
    order = list(range(len(times)))
    random.Random(0).shuffle(order)
    for number in [*range(len(times)), *order]:
        image = video.image(times[number])
        assert number_of(upright(image, film.rotation)) == number
    video.close()


def upright(image: np.ndarray, rotation: int) -> np.ndarray:
    """An image as it was before it was turned."""
    return np.rot90(image, -rotation // 90)


@pytest.mark.parametrize('name', FILMS)
def test_images_and_times_are_those_of_ffmpeg(folder: Path, name: str) -> None:
    if shutil.which('ffmpeg') is None:
        pytest.skip('needs the program ffmpeg: apt-get install ffmpeg')
    path = written(folder, name)
    video = VideoFile(path, name)
    times, _ = video.times()
    height, width = video.image(times[0]).shape[:2]
    their_times, their_images = by_ffmpeg(path, (height, width, 3))
    assert len(times) == len(their_images)
    if FILMS[name].b_frames and path.suffix == '.avi':
        # ffmpeg begins with the first image's time of decoding.
        their_times = [time - their_times[0] for time in their_times]
    assert [time_ns / 1e9 for time_ns in times] == pytest.approx(their_times, abs=0.0006)
    for time_ns, theirs in zip(times, their_images, strict=True):
        difference = np.abs(video.image(time_ns).astype(int) - theirs)
        assert difference.mean() < 3
    video.close()


def by_ffmpeg(path: Path, shape: tuple[int, int, int]) -> tuple[list[float], np.ndarray]:
    """The times, in seconds, and the images, (N, H, W, 3) RGB."""
    clock = [] if path.suffix in ('.ts', '.m2ts', '.mpg') else ['-copyts']
    out = ['-map', '0:v', '-fps_mode', 'passthrough', '-pix_fmt', 'rgb24']
    raw = path.with_suffix(f'{path.suffix}.raw')
    command = ['ffmpeg', '-v', 'error', '-y', *clock, '-i', str(path)]
    command += [*out, '-enc_time_base', '1:1000000', '-f', 'framecrc', '-']
    ran = subprocess.run(
        [*command, *out, '-f', 'rawvideo', str(raw)], capture_output=True, check=True
    )
    lines = [line for line in ran.stdout.decode().splitlines() if not line.startswith('#')]
    images = np.fromfile(raw, np.uint8).reshape(-1, *shape)
    return [int(line.split(',')[2]) / 1e6 for line in lines], images


def test_a_file_without_video_is_told_from_no_file_of_video(tmp_path: Path) -> None:
    path = tmp_path / 'list.m3u8'
    path.write_text('#EXTM3U\n#EXTINF:1,\nother.ts\n')
    with pytest.raises(ImageError, match='FFmpeg finds no video'):
        VideoFile(path, 'list').times()


def test_codec_without_a_decoder_is_named_and_not_called_damage(folder: Path) -> None:
    path = folder / 'unknown.mp4'
    path.write_bytes(written(folder, 'h264_12_0.mp4').read_bytes().replace(b'avc1', b'zzzz'))
    with pytest.raises(ImageError, match='no decoder for its video here'):
        VideoFile(path, 'unknown').times()


def test_damaged_packets_cost_no_other_image(folder: Path) -> None:
    data = bytearray(written(folder, 'mjpeg.avi').read_bytes())
    middle = data.index(b'00dc', len(data) // 3)
    size = int.from_bytes(data[middle + 4 : middle + 8], 'little')
    data[middle + 8 : middle + 8 + size] = bytes(size)
    path = folder / 'damaged.avi'
    path.write_bytes(data)
    video = VideoFile(path, 'damaged')
    times, _ = video.times()
    assert len(times) == COUNT
    numbers = list[int]()
    for time_ns in times:
        try:
            numbers.append(number_of(video.image(time_ns)))
        except ImageError:
            continue
    assert len(numbers) == COUNT - 1
    assert numbers == sorted(set(numbers))


class Surprised:
    """A container in which a stream begins that PyAV has no place for, after three packets."""

    def __init__(self, container) -> None:
        self.container = container
        self.calls = 0

    def demux(self, stream):
        self.calls += 1
        for count, packet in enumerate(self.container.demux(stream)):
            yield packet
            if self.calls == 1 and count == 2:
                raise IndexError('list index out of range')

    def __getattr__(self, name: str):
        return getattr(self.container, name)


def test_stream_that_begins_later_ends_no_video(tmp_path: Path) -> None:
    film = write_film(tmp_path / 'a.ts', Film('mpeg2video', '.ts', {}), COUNT)
    video = VideoFile(film, 'a.ts')
    video._open()
    video._container = surprised = Surprised(video._container)
    assert sum(1 for _ in video._packets()) == COUNT
    assert surprised.calls == 2
    video.close()
