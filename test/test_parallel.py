# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the tests are spread over processes, and that none of them can meet another's nodes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import domain, parallel

ROOT = Path(__file__).resolve().parents[1]
TEST = ROOT / 'test'
STARTS_NODES = re.compile(
    r'rclpy\.(?:init|create_node|spin)|GroundNode\(|ground_node.*Popen|start_node'
)
PROBE = """
import sys
from pathlib import Path
from support import domain
print(domain.DOMAIN, flush=True)
sys.stdin.read()
"""


def test_every_file_that_starts_nodes_is_in_their_group() -> None:
    files = [path for path in TEST.rglob('test_*.py') if path != Path(__file__)]
    starting = [
        path.relative_to(ROOT).as_posix() for path in files if STARTS_NODES.search(path.read_text())
    ]
    assert 'test/ros/test_process.py' in starting
    assert {parallel.group(file) for file in starting} == {'nodes'}


@pytest.mark.parametrize('entry', [entry for some in parallel.SHARED.values() for entry in some])
def test_files_and_folders_that_share_a_process_exist(entry: str) -> None:
    assert (ROOT / entry).exists()


def test_other_files_are_groups_of_their_own() -> None:
    assert parallel.group('test/frames/test_image.py') == 'test/frames/test_image.py'
    assert parallel.group('test/rosbag/test_ros.py') == 'test/rosbag/test_ros.py'


def test_groups_with_slow_tests_start_first_and_stay_together(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nmarkers = ["slow"]\n')
    pytester.makepyfile(
        test_a='def test_1(): pass\ndef test_2(): pass',
        test_b='import pytest\ndef test_1(): pass\n@pytest.mark.slow\ndef test_2(): pass',
    )
    items, _ = pytester.inline_genitems()
    assert [item.nodeid for item in parallel.slow_groups_first(items)] == [
        *('test_b.py::test_1', 'test_b.py::test_2', 'test_a.py::test_1', 'test_a.py::test_2'),
    ]


@pytest.mark.skipif(importlib.util.find_spec('xdist') is None, reason="needs pip install '.[dev]'")
def test_tests_of_a_file_run_in_one_process() -> None:
    files = ['test/storage/test_lru.py', 'test/storage/test_atomic.py', 'test/test_config.py']
    options = ['-n', '2', '--no-loadscope-reorder', '-v']
    command = [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', *options, *files]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stdout
    places = set(re.findall(r'^\[(gw\d)\].* PASSED (test/[\w/]+\.py)', ran.stdout, re.MULTILINE))
    assert sorted(file for _, file in places) == sorted(files)


def test_report_with_text_that_is_no_utf8_can_be_sent_to_another_process() -> None:
    assert parallel.as_utf8('a \udcff b') == 'a \\udcff b'
    assert parallel.as_utf8('Würfel') == 'Würfel'


def test_each_process_has_a_ros_domain_of_its_own() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', PROBE],
            cwd=TEST,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    domains = [int(process.stdout.readline()) for process in processes]
    for process in processes:
        process.communicate(timeout=30)
    assert len({domain.DOMAIN, *domains}) == 4


def test_slowest_tests_that_are_named_exist() -> None:
    page = (ROOT / 'CONTRIBUTING.md').read_text()
    rows = re.findall(r'^\| `([\w/]+\.py)::(\w+)[^`]*` \| \d+ \|', page, re.MULTILINE)
    assert len(rows) == 10
    for file, name in rows:
        assert re.search(rf'(?:def|class) {name}\b', (TEST / file).read_text()), name
