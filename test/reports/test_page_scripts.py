# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page of 37 minutes and 369 events, clicked through in a browser; and its labels, exported."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support import browser, long_run
from support.long_run import CAMERA, EVENTS, STAMPS, closings, event_stamps, place, tray

from molmo_ground_ros import cli
from molmo_ground_ros.reports.page import write_page

NUMBER_SHOWN = '[...document.querySelectorAll("#q1 table.events tbody tr:not([hidden])")].length'
PILLS = '[...document.querySelectorAll("#q1 .marks a.pick:not(.small)")]'


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp('page') / 'report.html'
    made = long_run.analysis(closings(), tray())
    write_page(made, long_run.read_frame, path, {CAMERA: STAMPS})
    return path


@pytest.fixture(scope='module')
def opened(path, tmp_path_factory):
    if not browser.CHROMIUM:
        pytest.skip(browser.WHY_NOT)
    with browser.browser(tmp_path_factory.mktemp('profile')) as page:
        page.open(path)
        yield page


@pytest.fixture
def page(opened, path):
    """The page as it is when one opens it first."""
    opened.run('localStorage.clear()')
    opened.open(path)
    return opened


def title(page):
    return page.run('document.querySelector("#q1 .chosen-item h3").textContent')


def pick(page, number):
    page.run(f'choose(report, report.byName.get("q1-event{number}"))')


def saved(page, folder):
    """The lines of the file that the button saves."""
    page.save_to(folder)
    page.click('.tools [name=save]')
    file = folder / 'monday-shift-labels.jsonl'
    page.wait_for_file(file)
    return file


def frame_colour(page):
    """What the video shows in the middle of the chosen event's ring: (red, green, blue)."""
    return page.run(
        '(() => { const video = document.querySelector("#q1 video");'
        'const canvas = document.createElement("canvas");'
        f'[canvas.width, canvas.height] = [{long_run.WIDTH}, {long_run.HEIGHT}];'
        'const draw = canvas.getContext("2d"); draw.drawImage(video, 0, 0, canvas.width,'
        'canvas.height); const event = report.current;'
        'return [...draw.getImageData(event.x, event.y, 1, 1).data].slice(0, 3); })()'
    )


def test_page_is_small_and_asks_nothing_of_a_network(page, path):
    assert path.stat().st_size < 25_000_000
    assert all(address.startswith(('data:', 'blob:', 'file:')) for address in page.requests)
    assert page.errors == []


def test_far_out_the_timeline_shows_density_and_no_smear_of_numbers(page):
    assert page.run(f'{PILLS}.length') == 0
    bars = page.run(
        '[...document.querySelectorAll("#q1 .marks .density")].map((bar) =>'
        '[Number(bar.dataset.start), Number(bar.dataset.end), parseInt(bar.title)])'
    )
    assert sum(count for *_, count in bars) == EVENTS
    seconds = [(stamp - STAMPS[0]) / 1e9 for stamp in event_stamps()]
    for start, end, count in bars[:40]:
        assert count == sum(start <= at < end for at in seconds)
    # The pause of two minutes can be seen.
    assert not any(930 < start < 990 for start, *_ in bars)


def test_wheel_buttons_drag_and_double_click_zoom(page):
    for _ in range(2):
        page.wheel('#q1 .scroller', -900, at=0.25)
    page.wait(f'{PILLS}.length > 3')
    overlaps = page.run(
        f'{PILLS}.map((pill) => pill.getBoundingClientRect()).some((one, place, all) =>'
        'all.slice(place + 1).some((other) => one.left < other.right - 1 && other.left < one.right'
        ' - 1 && one.top < other.bottom - 1 && other.top < one.bottom - 1))'
    )
    assert overlaps is False
    page.run('document.querySelector("#q1 button[data-zoom=all]").click()')
    assert page.run('parts(report.current).timeline.zoom') == 1
    page.drag('#q1 .lane.axis', 0.4, 0.5)
    start, end = page.run(
        '[parts(report.current).timeline.startS, parts(report.current).timeline.endS]'
    )
    assert [start, end] == pytest.approx([0.4 * 37 * 60, 0.5 * 37 * 60], abs=4)
    page.click('#q1 button[data-zoom=out]')
    assert page.run('parts(report.current).timeline.zoom') == pytest.approx(5, abs=0.1)
    page.click('#q1 button[data-zoom=all]')
    assert page.run('document.querySelector("#q1 .zoom output").textContent') == (
        'all of 0:37:00.0: 369 events'
    )


def test_list_turns_its_pages_and_follows_the_chosen_event(page):
    assert page.run(NUMBER_SHOWN) == 20
    page.click('#q1 .pager button[data-pages="1"]')
    words = 'document.querySelector("#q1 .pager output").textContent'
    assert page.run(words) == '21 to 40 of 369'
    pick(page, 369)
    assert page.run(words) == '361 to 369 of 369'
    assert page.run('document.querySelector("#q1 tr.current td").textContent') == '369'


def test_arrow_keys_step_through_events_and_pass_those_that_are_filtered_out(page):
    page.press('ArrowRight')
    assert title(page) == 'Event 2'
    page.run('document.querySelector("[name=score-from]").value = "0.7"; filters.apply()')
    scores = page.run('report.events.filter((event) => event.shown).map((event) => event.score)')
    assert 0 < len(scores) < EVENTS and min(scores) >= 0.7
    page.press('ArrowRight')
    first = page.run('report.current.score')
    assert first >= 0.7
    page.press('ArrowLeft')
    page.press('ArrowRight')
    assert page.run('report.current.score') == first
    page.run('filters.apply()')
    words = page.run('document.querySelector("#q1 .pager output").textContent')
    assert words == f'1 to 20 of {len(scores)} (369 in all)'
    page.click('[name=show-all]')
    assert page.run('report.events.every((event) => event.shown)')


def test_filter_of_the_question_leaves_the_other_out(page):
    page.run(
        'document.querySelector("[name=question]").value = "1";'
        'document.querySelector("[name=question]").dispatchEvent(new Event("input"))'
    )
    hidden = page.run('[...document.querySelectorAll(".finding")].map((one) => one.hidden)')
    assert hidden == [True, False]


def test_click_on_a_stamp_copies_it_exactly(page):
    page.click('#q1 .chosen-item .stamp')
    page.wait('document.querySelector("#q1 .stamp.copied") !== null')
    assert page.paste() == str(event_stamps()[0])


def test_video_plays_and_shows_the_frame_of_an_event_without_a_picture(page):
    pictures = page.run('document.querySelectorAll("#q1 .shot").length')
    assert pictures < 100
    number = page.run('report.events.find((event) => !document.getElementById(event.name)).number')
    pick(page, number)
    page.wait('document.querySelector("#q1 video").readyState >= 2')
    page.wait('!document.querySelector("#q1 video").seeking')
    red, _, blue = frame_colour(page)
    assert blue - red > 80  # the part is blue, the ground is grey
    ring = 'document.querySelector("#q1 .player svg .ring.now text").textContent'
    assert page.run(ring) == f'#{number}'
    before = page.run('parts(report.current).player.frame')
    page.press(' ')
    page.wait(f'parts(report.current).player.frame > {before}')
    page.press(' ')
    page.wait('document.querySelector("#q1 video").paused')


def test_labels_go_to_a_file_that_export_reads(page, tmp_path):
    """Page, file, export: confirmed, wrong, moved, and moved to another image."""
    window = page.run(
        'report.events.filter((event) => event.windowStart === report.events[0].windowStart)'
        '.map((event) => event.number)'
    )
    for number in window:
        pick(page, number)
        page.press('c')
    assert title(page) == f'Event {window[-1] + 1}'  # a key goes on to the next
    pick(page, 2)
    page.press('w')
    pictured = page.run(
        'report.events.slice(4).find((event) => document.getElementById(event.name)).number'
    )
    pick(page, pictured)
    page.click('#q1 [data-verdict=move]')
    page.click('#q1 .shot.chosen .frame', at=(0.25, 0.5))
    assert page.run('document.querySelectorAll("#q1 .shot.chosen .cross").length') == 1
    pick(page, 4)
    page.press('m')
    page.press('.')
    page.wait('document.querySelector("#q1 video").readyState >= 2')
    page.click('#q1 .player .frame', at=(0.75, 0.25))
    assert page.run('document.querySelector("#q1 .verdict-words").textContent').startswith(
        'moved to'
    )
    stamps = event_stamps()
    file = saved(page, tmp_path)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line['stamp_ns'] for line in lines] == stamps
    assert [line['verdict'] for line in lines[:2]] == ['confirmed', 'wrong']
    x, y = map(float, lines[pictured - 1]['verdict'].split())
    assert (x, y) == pytest.approx((80, 120), abs=1)
    *_, moved_to = lines[3]['verdict'].split()
    assert int(moved_to) == STAMPS[STAMPS.index(stamps[3]) + 1]
    assert lines[len(window) + 5]['verdict'] is None
    out = tmp_path / 'out'
    assert cli.main(['export', str(file), '--out', str(out)]) == 0
    (record,) = [json.loads(line) for line in (out / 'videopoint.jsonl').read_text().splitlines()]
    assert record['count'] == len(window) - 1
    assert record['points'][0] == [
        {'x': pytest.approx(100 * place(stamps[0])[0] / 320, abs=0.01),
         'y': pytest.approx(100 * place(stamps[0])[1] / 240, abs=0.01)}
    ]  # fmt: skip
    assert {'x': pytest.approx(25, abs=0.5), 'y': pytest.approx(50, abs=0.5)} in record['points'][
        pictured - 2
    ]


def test_labels_stay_in_the_browser_until_they_are_saved(page, path):
    page.press('c')
    page.open(path)
    assert page.run('document.querySelector(".tools output").textContent') == '1 of 369 labelled'
    assert page.run(
        'document.querySelector("#q1 tr[data-item=q1-event1] .verdict").textContent'
    ) == ('confirmed')
    page.press('u')
    page.open(path)
    assert page.run('document.querySelector(".tools output").textContent') == '0 of 369 labelled'


def test_time_can_be_typed_and_stays_in_the_window(page):
    page.press('m')
    time = 'document.querySelector("#q1 .move input")'
    page.run(f'{time}.value = "2000"; {time}.dispatchEvent(new Event("change"))')
    moved_to = max(stamp for stamp in STAMPS if stamp <= STAMPS[0] + 63 * 10**9)
    assert page.run(f'{time}.value') == f'{(moved_to - STAMPS[0]) / 1e9:.2f}'
    x, y = place(event_stamps()[0])
    assert page.run('labels.verdict(report.current)') == f'{x:.1f} {y:.1f} {moved_to}'
    page.press('Escape')
    assert page.run('document.querySelector("#q1 .move").hidden') is True
    page.press('u')
    assert page.run('labels.count') == 0


def test_dark_mode_follows_the_system(page):
    ground = 'getComputedStyle(document.body).backgroundColor'
    page.be_dark(dark=True)
    assert page.run(ground) == 'rgb(21, 24, 28)'
    page.be_dark(dark=False)
    assert page.run(ground) == 'rgb(255, 255, 255)'


def test_answer_without_events_has_the_video_alone(opened, tmp_path):
    silent = replace(closings(3), events=())
    path = tmp_path / 'silent.html'
    made = long_run.analysis(silent)
    write_page(made, long_run.read_frame, path, {CAMERA: STAMPS[:20]})
    opened.open(path)
    opened.wait('document.querySelector("#q1 video").readyState >= 2')
    opened.press('ArrowRight')
    assert opened.run('document.querySelector("#q1 .player").offsetHeight') > 100
    opened.click('#q1 [data-play]')
    opened.wait('partsOf.values().next().value.player.frame > 1')
    assert opened.errors == []


def test_few_events_of_one_stamp_are_pills(opened, tmp_path):
    finding = closings(5)
    first = finding.events[0].sighting
    events = tuple(replace(event, sighting=first) for event in finding.events)
    path = tmp_path / 'together.html'
    write_page(long_run.analysis(replace(finding, events=events)), long_run.read_frame, path)
    opened.open(path)
    assert opened.run(f'{PILLS}.length') == 3
    assert opened.run('document.querySelectorAll("#q1 .marks .pick").length') == 5
    assert opened.run('document.querySelector("#q1 .with-video").offsetHeight') == 0
    assert opened.errors == []
