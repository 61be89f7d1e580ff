# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import re

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from support.bags import write_bag
from support.indexes import write_short_bag

from molmo_ground_ros import cli
from molmo_ground_ros.analysis.moments.database import NAME

CUP = 'How many times was the cup grasped?'
ANSWER = {'match': 'cup', 'text': 'Counting the <points coords="3.0 1 500 500">cup grasped</points>'
          ' shows a total of 1.', 'logprobs': -0.05}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'answers.jsonl').write_text(json.dumps(ANSWER) + '\n')
    write_short_bag(tmp_path / 'bags' / 'monday')
    write_short_bag(tmp_path / 'bags' / 'tuesday', '/wrist')
    return tmp_path / 'bags'


def index(folder, *words):
    model = ['--backend', 'replay', '--model', str(folder.parent / 'answers.jsonl')]
    return cli.main(['index', str(folder), *model, *words])


def test_index_then_find(folder, capsys):
    assert index(folder, '--query', CUP) == 0
    out = capsys.readouterr().out
    assert f'{folder}/monday: new, indexed: 1 windows asked, 1 moments' in out
    assert out.splitlines()[-1] == f'{folder / NAME}: 2 indexed'
    # The question stands: what is new is asked about it.
    write_short_bag(folder / 'friday', '/front')
    assert index(folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(':')[0] for line in lines] == [f'{folder}/friday', str(folder / NAME)]
    assert lines[-1].endswith('1 indexed, 2 unchanged')

    assert cli.main(['find', 'cup', '--index', str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r'time +recording +camera +label +pixel +metres +score', lines[0])
    assert len(lines) == 6
    assert all('cup grasped' in line and '(8, 6)' in line for line in lines[2:5])
    assert lines[5] == '3 moments in 3 of 3 recordings'

    assert cli.main(['find', 'cup', '--camera', 'wrist', '--json', '--index', str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found['total'], found['recordings_searched']) == (1, 3)
    (moment,) = found['moments']
    assert moment['recording'] == str(folder / 'tuesday')
    assert (moment['query'], moment['seconds'], moment['gone']) == (CUP, 3.0, False)
    assert 0 < moment['score'] < 1


def test_page_holds_the_pictures_and_escapes_the_words(folder, capsys):
    index(folder, '--query', CUP)
    page = folder / 'page.html'
    words = ['cup', '<b>']
    assert cli.main(['find', 'cup', '--html', str(page), '--index', str(folder)]) == 0
    text = page.read_text()
    assert text.count('data:image/jpeg;base64,/9j/') == 2
    assert text.count('<circle') == 4
    assert cli.main(['find', *words, '--html', str(page), '--index', str(folder)]) == 0
    assert '&lt;b&gt;' in page.read_text()
    assert f'questions of the index: {CUP}' in capsys.readouterr().out


def test_unreadable_recording_is_told_by_both(folder, capsys):
    (folder / 'broken.mcap').write_bytes(b'no recording')
    write_bag(folder / 'empty', {})
    assert index(folder, '--query', CUP, '--json') == 0
    reports = {r['path']: r for r in map(json.loads, capsys.readouterr().out.splitlines())}
    assert reports[str(folder / 'broken.mcap')]['outcome'] == 'unreadable'
    assert reports[str(folder / 'empty')]['outcome'] == 'unreadable'
    cli.main(['find', '--index', str(folder)])
    assert f'not searched: {folder}/broken.mcap: bag' in capsys.readouterr().out


def test_dropped_question_is_asked_no_more(folder, capsys):
    index(folder, '--query', CUP)
    capsys.readouterr()
    assert index(folder, '--drop', CUP) == 2
    assert 'the index has no question' in capsys.readouterr().err
    assert index(folder, '--drop', 'another') == 2
    assert "drop = 'another': the index asks no such question" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'why'),
    [
        (['--since', 'yesterday'], "since = 'yesterday': no date"),
        (['--since', 'nan'], "since = 'nan': no date"),
        (['--score', '2'], 'score = 2.0: must be from 0 to 1'),
        (['--limit', '-1'], 'limit = -1: below zero'),
    ],
)
def test_bad_option_is_named(words, why, tmp_path, capsys):
    assert cli.main(['find', *words, '--index', str(tmp_path)]) == 2
    assert why in capsys.readouterr().err


def test_times_are_dates_ages_and_stamps(folder, capsys):
    index(folder, '--query', CUP)

    def total(*words: str) -> int:
        capsys.readouterr()
        cli.main(['find', *words, '--json', '--index', str(folder)])
        return json.loads(capsys.readouterr().out)['total']

    assert total('--since', '0.5') == total('--since', '1970-01-02T00:00+00:00') == 2
    assert total('--since', '3d') == total('--until', '1971-01-01') == 0


def test_folder_that_is_missing_is_named(tmp_path, capsys):
    assert cli.main(['index', str(tmp_path / 'none'), '--query', CUP]) == 2
    assert 'there is no such folder or file' in capsys.readouterr().err
