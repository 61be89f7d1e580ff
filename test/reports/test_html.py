# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import re
import sys

import pytest
from jinja2 import UndefinedError
from support.disk import room_for

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.reports import html
from molmo_ground_ros.reports.html import render, write_html


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """A folder of templates, in place of the ones that ship; gives their folder."""
    folder = tmp_path / 'templates'
    folder.mkdir()
    (folder / 'document.html').write_text((html.TEMPLATES / 'document.html').read_text())
    (folder / 'one.html').write_text(
        "{% extends 'document.html' %}{% block body %}<p title='{{ text }}'>{{ text }}</p>"
        '{% for number in numbers %}{{ number }},{% endfor %}{% endblock %}'
    )
    (folder / 'own.css').write_text('a > b { color: red }')
    (folder / 'own.js').write_text('if (1 < 2 && "x") {}')
    monkeypatch.setattr(html, 'TEMPLATES', folder)
    html._environment.cache_clear()
    yield folder
    html._environment.cache_clear()


def page(**values):
    values = {'title': 't', 'text': '', 'numbers': [], **values}
    return ''.join(render('one.html', 'own.css', **values))


@pytest.mark.parametrize(
    ('text', 'printed'),
    [
        pytest.param('<b>', '&lt;b&gt;', id='tag'),
        pytest.param('"\'&', '&#34;&#39;&amp;', id='quotes and ampersand'),
        pytest.param('a\u202eb\x00', 'a&lt;U+202E&gt;b&lt;U+0000&gt;', id='characters that hide'),
        pytest.param('\ud800', '&lt;U+D800&gt;', id='half of a character'),
        pytest.param('two\nlines', 'two\nlines', id='line break'),
        pytest.param(3, '3', id='number'),
    ],
)
def test_every_text_is_escaped_in_tags_and_attributes(templates, text, printed):
    assert f"<p title='{printed}'>{printed}</p>" in page(text=text)


def test_style_and_script_stand_on_the_page_as_they_are(templates):
    text = ''.join(render('one.html', 'own.css', scripts=['own.js'], title='', text='', numbers=[]))
    assert 'a > b { color: red }' in text
    assert '<script>if (1 < 2 && "x") {}</script>' in text


def test_several_scripts_become_one_in_their_order(templates):
    (templates / 'later.js').write_text('later();')
    scripts = ['own.js', 'later.js']
    text = ''.join(render('one.html', scripts=scripts, title='', text='', numbers=[]))
    assert '<script>if (1 < 2 && "x") {}\nlater();</script>' in text
    digest = hashlib.sha256(b'if (1 < 2 && "x") {}\nlater();').digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}';" in text


def test_policy_allows_the_script_of_the_page_and_no_other(templates):
    text = ''.join(render('one.html', scripts=['own.js'], title='', text='', numbers=[]))
    digest = base64.b64encode(hashlib.sha256(b'if (1 < 2 && "x") {}').digest()).decode()
    assert f"script-src 'sha256-{digest}';" in text
    assert "script-src 'none';" in page()
    assert '<script' not in page()


def test_values_are_read_when_the_template_comes_to_them(templates):
    read = []

    def numbers():
        for number in range(3):
            read.append(number)
            yield number

    pieces = render('one.html', title='', text='', numbers=numbers())
    before = next(piece for piece in pieces if '0' in piece)
    assert before and read == [0]
    list(pieces)
    assert read == [0, 1, 2]


def test_value_that_is_not_given_is_an_error(templates):
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        ''.join(render('one.html', title='', numbers=[]))


def test_page_that_cannot_be_written_leaves_the_older_one(templates, tmp_path):
    path = tmp_path / 'out.html'
    path.write_text('older')
    with room_for(1000), pytest.raises(OSError, match='too large'):
        write_html(path, 'one.html', title='', text='x' * 5000, numbers=[])
    assert path.read_text() == 'older'


def test_missing_package_names_the_extra(templates, monkeypatch):
    monkeypatch.setitem(sys.modules, 'jinja2', None)
    with pytest.raises(MissingPackage, match=r'molmo_ground_ros\[bag\]'):
        page()


def test_no_template_switches_escaping_off_but_for_base64():
    for path in sorted(html.TEMPLATES.glob('*.html')):
        text = path.read_text()
        assert 'autoescape' not in text
        unescaped = re.findall(r'{{[^}]*\| *safe[^}]*}}', text)
        assert all(expression == '{{ figure.jpeg | safe }}' for expression in unescaped), path.name
