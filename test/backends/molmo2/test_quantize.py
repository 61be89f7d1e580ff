# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quantised graphs: their weights, and their logits in ONNX Runtime against torch.

ONNX Runtime's CPU runs DequantizeLinear of int4, int8 and float8. It replaces one of integers with
the MatMul behind it by a kernel of its own, which rounds the activations to int8 as well unless
session.qdq_matmulnbits_accuracy_level says 1, i.e. float32.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from support.molmo2_styles import STYLES

from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.errors import BadModel, BadSetting

WHY = "needs pip install '.[onnx,export]'"
onnx = pytest.importorskip('onnx', reason=WHY)
pytest.importorskip('onnxruntime', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
torch = pytest.importorskip('torch', reason=WHY)
pytest.importorskip('transformers', reason="makes checkpoints: needs '.[transformers]'")

import onnxruntime
from safetensors.torch import load_file, save_file

from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.engine import EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.export import export_graphs
from molmo_ground_ros.backends.molmo2.formats import CODE_BITS
from molmo_ground_ros.backends.molmo2.quantize import quantize_weights
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.pixels import frame_patches

# Inputs of attn_out: two blocks of 128; of ff_out: three, or none that divides; of the rest: 32.
WIDTHS = {'qwen3': {'head_dim': 64, 'intermediate_size': 384}}
WIDTHS |= {'olmo': {'head_dim': 64, 'intermediate_size': 72}}
STYLE = pytest.mark.parametrize('style', WIDTHS)
FORMAT = pytest.mark.parametrize('weights', CODE_BITS)
HALF, FULL = 'decoder.float16.opset24.onnx', 'decoder.float32.opset24.onnx'


@pytest.fixture(scope='module')
def exported(make_checkpoint):
    """Decoders of both styles that compute in float32, and one in float16.

    The weights of one are stored in float32, those of the other in bfloat16.
    """
    folders = {}
    for seed, (style, text) in enumerate(STYLES.items()):
        folders[style] = make_checkpoint(nested=False, seed=seed, text=text | WIDTHS[style])
        if style == 'olmo':
            file = folders[style] / 'model.safetensors'
            stored = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(file).items()}
            file.unlink()  # its tensors are mapped
            save_file(stored, file)
        export_graphs(str(folders[style]), folders[style], parts=['decoder'])
    export_graphs(str(folders['qwen3']), folders['qwen3'], 'float16', parts=['decoder'])
    return folders


def stored_weights(graph_file):
    """What each DequantizeLinear makes of its tensors, (inputs, outputs), by the weight's name."""
    model = onnx.load(graph_file)
    tensors = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    by_name = {}
    for node in model.graph.node:
        if node.op_type == 'DequantizeLinear':
            codes, scales = (tensors[name].astype(np.float32) for name in node.input)
            attributes = {
                attribute.name: onnx.helper.get_attribute_value(attribute)
                for attribute in node.attribute
            }
            if attributes.get('block_size'):
                assert attributes['axis'] == 0
                scales = np.repeat(scales, attributes['block_size'], axis=0)
            elif scales.ndim:
                assert attributes['axis'] == 1
            by_name[node.output[0].removesuffix('.dequantized')] = codes * scales
    return by_name


def quantised(folder, graph, weights, tmp_path):
    return quantize_weights(shutil.copytree(folder, tmp_path / 'm') / graph, weights)


def session(path):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry('session.qdq_matmulnbits_accuracy_level', '1')
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])


def run(path, config, prompt, slots, features, dtype):
    """Logits after every token of a prompt."""
    length = len(prompt.ids)
    rows = 512
    visual = np.zeros((1, rows), dtype=np.bool_)
    visual[0, :length] = np.asarray(prompt.visual) == 1
    inputs = {
        'ids': np.asarray([prompt.ids], dtype=np.int64),
        'slots': np.asarray([slots], dtype=np.int64),
        'features': features.astype(dtype),
        'visual': visual[:, :length],
        'seen_visual': visual,
        'start': np.zeros(1, dtype=np.int64),
        'wanted': np.arange(length, dtype=np.int64),
    }
    shape = (1, config.text.kv_heads, rows, config.text.head_dim)
    for i in range(config.text.layers):
        inputs |= {f'{name}_{i}': np.zeros(shape, dtype=dtype) for name in ('key', 'value')}
    return session(path).run(['logits'], inputs)[0][0]


def put(weights, runtime):
    """Give these to a torch runtime, in the place of its own."""
    named = dict(runtime._decoder.graph.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            named[name].data = torch.from_numpy(weight.T.copy())


def all_text(index, piece):
    return True


def both_logits(path, folder, make_clip, dtype=np.float32):
    """Of the graph, and of torch with the weights that the graph's codes stand for."""
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    runtime = TorchRuntime(checkpoint, torch.device('cpu'), torch.float32)
    clip = make_clip([0.0, 0.5, 1.0])
    prompt = checkpoint.prompts.encode(clip.seconds, 'Point to every cup.')
    features = encode_all(
        runtime, [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
    )
    places = np.cumsum([token == checkpoint.prompts.patch for token in prompt.ids])
    slots = [
        int(n) if token == checkpoint.prompts.patch else 0
        for n, token in zip(places, prompt.ids, strict=True)
    ]
    put(stored_weights(path), runtime)
    with torch.inference_mode():
        video = VideoFeatures(prompt.visual, slots, features)
        theirs, *_ = runtime.run(prompt.ids, 0, len(prompt.ids), video)
        joined = torch.cat(features).numpy()
    ours = run(path, checkpoint.config, prompt, slots, joined, dtype)
    return ours, theirs[0].numpy()


@FORMAT
@STYLE
def test_stored_weights_are_near_the_checkpoints(style, weights, exported, tmp_path):
    path = quantised(exported[style], FULL, weights, tmp_path)
    assert path.name == f'decoder.{weights}.float32.opset24.onnx'
    originals = load_file(path.parent / 'model.safetensors')
    by_name = stored_weights(path)
    layers = read_config('m', path.parent).text.layers
    skipped = layers * (weights == 'int4' and style == 'olmo')  # ff_out: 8 is the largest block
    assert len(by_name) == 4 * layers - skipped + (weights == 'int4')
    assert ('lm_head.weight' in by_name) == (weights == 'int4')
    for name, weight in by_name.items():
        prefix = '' if name.startswith('lm_head') else 'model.transformer.'
        original = originals[prefix + name].float().numpy().T
        assert weight.shape == original.shape
        error, most = np.abs(weight - original), np.abs(original).max(0)  # of each output
        if weights == 'fp8':
            assert (error <= np.abs(original) / 16 * 1.01 + most.max() * 2**-18).all()
        else:  # the largest half step there may be
            steps = 15 if weights == 'int4' and name != 'lm_head.weight' else 255
            assert (error <= most / steps + most * 2**-11).all()  # and the scale is rounded
        assert np.abs(weight - original).max() > 0


@FORMAT
@STYLE
def test_logits_equal_those_of_torch_with_the_same_weights(
    style, weights, exported, tmp_path, make_clip
):
    path = quantised(exported[style], FULL, weights, tmp_path)
    ours, theirs = both_logits(path, path.parent, make_clip)
    np.testing.assert_allclose(ours, theirs, atol=3e-5, rtol=0)


@FORMAT
def test_a_float16_graph_keeps_its_precision(weights, exported, tmp_path, make_clip):
    path = quantised(exported['qwen3'], HALF, weights, tmp_path)
    assert path.name == f'decoder.{weights}.opset24.onnx'
    ours, theirs = both_logits(path, path.parent, make_clip, np.float16)
    assert np.abs(ours - theirs).max() < 1e-2 * max(1.0, float(theirs.std()))


@FORMAT
def test_a_float16_graph_has_the_very_weights_of_a_float32_one(weights, exported, tmp_path):
    half = stored_weights(quantised(exported['qwen3'], HALF, weights, tmp_path / 'half'))
    full = stored_weights(quantised(exported['qwen3'], FULL, weights, tmp_path / 'full'))
    assert half.keys() == full.keys()
    assert all((half[name] == full[name]).all() for name in half)


def test_a_fixed_capacity_keeps_the_codes(exported, tmp_path, make_clip):
    path = fix_capacity(quantised(exported['olmo'], FULL, 'int4', tmp_path), 512)
    ours, theirs = both_logits(path, path.parent, make_clip)
    np.testing.assert_allclose(ours, theirs, atol=3e-5, rtol=0)


@FORMAT
def test_only_the_matrices_are_stored_again(weights, exported, tmp_path):
    path = quantised(exported['qwen3'], HALF, weights, tmp_path)
    before = onnx.load(path.with_name(HALF), load_external_data=False).graph
    after = onnx.load(path, load_external_data=False).graph
    files = {}
    for tensor in after.initializer:
        if tensor.external_data:
            where = {entry.key: entry.value for entry in tensor.external_data}
            files.setdefault(where['location'], {})[tensor.name] = where
    assert files.keys() == {'model.safetensors', f'{path.name}.data'}
    ours = files[f'{path.name}.data']
    matrices = {name.rpartition('.')[0] for name in ours}
    assert len(ours) == 2 * len(matrices)
    assert all(int(where['offset']) % 4096 == 0 for where in ours.values())
    removed = {tensor.name for tensor in before.initializer} - {
        tensor.name for tensor in after.initializer
    }
    assert removed == {f'{name}.stored' for name in matrices}
    operators = ('Attention', 'TensorScatter', 'RotaryEmbedding', 'RMSNormalization', 'MatMul')
    for operator in operators:
        counts = [sum(node.op_type == operator for node in graph.node) for graph in (before, after)]
        assert counts[0] == counts[1] > 0
    onnx.checker.check_model(str(path))


def test_the_same_graph_gives_the_same_bytes(exported, tmp_path):
    contents = []
    for name in ('a', 'b'):
        path = quantised(exported['qwen3'], HALF, 'int4', tmp_path / name)
        assert sorted(file.name for file in path.parent.glob('decoder.int4*')) == [
            path.name,
            f'{path.name}.data',
        ]
        contents.append((path.read_bytes(), path.with_name(path.name + '.data').read_bytes()))
    assert contents[0] == contents[1]


def test_onnx_runtime_answers_with_int4_matrices(exported, tmp_path, make_clip):
    """As torch does whose weights are what the codes stand for."""
    folder = shutil.copytree(exported['qwen3'], tmp_path / 'm')
    export_graphs(str(folder), folder, parts=['vision'])
    path = quantize_weights(folder / FULL, 'int4')
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    runtime = TorchRuntime(checkpoint, torch.device('cpu'), torch.float32)
    put(stored_weights(path), runtime)
    arguments = (
        make_clip([0.0, 0.5, 1.0]),
        ['Track it.', 'How many?'],
        GenerateOptions(30),
        all_text,
    )
    theirs = EngineBackend(checkpoint, runtime).generate(*arguments)
    plain = backends.load('onnx', BackendSettings(str(folder), threads=1)).generate(*arguments)
    ours = EngineBackend(checkpoint, OnnxRuntime(checkpoint, 'int4.float32', 1)).generate(
        *arguments
    )
    assert [answer.text for answer in ours] == [answer.text for answer in theirs]
    assert [answer.tokens for answer in ours] != [answer.tokens for answer in plain]
    for a, b in zip(ours, theirs, strict=True):
        logprobs = [token.logprob for token in b.tokens]
        assert [token.logprob for token in a.tokens] == pytest.approx(logprobs, abs=1e-4)
    data = path.with_name(path.name + '.data')
    data.write_bytes(data.read_bytes()[:5000])
    with pytest.raises(BadModel, match=r'cannot load decoder\.int4\.float32\.opset24\.onnx'):
        OnnxRuntime(checkpoint, 'int4.float32', 1)


def test_an_unknown_format_is_refused(exported):
    with pytest.raises(BadSetting, match=r"weights = 'int3': the formats are int4, int8, fp8"):
        quantize_weights(exported['qwen3'] / HALF, 'int3')


def test_a_graph_with_nothing_to_quantise_is_refused(exported, tmp_path):
    path = quantised(exported['qwen3'], HALF, 'int8', tmp_path)
    with pytest.raises(BadModel, match='it holds no matrix that int8 could store'):
        quantize_weights(path, 'int8')


@pytest.mark.parametrize(
    ('damage', 'why'),
    [
        pytest.param('missing', r'model\.safetensors.*cannot quantise .*No such', id='none'),
        pytest.param('short', r'model\.safetensors.*cannot quantise .*the file ends', id='short'),
        pytest.param('nan', r'cannot quantise blocks\.\d.*values that are no numbers', id='nan'),
        pytest.param('graph', r'opset24\.onnx.*cannot read the graph', id='no graph'),
    ],
)
def test_damaged_files_are_named_and_nothing_is_left(damage, why, exported, tmp_path):
    folder = shutil.copytree(exported['qwen3'], tmp_path / 'm')
    file = folder / 'model.safetensors'
    content = file.read_bytes()
    if damage == 'missing':
        file.unlink()
    elif damage == 'short':
        file.write_bytes(content[: len(content) // 2])
    elif damage == 'nan':
        file.write_bytes(content[:9000] + b'\xff' * (len(content) - 9000))
    else:
        (folder / HALF).write_bytes(b'no graph')
    with pytest.raises(BadModel, match=why):
        quantize_weights(folder / HALF, 'int4')
    assert not list(folder.glob('decoder.int4.opset24.onnx*'))


def test_an_older_opset_is_refused(exported, tmp_path):
    model = onnx.load(exported['qwen3'] / HALF, load_external_data=False)
    model.opset_import[0].version = 20
    onnx.save(model, tmp_path / HALF)
    with pytest.raises(BadModel, match='its opset is 20, not 24'):
        quantize_weights(tmp_path / HALF, 'int4')


def test_a_graph_that_computes_in_bfloat16_is_refused(exported, tmp_path):
    model = onnx.load(exported['qwen3'] / HALF, load_external_data=False)
    for node in model.graph.node:
        if node.op_type == 'Cast' and node.input[0].endswith('.stored'):
            node.attribute[0].i = onnx.TensorProto.BFLOAT16
    onnx.save(model, tmp_path / HALF)
    with pytest.raises(BadModel, match='it computes in BFLOAT16, not in float16 or float32'):
        quantize_weights(tmp_path / HALF, 'int4')
