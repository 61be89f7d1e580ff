# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Copies with something missing or damaged, and what is said of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Example
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.errors import BadRecord, BadSetting


class Places(NamedTuple):
    """Patterns of the files of a copy."""

    truth: str
    frames: str
    words: str = ''  # '': the words are a class of the set, or in the truth; see


_INSIDE = 'CLASSES'  # the words are the classes in the truth's JSON, or of each label in it
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
    'tnllt': Places('**/groundtruth.txt', '**/*.png', '**/language.txt'),
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
    'bdd100k': Places('**/box_track_20/*/*.json', '**/*.jpg', _INSIDE),
    'personpath22': Places('**/*.json', '**/*.mp4'),
    'moca': Places('**/*.csv', '**/*.jpg'),
}

_RENAMED = 0.2  # the share of changes that are of a key


def remove_words(folder: Path, places: Places) -> list[Path]:
    """Take the words away: their files, or the classes in the truth. Returns the files."""
    if places.words != _INSIDE:
        files = list(_files(folder, places.words))
        for path in files:
            path.unlink()
        return files
    files = list(_files(folder, places.truth))
    for path in files:
        content = json.loads(path.read_text())
        if isinstance(content, list):
            for label in (label for frame in content for label in frame['labels']):
                del label['category']
        else:
            content['categories'] = []
        path.write_text(json.dumps(content))
    return files


def remove_frame(folder: Path, places: Places) -> list[Path]:
    """Take the second picture of the first video away, or the first video. Returns it."""
    files = list(_files(folder, places.frames))
    is_picture = files[0].suffix in ('.jpg', '.png')
    path = files[1 if is_picture else 0]
    path.unlink()
    return [path]


def damage_truth(folder: Path, places: Places) -> list[Path]:
    """Cut the first file of the truth in the middle; in a text, break its last line. Returns it."""
    path = next(iter(_files(folder, places.truth)))
    data = path.read_bytes()
    cut = {'.txt': 3, '.csv': 20}.get(path.suffix)
    path.write_bytes(data.rstrip()[:-cut] + b'x\n' if cut else data[: len(data) // 2])
    return [path]


def names_what_is_gone(text: str, path: Path, folder: Path) -> bool:
    """Whether a text names a file, as a pattern perhaps, or the video whose frame it is."""
    inside = text.replace(str(folder), '')
    words = [word.strip('\'",:;').rpartition('/')[2] for word in inside.split()]
    if any(fnmatch(path.name, word) for word in words):
        return True
    videos = [place.name for place in path.parents[:2] if place != folder]
    return any(re.search(rf'\b{re.escape(name)}\b', inside) for name in (path.stem, *videos))


def _empty(path: Path) -> None:
    path.write_bytes(b'')


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _noise(path: Path) -> None:
    path.write_bytes(bytes(37 * k % 256 for k in range(300)))


def _no_utf8(path: Path) -> None:
    path.write_bytes(b'\xff\xfe' + path.read_bytes())


def _no_numbers(path: Path) -> None:
    """Put a word in the place of the first three numbers."""
    path.write_bytes(re.sub(rb'\d+', b'x', path.read_bytes(), count=3))


def _swapped(path: Path) -> None:
    """Swap the third and the fifth column of a text with commas."""
    rows = [line.split(',') for line in path.read_text().splitlines()]
    for row in rows:
        if len(row) > 4:
            row[2], row[4] = row[4], row[2]
    path.write_text('\n'.join(map(','.join, rows)) + '\n')


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# What may happen to a file of the truth or of words.
DAMAGES: Mapping[str, Callable[[Path], None]] = {
    'empty': _empty,
    'cut': _cut,
    'noise': _noise,
    'no UTF-8': _no_utf8,
    'no numbers': _no_numbers,
    'swapped columns': _swapped,
    'a folder': _folder,
    'gone': Path.unlink,
}


_ANYTHING: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e300,
    2**70,
    '',
    'x',
    'x/../y',
    [],
    {},
    [None],
    [[0]],
    {'a': 1},
)


def with_anything(content: Any, random: Random) -> Any:
    """A copy of a JSON value with anything in the place of one value or key in it."""
    changed = json.loads(json.dumps(content))
    places = list(_places(changed))
    inner, key = random.choice(places)
    if isinstance(inner, dict) and random.random() < _RENAMED:
        inner[str(random.choice(_ANYTHING))] = inner.pop(key)
    else:
        inner[key] = random.choice(_ANYTHING)
    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(object or list, key) of every value inside a JSON value."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items()) if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)


def truth_files(folder: Path, places: Places) -> list[Path]:
    """One file of each kind that a reader reads: all but the pictures and videos."""
    frames = set(_files(folder, places.frames))
    kinds: dict[str, Path] = {}
    for path in sorted(path for path in folder.rglob('*') if path.is_file()):
        if path not in frames:
            kinds.setdefault(re.sub(r'\d+', '0', str(path.relative_to(folder))), path)
    return list(kinds.values())


def read_copy(source: str, folder: Path) -> tuple[dict[str, Example], list[str]]:
    """The examples of a copy by id, and what is said of what cannot be read."""
    examples: dict[str, Example] = {}
    texts: list[str] = []
    try:
        for item in read(source, folder, in_boxes=True):
            if isinstance(item, BadRecord):
                texts.append(str(item))
            else:
                examples[item.id] = item
    except BadSetting as error:
        texts.append(str(error))
    return examples, texts


def complaints(source: str, folder: Path) -> list[str]:
    """What is said of a copy: of what cannot be read, then of frames that are missing."""
    examples, texts = read_copy(source, folder)
    missing = MediaFolder(folder).missing(examples.values())
    return [*texts, str(missing)] if missing.names else texts


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    """The files of a pattern in their order."""
    yield from sorted(path for path in folder.glob(pattern) if path.is_file())
