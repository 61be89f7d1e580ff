# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One backend in a process of its own: `python -m bench.child BACKEND MODEL THREADS`.

Does what the demo does after its topics: loads the model, answers the demo's question on the bag's
clip. Prints one JSON object. Imports nothing of the bench that imports torch.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from bench.inputs import BAG, DEMO_QUESTION
from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import Query


def main(name: str, model: str, threads: str) -> None:
    """Load, note when it is ready, answer, note the memory."""
    backend = backends.load(name, BackendSettings(model, device='cpu', threads=int(threads)))
    ready_at_s = time.monotonic()
    loaded_mb = memory_mb('VmRSS')
    with open_recording(BAG) as recording:
        clip = recording.clip_of_seconds()
    answer = Grounder(backend).ground(clip, Query(DEMO_QUESTION))
    figures = {
        'ready_at_s': ready_at_s,
        'answered_at_s': time.monotonic(),
        'loaded_mb': loaded_mb,
        'peak_mb': memory_mb('VmHWM'),
        'text': answer.text,
    }
    print(json.dumps(figures))


def memory_mb(field: str) -> float:
    """Megabytes (10^6 bytes) of this process: VmRSS is resident, VmHWM the peak of that."""
    status = Path('/proc/self/status').read_text()
    (kibibytes,) = re.findall(rf'^{field}:\s+(\d+) kB$', status, re.MULTILINE)
    return int(kibibytes) * 1024 / 1e6


if __name__ == '__main__':
    main(*sys.argv[1:])
