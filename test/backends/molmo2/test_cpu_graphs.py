# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Graphs of few bits for ONNX Runtime's CPU: their weights, their logits, their answers."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.molmo2_styles import STYLES

from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.errors import BadEngine, BadModel

WHY = "needs pip install '.[onnx,export]'"
onnx = pytest.importorskip('onnx', reason=WHY)
pytest.importorskip('onnxruntime', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
torch = pytest.importorskip('torch', reason=WHY)
pytest.importorskip('transformers', reason="makes checkpoints: needs '.[transformers]'")

from safetensors.torch import load_file, save_file

from molmo_ground_ros.backends.molmo2 import memory, selfcheck
from molmo_ground_ros.backends.molmo2.cpu_graphs import block_of, write_cpu_graph
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_states
from molmo_ground_ros.backends.molmo2.files import PARTS, graph_file, part_dtype
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.rounded import rounded_runtime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.molmo2.selfcheck import TOLERANCES
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.recording import open_recording

ROOT = Path(__file__).parents[3]
SHIPPED, BAG = ROOT / 'models' / 'tabletop', ROOT / 'examples' / 'tabletop.mcap'
# Inputs of ff_out: three blocks of 128, or blocks of 32 of which the last is not full.
WIDTHS = {'qwen3': {'head_dim': 64, 'intermediate_size': 384}}
WIDTHS |= {'olmo': {'head_dim': 64, 'intermediate_size': 72}}
STYLE = pytest.mark.parametrize('style', WIDTHS)
FORMAT = pytest.mark.parametrize('dtype', ['int8', 'int4'])
QUESTIONS = (
    'How many times was the red block grasped?',
    'Track the red block.',
    'Track the white dog.',
)


def ignored(_done, _total):
    pass


def write_all(folder, dtypes=('int8', 'int4')):
    """The graphs of these formats; the folder. Exporting takes seconds, so each is written once."""
    for part, dtype in (*(('decoder', dtype) for dtype in dtypes), ('vision', 'int8')):
        write_cpu_graph(str(folder), folder, part, f'{dtype}.cpu', ignored)
    return folder


@pytest.fixture(scope='module')
def qwen3(make_checkpoint):
    """A checkpoint with the graphs of both formats. Its weights are stored in float32."""
    return write_all(make_checkpoint(nested=False, text=STYLES['qwen3'] | WIDTHS['qwen3']))


@pytest.fixture(scope='module')
def olmo(make_checkpoint):
    """The same of the other style. Its weights are stored in bfloat16."""
    folder = make_checkpoint(nested=False, seed=1, text=STYLES['olmo'] | WIDTHS['olmo'])
    file = folder / 'model.safetensors'
    stored = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(file).items()}
    file.unlink()  # its tensors are mapped
    save_file(stored, file)
    return write_all(folder)


@pytest.fixture
def folder_of_style(request, style):
    return request.getfixturevalue(style)


@pytest.fixture(scope='module')
def shipped(tmp_path_factory):
    """The shipped model with the graphs of all formats."""
    return write_all(shutil.copytree(SHIPPED, tmp_path_factory.mktemp('shipped') / 'm'))


def opened(folder):
    return open_checkpoint(BackendSettings(str(folder)))


def rounded_layers(runtime):
    """The linear layers of a reference, by their names in the checkpoint."""
    graphs = (
        ('model.transformer.', runtime._decoder.graph),
        ('model.vision_backbone.', runtime._vision),
    )
    return {
        ('' if name == 'lm_head' else prefix) + f'{name}.weight': module
        for prefix, graph in graphs
        for name, module in graph.named_modules()
        if hasattr(module, 'rows')
    }


@FORMAT
@STYLE
def test_all_matrices_are_rounded_and_near_the_checkpoints(dtype, folder_of_style):
    layers = rounded_layers(rounded_runtime(opened(folder_of_style), f'{dtype}.cpu'))
    originals = load_file(folder_of_style / 'model.safetensors')
    tables = {f'model.transformer.wte.{name}' for name in ('embedding', 'new_embedding')}
    tables |= {'model.vision_backbone.image_vit.positional_embedding'}
    matrices = {name for name, tensor in originals.items() if tensor.ndim == 2} - tables
    assert layers.keys() == matrices
    for name, layer in layers.items():
        original = originals[name].float().numpy()
        inputs = original.shape[1]
        in_4_bits = dtype == 'int4' and 'vision' not in name and name != 'lm_head.weight'
        error = np.abs(layer.rows(0, len(original)).numpy() - original)
        padding = ((0, 0), (0, -inputs % block_of(inputs)))
        error, padded = np.pad(error, padding), np.pad(original, padding)
        shape = (len(original), -1, block_of(inputs))
        most = np.abs(padded).reshape(shape).max(-1)
        # Half a step, and the scale is rounded.
        allowed = most / (15 if in_4_bits else 255) + most * 2**-10 + 2**-24
        assert (error.reshape(shape).max(-1) <= allowed).all(), name
        assert error.max() > 0


@pytest.mark.parametrize(
    ('inputs', 'block'), [(2560, 128), (9728, 128), (160, 32), (4304, 32), (588, 32), (448, 64)]
)
def test_blocks_divide_the_inputs_where_kernels_have_such_blocks(inputs, block):
    assert block_of(inputs) == block


@FORMAT
@STYLE
def test_logits_equal_those_of_torch_with_the_same_weights(dtype, folder_of_style):
    """But for activations, which are rounded to int8.

    Measured on the shipped model: at most 0.10 standard deviations in int8, 0.07 in int4.
    """
    checkpoint = opened(folder_of_style)
    tolerance = TOLERANCES[f'{dtype}.cpu']
    runtime = OnnxRuntime(checkpoint, f'{dtype}.cpu', 1)
    reference = rounded_runtime(checkpoint, f'{dtype}.cpu')
    assert selfcheck.check(checkpoint, runtime, reference, tolerance).largest > 0


DAMAGES = {
    'another scale': lambda layer: layer._scales.__imul__(1.5),
    'halves of bytes exchanged': lambda layer: np.copyto(
        layer._codes, (layer._codes >> np.uint8(4)) | (layer._codes << np.uint8(4))
    ),
    'zero is not in the middle': lambda layer: np.copyto(layer._codes, layer._codes ^ 0x88),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_graph_that_stores_a_matrix_otherwise_does_not_pass(damage, qwen3):
    checkpoint = opened(qwen3)
    reference = rounded_runtime(checkpoint, 'int4.cpu')
    layer = reference._decoder.graph.blocks[0].mlp.ff_out
    layer._codes, layer._scales = layer._codes.copy(), layer._scales.copy()
    DAMAGES[damage](layer)
    with pytest.raises(BadEngine, match='a logit differs from the reference'):
        selfcheck.check(checkpoint, OnnxRuntime(checkpoint, 'int4.cpu', 1), reference, 0.3)


@functools.cache
def tabletop_clips():
    with open_recording(BAG) as recording:
        return [recording.clip_of_seconds(start, start + 8.0) for start in (0.0, 7.0, 14.0)]


def next_logits(runtime, checkpoint, clip, question, answer):
    """Logits after the prompt and after every token of an answer that is given."""
    prompt = checkpoint.prompts.encode(clip.seconds, question)
    features = encode_all(
        runtime, [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
    )
    places = np.cumsum([token == checkpoint.prompts.patch for token in prompt.ids])
    slots = [
        int(n) if token == checkpoint.prompts.patch else 0
        for n, token in zip(places, prompt.ids, strict=True)
    ]
    ids = [*prompt.ids, *answer]
    visual = [*prompt.visual, *(0 for _ in answer)]
    video = VideoFeatures(visual, [*slots, *(0 for _ in answer)], features)
    return runtime.logits(ids, 0, len(answer) + 1, video)


def nearly_equal(ours, theirs, zero):
    """Which tokens are the same, or coordinates that are at most 1 % of the image apart.

    zero: the token of coordinate 0; those of 1 to 1000 thousandths follow it.
    """
    spans = [(tokens >= zero) & (tokens <= zero + 1000) for tokens in (ours, theirs)]
    return (ours == theirs) | (spans[0] & spans[1] & (np.abs(ours - theirs) <= 10))


@pytest.mark.parametrize(
    ('dtype', 'share', 'apart'),
    [
        # Measured: 591 of 591 tokens, 0.021 standard deviations.
        pytest.param('int8', 0.99, 0.025, id='int8'),
        # Measured: 589 of 591 tokens, 0.156 standard deviations.
        pytest.param('int4', 0.98, 0.2, id='int4'),
    ],
)
def test_the_shipped_model_chooses_nearly_the_tokens_of_float32(dtype, share, apart, shipped):
    checkpoint = opened(shipped)
    exact = OnnxRuntime(checkpoint, 'float32', 1)
    rounded = OnnxRuntime(checkpoint, f'{dtype}.cpu', 1)
    reference = backends.load('onnx', BackendSettings(str(shipped), dtype='float32', threads=1))
    [zero] = checkpoint.tokenizer.encode_text(' 000')
    same, errors, scales = [], [], []
    for clip in tabletop_clips():
        for question in QUESTIONS:
            [answer] = reference.generate(clip, [question], GenerateOptions(), lambda *_: True)
            ids = checkpoint.tokenizer.encode_text(answer.text)
            theirs, ours = (
                next_logits(runtime, checkpoint, clip, question, ids)
                for runtime in (exact, rounded)
            )
            same += list(nearly_equal(ours.argmax(-1), theirs.argmax(-1), zero))
            errors.append(np.square(ours - theirs).mean(-1))
            scales.append(theirs.std())
    difference = float(np.sqrt(np.concatenate(errors).mean()) / np.mean(scales))
    said = f'{sum(same)} of {len(same)} tokens, {difference:.3g} standard deviations'
    assert len(same) > 300
    assert np.mean(same) >= share, said
    assert 0 < difference <= apart, said


@FORMAT
def test_a_random_model_chooses_mostly_the_tokens_of_float32(dtype, qwen3, make_clip):
    """Random weights give logits that lie close together, so more choices turn over."""
    checkpoint = opened(qwen3)
    rounded = OnnxRuntime(checkpoint, f'{dtype}.cpu', 1)
    exact = TorchRuntime(checkpoint, torch.device('cpu'), torch.float32)
    clip = make_clip([0.0, 0.5, 1.0])
    answer = list(range(100, 164))
    theirs, ours = (
        next_logits(runtime, checkpoint, clip, 'Track it.', answer) for runtime in (exact, rounded)
    )
    share = float((ours.argmax(-1) == theirs.argmax(-1)).mean())
    difference = float(np.sqrt(np.square(ours - theirs).mean()) / theirs.std())
    assert share >= {'int8': 0.9, 'int4': 0.6}[dtype]
    assert difference <= {'int8': 0.03, 'int4': 0.3}[dtype]


def test_embeddings_stay_in_the_checkpoint_and_are_exact(qwen3, olmo):
    """Rows are gathered of the stored table and cast then: nothing casts or copies the table."""
    for folder, cast in ((qwen3, 0), (olmo, 2)):
        path = folder / 'decoder.int4.cpu.opset24.onnx'
        graph = onnx.load(path, load_external_data=False).graph
        tables = {
            tensor.name: {entry.key: entry.value for entry in tensor.external_data}
            for tensor in graph.initializer
            if tensor.name.startswith('wte.')
        }
        assert len(tables) == 2
        assert {where['location'] for where in tables.values()} == {'model.safetensors'}
        readers = [node.op_type for node in graph.node if set(node.input) & tables.keys()]
        assert readers == ['Gather', 'Gather']
        gathered = {
            node.output[0] for node in graph.node if node.op_type == 'Gather'
            and node.input[0] in tables
        }  # fmt: skip
        casts = [n for n in graph.node if n.op_type == 'Cast' and n.input[0] in gathered]
        assert len(casts) == cast


def test_the_same_checkpoint_gives_the_same_bytes(olmo, tmp_path):
    folder = shutil.copytree(olmo, tmp_path / 'm')
    for part in PARTS:
        path = folder / graph_file(part, part_dtype(part, 'int4.cpu'), 'fused')
        files = (path, path.with_name(f'{path.name}.data'))
        before = [file.read_bytes() for file in files]
        assert write_cpu_graph(str(folder), folder, part, 'int4.cpu', ignored) == path
        assert [file.read_bytes() for file in files] == before
        assert not list(folder.glob('*.partial'))


def test_both_formats_share_the_vision_tower():
    assert part_dtype('vision', 'int4.cpu') == part_dtype('vision', 'int8.cpu') == 'int8.cpu'


@FORMAT
def test_the_files_are_as_large_as_was_said(dtype, make_checkpoint):
    """Of a model whose widths are multiples of 128, as those of the released ones are."""
    text = {'head_dim': 64, 'intermediate_size': 1024, 'hidden_size': 256, 'vocab_size': 4096}
    folder = write_all(make_checkpoint(nested=False, text=text), [dtype])
    written_bytes = sum(file.stat().st_size for file in folder.glob('*.data'))
    said = memory.copied_bytes(opened(folder).config, f'{dtype}.cpu')
    assert sum(said.values()) == pytest.approx(written_bytes, rel=0.2)


def test_auto_takes_the_most_exact_format_that_was_built(qwen3, tmp_path):
    folder = shutil.copytree(qwen3, tmp_path / 'm')
    settings = BackendSettings(str(folder), threads=1)
    for dtype, stored in (('int8', 'int8.cpu'), ('int4', 'int4.cpu')):
        assert backends.choose('auto', settings) == 'onnx'
        backend = backends.load('auto', settings)
        files = [backend.parts[1]._decoder.session._model_path]
        assert all(stored in Path(file).name for file in files)
        (folder / f'decoder.{dtype}.cpu.opset24.onnx').unlink()
    assert backends.choose('auto', settings) == 'torch'
    advice = r'is not in .* write it with molmo-ground build --backend onnx --dtype int4'
    with pytest.raises(BadModel, match=r'decoder\.int4\.cpu\.opset24\.onnx ' + advice):
        backends.load('onnx', BackendSettings(str(folder), dtype='int4'))


def states(folder, dtype):
    checkpoint = opened(folder)
    layout = digest(read_index(checkpoint.model, folder), checkpoint.config)
    return graph_states(folder, dtype, layout)


def test_graphs_of_other_weights_of_the_same_layout_are_refused(qwen3, tmp_path):
    """A tuned checkpoint has the names and sizes of the one that it was tuned from."""
    folder = shutil.copytree(qwen3, tmp_path / 'm')
    assert set(states(folder, 'int4').values()) == {GraphState.CURRENT}
    file = folder / 'model.safetensors'
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    assert set(states(folder, 'int4').values()) == {GraphState.FOREIGN}
    with pytest.raises(BadModel, match=r'decoder\.int4.* was exported from other weights'):
        backends.load('onnx', BackendSettings(str(folder), dtype='int4', threads=1))


@pytest.mark.parametrize('damage', ['missing', 'short'])
def test_codes_that_are_damaged_are_named(damage, qwen3, tmp_path):
    folder = shutil.copytree(qwen3, tmp_path / 'm')
    data = folder / 'decoder.int4.cpu.opset24.onnx.data'
    content = data.read_bytes()
    data.unlink()
    if damage == 'short':
        data.write_bytes(content[:5000])
    assert states(folder, 'int4')['decoder'] is GraphState.DAMAGED
    with pytest.raises(BadModel, match=r'decoder\.int4\.cpu\.opset24\.onnx: it is damaged'):
        backends.load('onnx', BackendSettings(str(folder), dtype='int4', threads=1))


def test_weights_that_are_no_numbers_are_named_and_nothing_is_left(qwen3, tmp_path):
    folder = shutil.copytree(qwen3, tmp_path / 'm')
    for file in folder.glob('decoder.int4*'):
        file.unlink()
    weights = load_file(folder / 'model.safetensors')
    weights['model.transformer.blocks.1.mlp.ff_out.weight'][3, 7] = float('nan')
    (folder / 'model.safetensors').unlink()
    save_file({name: tensor.clone() for name, tensor in weights.items()},
              folder / 'model.safetensors')  # fmt: skip
    with pytest.raises(BadModel, match=r'cannot quantise blocks\.1\.mlp\.ff_out\.weight'):
        write_cpu_graph(str(folder), folder, 'decoder', 'int4.cpu', ignored)
    assert not list(folder.glob('decoder.int4*'))
