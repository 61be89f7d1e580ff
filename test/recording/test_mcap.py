# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import re
import struct
import sys
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from mcap.writer import CompressionType, IndexType, Writer

from molmo_ground_ros.errors import BagError, MissingPackage
from molmo_ground_ros.recording import COMPRESSED, Loss, LossKind, open_recording
from tools.fuzz_recordings import bags
from tools.fuzz_recordings.bags import PERIOD_NS, PICTURES, TOPIC, ZERO_NS

CHUNKED = ['mcap_crc', 'mcap_crc_lz4', 'mcap_crc_zstd']
UNPACKED = ['mcap', 'mcap_crc', 'mcap_unchunked']


def data_of(folder: Path) -> bytes:
    (file,) = folder.glob('*.mcap')
    return file.read_bytes()


def read(path: Path, data: bytes) -> tuple[list[int], dict[LossKind, Loss]]:
    """Numbers of the pictures of TOPIC found and decoded in a file with this data; the losses."""
    path.write_bytes(data)
    with open_recording(path, TOPIC) as recording:
        numbers = [(one.stamp_ns - ZERO_NS) // PERIOD_NS for one in recording.messages()]
        return numbers, {loss.kind: loss for loss in recording.loss}


def top_records(data: bytes) -> list[tuple[int, int, int]]:
    """(opcode, start, end) of the records of a sound file."""
    found, at = [], 8
    while at < len(data) - 8:
        opcode, length = struct.unpack_from('<BQ', data, at)
        found.append((opcode, at, at + 9 + length))
        at += 9 + length
    return found


def chunks(data: bytes) -> list[tuple[int, int]]:
    return [(start, end) for opcode, start, end in top_records(data) if opcode == 6]


def ends(data: bytes) -> list[int]:
    """Where each message of TOPIC ends, in a file that is not packed, in order."""
    places = [m.start() for m in re.finditer(b'\\xff\\xd8\\xff', data)]
    return [place + struct.unpack_from('<I', data, place - 4)[0] for place in places]


@pytest.mark.parametrize('name', UNPACKED)
def test_file_cut_anywhere_gives_every_picture_before_the_cut(samples, tmp_path, name) -> None:
    data = data_of(samples[name])
    whole = ends(data)
    assert len(whole) == PICTURES
    for cut in [*range(whole[0], len(data), 997), *(end - 1 for end in whole[1:5]), *whole[:5]]:
        numbers, told = read(tmp_path / 'a.mcap', data[:cut])
        assert numbers == list(range(sum(end <= cut for end in whole)))
        assert LossKind.NOT_CLOSED in told


@pytest.mark.parametrize('name', CHUNKED)
def test_chunk_that_is_cut_off_is_unpacked_as_far_as_it_goes(samples, tmp_path, name) -> None:
    data = data_of(samples[name])
    places = chunks(data)
    start, end = places[5]
    before, _ = read(tmp_path / 'a.mcap', data[:start])
    after, _ = read(tmp_path / 'a.mcap', data[:end])
    assert len(after) > len(before) > 0
    numbers, told = read(tmp_path / 'a.mcap', data[: end - 10])
    assert before == numbers[: len(before)]
    assert (
        len(numbers) < len(after) or name == 'mcap_crc'
    )  # there the cut may be of a depth picture
    loss = told[LossKind.CUT_OFF]
    assert (loss.at_byte, loss.nbytes) == (start, 10)
    assert loss.log_span_ns is not None and loss.log_span_ns[0] >= ZERO_NS


@pytest.mark.parametrize('name', CHUNKED)
def test_chunk_that_was_removed_loses_its_messages_alone(samples, tmp_path, name) -> None:
    data = data_of(samples[name])
    start, end = chunks(data)[3]
    numbers, told = read(tmp_path / 'a.mcap', data[:start] + data[end:])
    lost = PICTURES - len(numbers)
    assert lost > 0
    first = next(n for n in range(PICTURES) if n not in numbers)
    assert numbers == [n for n in range(PICTURES) if not first <= n < first + lost]
    told_of = told[LossKind.FEWER_MESSAGES]
    assert told_of.messages >= lost  # the depth camera's are told too
    assert set(told) == {LossKind.FEWER_MESSAGES}


@pytest.mark.parametrize('name', CHUNKED)
def test_damaged_chunk_loses_no_other(samples, tmp_path, name) -> None:
    data = bytearray(data_of(samples[name]))
    start, end = chunks(data)[3]
    data[start + 60 : end] = bytes(end - start - 60)
    numbers, told = read(tmp_path / 'a.mcap', bytes(data))
    assert 0 < PICTURES - len(numbers) <= 4
    assert told.keys() & {LossKind.BAD_CHUNK, LossKind.BAD_CHECKSUM}
    assert LossKind.FEWER_MESSAGES in told


def test_changed_byte_is_told_by_the_checksum_and_the_pictures_are_read(samples, tmp_path) -> None:
    data = bytearray(data_of(samples['mcap_crc']))
    data[ends(data)[7] - 20] ^= 1
    numbers, told = read(tmp_path / 'a.mcap', bytes(data))
    assert numbers == list(range(PICTURES))
    loss = told[LossKind.BAD_CHECKSUM]
    assert loss.at_byte in [start for start, _ in chunks(bytes(data))]
    assert not loss.harmless


@pytest.mark.parametrize('name', UNPACKED)
@pytest.mark.parametrize('length', [0, 5, 2**20, 2**63], ids='{:#x}'.format)
def test_wrong_length_of_a_record_loses_that_record_alone(samples, tmp_path, name, length) -> None:
    data = bytearray(data_of(samples[name]))
    jpeg = ends(data)[6]
    # The message record before the end of the seventh picture: opcode 5, and its length.
    start = data.rindex(b'\x00\x01\x00\x00', 0, data.rindex(b'jpeg', 0, jpeg)) - 31
    assert data[start] == 5
    data[start + 1 : start + 9] = length.to_bytes(8, 'little')
    numbers, told = read(tmp_path / 'a.mcap', bytes(data))
    assert numbers == [n for n in range(PICTURES) if n != 6]
    assert told.keys() & {LossKind.BAD_RECORD, LossKind.BAD_CHECKSUM}


@pytest.mark.parametrize('name', CHUNKED)
@pytest.mark.parametrize('at', [1, 25, -8], ids=['length', 'unpacked size', 'packed size'])
def test_chunk_with_a_wrong_size_is_still_read(samples, tmp_path, name, at) -> None:
    data = bytearray(data_of(samples[name]))
    start, _ = chunks(data)[3]
    name_bytes = struct.unpack_from('<I', data, start + 37)[0]
    place = start + (at if at > 0 else 41 + name_bytes)
    for value in (0, 17, 2**31, 2**63 - 1):
        data[place : place + 8] = value.to_bytes(8, 'little')
        numbers, told = read(tmp_path / 'a.mcap', bytes(data))
        assert numbers == list(range(PICTURES))
        assert told.keys() <= {LossKind.BAD_CHUNK, LossKind.BAD_CHECKSUM, LossKind.CUT_OFF}


def test_index_and_summary_are_not_needed(samples, tmp_path: Path) -> None:
    options = {
        'index_types': IndexType.NONE,
        'repeat_channels': False,
        'repeat_schemas': False,
        'use_statistics': False,
        'use_summary_offsets': False,
    }
    data = data_of(bags.write_mcap(tmp_path / 'bare', **options))
    assert read(tmp_path / 'a.mcap', data) == (list(range(PICTURES)), {})
    # Without the trailing magic and the footer, as a recorder that was killed leaves it:
    numbers, told = read(tmp_path / 'a.mcap', data[:-37])
    assert numbers == list(range(PICTURES))
    assert set(told) == {LossKind.NOT_CLOSED}
    assert all(loss.harmless for loss in told.values())


def test_names_are_taken_from_the_summary_where_the_first_chunk_is_lost(samples, tmp_path) -> None:
    data = data_of(samples['mcap_crc_zstd'])
    start, end = chunks(data)[0]
    numbers, _ = read(tmp_path / 'a.mcap', data[:start] + data[end:])
    assert numbers
    assert max(numbers) == PICTURES - 1


def test_topic_without_a_name_gets_one_and_its_type_is_told_by_its_messages(tmp_path) -> None:
    path = tmp_path / 'a.mcap'
    with path.open('wb') as file:
        writer = Writer(file, use_chunking=False, repeat_channels=False)
        writer.start()
        channel = writer.register_channel(TOPIC, 'cdr', 0)  # no schema
        for topic, _, log_ns, message in bags.messages():
            if topic == TOPIC:
                writer.add_message(channel, log_ns, message, log_ns)
        writer.finish()
    data = path.read_bytes()
    with open_recording(path) as recording:
        assert recording.topic == TOPIC
        assert recording.cameras[TOPIC].kind == COMPRESSED
        assert len(recording.clip(*recording.span).frames) == 6
    (place,) = [start for opcode, start, _ in top_records(data) if opcode == 4]
    path.write_bytes(data[:place] + b'\x7f' + data[place + 1 :])
    with open_recording(path) as recording:
        assert recording.topic == f'channel {channel}'
        assert len(recording.stamps) == PICTURES
        told = {loss.kind: loss for loss in recording.loss}
        assert told[LossKind.NAME_INVENTED].topic == recording.topic


def test_stamps_of_zero_are_told(tmp_path: Path) -> None:
    path = tmp_path / 'a.mcap'
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema(COMPRESSED, 'ros2msg', b'what was this')
        channel = writer.register_channel(TOPIC, 'cdr', schema)
        for topic, _, log_ns, message in bags.messages():
            if topic == TOPIC:
                writer.add_message(channel, log_ns, message[:4] + bytes(8) + message[12:], log_ns)
        writer.add_message(channel, log_ns, b'short', log_ns)
        writer.finish()
    numbers, told = read(path, path.read_bytes())
    assert numbers == list(range(PICTURES))
    assert {kind: loss.messages for kind, loss in told.items()} == {
        LossKind.LOG_STAMP: PICTURES,
        LossKind.BAD_MESSAGE: 1,
    }


def test_empty_and_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / 'a.mcap'
    for data in (b'', b'\x89MCAP0\r\n', bytes(5000), b'neither of the two' * 99):
        path.write_bytes(data)
        with pytest.raises(BagError, match=r'a\.mcap.*cannot be read'):
            open_recording(path)


def test_missing_lz4_names_the_extra(samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'lz4.frame', None)
    with pytest.raises(MissingPackage, match=r"'lz4'.*molmo_ground_ros\[bag\]"):
        open_recording(samples['mcap_crc_lz4'])


def test_compressions_are_what_their_names_say(samples) -> None:
    assert b'lz4' in data_of(samples['mcap_crc_lz4'])[:200]
    assert b'zstd' in data_of(samples['mcap_crc_zstd'])[:200]
    assert CompressionType.LZ4.name == 'LZ4'
    assert len(chunks(data_of(samples['mcap_crc']))) > 8
    assert chunks(data_of(samples['mcap_unchunked'])) == []


def test_chunk_whose_head_is_damaged_is_searched_for_what_lies_in_it(samples, tmp_path) -> None:
    for name in CHUNKED:
        data = bytearray(data_of(samples[name]))
        start, _ = chunks(data)[3]
        data[start + 37 : start + 41] = b'\xff' * 4  # the length of the compression's name
        numbers, told = read(tmp_path / 'a.mcap', bytes(data))
        assert told[LossKind.BAD_CHUNK].at_byte == start
        if name == 'mcap_crc':
            assert numbers == list(range(PICTURES))
        else:  # it is packed, and how is not known
            assert 0 < PICTURES - len(numbers) <= 4


def test_message_of_an_unknown_topic_is_told_and_no_camera(samples, tmp_path: Path) -> None:
    data = bytearray(data_of(samples['mcap_unchunked']))
    jpeg = ends(data)[6]
    channel = data.rindex(b'\x00\x01\x00\x00', 0, data.rindex(b'jpeg', 0, jpeg)) - 22
    data[channel : channel + 2] = b'\x63\x00'
    numbers, told = read(tmp_path / 'a.mcap', bytes(data))
    assert numbers == [n for n in range(PICTURES) if n != 6]
    assert told[LossKind.UNKNOWN_TOPIC].messages == 1
    assert told[LossKind.FEWER_MESSAGES].messages == 1


@pytest.mark.parametrize('at', [44, 45])
def test_message_that_became_a_private_record_is_told_with_damaged_statistics(
    samples, tmp_path: Path, at: int
) -> None:
    """Any program may write records of its own, which are passed over: the count alone tells."""
    data = bytearray(data_of(samples['mcap_unchunked']))
    found = top_records(bytes(data))
    end = ends(data)[6]
    (message,) = [start for opcode, start, stop in found if opcode == 5 and start < end <= stop]
    data[message] = 0xE0
    numbers, told = read(tmp_path / 'a.mcap', bytes(data))
    assert numbers == [n for n in range(PICTURES) if n != 6]
    assert told[LossKind.FEWER_MESSAGES].messages == 1
    (statistics,) = [start for opcode, start, _ in found if opcode == 11]
    data[statistics + 9 + at] ^= 0x42  # of the length of its table
    _, told = read(tmp_path / 'a.mcap', bytes(data))
    assert 'statistics' in told[LossKind.BAD_RECORD].detail


def test_topic_of_another_type_without_a_definition_is_no_camera(tmp_path: Path) -> None:
    path = tmp_path / 'a.mcap'
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start()
        channel = writer.register_channel('/text', 'cdr', 0)
        for number in range(5):
            writer.add_message(channel, number, b'\x00\x01\x00\x00' + bytes([9]) * 40, number)
        writer.finish()
    with pytest.raises(BagError, match='no image topic'):
        open_recording(path)
