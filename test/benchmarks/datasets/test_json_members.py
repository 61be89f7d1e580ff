# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records of a large JSON file, one at a time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile
from molmo_ground_ros.errors import BadRecord

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


def containers(value, names=()):
    """(names, value) of the objects and lists inside at most two others, inner ones first."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [(key, item) for key, item in items if isinstance(item, dict | list)]
    number = -1
    for key, item in inner:
        number += 1
        name = key if isinstance(value, dict) else str(number)
        if len(names) < 1:
            yield from containers(item, (*names, name))
        yield (*names, name), item


@given(
    content=st.dictionaries(st.text(max_size=4), JSON, max_size=4),
    indent=st.sampled_from([None, 1]),
)
def test_every_record_is_read_as_json_reads_it(tmp_path_factory, content, indent):
    path = tmp_path_factory.mktemp('json') / 'a.json'
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=False), encoding='utf-8')
    with JsonFile(path) as file:
        read = [file.read(member) for member in file.members(2)]
    assert read == [value for _, value in containers(json.loads(path.read_text('utf-8')))]


def test_names_lead_to_a_record(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"videos": [{"id": 1}, 7, {"id": 2}], "info": {"a": {"b": 1}}}')
    with JsonFile(path) as file:
        members = list(file.members(2))
        names = [member.names for member in members]
        assert file.strays(members[2], members[:2]) == [1]
        assert file.is_list(members[2]) and not file.is_list(members[4])
    assert names == [('videos', '0'), ('videos', '1'), ('videos',), ('info', 'a'), ('info',)]


@pytest.mark.parametrize(
    'content', ['', '[1]', '7', '{"a": [1', '{"a": [}', '{]', 'x {"a": 1}', '{"a": {"b": 1}']
)
def test_what_is_no_object_or_is_cut_off_is_named(tmp_path, content):
    path = tmp_path / 'a.json'
    path.write_text(content)
    with pytest.raises(BadRecord, match='is no JSON') as caught, JsonFile(path) as file:
        list(file.members(2))
    assert caught.value.file == str(path)


def test_a_record_that_is_no_json_is_named(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"a": [{"b": nothing}]}')
    with JsonFile(path) as file, pytest.raises(BadRecord, match=r'a\.0: is no JSON'):
        [file.read(member) for member in file.members(2)]
