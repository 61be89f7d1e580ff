# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import cv2
import numpy as np
import pytest
from support import browser, long_run
from support.disk import room_for
from support.findings import (
    CAMERA,
    COUNT,
    EVENTS,
    HEIGHT,
    NASTY,
    WIDTH,
    ZERO,
    Decoded,
    analysis,
    at,
    grasps,
    paths,
)

from molmo_ground_ros.grounding.stitch import Gap, Mark
from molmo_ground_ros.reports import page as analysis_page
from molmo_ground_ros.reports.page import PageRoom, covered_ns, write_page

LOSS = 'monday.mcap: the file ends in the middle of a record (3 messages)'


@pytest.fixture(scope='module')
def decoded():
    with Decoded() as pictures:
        yield pictures


@pytest.fixture(scope='module')
def plain(decoded, tmp_path_factory):
    """A page of two questions."""
    path = tmp_path_factory.mktemp('page') / 'out.html'
    write_page(analysis(grasps(), paths(), losses=(LOSS,)), decoded, path)
    return path


@pytest.fixture(scope='module')
def hostile(decoded, tmp_path_factory):
    """A page whose every text tries to be more than text."""
    path = tmp_path_factory.mktemp('page') / 'out.html'
    made = analysis(
        grasps(replace(COUNT, text=NASTY), words=NASTY),
        paths(label=NASTY),
        losses=(NASTY,),
        settings={NASTY: NASTY},
        sources=(NASTY,),
        model=NASTY,
        timing_s={NASTY: 1.0},
        complete=False,
    )
    write_page(made, decoded, path)
    return path


@pytest.fixture(scope='module')
def shown(plain, tmp_path_factory):
    """The plain page in a browser."""
    if not browser.CHROMIUM:
        pytest.skip(browser.WHY_NOT)
    with browser.browser(tmp_path_factory.mktemp('profile')) as page:
        page.open(plain)
        yield page


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def chosen(page):
    return page.run('document.querySelector("#q1 .shot.chosen figcaption strong").textContent')


def test_click_on_an_event_of_the_timeline_shows_its_frame_with_the_point(shown):
    shown.click('#q1 a.pick[data-shows="q1-event3"]')
    shown.wait('document.querySelector("#q1-event3").closest(".shot").offsetHeight > 100')
    assert chosen(shown) == 'event #3 block'
    assert (
        shown.run('[...document.querySelectorAll("#q1 .shot")].filter(s => s.offsetHeight).length')
        == 1
    )
    assert shown.run('document.querySelector("#q1 a.pick[aria-current]").textContent') == '3'
    # The picture has been decoded by the browser, and the point lies where it lies in the picture.
    image = 'document.querySelector("#q1 .shot.chosen img")'
    assert shown.run(f'[{image}.complete, {image}.naturalWidth, {image}.naturalHeight]') == [
        True, WIDTH, HEIGHT,
    ]  # fmt: skip
    place = shown.run(
        f'(() => {{ const frame = {image}.getBoundingClientRect();'
        'const spot = document.querySelector("#q1-event3 circle").getBoundingClientRect();'
        f'const scale = {WIDTH} / frame.width;'
        'return [(spot.x + spot.width / 2 - frame.x) * scale,'
        '(spot.y + spot.height / 2 - frame.y) * scale]; })()'
    )
    assert place == pytest.approx(EVENTS[2][1:], abs=1.0)


def test_clicked_frame_is_the_picture_of_that_stamp(shown, decoded):
    shown.click('#q1 a.pick[data-shows="q1-event1"]')
    source = shown.run('document.querySelector("#q1 .shot.chosen img").src')
    data = base64.b64decode(source.removeprefix('data:image/jpeg;base64,'))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    (stamp,) = {e.sighting.point.stamp_ns for e in grasps().events if e.id == 1}
    truth = decoded(CAMERA, stamp).image
    other = decoded(CAMERA, grasps().events[2].sighting.point.stamp_ns).image
    off, off_other = (np.abs(picture.astype(int) - one).mean() for one in (truth, other))
    assert off < min(3, off_other / 2)


def test_events_can_be_walked_with_the_keyboard(shown):
    shown.run('document.querySelector("#q1 a.pick[data-shows=q1-event1]").focus()')
    shown.press('Enter')
    assert chosen(shown) == 'event #1 block'
    shown.press('ArrowRight')
    assert chosen(shown) == 'event #2 block'
    assert shown.run('document.activeElement.dataset.shows') == 'q1-event2'
    shown.press('Tab')
    assert shown.run('document.activeElement.dataset.shows') == 'q1-event3'


def test_link_of_the_table_and_the_buttons_choose_too(shown):
    shown.click('#q1 td a[data-shows="q1-event4"]')
    assert chosen(shown) == 'event #4 block'
    shown.click('#q1 .steps button[data-by="-1"]')
    assert chosen(shown) == 'event #3 block'


def test_object_is_shown_with_its_path(shown):
    shown.click('#q2 a.pick[data-shows="q2-track2"]')
    shown.wait('document.querySelector("#q2-track2 polyline").getBoundingClientRect().width > 50')
    assert shown.run('document.querySelector("#q2 .chosen polyline").points.numberOfItems') == 41


def test_page_asks_for_nothing_and_runs_without_an_error(shown, plain):
    assert shown.requests
    assert all(one.startswith(('data:', plain.as_uri())) for one in shown.requests)
    assert shown.errors == []


def test_print_holds_every_frame(shown):
    # Four events, and one picture for the two paths, which end at the same stamp.
    assert len(re.findall(rb'/Width 640\s+/Height 480', shown.print())) == 5


def test_texts_of_model_and_recording_run_nothing(hostile, tmp_path):
    if not browser.CHROMIUM:
        pytest.skip(browser.WHY_NOT)
    with browser.browser(tmp_path) as page:
        page.open(hostile)
        assert page.errors == []
        kinds = page.run('[...document.scripts].map((script) => script.type)')
        assert [kind for kind in kinds if kind not in ('application/json', 'text/plain')] == ['']
        shown_title = page.run('document.querySelector("h2").textContent')
        assert shown_title == (
            '</script><script>document.title="owned"</script>&amp; \'"<!-- <U+202E><U+0000><U+D800>'
        )
        assert page.run('document.title') != 'owned'
        page.click('#q1 a.pick[data-shows="q1-event2"]')
        assert chosen(page) == 'event #2 block'


def test_texts_add_no_tag_and_no_attribute(plain, hostile):
    expected, found = (Tags(path.read_text()).tags for path in (plain, hostile))
    assert {tag for tag, _ in found} == {tag for tag, _ in expected}
    scripts = [attrs.get('type') for tag, attrs in found if tag == 'script']
    assert scripts.count(None) == 1  # the others hold data, and no browser runs them
    assert set(scripts) == {None, 'application/json'}
    names = {name for _, attrs in expected for name in attrs}
    assert {name for _, attrs in found for name in attrs} == names
    assert not any(name.startswith('on') for name in names)


def test_page_tells_answer_stated_totals_losses_settings_and_timing(plain):
    text = re.sub(r'<[^>]*>', ' ', plain.read_text())
    text = ' '.join(text.split())
    for told in (
        '4 events merged over all windows at least 4, at most 4',
        '3, 4, \u2013 totals the model states',
        'not seen: 17.0 s to 24.0 s: the backend failed',
        '17.0 s of 24.0 s was seen',
        'Counting the blocks shows a total of 3.',
        'not used: no such frame',
        'threads 2',
        'model 12.25 s',
        'frames decoded for the model 45',
        'tabletop (test)',
        LOSS,
    ):
        assert told in text


def test_windows_that_state_no_total_are_told_so(decoded, tmp_path):
    finding = paths()
    windows = tuple(replace(window, stated=None) for window in finding.windows)
    silent = replace(finding, windows=windows)
    write_page(analysis(silent), decoded, tmp_path / 'out.html')
    assert '<b>none</b>totals the model states' in (tmp_path / 'out.html').read_text()


def test_interrupted_run_says_so(plain, hostile):
    assert 'was interrupted' in hostile.read_text()
    assert 'was interrupted' not in plain.read_text()


def test_doubts_are_told_in_words(decoded, tmp_path):
    finding = grasps()
    first, second, *others = finding.events
    first = replace(first, marks=(Mark.MAY_BE_SAME, Mark.UNCONFIRMED), may_be=(2,), missed_by=(1,))
    doubted = replace(finding, events=(first, second, *others))
    write_page(analysis(doubted), decoded, tmp_path / 'out.html')
    text = (tmp_path / 'out.html').read_text()
    words = 'may be the same as another (#2); not seen by window 2, which shows the moment'
    assert text.count(words) == 2  # its figure, its row
    assert 'at least 3, at most 4' in text


def test_frame_that_cannot_be_shown_is_told_in_its_place(tmp_path):
    stamp = grasps().events[1].sighting.point.stamp_ns
    with Decoded(broken=stamp) as pictures:
        write_page(analysis(grasps()), pictures, tmp_path / 'out.html')
    text = (tmp_path / 'out.html').read_text()
    assert text.count('<img ') == 3
    assert text.count('The frame cannot be shown: a JPEG cut off in its pixels') == 1


def test_each_frame_is_decoded_once(decoded, tmp_path):
    decoded.asked.clear()
    write_page(analysis(grasps()), decoded, tmp_path / 'out.html')
    stamps = [event.sighting.point.stamp_ns for event in grasps().events]
    assert decoded.asked == [(CAMERA, stamp) for stamp in stamps]


def test_frame_is_decoded_once_for_picture_and_video(decoded, tmp_path):
    decoded.asked.clear()
    sampled = {CAMERA: [at(half / 2) for half in range(40)]}
    write_page(analysis(grasps()), decoded, tmp_path / 'out.html', sampled)
    asked = [stamp for _, stamp in decoded.asked]
    pictured = {event.sighting.point.stamp_ns for event in grasps().events}
    assert len(asked) == len(set(asked)) == len(set(sampled[CAMERA]) | pictured)
    assert (tmp_path / 'out.html').read_text().count('<img ') == len(pictured)


def test_of_a_recording_that_takes_long_only_some_places_are_decoded(tmp_path):
    asked = []

    def read_frame(camera, stamp):
        asked.append(stamp)
        return long_run.read_frame(camera, stamp)

    path = tmp_path / 'out.html'
    made = long_run.analysis(long_run.closings(30))
    write_page(made, read_frame, path, {long_run.CAMERA: long_run.STAMPS}, most_places=5)
    text = path.read_text()
    assert text.count('<img ') == 5
    assert ' of 4441 frames, around 5 events.' in text
    jumps = sum(later - earlier > long_run.STEP for earlier, later in pairwise(asked))
    assert jumps == 4 and asked == sorted(asked)


def test_frames_beyond_the_most_are_left_out_and_not_decoded(decoded, tmp_path, monkeypatch):
    monkeypatch.setattr(analysis_page, 'MOST_IMAGES', 2)
    decoded.asked.clear()
    write_page(analysis(grasps()), decoded, tmp_path / 'out.html')
    text = (tmp_path / 'out.html').read_text()
    assert len(decoded.asked) == text.count('<img ') == 2
    assert '2 more without a picture: the page holds' in text


def test_same_analysis_gives_the_same_bytes(plain, decoded, tmp_path):
    write_page(analysis(grasps(), paths(), losses=(LOSS,)), decoded, tmp_path / 'again.html')
    assert (tmp_path / 'again.html').read_bytes() == plain.read_bytes()


def test_disk_that_fills_leaves_the_older_page(decoded, tmp_path):
    path = tmp_path / 'out.html'
    path.write_text('older')
    with room_for(50_000), pytest.raises(OSError, match='too large'):
        write_page(analysis(grasps()), decoded, path)
    assert path.read_text() == 'older'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('events', [0, 369, 5000, 15_000])
def test_pictures_and_videos_leave_room_for_the_text_of_events(events):
    finding = grasps()
    many = replace(finding, events=finding.events[:1] * events)
    room = PageRoom.beside([many, paths()])
    shown = (room.images * 60_000 + room.video_bytes) * 4 / 3
    text = events * 1200 + room.words * (len(many.windows) + len(paths().windows))
    assert shown + text < 25_000_000
    assert (room.images, room.video_bytes) == (100, 5_500_000) or events >= 5000
    assert room.images > 0 and room.video_bytes > 0


def test_event_takes_no_more_of_the_page_than_is_counted(tmp_path):
    def size(number):
        path = tmp_path / f'{number}.html'
        made = long_run.analysis(long_run.closings(number))
        write_page(made, Decoded.unreadable, path)
        return path.stat().st_size

    assert (size(400) - size(200)) / 200 < 1200


def test_overlapping_windows_are_seen_once():
    windows = grasps().windows
    assert covered_ns(windows, (ZERO, ZERO + 10**10)) == 10**10
    assert covered_ns(windows, (ZERO, ZERO + 3 * 10**10)) == 17 * 10**9


def test_analysis_without_an_answer_has_a_page(decoded, tmp_path):
    finding = grasps()
    gap = Gap(ZERO, ZERO + 10**9, (), 'it was interrupted')
    nothing = replace(finding, windows=(), events=(), gaps=(gap,))
    write_page(analysis(nothing), decoded, tmp_path / 'out.html')
    assert 'There is no answer.' in (tmp_path / 'out.html').read_text()
