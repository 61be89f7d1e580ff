# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from molmo_ground_ros.backends.host.ram import available_bytes, total_bytes

MEMINFO = 'MemTotal:  8000 kB\nMemFree:  100 kB\nMemAvailable:  5000 kB\n'
VERSION_2 = {
    'proc/self/cgroup': '0::/robot/node\n',
    'sys/fs/cgroup/robot/node/memory.max': 'max\n',
    'sys/fs/cgroup/robot/node/memory.current': '1000\n',
    'sys/fs/cgroup/robot/memory.max': '3000000\n',
    'sys/fs/cgroup/robot/memory.current': '2000000\n',
    'sys/fs/cgroup/robot/memory.stat': 'anon 1\ninactive_file 500000\n',
}
VERSION_1 = {
    'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/docker/a\n0::/\n',
    'sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes': '700000\n',
    'sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes': '600000\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '600000\n',
}


@pytest.mark.parametrize(
    ('files', 'available'),
    [
        pytest.param({}, None, id='not Linux'),
        pytest.param({'proc/meminfo': MEMINFO}, 5000 * 1024, id='the machine alone'),
        pytest.param({'proc/meminfo': MEMINFO, **VERSION_2}, 1_500_000, id='a group above, v2'),
        pytest.param({'proc/meminfo': MEMINFO, **VERSION_1}, 100_000, id='a group, v1'),
        pytest.param({'proc/meminfo': 'MemAvailable: lots\n'}, None, id='no number'),
        pytest.param({'proc/meminfo': MEMINFO, 'proc/self/cgroup': 'odd'}, 5000 * 1024, id='odd'),
        pytest.param(
            {**VERSION_1, 'sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes': '800000'},
            0,
            id='over its limit',
        ),
    ],
)
def test_the_least_of_machine_and_control_groups_is_available(tmp_path, files, available):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert available_bytes(tmp_path) == available
    assert total_bytes(tmp_path) == (8000 * 1024 if files.get('proc/meminfo') == MEMINFO else None)


def test_this_machine_has_some():
    available, total = available_bytes(), total_bytes()
    if available is None or total is None:
        pytest.skip('needs /proc/meminfo: Linux')
    assert 0 < available <= total
