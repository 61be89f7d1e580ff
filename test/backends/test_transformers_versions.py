# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend `transformers` on the oldest and the newest transformers that its extra allows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('torch', reason="needs pip install '.[transformers]'")
pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")

ROOT = Path(__file__).parents[2]
NEWEST = Path(os.environ.get('NEWEST_TRANSFORMERS', f'{sys.prefix}/newest_transformers'))
INSTALL = f'pip install --no-deps --target {NEWEST} -r requirements/newest_transformers.txt'


def answered(path: Path | None) -> dict[str, Any]:
    """What the shipped model answers with the transformers in a folder, or the installed one."""
    folders = [str(ROOT), *([str(path)] if path else [])]
    done = subprocess.run(
        [sys.executable, ROOT / 'test/backends/answer_with_transformers.py', 'models/tabletop'],
        cwd=ROOT,
        env=os.environ | {'PYTHONPATH': os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'deprecated' not in done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
@pytest.mark.skipif(not NEWEST.is_dir(), reason=f'needs {INSTALL}')
def test_the_oldest_and_the_newest_transformers_answer_alike():
    pins = [
        (ROOT / f'requirements/{name}.txt').read_text() for name in ('dev', 'newest_transformers')
    ]
    oldest, newest = answered(None), answered(NEWEST)
    for pin, result in zip(pins, (oldest, newest), strict=True):
        assert f'transformers=={result["version"]}\n' in pin
    assert oldest['version'] != newest['version']
    for ours, theirs in zip(oldest['answers'], newest['answers'], strict=True):
        assert [text for text, _ in ours] == [text for text, _ in theirs]
        logprobs = [logprob for _, logprob in theirs]
        assert [logprob for _, logprob in ours] == pytest.approx(logprobs, abs=1e-5)
