# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Words for the objects of videos, from the files that lie beside the masks.

Each function gives, by video, the record of its words. A record has `expressions` (a sentence and
the number or numbers of its objects, by the name of the expression), `objects` (the class of each),
or both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import Expression
from molmo_ground_ros.benchmarks.datasets.packed_records import PackedRecords
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record, read_json
from molmo_ground_ros.errors import BadField, BadRecord

MOST_ID = 10**9
# Names of videos that Ref-DAVIS17 misspells (ReferFormer, tools/data/convert_davis_to_ytvos.py).
_MISSPELT = {'clasic-car': 'classic-car', 'dog-scale': 'dogs-scale', 'motor-bike': 'motorbike'}
_WAYS = ('', '*/', '*/*/')
# The names of frames: most of a record, and of no use here.
_FRAMES = 'frames'

Words = PackedRecords  # by video


def expressions_json(path: Path) -> tuple[Words, list[BadRecord]]:
    """`meta_expressions*.json` of Ref-YouTube-VOS; where there is none, `meta.json`."""
    words, faults = _json_words(path, 'meta_expressions*.json')
    if words:
        return words, faults
    more, more_faults = categories_json(path)
    return more, [*faults, *more_faults]


def categories_json(path: Path) -> tuple[Words, list[BadRecord]]:
    """`meta*.json` of YouTube-VOS and MOSE: the class of each object, where the file has it."""
    return _json_words(path, 'meta*.json')


def captions_json(path: Path) -> tuple[Words, list[BadRecord]]:
    """`*_expression_meta.json` of LVOS: a caption for each object."""
    words, faults = _json_words(path, '*expression_meta.json')
    for name, record in words.items():
        objects = record.get('objects')
        captions = objects.items() if isinstance(objects, Mapping) else ()
        record['expressions'] = {
            key: {
                'exp': value.get('caption') if isinstance(value, Mapping) else None,
                'obj_id': key,
            }
            for key, value in captions
        }
        record.pop('objects', None)
        words[name] = record
    return words, faults


def davis_text(path: Path) -> tuple[Words, list[BadRecord]]:
    """Ref-DAVIS17: `Davis17_annot*.txt` with lines `VIDEO OBJECT "sentence"`, else as JSON.

    Four files hold two annotators' words after the first frame and after the video. They are used
    in the order of their names.
    """
    words: dict[str, dict[str, Any]] = {}
    faults: list[BadRecord] = []
    files = sorted(file for way in _WAYS for file in path.glob(f'{way}Davis17_annot*.txt'))
    for file in files:
        try:
            lines = _text_lines(file)
        except OSError as error:
            faults.append(bad_record(str(file), 0, error))
            continue
        for row, line in enumerate(lines, start=1):
            try:
                video, number, sentence = _davis_line(line)
            except BadField as error:
                faults.append(bad_record(str(file), row, error))
                continue
            expressions = words.setdefault(video, {'expressions': {}})['expressions']
            expressions[str(len(expressions))] = {'exp': sentence, 'obj_id': number}
    return (Words(words.items()), faults) if files else expressions_json(path)


def panoptic_json(path: Path) -> tuple[Words, list[BadRecord]]:
    """VIPSeg: `panoVIPSeg_categories.json`, whose classes are those of all videos.

    They are under the name '' : `{'classes': {number in the masks: class}}`.
    """
    for file in sorted(file for way in _WAYS for file in path.glob(f'{way}*_categories.json')):
        try:
            classes = dict(_classes(read_json(file)))
        except (BadRecord, BadField) as error:
            return Words(), [_fault(file, error)]
        return Words([('', {'classes': classes})]), []
    return Words(), [bad_record(str(path), 0, 'no panoVIPSeg_categories.json: no words')]


def no_words(path: Path) -> tuple[Words, list[BadRecord]]:
    """For a source without words."""
    del path
    return Words(), []


WordsReader = Callable[[Path], tuple[Words, list[BadRecord]]]


def folder_of_words(path: Path, split: str) -> Path:
    """Where the words of a split are: `meta_expressions/SPLIT` if it exists, else the folder."""
    folder = path / 'meta_expressions' / split
    return folder if split and folder.is_dir() else path


def labels(words: Mapping[str, Any]) -> dict[int, str]:
    """The class of each object that has one, by number. Raises BadField."""
    names = {}
    for key, value in fields.mapping(words.get('objects', {}), 'objects').items():
        record = fields.mapping(value, f'objects[{key}]')
        if 'category' in record:
            names[object_number(key, 'objects')] = fields.text(
                record['category'], f'objects[{key}].category'
            )
    return names


def expressions(words: Mapping[str, Any], objects: set[int]) -> tuple[Expression, ...]:
    """The sentences about a video. objects: the numbers that its masks have. Raises BadField."""
    read = []
    for key, value in fields.mapping(words.get('expressions', {}), 'expressions').items():
        name = f'expressions[{key}]'
        record = fields.mapping(value, name)
        text = fields.text(fields.field(record, 'exp', f'{name}.'), f'{name}.exp')
        object_id = fields.field(record, 'obj_id', f'{name}.')
        ids = [
            object_number(number, f'{name}.obj_id')
            for number in (object_id if isinstance(object_id, list) else [object_id])
        ]
        if not objects.issuperset(ids):
            why = f'is none of the objects {sorted(objects)}'
            raise fields.bad_field(f'{name}.obj_id', object_id, why)
        read.append(Expression(text, tuple(ids), key))
    return tuple(read)


def object_number(value: object, name: str) -> int:
    """The number of an object, at least 1. Raises BadField."""
    text = fields.key(value, name)
    if not text.isdecimal():
        raise fields.bad_field(name, value, 'is no number of an object')
    return fields.integer(int(text[:10]), name, 1, MOST_ID)


def _json_words(path: Path, name: str) -> tuple[Words, list[BadRecord]]:
    words = Words()
    faults = []
    for file in (file for way in _WAYS for file in sorted(path.glob(way + name))):
        try:
            content = fields.mapping(read_json(file), 'file')
            videos = fields.mapping(fields.field(content, 'videos'), 'videos')
        except (BadRecord, BadField) as error:
            faults.append(_fault(file, error))
            continue
        for key, value in videos.items():
            try:
                record = fields.mapping(value, key)
            except BadField as error:
                faults.append(_fault(file, error))
                continue
            words[key] = {part: record[part] for part in record if part != _FRAMES}
    return words, faults


def _fault(file: Path, error: BadRecord | BadField) -> BadRecord:
    return error if isinstance(error, BadRecord) else bad_record(str(file), 0, error)


def _classes(content: object) -> Iterator[tuple[int, str]]:
    """(number in the masks, class) of things. Masks count from 1, the file from 0."""
    for name, item in fields.numbered(content, 'categories'):
        record = fields.mapping(item, name)
        number = fields.integer(fields.field(record, 'id', f'{name}.'), f'{name}.id', 0, 10**4)
        yield number + 1, fields.text(fields.field(record, 'name', f'{name}.'), f'{name}.name')


def _text_lines(file: Path) -> list[str]:
    """The lines of a text; the second annotator's files are in Latin-1."""
    data = file.read_bytes()
    try:
        return data.decode('utf-8-sig').splitlines()
    except UnicodeDecodeError:
        return data.decode('latin-1').splitlines()


def _davis_line(line: str) -> tuple[str, str, str]:
    """(video, number of the object, sentence) of a line. Raises BadField."""
    parts = line.split(maxsplit=2)
    if len(parts) < 3 or not parts[1].isdecimal():
        raise fields.bad_field('line', line, 'is no video, object and sentence')
    sentence = parts[2].strip().strip('"').strip()
    if not sentence:
        raise fields.bad_field('line', line, 'has no sentence')
    return _MISSPELT.get(parts[0], parts[0]), parts[1], sentence
