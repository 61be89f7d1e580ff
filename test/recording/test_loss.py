# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from molmo_ground_ros.recording.loss import LossKind, LossLog

S = 1_000_000_000


def test_same_damage_is_one_loss_however_often() -> None:
    log = LossLog('run.mcap')
    log.add(LossKind.BAD_CHUNK, at_byte=100, nbytes=7, log_span_ns=(5 * S, 6 * S), detail='first')
    log.add(LossKind.BAD_CHUNK, at_byte=200, nbytes=3, log_span_ns=(8 * S, 9 * S), detail='second')
    log.add(LossKind.BAD_CHUNK, at_byte=300, messages=2)
    (loss,) = log.losses
    assert (loss.times, loss.nbytes, loss.messages, loss.at_byte) == (3, 10, 2, 100)
    assert loss.log_span_ns == (5 * S, 9 * S)
    assert str(loss) == (
        'run.mcap: a chunk does not unpack, or only in part (3 times; 2 messages; 10 bytes; '
        'at byte 100; recorded in 4.000 s from 5.000 s; first)'
    )


def test_topics_are_told_apart() -> None:
    log = LossLog('run.mcap')
    for topic in ('/left', '/right', '/left'):
        log.add(LossKind.ZERO_STAMP, topic=topic, messages=1)
    assert [(loss.topic, loss.messages) for loss in log.losses] == [('/left', 2), ('/right', 1)]
    assert str(log.losses[1]) == 'run.mcap: messages without a stamp (topic /right; 1 messages)'


def test_loss_with_nothing_more_to_say_is_its_kind() -> None:
    log = LossLog('bag')
    log.add(LossKind.NO_METADATA)
    assert str(log.losses[0]) == 'bag: metadata.yaml is missing'
    assert log.losses[0].harmless
