# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.reports.drawing import (
    PAPER,
    draw_ring,
    draw_trail,
    pixel_of,
    text_size,
    write_text,
)


def blank(width=400, height=300):
    return np.full((height, width, 3), 200, np.uint8)


def inked(image, ink):
    """(x, y) of the pixels of exactly this colour."""
    rows, columns = np.nonzero((image == np.array(ink, np.uint8)).all(axis=-1))
    return np.column_stack([columns, rows])


def test_point_lies_in_the_pixel_around_its_centre():
    assert pixel_of(0.5, 0.5) == pixel_of(0.0, 0.99) == (0, 0)
    assert pixel_of(10.0, 7.75, scale=2.0) == (20, 15)


def test_ring_surrounds_its_point_and_leaves_it_free():
    image = blank()
    draw_ring(image, (200, 150), 2, '#2', radius=14, thickness=3)
    assert tuple(image[150, 200]) == (200, 200, 200)
    assert tuple(image[150, 200 + 14]) == tuple(image[150 - 14, 200]) == colour(2)


def test_disc_covers_its_point():
    image = blank()
    draw_ring(image, (200, 150), 1, '#1', radius=6, thickness=-1)
    assert tuple(image[150, 200]) == tuple(image[150, 203]) == colour(1)


def test_name_stands_on_paper_to_the_right_above():
    image = blank()
    draw_ring(image, (200, 150), 3, '#3 red block', radius=14, thickness=3)
    paper = inked(image, PAPER)
    width, _ = text_size('#3 red block', 0.6, 2)
    assert paper[:, 0].min() > 200 and paper[:, 1].max() < 150
    assert width <= np.ptp(paper[:, 0]) <= width + 8


def test_ring_grows_with_its_size():
    image = blank(1000, 1000)
    draw_ring(image, (500, 500), 1, '#1', radius=14, thickness=3, size=3.0)
    assert tuple(image[500, 500 + 42]) == colour(1)


def test_trail_joins_its_pixels_in_order():
    image = blank()
    draw_trail(image, [(10, 10), (110, 10), (110, 110)], 4)
    assert tuple(image[10, 60]) == tuple(image[60, 110]) == colour(4)
    assert tuple(image[60, 60]) == (200, 200, 200)


@pytest.mark.parametrize('pixels', [[], [(10, 10)]], ids=['none', 'one'])
def test_trail_of_less_than_two_pixels_draws_nothing(pixels):
    image = blank()
    draw_trail(image, pixels, 1)
    assert (image == 200).all()


@pytest.mark.parametrize('text', ['r\u00f6t', 'a\nb', '\x1b[31m', '\ud800', '\0'])
def test_letters_without_a_glyph_are_question_marks(text):
    image, expected = blank(), blank()
    plain = ''.join(letter if ' ' <= letter <= '~' else '?' for letter in text)
    write_text(image, text, (10, 100), 0.6, (0, 0, 0), 1)
    write_text(expected, plain, (10, 100), 0.6, (0, 0, 0), 1)
    assert np.array_equal(image, expected)
    assert (image != 200).any()


@pytest.mark.parametrize(
    ('at', 'is_seen'), [((-50, -50), False), ((399, 299), True), ((5000, 100), False)]
)
def test_what_lies_outside_of_the_image_is_cut_off(at, is_seen):
    image = blank()
    draw_ring(image, at, 1, '#1 a very long name of an object', radius=14, thickness=3)
    assert (image != 200).any() == is_seen
    # Of a ring in the corner a quarter lies inside, and its name beside it.
    assert (image[:240] == 200).all()
