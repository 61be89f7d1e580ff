# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Copies with something missing or damaged, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.errors import BadRecord, BadSetting


class Places(NamedTuple):
    """Patterns of the files of a copy."""

    truth: str
    frames: str
    words: str = ''  # '': the words are a class of the set, or in the truth; see


_INSIDE = 'CLASSES'  # the words are the classes in the truth's JSON
_SEQUENCE = Places('**/gt/gt.txt', '**/img1/*.jpg')
_COCO = Places('**/*.json', '**/*.jpg', _INSIDE)
_MASKS = Places('**/Annotations/*/*.png', '**/*.jpg')
PLACES: Mapping[str, Places] = {
    'coco': _COCO,
    'davis': Places('Annotations/480p/*/*.png', '**/*.jpg', '*.json'),
    'youtube-vos': Places(_MASKS.truth, '**/*.jpg', '**/meta.json'),
    'ref-davis17': Places('DAVIS/Annotations/480p/*/*.png', '**/*.jpg', '**/*.txt'),
    'ref-youtube-vos': Places(_MASKS.truth, '**/*.jpg', '**/meta*.json'),
    'ref-youtube-vos-valid': Places('**/Annotations/*/*/*.png', '**/*.jpg', '**/*.json'),
    'mose': _MASKS,
    'mosev2': _MASKS,
    'lvos-v1': Places(_MASKS.truth, '**/*.jpg', '**/*_expression_meta.json'),
    'lvos-v2': _MASKS,
    'vipseg': Places('panomasks/*/*.png', '**/*.jpg', '*.json'),
    'sa-v': Places('**/Annotations_6fps/*/*/*.png', '**/*.jpg'),
    'sa-v-train': Places('**/*.json', '**/*.mp4'),
    'mevis': Places('**/mask_dict.json', '**/*.jpg', '**/meta_expressions.json'),
    'revos': Places('mask_dict.json', '**/*.jpg', 'meta_expressions_valid_.json'),
    'revos-train': Places('mask_dict.json', '**/*.jpg', 'meta_expressions_train_.json'),
    'reasonvos': Places('**/Annotations/*/*.png', '**/*.jpg', '**/*.json'),
    'youtube-vis': _COCO,
    'ovis': _COCO,
    'lv-vis': _COCO,
    'burst': _COCO,
    'lasot': Places('**/groundtruth.txt', '**/*.jpg', '**/nlp.txt'),
    'got10k': Places('**/groundtruth.txt', '**/*.jpg', '**/meta_info.ini'),
    'tnl2k': Places('**/groundtruth.txt', '**/*.png', '**/language.txt'),
    'tnllt': Places('**/groundtruth.txt', '**/*.jpg', '**/language.txt'),
    'trackingnet': Places('**/anno/*.txt', '**/*.jpg'),
    'vasttrack': Places('**/Groundtruth.txt', '**/*.jpg', '**/nlp.txt'),
    **dict.fromkeys(
        ('webuav', 'webuot', 'uw-cot220'),
        Places('**/groundtruth_rect.txt', '**/*.jpg', '**/language.txt'),
    ),
    **dict.fromkeys(('mot', 'mot20', 'dancetrack', 'sportsmot', 'soccernet'), _SEQUENCE),
    'teamtrack': Places('**/gt/gt.txt', '**/*.mp4'),
    'animaltrack': Places('gt_all/*.txt', '**/*.jpg'),
    'bft': Places('annotations_mot/*/*.txt', '**/*.jpg'),
    'uavdt': Places('**/GT/*.txt', '**/*.jpg'),
    'aptv2': _COCO,
    'seadronessee': _COCO,
    'bdd100k': Places('**/box_track_20/*/*.json', '**/*.jpg'),
    'personpath22': Places('**/*.json', '**/*.mp4'),
    'moca': Places('**/*.csv', '**/*.jpg'),
}

Harm = Callable[[Path, Places], None]


def remove_words(folder: Path, places: Places) -> None:
    """Take the words away: their file, or the classes in the truth."""
    if places.words != _INSIDE:
        for path in _files(folder, places.words):
            path.unlink()
        return
    for path in _files(folder, places.truth):
        content = json.loads(path.read_text())
        content['categories'] = []
        path.write_text(json.dumps(content))


def remove_frame(folder: Path, places: Places) -> None:
    """Take the second picture of the first video away, or the first video."""
    files = list(_files(folder, places.frames))
    is_picture = files[0].suffix in ('.jpg', '.png')
    files[1 if is_picture else 0].unlink()


def damage_truth(folder: Path, places: Places) -> None:
    """Cut the first file of the truth in the middle; in a text, break its last line."""
    path = next(iter(_files(folder, places.truth)))
    data = path.read_bytes()
    cut = {'.txt': 3, '.csv': 20}.get(path.suffix)
    path.write_bytes(data.rstrip()[:-cut] + b'x\n' if cut else data[: len(data) // 2])


def complaints(source: str, folder: Path) -> list[str]:
    """What is said of a copy: of what cannot be read, then of frames that are missing."""
    examples: list[Example] = []
    texts: list[str] = []
    try:
        for item in read(source, folder):
            if isinstance(item, BadRecord):
                texts.append(str(item))
            else:
                examples.append(item)
    except BadSetting as error:
        texts.append(str(error))
    missing = MediaFolder(folder).missing(examples)
    return [*texts, str(missing)] if missing.names else texts


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    """The files of a pattern in their order."""
    yield from sorted(path for path in folder.glob(pattern) if path.is_file())
