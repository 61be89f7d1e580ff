# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make rehearsal`: its checkpoints, how it measures, what it reads of a build. No whole runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")

from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.load import empty_graphs
from molmo_ground_ros.backends.molmo2.ops import EAGER
from molmo_ground_ros.backends.molmo2.published import PUBLISHED
from molmo_ground_ros.backends.molmo2.weights import read_index
from tools.rehearsal import builds, watch
from tools.rehearsal.checkpoint import (
    SIZES,
    checkpoint_bytes,
    config_json,
    tensor_shapes,
    write_checkpoint,
)

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / 'models' / 'tabletop'


def small(name='Molmo2-4B'):
    """A published model's kind, with small sizes; its words and images are the released ones'."""
    config = PUBLISHED[name]
    scaled = frozenset(layer for layer in config.text.scaled_layers if layer < 4)
    kv_heads = 2 if config.text.kv_heads == 8 else 4
    text = replace(
        config.text, hidden=64, layers=4, heads=4, kv_heads=kv_heads, head_dim=32,
        intermediate=128, vocabulary=4096, scaled_layers=scaled,
    )  # fmt: skip
    vision = replace(config.vision, hidden=64, layers=3, heads=2, head_dim=32, intermediate=96)
    adapter = replace(
        config.adapter, hidden=64, heads=2, head_dim=32, intermediate=96, feature_layers=(2, 1)
    )
    return replace(config, text=text, vision=vision, adapter=adapter)


@pytest.mark.parametrize('name', SIZES.values())
def test_a_checkpoint_of_each_size_states_what_was_published(name, tmp_path):
    (tmp_path / 'config.json').write_text(json.dumps(config_json(PUBLISHED[name])))
    config = read_config(name, tmp_path)
    # The tokenizer, and so the token of patches, is the shipped model's.
    assert replace(config, patch_token=PUBLISHED[name].patch_token) == PUBLISHED[name]
    billions = {'Molmo2-4B': 4.85, 'Molmo2-8B': 8.66, 'Molmo2-O-7B': 7.76}[name]
    assert checkpoint_bytes(PUBLISHED[name]) / 4e9 == pytest.approx(billions, abs=0.005)


@pytest.mark.parametrize('name', ['Molmo2-4B', 'Molmo2-O-7B'])
def test_a_written_checkpoint_is_read_as_a_released_one(name, tmp_path):
    config, folder = small(name), tmp_path / 'm'
    write_checkpoint(config, folder, shard_bytes=2**19)
    files = sorted(folder.glob('*.safetensors'))
    assert len(files) > 2
    opened = open_checkpoint(BackendSettings(str(folder)))
    assert replace(opened.config, patch_token=config.patch_token) == config
    _, _, stored = empty_graphs(str(folder), folder, opened.config, EAGER)
    index = read_index(str(folder), folder)
    assert stored.keys() == index.keys() == tensor_shapes(config).keys()
    assert sum(tensor.nbytes for tensor in index.values()) == checkpoint_bytes(config)
    for file in files:
        ends = [tensor.start + tensor.nbytes for tensor in index.values() if tensor.file == file]
        assert max(ends) == file.stat().st_size
    where = index['model.transformer.blocks.2.mlp.ff_out.weight']
    weights = np.fromfile(where.file, np.float32, where.nbytes // 4, offset=where.start)
    assert weights.std() == pytest.approx(0.02, rel=0.05)
    # Whatever number it answers is text: an answer that the node cannot count cannot be canceled.
    shipped = json.loads((SHIPPED / 'config.json').read_text())['text_config']
    numbers = range(
        shipped['vocab_size'] + shipped['additional_vocab_size'], config.text.vocabulary
    )
    assert [opened.tokenizer.decode([n]) for n in numbers] == [f't{n}' for n in numbers]
    norm = index['model.transformer.ln_f.weight']
    assert (np.fromfile(norm.file, np.float32, norm.nbytes // 4, offset=norm.start) == 1).all()


def test_no_two_tensors_of_a_checkpoint_are_equal(tmp_path):
    """Else an engine, which holds equal ones once, would be smaller than that of a real model."""
    folder = tmp_path / 'm'
    write_checkpoint(small(), folder, shard_bytes=2**19)
    tensors = {}
    for name, where in read_index(str(folder), folder).items():
        numbers = np.fromfile(where.file, np.float32, where.nbytes // 4, offset=where.start)
        if not (numbers == 1).all():
            tensors[name] = numbers.tobytes()
    assert len(tensors) > 40
    assert len(set(tensors.values())) == len(tensors)


ALLOCATE = """
import subprocess, sys, time
own = bytearray(b'1') * 60_000_000
if len(sys.argv) > 1:
    subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)
    open(sys.argv[2] + '/written', 'wb').write(bytes(5000))
    print('done')
    sys.exit(3)
time.sleep(1.0)
"""


def test_an_end_from_outside_ends_the_command(tmp_path):
    code = """
import signal, sys
from pathlib import Path
from tools.rehearsal.watch import run
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run(['sh', '-c', 'echo $$ > started; exec sleep 60'], Path('.'))
"""
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    with subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path, env=environment) as process:
        started = tmp_path / 'started'
        until = time.monotonic() + 30
        while not (started.exists() and started.read_text().strip()):
            assert time.monotonic() < until
            time.sleep(0.02)
        process.terminate()
        assert process.wait(30) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_a_command_is_measured_with_its_children(tmp_path):
    command = [sys.executable, '-c', ALLOCATE, ALLOCATE, str(tmp_path)]
    taken = watch.run(command, tmp_path)
    assert (taken.code, taken.output, taken.disk_bytes) == (3, 'done\n', 5000)
    assert 120e6 < taken.peak_bytes < 220e6
    assert taken.wall_s > 1
    assert taken.cpu_s > 0


def test_pages_of_mapped_files_are_not_counted(tmp_path):
    file = tmp_path / 'large'
    file.write_bytes(bytes(80_000_000))
    code = f"""
import mmap, time
with open({str(file)!r}, 'rb') as stream:
    mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
total = sum(mapped[i] for i in range(0, len(mapped), 4096))
time.sleep(0.5)
"""
    assert 0 < watch.run([sys.executable, '-c', code], tmp_path).peak_bytes < 40e6


def test_a_process_that_ended_takes_nothing():
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    assert watch.own_bytes(process.pid) == 0
    assert list(watch.family(process.pid)) == [process.pid]


def test_what_a_build_says_is_read(tmp_path):
    said = builds.plan(SHIPPED, 'onnx', 'int4', '')
    assert 1e6 < said.running < 1e9
    assert 5e8 < said.building < 1e9
    assert 1e6 < said.disk < 20e6
    with pytest.raises(ValueError, match='the plan says nothing of memory'):
        builds.read_plan('error: no such folder')


def test_only_gpus_with_fp8_get_engines_in_it():
    assert [name for name in builds.CAPABILITIES if builds.has_format(name, 'fp8')] == [
        'SM89', 'SM120',
    ]  # fmt: skip


def test_a_command_that_is_refused_says_why_and_writes_nothing():
    refusals = {refusal.name: refusal for refusal in builds.refusals(SHIPPED, 0)}
    assert builds.is_refused(refusals['fp8 on a CPU'], SHIPPED)[0]
    assert builds.is_refused(refusals['a window that is longer than any'], SHIPPED)[0]
    # The shipped model fits in float32, so this is not refused.
    large = refusals['float32 on a CPU']
    plan = replace(large, arguments=(*large.arguments, '--dry-run'))
    assert not builds.is_refused(plan, SHIPPED)[0]


def test_what_fits_into_memory_is_not_expected_to_be_refused():
    needed = round(builds.plan(SHIPPED, 'onnx', 'float32', window_s=63).running)
    for free, expected in ((needed - 10**7, True), (needed + 10**7, False)):
        names = [refusal.name for refusal in builds.refusals(SHIPPED, free)]
        assert ('float32 on a CPU' in names) is expected
        assert len(names) == 3 + expected


def test_speed_is_measured_in_turns(tmp_path):
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx,export]'")
    pytest.importorskip('onnxscript', reason="needs pip install '.[onnx,export]'")
    from molmo_ground_ros.backends.molmo2.cpu_graphs import write_cpu_graph
    from tools.rehearsal.speed import measure

    folder = tmp_path / 'm'
    write_checkpoint(small(), folder)
    for part in ('decoder', 'vision'):
        write_cpu_graph(str(folder), folder, part, 'int4.cpu', lambda *_: None)
    before = sum(watch.own_bytes(pid) for pid in watch.family(os.getpid()))
    figures = measure(folder, turns=3, threads=1, with_torch=True)
    for name in ('onnx_int4_rss_gb', 'onnx_int4_decode_of_bandwidth', 'onnx_int4_vs_torch_bf16'):
        assert figures[name] > 0
    data = folder / 'decoder.int4.cpu.opset24.onnx.data'
    assert figures['bytes_a_token_gb'] * 1e9 == pytest.approx(data.stat().st_size, abs=2e6)
    # The process that runs the tests may hold much already.
    assert figures['onnx_int4_peak_gb'] < before / 1e9 + 1
