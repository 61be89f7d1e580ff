# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in of TensorRT and of a GPU's memory: host memory, and ONNX Runtime on bound addresses.

A plan is the path of a graph and the profiles it was "built" for. An engine runs that very graph,
reading and writing at the addresses that were bound, refuses sizes outside its profile, and fails
when told to. So all of runtimes/tensorrt.py is run but TensorRT itself.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime

from molmo_ground_ros.backends.molmo2.trt.find import FULL, Tensorrt
from molmo_ground_ros.backends.molmo2.trt.memory import Buffer
from molmo_ground_ros.errors import BackendError

TYPES = {
    'tensor(float)': ('FLOAT', np.float32),
    'tensor(float16)': ('HALF', np.float16),
    'tensor(int64)': ('INT64', np.int64),
    'tensor(bool)': ('BOOL', np.bool_),
}


class HostMemory:
    """Bytes of this process; `lost` makes every call fail, as after a CUDA error that stays."""

    stream = 17

    def __init__(self):
        self.lost = False
        self.room, self.taken = 2**40, 0

    def use(self):
        self._alive()

    def free(self):
        return self.room

    def allocate(self, nbytes, what):
        self._alive()
        self.taken += nbytes
        array = np.zeros(nbytes, dtype=np.uint8)
        buffer = Buffer(array.ctypes.data, nbytes)
        buffer.array = array  # lives as long
        return buffer

    def write(self, target, values):
        assert values.flags.c_contiguous and values.nbytes <= target.nbytes
        ctypes.memmove(target.address, values.ctypes.data, values.nbytes)

    def read(self, source, target):
        assert target.nbytes <= source.nbytes
        ctypes.memmove(target.ctypes.data, source.address, target.nbytes)
        self.synchronise()

    def copy(self, source, target, offset):
        assert offset + source.nbytes <= target.nbytes
        ctypes.memmove(target.address + offset, source.address, source.nbytes)

    def synchronise(self):
        self._alive()

    def close(self):
        self.lost = True

    def _alive(self):
        if self.lost:
            raise BackendError('waiting for the GPU: an illegal memory access was encountered')


class HostContext:
    def __init__(self, engine):
        self._engine = engine
        self._addresses, self._shapes, self._profile = {}, {}, 0

    def set_optimization_profile_async(self, profile, stream):
        assert stream == HostMemory.stream
        self._profile = profile
        return profile < self._engine.num_optimization_profiles

    def set_tensor_address(self, name, address):
        self._addresses[name] = address
        return address != 0

    def set_input_shape(self, name, shape):
        limits = self._engine.profiles[self._profile].get(name)
        if limits and not all(
            a <= b <= c for a, b, c in zip(limits[0], shape, limits[2], strict=True)
        ):
            self._engine.log('size outside the profile')
            return False
        self._shapes[name] = tuple(shape)
        return True

    def infer_shapes(self):
        changing = [one.name for one in self._engine.inputs if -1 in self._engine.shape(one)]
        return [name for name in changing if name not in self._shapes]

    def execute_async_v3(self, stream):
        assert stream == HostMemory.stream
        if self._engine.module.failing:
            self._engine.log(self._engine.module.failing.pop())
            return False
        binding = self._engine.session.io_binding()
        for one in self._engine.inputs:
            shape = self._shapes.get(one.name, self._engine.shape(one))
            place = ('cpu', 0, TYPES[one.type][1], shape, self._addresses[one.name])
            binding.bind_input(one.name, *place)
        for one in self._engine.outputs:
            shape = [self._size(one, i) for i in range(len(one.shape))]
            place = ('cpu', 0, TYPES[one.type][1], shape, self._addresses[one.name])
            binding.bind_output(one.name, *place)
        self._engine.module.passes.append((self._engine.name, self._profile))
        self._engine.session.run_with_iobinding(binding)
        return True

    def _size(self, output, axis):
        size = output.shape[axis]
        if isinstance(size, int):
            return size
        if output.name == 'features':
            return self._shapes['patches'][0] * self._shapes['pooling'][0]
        return self._shapes['wanted'][0]


class HostEngine:
    def __init__(self, module, log, data):
        said = json.loads(bytes(data))
        self.module, self.log, self.name = module, log, Path(said['graph']).name.partition('.')[0]
        self.profiles = said['profiles']
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            said['graph'], options, providers=['CPUExecutionProvider']
        )
        self.inputs, self.outputs = self.session.get_inputs(), self.session.get_outputs()
        self._all = [*self.inputs, *self.outputs]
        self.num_io_tensors = len(self._all)
        self.num_optimization_profiles = len(self.profiles)

    @staticmethod
    def shape(one):
        return tuple(size if isinstance(size, int) else -1 for size in one.shape)

    def get_tensor_name(self, index):
        return self._all[index].name

    def get_tensor_shape(self, name):
        return self.shape(self._one(name))

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name=TYPES[self._one(name).type][0])

    def get_aliased_input_tensor(self, name):
        return self.module.aliases(name)

    def create_execution_context(self):
        return HostContext(self)

    def _one(self, name):
        return next(one for one in self._all if one.name == name)


class HostTensorrt:
    """The module. `failing` holds what the next passes say when they fail."""

    __version__ = '10.16.2.10'

    def __init__(self):
        self.failing: list[str] = []
        self.passes: list[tuple[str, int]] = []
        self.aliases = lambda name: name.replace('_out_', '_') if '_out_' in name else None
        module = self

        class ILogger:
            def __init__(self):
                pass

        class Runtime:
            def __init__(self, logger):
                self._logger = logger

            def deserialize_cuda_engine(self, data):
                def log(text):
                    self._logger.log(1, text)

                try:
                    return HostEngine(module, log, data)
                except ValueError as err:
                    log(str(err))
                    return None

        self.ILogger, self.Runtime = ILogger, Runtime

    def installed(self):
        return Tensorrt(FULL, self.__version__, self)


def host_plan(graph: Path, profiles) -> bytes:
    """What the stand-in takes for a plan."""
    return json.dumps({'graph': str(graph), 'profiles': profiles}).encode()
