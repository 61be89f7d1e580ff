# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What docs/planners.md shows of C++ and XML fits the messages, as far as Python can tell."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/planners.md').read_text()


def block(language: str) -> str:
    (text,) = re.findall(rf'```{language}\n(.*?)```', PAGE, re.DOTALL)
    return text


def fields(path: str, part: int = 0) -> set[str]:
    """The names of the fields and constants of an interface, before and after its `---`."""
    text = (ROOT / path).read_text().split('\n---\n')[part]
    return set(re.findall(r'^[\w/\[\]]+ (\w+)', text, re.MULTILINE))


def ports(node: str) -> set[str]:
    """The ports that a class of the page declares."""
    (body,) = re.findall(rf'^class {node} .*?^}};', block('cpp'), re.MULTILINE | re.DOTALL)
    return set(re.findall(r'(?:Input|Output)Port<[^>]+>\("(\w+)"\)', body))


def test_tree_uses_the_nodes_and_ports_that_the_page_declares() -> None:
    root = ElementTree.fromstring(block('xml'))
    assert root.get('BTCPP_format') == '4'
    (tree,) = root.findall('BehaviorTree')
    assert tree.get('ID') == root.get('main_tree_to_execute')
    for node, basic in (('AskCount', 'action_name'), ('EventsCounted', 'topic_name')):
        (element,) = tree.iter(node)
        assert set(element.attrib) == ports(node) | {basic}
        assert (element.get(basic) or '').startswith('/molmo_ground/')
        assert element.get('count') == '3'
    steps = [element.tag for element in tree.iter()]
    assert steps[1:4] == ['RetryUntilSuccessful', 'Sequence', 'Place']


def test_cpp_names_fields_that_the_messages_have() -> None:
    code = block('cpp')
    goal = set(re.findall(r'goal\.(\w+)', code)) | set(re.findall(r'Goal::(\w+)', code))
    assert goal == {'query', 'task', 'COUNT'}
    assert goal <= fields('action/Ground.action', 0)
    result = set(re.findall(r'result->(\w+)\.', code))
    assert result == {'points'}
    assert result <= fields('action/Ground.action', 1)
    assert 'count' in fields('msg/PointArray.msg')
    event = set(re.findall(r'event->(\w+)', code))
    assert event == {'query_id', 'total'}
    assert event <= fields('msg/Event.msg')


def test_page_says_that_the_cpp_was_not_run() -> None:
    assert 'None of this C++ was compiled or run here' in PAGE
