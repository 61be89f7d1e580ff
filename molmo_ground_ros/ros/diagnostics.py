# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's messages on /diagnostics: a status for the model, and one for each camera."""

from __future__ import annotations

import math
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from molmo_ground_ros.errors import one_line
from molmo_ground_ros.frames.buffer_stats import BufferStats
from molmo_ground_ros.grounding.session_stats import ModelState, RunningJob, SessionStats
from molmo_ground_ros.grounding.standing import StandingQuestions, StandingStatus
from molmo_ground_ros.ros.camera_watch import Concern, Reception

# An answer that takes longer than this causes a warning.
STUCK_AFTER_S = 120.0
# Encoding one frame ahead that takes longer than this causes a warning.
PREPARE_WARN_S = 5.0


def model_status(name: str, model: str, stats: SessionStats) -> DiagnosticStatus:
    """The state of the model and of the worker. name: the node's."""
    level, message = DiagnosticStatus.OK, stats.state.value
    if stats.state is ModelState.FAILED:
        level, message = DiagnosticStatus.ERROR, stats.load_error
    elif stats.state is ModelState.LOADING:
        level = DiagnosticStatus.WARN
    elif stats.state is ModelState.RESTARTING:
        level, message = DiagnosticStatus.WARN, f'restarting: {stats.restart_reason}'
    elif stats.stuck:
        level, message = DiagnosticStatus.ERROR, stats.stuck
    elif stats.running_s > STUCK_AFTER_S:
        level, message = DiagnosticStatus.WARN, f'one answer has taken {stats.running_s:.0f} s'
    elif stats.preparing_s > PREPARE_WARN_S:
        level = DiagnosticStatus.WARN
        message = f'preparing one frame has taken {stats.preparing_s:.0f} s'
    elif stats.backend_error:
        level, message = DiagnosticStatus.WARN, f'the last question failed: {stats.backend_error}'
    values = {
        'model': model,
        'waiting': stats.waiting,
        'running_s': f'{stats.running_s:.3f}',
        **_running_values(stats.running),
        'preparing_s': f'{stats.preparing_s:.3f}',
        'late': stats.late,
        'withheld': stats.withheld,
        'latency_p50_s': f'{stats.latency_p50_s:.3f}',
        'latency_p95_s': f'{stats.latency_p95_s:.3f}',
        'restarts': stats.restarts,
        'restart_reason': stats.restart_reason,
        'prepared': stats.prepared,
        'unprepared': stats.unprepared,
        'prepare_error': stats.prepare_error,
        'last_error': stats.last_error,
        **{f'outcome_{code}': count for code, count in sorted(stats.outcomes.items())},
    }
    return _status(f'{name}: model', model, level, message, values)


def camera_status(
    name: str,
    camera: str,
    topic: str,
    stats: BufferStats,
    reception: Reception,
    concern: Concern | None,
    now_ns: int,
) -> DiagnosticStatus:
    """The state of one camera's buffer and subscription. name: the node's.

    concern: why a person must look at what arrives, or None. now_ns: of the node's clock, which the
    stamps of the newest frame are compared with.
    """
    level, message = DiagnosticStatus.OK, 'receiving'
    if concern is not None:
        level = DiagnosticStatus.ERROR if concern.is_error else DiagnosticStatus.WARN
        message = concern.reason
    elif stats.received == 0:
        level, message = DiagnosticStatus.WARN, f'no image received on {topic}'
        if reception.incompatible_qos:
            level, message = DiagnosticStatus.ERROR, f'{topic}: a publisher has incompatible QoS'
    elif stats.waits_for_keyframe:
        level = DiagnosticStatus.WARN
        message = f'waits for a keyframe: {stats.waits_for_keyframe}'
    elif stats.last_error:
        level, message = DiagnosticStatus.WARN, stats.last_error
    values = {
        'topic': topic,
        'incompatible_qos': reception.incompatible_qos,
        'lost': reception.lost,
        'failed': reception.failed,
        'last_error': reception.last_error,
        'rate_hz': f'{1e9 / reception.period_ns if reception.period_ns else 0.0:.2f}',
        'silent_s': f'{reception.silent_s():.3f}',
        'newest_age_s': f'{(now_ns - stats.newest_ns) / 1e9 if stats.frames else math.nan:.3f}',
        **{name: getattr(stats, name) for name in stats.__dataclass_fields__},
    }
    return _status(f'{name}: {camera}', camera, level, message, values)


def _running_values(running: RunningJob | None) -> dict[str, object]:
    """What the model is busy with; empty texts while it is not."""
    if running is None:
        return {'question': '', 'camera': '', 'stage': '', 'tokens': 0}
    return {
        'question': one_line(running.question),
        'camera': running.camera,
        'stage': running.stage,
        'tokens': running.tokens,
    }


def unconfigured_status(name: str, model: str) -> DiagnosticStatus:
    """The state of a node that holds no model. name: the node's."""
    message = 'unconfigured: no model is loaded'
    return _status(f'{name}: model', model, DiagnosticStatus.WARN, message, {'model': model})


def inactive_status(name: str, camera: str, topic: str) -> DiagnosticStatus:
    """The state of a camera that is not subscribed to. name: the node's."""
    message = 'inactive: not subscribed'
    return _status(f'{name}: {camera}', camera, DiagnosticStatus.WARN, message, {'topic': topic})


def with_depth(status: DiagnosticStatus, values: Mapping[str, object]) -> DiagnosticStatus:
    """A camera's status with what is known of its depth, by `DepthInput.values`; {} for none."""
    shown = (KeyValue(key=key, value=str(value)) for key, value in values.items())
    status.values = [*status.values, *shown]
    wants = {
        'depth_received': f'no depth image received on {values.get("depth_topic")}',
        'camera_info_known': f'no camera_info received on {values.get("camera_info")}',
    }
    missing = [reason for key, reason in wants.items() if values and not values[key]]
    if missing and status.level == DiagnosticStatus.OK:
        status.level, status.message = DiagnosticStatus.WARN, '; '.join(missing)
    return status


def standing_statuses(name: str, standing: StandingQuestions | None) -> list[DiagnosticStatus]:
    """A status for each standing question, and one for a state file that cannot be used.

    name: the node's. standing: None while the node is not configured.
    """
    if standing is None:
        return []
    statuses = [_standing_status(name, status) for status in standing.statuses()]
    if standing.concern:
        title = f'{name}: state of standing questions'
        statuses.append(_status(title, 'state', DiagnosticStatus.ERROR, standing.concern, {}))
    return statuses


def _standing_status(name: str, status: StandingStatus) -> DiagnosticStatus:
    """How far one standing question is, and whether the model keeps up with it."""
    request, level = status.request, DiagnosticStatus.OK
    message = f'asked every {request.period_ns / 1e9:g} s, {status.total} events'
    if status.last_error:
        level, message = DiagnosticStatus.WARN, f'not answered: {status.last_error}'
    elif status.is_behind:
        level = DiagnosticStatus.WARN
        every_s = max(status.stamps_period_ns, request.period_ns) / 1e9
        message = f'asked every {request.period_ns / 1e9:g} s, answered every {every_s:.0f} s'
    elif not status.answered:
        message = f'asked every {request.period_ns / 1e9:g} s, not answered yet'
    values = {
        'query': one_line(request.text),
        'cameras': ', '.join(request.cameras) or 'all',
        'total': status.total,
        'due': status.due,
        'answered': status.answered,
        'skipped': status.skipped,
        'failed': status.failed,
        'dropped': status.dropped,
        'actual_period_s': f'{status.actual_period_ns / 1e9:.3f}',
        'coverage': f'{status.coverage:.3f}',
        'last_error': status.last_error,
    }
    title = f"{name}: standing question '{one_line(request.id)}'"
    return _status(title, one_line(request.id), level, message, values)


def _status(
    name: str, hardware: str, level: bytes, message: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=hardware,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
