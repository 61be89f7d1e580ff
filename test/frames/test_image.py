# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages become the right pixels, and broken ones an error that says what was found."""

from __future__ import annotations

import array
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.image import ENCODINGS, MAX_PIXELS, decode
from molmo_ground_ros.types import CompressedImage, RawImage

BAYER = {'bayer_rggb': 'RGGB', 'bayer_bggr': 'BGGR', 'bayer_gbrg': 'GBRG', 'bayer_grbg': 'GRBG'}
# The independent restatement: which of a pixel's samples are red, green and blue.
CHANNELS = {
    'rgb8': (3, (0, 1, 2)),
    'rgba8': (4, (0, 1, 2)),
    'bgr8': (3, (2, 1, 0)),
    'bgra8': (4, (2, 1, 0)),
    '8UC3': (3, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
    '8UC1': (1, (0, 0, 0)),
}
WIDE = {
    'rgb16': (3, (0, 1, 2)),
    'rgba16': (4, (0, 1, 2)),
    'bgr16': (3, (2, 1, 0)),
    'bgra16': (4, (2, 1, 0)),
    'mono16': (1, (0, 0, 0)),
}
YUV422 = {'uyvy': (1, 0, 2), 'yuv422': (1, 0, 2), 'yuyv': (0, 1, 3), 'yuv422_yuy2': (0, 1, 3)}
YUV_TOLERANCE = 2  # OpenCV rounds in 20-bit fixed point, the restatement in floats


def noise(*shape, dtype=np.uint8, seed=0):
    high = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, high, shape, dtype, endpoint=True)


def smooth(height, width):
    """A colour picture that JPEG and demosaicing keep close to."""
    return cv2.resize(noise(5, 6, 3), (width, height), interpolation=cv2.INTER_CUBIC)


def raw(encoding, rows, width, height=None, pad=0, **fields):
    """A message of the (rows, bytes) array with `pad` bytes of 0xEE after each row."""
    rows = np.pad(rows, ((0, 0), (0, pad)), constant_values=0xEE)
    height = len(rows) if height is None else height
    return RawImage(width, height, encoding, rows.shape[1], rows.tobytes(), **fields)


def yuv_to_rgb(y, u, v):
    """BT.601, limited range: ITU-R BT.601-7 section 3, scaled to 0..255."""
    y, u, v = 1.164 * (y.astype(float) - 16), u.astype(float) - 128, v.astype(float) - 128
    y = np.maximum(y, 0)
    rgb = np.stack([y + 1.596 * v, y - 0.391 * u - 0.813 * v, y + 2.018 * u], -1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def difference(a, b):
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize('pad', [0, 1, 4], ids=lambda pad: f'pad {pad}')
@pytest.mark.parametrize('encoding', sorted(CHANNELS))
def test_eight_bit_channels_are_ordered_exactly(encoding, pad):
    samples, order = CHANNELS[encoding]
    pixels = noise(7, 5, samples)
    picture = decode(raw(encoding, pixels.reshape(7, -1), 5, pad=pad))
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, pixels[..., order])


@pytest.mark.parametrize('pad', [0, 3], ids=lambda pad: f'pad {pad}')
@pytest.mark.parametrize('order', ['<', '>'], ids=['little-endian', 'big-endian'])
@pytest.mark.parametrize('encoding', sorted(WIDE))
def test_sixteen_bit_samples_give_their_high_byte(encoding, order, pad):
    samples, channels = WIDE[encoding]
    pixels = noise(6, 5, samples, dtype=np.uint16)
    rows = pixels.astype(f'{order}u2').reshape(6, -1).view(np.uint8)
    picture = decode(raw(encoding, rows, 5, pad=pad, is_bigendian=order == '>'))
    assert np.array_equal(picture, (pixels // 256)[..., channels])


@pytest.mark.parametrize('encoding', sorted(CHANNELS))
def test_big_endian_means_nothing_to_eight_bit_samples(encoding):
    rows = noise(4, 4 * CHANNELS[encoding][0])
    little, big = (decode(raw(encoding, rows, 4, is_bigendian=flag)) for flag in (False, True))
    assert np.array_equal(little, big)


def mosaic(picture, tile):
    """What a sensor under that colour filter reads: tile names its top-left 2 x 2, row by row."""
    height, width = picture.shape[:2]
    plane = np.empty((height, width), np.uint8)
    for i, colour in enumerate(tile):
        y, x = divmod(i, 2)
        plane[y::2, x::2] = picture[y::2, x::2, 'RGB'.index(colour)]
    return plane


def demosaiced(plane, tile):
    """Bilinear, inner pixels only: the mean of the nearest samples of each colour."""
    height, width = plane.shape
    out = np.zeros((height, width, 3))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            for channel, colour in enumerate('RGB'):
                same = [p for p in around if tile[p[0] % 2 * 2 + p[1] % 2] == colour]
                here = [plane[y, x]] if (y, x) in same else [plane[p] for p in same]
                out[y, x, channel] = np.mean(here)
    return out[1:-1, 1:-1]


@pytest.mark.parametrize('pad', [0, 5], ids=lambda pad: f'pad {pad}')
@pytest.mark.parametrize('name', sorted(BAYER))
def test_a_mosaic_is_read_with_the_pattern_ros_names(name, pad):
    flat = np.full((8, 10, 3), (200, 100, 30), np.uint8)
    picture = decode(raw(f'{name}8', mosaic(flat, BAYER[name]), 10, pad=pad))
    assert np.array_equal(picture, flat)
    plane = noise(8, 10)
    picture = decode(raw(f'{name}8', plane, 10, pad=pad))
    assert difference(picture[1:-1, 1:-1], demosaiced(plane, BAYER[name])) <= 1


@pytest.mark.parametrize('order', ['<', '>'], ids=['little-endian', 'big-endian'])
@pytest.mark.parametrize('name', sorted(BAYER))
def test_a_wide_mosaic_is_its_high_bytes_demosaiced(name, order):
    plane = noise(6, 8, dtype=np.uint16)
    rows = plane.astype(f'{order}u2').view(np.uint8)
    wide = decode(raw(f'{name}16', rows, 8, pad=1, is_bigendian=order == '>'))
    narrow = decode(raw(f'{name}8', (plane // 256).astype(np.uint8), 8))
    assert np.array_equal(wide, narrow)


@pytest.mark.parametrize('pad', [0, 3], ids=lambda pad: f'pad {pad}')
@pytest.mark.parametrize('encoding', sorted(YUV422))
def test_packed_yuv(encoding, pad):
    rows = noise(6, 16)
    y, u, v = YUV422[encoding]
    rgb = yuv_to_rgb(
        rows[:, y::2], rows[:, u::4].repeat(2, axis=1), rows[:, v::4].repeat(2, axis=1)
    )
    assert difference(decode(raw(encoding, rows, 8, pad=pad)), rgb) <= YUV_TOLERANCE


@pytest.mark.parametrize('pad', [0, 3], ids=lambda pad: f'pad {pad}')
@pytest.mark.parametrize(('encoding', 'u'), [('nv12', 0), ('nv21', 1)])
def test_planar_yuv(encoding, u, pad):
    rows = noise(9, 8)
    colours = rows[6:].repeat(2, axis=0)
    rgb = yuv_to_rgb(
        rows[:6], colours[:, u::2].repeat(2, axis=1), colours[:, 1 - u :: 2].repeat(2, axis=1)
    )
    assert difference(decode(raw(encoding, rows, 8, height=6, pad=pad)), rgb) <= YUV_TOLERANCE


@pytest.mark.parametrize(
    'hold',
    [
        pytest.param(bytes, id='bytes'),
        pytest.param(bytearray, id='bytearray'),
        pytest.param(memoryview, id='memoryview'),
        pytest.param(lambda data: array.array('B', data), id='array.array, as rclpy gives it'),
        pytest.param(lambda data: np.frombuffer(data, np.uint8), id='numpy'),
        pytest.param(lambda data: np.frombuffer(data, np.uint8).reshape(4, -1), id='numpy rows'),
    ],
)
def test_data_may_be_held_in_any_buffer(hold):
    pixels = noise(4, 5, 3)
    picture = decode(RawImage(5, 4, 'rgb8', 15, hold(pixels.tobytes())))
    assert np.array_equal(picture, pixels)
    png = cv2.imencode('.png', pixels[..., ::-1])[1].tobytes()
    png += bytes(-len(png) % 4)  # for the array of four rows
    assert np.array_equal(decode(CompressedImage('png', hold(png))), pixels)


@pytest.mark.parametrize(
    ('encoding', 'step'), [('rgb8', 24), *((encoding, 64) for encoding in sorted(ENCODINGS))]
)
def test_the_picture_has_memory_of_its_own(encoding, step):
    data = np.zeros(64 * 18, np.uint8)
    picture = decode(RawImage(8, 6, encoding, step, data))
    assert picture.shape == (6, 8, 3)
    assert picture.flags.c_contiguous
    assert picture.flags.writeable
    assert not np.shares_memory(picture, data)


def test_surplus_data_after_the_last_row_is_ignored():
    pixels = noise(2, 2, 3)
    assert np.array_equal(decode(RawImage(2, 2, 'rgb8', 6, pixels.tobytes() + b'tail')), pixels)


@pytest.mark.parametrize(
    ('image', 'found'),
    [
        pytest.param(
            RawImage(4, 2, 'rgb8', 11, bytes(22)),
            ['rgb8', '4x2', 'step 11', '22 bytes', 'a row needs 12 bytes'],
            id='a step shorter than a row',
        ),
        pytest.param(RawImage(4, 2, 'rgb8', 0, bytes(25)), ['step 0'], id='no step'),
        pytest.param(
            RawImage(4, 2, 'mono16', 8, bytes(15)),
            ['mono16', '4x2', 'step 8', '15 bytes', 'it needs 16 bytes'],
            id='short data',
        ),
        pytest.param(RawImage(4, 2, 'rgb8', 12, b''), ['0 bytes'], id='no data'),
        pytest.param(RawImage(0, 0, 'rgb8', 0, b''), ['0x0', 'no pixels'], id='0x0'),
        pytest.param(RawImage(4, 0, 'rgb8', 12, b''), ['4x0', 'no pixels'], id='no rows'),
        pytest.param(RawImage(-4, 2, 'rgb8', 12, bytes(24)), ['-4x2'], id='a negative width'),
        pytest.param(
            RawImage(3, 2, 'yuv422', 6, bytes(12)), ['3x2', 'width must be even'], id='odd yuv422'
        ),
        pytest.param(
            RawImage(4, 3, 'nv12', 4, bytes(18)), ['4x3', 'height must be even'], id='odd nv12'
        ),
        pytest.param(
            RawImage(4, 4, 'nv21', 4, bytes(16)), ['it needs 24 bytes'], id='nv21 without colours'
        ),
        pytest.param(
            RawImage(2, 8, 'bayer_rggb8', 2, bytes(16)), ['needs 3x3'], id='a narrow mosaic'
        ),
        pytest.param(
            RawImage(4, 2, 'rgb9', 12, bytes(24)),
            ["unknown encoding 'rgb9'", "'bayer_rggb8'", "'nv12'", "'8UC3'"],
            id='an unknown encoding lists the known ones',
        ),
        pytest.param(RawImage(4, 2, '', 12, bytes(24)), ["''"], id='an empty encoding'),
        pytest.param(
            RawImage(4, 2, '16UC1', 8, bytes(16)), ["'16UC1': depth"], id='depth is not a picture'
        ),
        pytest.param(
            RawImage(4, 2, '32FC1', 16, bytes(32)), ["'32FC1': depth"], id='nor is depth in metres'
        ),
        pytest.param(
            RawImage(2**32 - 1, 2**32 - 1, 'rgb8', 2**32 - 1, bytes(10)),
            ['4294967295x4294967295'],
            id='absurd sizes',
        ),
        pytest.param(
            RawImage(2**20, 2**31, 'mono8', 2**20, bytes(10)),
            ['it needs 2251799813685248 bytes'],
            id='absurd height',
        ),
        pytest.param(RawImage(1, 1, 'mono8', 1, 'text'), ['str'], id='text for data'),
        pytest.param(
            RawImage(1, 1, 'mono8', 1, memoryview(bytes(8))[::2]), ['memoryview'], id='a loose view'
        ),
        pytest.param(
            RawImage(2, 2, 'mono8', 2, np.zeros(4, np.float32)), ['float32'], id='floats for data'
        ),
    ],
)
def test_a_wrong_raw_picture_says_what_was_found(image, found):
    with pytest.raises(ImageError) as caught:
        decode(image)
    for text in found:
        assert text in str(caught.value)


PICTURE = smooth(48, 64)
BGR = np.ascontiguousarray(PICTURE[..., ::-1])


def encoded(suffix, picture=BGR, *options):
    ok, data = cv2.imencode(suffix, picture, options)
    assert ok
    return data.tobytes()


JPEG, PNG = encoded('.jpg'), encoded('.png')
DEPTH = encoded('.png', noise(8, 8, dtype=np.uint16))


@pytest.mark.parametrize(
    'form',
    [
        *('jpeg', 'jpg', 'JPEG', 'png', ''),
        *('rgb8; jpeg compressed bgr8', 'rgb8; jpeg compressed rgb8', 'bgr8; jpeg compressed '),
    ],
)
def test_a_jpeg_is_a_jpeg_whatever_the_format_says(form):
    assert difference(decode(CompressedImage(form, JPEG)), PICTURE) < 25
    plain = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(decode(CompressedImage(form, JPEG)), plain)


@pytest.mark.parametrize(
    'form',
    [
        *('png', 'PNG', 'jpeg', 'tiff', 'rgb8; png compressed rgb8'),
        *('bgr8; png compressed', '16UC1; png compressed '),
    ],
)
def test_a_png_is_exact_whatever_the_format_says(form):
    assert np.array_equal(decode(CompressedImage(form, PNG)), PICTURE)


@pytest.mark.parametrize(
    ('picture', 'expected'),
    [
        pytest.param(PICTURE[..., 0], PICTURE[..., :1].repeat(3, axis=2), id='grey'),
        pytest.param(np.dstack([BGR, noise(48, 64)]), PICTURE, id='alpha is dropped'),
        pytest.param(BGR.astype(np.uint16) * 256 + 255, PICTURE, id='16-bit gives its high byte'),
        pytest.param(
            PICTURE[..., 0].astype(np.uint16) * 256 + 200,
            PICTURE[..., :1].repeat(3, axis=2),
            id='16-bit grey',
        ),
    ],
)
def test_other_kinds_of_png(picture, expected):
    assert np.array_equal(decode(CompressedImage('png', encoded('.png', picture))), expected)


@pytest.mark.parametrize(
    'options',
    [
        pytest.param((cv2.IMWRITE_JPEG_PROGRESSIVE, 1), id='progressive: many scans'),
        pytest.param((cv2.IMWRITE_JPEG_RST_INTERVAL, 2), id='restart markers'),
        pytest.param((cv2.IMWRITE_JPEG_OPTIMIZE, 1), id='optimized'),
    ],
)
def test_other_kinds_of_jpeg(options):
    data = encoded('.jpg', BGR, *options)
    assert difference(decode(CompressedImage('jpeg', data)), PICTURE) < 25


def test_a_grey_jpeg_has_three_equal_channels():
    picture = decode(CompressedImage('mono8; jpeg compressed ', encoded('.jpg', BGR[..., 0])))
    assert picture.shape == (48, 64, 3)
    assert np.array_equal(picture[..., 0], picture[..., 2])


def with_segments(*segments):
    """The JPEG with (marker, payload) segments after its first marker."""
    parts = [struct.pack('>BBH', 0xFF, m, len(body) + 2) + body for m, body in segments]
    return JPEG[:2] + b''.join(parts) + JPEG[2:]


def test_exif_orientation_is_ignored():
    entry = struct.pack('>HHIHH', 0x0112, 3, 1, 6, 0)  # orientation 6: turned by 90 degrees
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\x01' + entry + bytes(4)
    turned = with_segments((0xE1, exif))
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (64, 48, 3)
    assert np.array_equal(
        decode(CompressedImage('jpeg', turned)), decode(CompressedImage('jpeg', JPEG))
    )


@pytest.mark.parametrize(
    'data',
    [
        pytest.param(JPEG + bytes(100), id='padding after the end'),
        pytest.param(JPEG + JPEG[: len(JPEG) // 2], id='half a picture after the end'),
        pytest.param(with_segments((0xE1, JPEG[:300] + b'\xff\xd9')), id='a thumbnail inside'),
        pytest.param(JPEG[:2] + b'\xff\xff' + JPEG[2:], id='fill bytes before a marker'),
        pytest.param(JPEG[:2] + b'\xff\xe0\0\x02A' + JPEG[2:], id='a byte between segments'),
        pytest.param(JPEG[:-1], id='half of the last marker'),
        pytest.param(JPEG[:-2], id='no marker of the end'),
        pytest.param(JPEG[:-2] + bytes(50), id='no marker of the end, and padding'),
    ],
)
def test_odd_but_whole_jpegs_are_read(data):
    whole = decode(CompressedImage('jpeg', JPEG))
    assert np.array_equal(decode(CompressedImage('jpeg', data)), whole)


SCAN = JPEG.index(b'\xff\xda')


@pytest.mark.parametrize(
    'length',
    [
        3,
        4,
        10,
        100,
        SCAN + 1,
        SCAN + 5,
        SCAN + 40,
        len(JPEG) * 3 // 4,
        len(JPEG) - 8,
    ],
)
def test_a_truncated_jpeg_is_an_error_and_not_half_a_picture(length):
    with pytest.raises(ImageError, match=f"'jpeg', {length} bytes: .*(cut off|neither)"):
        decode(CompressedImage('jpeg', JPEG[:length]))


def test_a_progressive_jpeg_needs_the_marker_of_its_end():
    data = encoded('.jpg', BGR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    with pytest.raises(ImageError, match='a JPEG cut off in its pixels'):
        decode(CompressedImage('jpeg', data[:-2]))


@pytest.mark.parametrize('part', [0.1, 0.5, 0.99])
def test_a_truncated_png_is_an_error(part):
    with pytest.raises(ImageError, match='a PNG'):
        decode(CompressedImage('png', PNG[: int(len(PNG) * part)]))


def png_of(*chunks):
    parts = [
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def header(width, height):
    return b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)


def sized(width, height):
    """The JPEG, its header claiming another size."""
    at = JPEG.index(b'\xff\xc0') + 5
    return JPEG[:at] + struct.pack('>HH', height, width) + JPEG[at + 4 :]


@pytest.mark.parametrize(
    ('form', 'data', 'found'),
    [
        pytest.param('jpeg', b'', 'there is no data', id='empty'),
        pytest.param('jpeg', b'not a picture', "b'not a pi', neither JPEG, PNG", id='text'),
        pytest.param('webp', b'RIFF0000WEBPVP8 ', '0x0', id='a webp without a header'),
        pytest.param('h264', b'\0\0\0\x01\x67' + bytes(9), 'a packet of h264 video', id='video'),
        pytest.param('16UC1; png compressed ', DEPTH, 'depth', id='depth as a plain png'),
        pytest.param('16UC1; compressedDepth png', bytes(12) + PNG, 'depth', id='compressedDepth'),
        pytest.param('32FC1; CompressedDepth', bytes(12) + PNG, 'depth', id='any case'),
        pytest.param(
            'png',
            png_of(header(60000, 60000), (b'IEND', b'')),
            f'60000x60000 is not in 1 to {MAX_PIXELS} pixels',
            id='a png that would unpack to 10 GB',
        ),
        pytest.param('jpeg', sized(65500, 65500), '65500x65500', id='a jpeg that would, too'),
        pytest.param('jpeg', sized(64, 0), '64x0', id='a jpeg without rows'),
        pytest.param('jpeg', JPEG[:2] + JPEG[-2:], '0x0', id='a jpeg without a header'),
        pytest.param('png', png_of((b'IDAT', bytes(30))), 'without its header', id='no header'),
        pytest.param(
            'png', png_of(header(4, 4)) + bytes(20), 'no chunk at byte 33', id='png garbage'
        ),
        pytest.param(
            'png', png_of(header(4, 4), (b'IEND', b'')), 'OpenCV cannot', id='png without pixels'
        ),
        pytest.param(
            'png',
            PNG[: len(PNG) // 2] + bytes([PNG[len(PNG) // 2] ^ 1]) + PNG[len(PNG) // 2 + 1 :],
            'OpenCV cannot',
            id='png with one bit changed',
        ),
        pytest.param(
            'png',
            png_of(header(MAX_PIXELS, 1), (b'IDAT', b''), (b'IEND', b'')),
            'OpenCV cannot',
            id='wider than OpenCV takes',
        ),
    ],
)
def test_a_wrong_compressed_picture_says_what_was_found(form, data, found):
    with pytest.raises(ImageError) as caught:
        decode(CompressedImage(form, data))
    assert found in str(caught.value)
    assert f"'{form}', {len(data)} bytes" in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(ENCODINGS)),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 40),
    st.integers(0, 400),
    st.booleans(),
)
def test_any_raw_fields_give_a_picture_of_that_size_or_an_image_error(
    encoding, width, height, step, nbytes, big
):
    try:
        picture = decode(RawImage(width, height, encoding, step, bytes(nbytes), big))
    except ImageError:
        return
    assert picture.shape == (height, width, 3)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([JPEG[:SCAN], PNG]), st.data())
def test_any_damage_gives_a_picture_or_an_image_error(whole, data):
    # Not inside a JPEG's pixels: libjpeg would fill stderr with warnings.
    tail = JPEG[SCAN:] if whole is not PNG else b''
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        picture = decode(CompressedImage('', bytes(broken) + tail))
    except ImageError:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'bayer_rggb8'])
def test_cv_bridge_agrees(encoding):
    reason = 'needs cv_bridge, which is part of an installed ROS: see CONTRIBUTING'
    bridge = pytest.importorskip('cv_bridge', reason=reason, exc_type=ImportError)
    messages = pytest.importorskip('sensor_msgs.msg', reason=reason, exc_type=ImportError)
    rows = noise(6, 8 * CHANNELS.get(encoding, (1, ()))[0])
    message = messages.Image(
        width=8, height=6, encoding=encoding, step=rows.shape[1], data=rows.tobytes()
    )
    theirs = bridge.CvBridge().imgmsg_to_cv2(message, 'rgb8')
    assert difference(decode(raw(encoding, rows, 8)), theirs) <= 1


def test_one_pixel_is_an_image():
    encoded = cv2.imencode('.png', np.array([[[1, 2, 3]]], np.uint8))[1].tobytes()
    assert decode(CompressedImage('png', encoded)).tolist() == [[[3, 2, 1]]]
