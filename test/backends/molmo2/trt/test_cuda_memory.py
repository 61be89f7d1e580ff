# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The CUDA runtime's errors without a GPU, and copies to a GPU and back where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ground_ros.errors import BackendError

cuda = pytest.importorskip('cuda.bindings.runtime', reason='needs pip install cuda-bindings')

from molmo_ground_ros.backends.molmo2.trt import cuda_memory


def has_gpu():
    return cuda.cudaGetDeviceCount()[0] == cuda.cudaError_t.cudaSuccess


def test_no_gpu_is_an_error_with_the_reason_of_cuda():
    if has_gpu():
        pytest.skip('there is a GPU here')
    with pytest.raises(BackendError, match=r'looking for a GPU: .*\(cudaError'):
        cuda_memory.find_gpu(0)


def test_out_of_memory_is_told_with_the_numbers(monkeypatch):
    success = cuda.cudaError_t.cudaSuccess
    names = {'cudaSetDevice': (success,), 'cudaStreamCreateWithFlags': (success, 5)}
    names |= {'cudaMalloc': (cuda.cudaError_t.cudaErrorMemoryAllocation, None)}
    names |= {'cudaMemGetInfo': (success, 3 * 2**20, 8 * 2**20)}
    names |= {'cudaGetLastError': (success,)}
    for name, answer in names.items():
        monkeypatch.setattr(cuda_memory.cuda, name, lambda *_, answer=answer: answer)
    memory = cuda_memory.CudaMemory(0)
    with pytest.raises(
        BackendError, match=r'out of memory: 5\.0 MiB are wanted for key_0, 3\.0 of 8\.0 MiB'
    ):
        memory.allocate(5 * 2**20, 'key_0')


GPU = pytest.mark.skipif(not has_gpu(), reason='needs an NVIDIA GPU and its driver')


@GPU
def test_bytes_come_back_from_a_gpu_as_they_went():
    memory = cuda_memory.CudaMemory(0)
    source, joined = memory.allocate(64, 'a test'), memory.allocate(128, 'a test')
    values, back = np.arange(8, dtype=np.int64), np.ones(16, dtype=np.int64)
    memory.write(source, values)
    memory.copy(source, joined, 64)
    memory.read(joined, back)
    assert back.tolist() == [0] * 8 + values.tolist()
    memory.close()
