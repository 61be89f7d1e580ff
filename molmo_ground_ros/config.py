# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every setting with its default, range and meaning, once.

ROS parameters, `config/ground.yaml`, the command line and the README's table are all read from
`Settings`; nothing else in the package holds a default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from molmo_ground_ros.errors import BadSetting, without_secret


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that a setting takes, and its explanation.

    live: whether the setting may change while the node runs.
    """

    text: str
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False


def _setting(default: Any, text: str, **limits: Any) -> Any:
    return field(default=default, metadata={'limits': Bounds(text, **limits)})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting. Times are in seconds, sizes in the unit that the name says."""

    backend: str = _setting(
        'auto',
        "What runs the model; auto: what the model's folder was built for (engines: tensorrt, "
        'ONNX graphs: onnx, neither: torch), server for an address.',
    )
    model: str = _setting(
        'allenai/Molmo2-4B',
        'Local directory or hub id of the model; of server: http(s)://host:port/v1#name '
        '(docs/server.md); of replay: its answers file.',
    )
    answer_format: str = _setting(
        'molmo2',
        'What the model is asked for and answers in; others than molmo2 are for models on a '
        'server (docs/server.md).',
        choices=('molmo2', 'qwen3-vl', 'gemini'),
    )
    calibration: str = _setting(
        '',
        'File of molmo-ground calibrate, which gives points a probability; empty: '
        "calibration.json in the model's folder, if there is one.",
    )
    abstain: bool = _setting(
        True, "Withhold points whose score is below the calibration's threshold, and say so."
    )
    device: str = _setting('auto', 'Where the model runs: auto, cpu, cuda, cuda:0 ...')
    dtype: str = _setting(
        'auto',
        'Number format of the weights; auto is bfloat16 on a GPU, float32 on a CPU, of engines and '
        'graphs the most exact that were built. int8 and int4 are for tensorrt and onnx, fp8 is '
        'for tensorrt.',
        choices=('auto', 'float32', 'bfloat16', 'float16', 'int8', 'int4', 'fp8'),
    )
    threads: int = _setting(
        0,
        "CPU threads the model may use; 0 leaves the library's own choice.",
        lowest=0,
        highest=256,
    )
    autostart: bool = _setting(
        True, 'Configure and activate the node as it starts; false leaves both to a manager.'
    )
    own_process: bool = _setting(
        True,
        'Run the model in a process of its own, so that a crash or hang of it costs one answer and '
        'not the node.',
    )
    image_topics: tuple[str, ...] = _setting(
        ('image',), 'Camera topics, relative or absolute; names that end in /compressed, /foxglove '
        'or /ffmpeg have the types of those transports.',
        live=True,
    )  # fmt: skip
    camera_names: tuple[str, ...] = _setting(
        (), 'A name for each image topic, for questions and answers; empty: the topics as given.',
        live=True,
    )  # fmt: skip
    image_transport: str = _setting(
        'raw',
        'raw subscribes to sensor_msgs/Image on each topic, compressed to '
        'sensor_msgs/CompressedImage (pictures or video) on <topic>/compressed, foxglove_video to '
        'foxglove_msgs/CompressedVideo on each topic, ffmpeg to '
        'ffmpeg_image_transport_msgs/FFMPEGPacket on <topic>/ffmpeg.',
        choices=('raw', 'compressed', 'foxglove_video', 'ffmpeg'),
    )
    depth_topics: tuple[str, ...] = _setting(
        (), "Depth topic of each image topic, in their order, '' for a camera without; one ending"
        ' in /compressedDepth is compressed. Empty: no positions in metres.',
        live=True,
    )  # fmt: skip
    camera_info_topics: tuple[str, ...] = _setting(
        (), "Calibration of each image topic; '' or empty: camera_info beside the image topic.",
        live=True,
    )  # fmt: skip
    depth_info_topics: tuple[str, ...] = _setting(
        (), "Calibration of each depth topic; '' or empty: camera_info beside the depth topic. If "
        'none comes, depth lies under the image, pixel by pixel.',
        live=True,
    )  # fmt: skip
    target_frame: str = _setting(
        '', "Coordinate frame of positions, such as map; empty: the camera's own optical frame.",
        live=True,
    )  # fmt: skip
    position_wait_seconds: float = _setting(
        0.2, 'Longest that an answer waits for depth and transforms that come late.',
        lowest=0.0, highest=10.0, live=True,
    )  # fmt: skip
    report_speed: bool = _setting(
        False, 'Give the speed at each point of a track, in metres a second.', live=True
    )
    depth_megabytes: float = _setting(
        512.0, 'Most that the depth images of a camera take, in 10^6 bytes; 16-bit 720p at 10 Hz '
        'brings 18 a second.',
        lowest=1.0, highest=65536.0,
    )  # fmt: skip
    qos_reliability: str = _setting(
        'best_effort',
        'Reliability of the image subscriptions; best_effort receives from every publisher.',
        choices=('best_effort', 'reliable'),
    )
    qos_depth: int = _setting(
        5, 'Images that may wait in the middleware for each topic.', lowest=1, highest=100
    )
    buffer_seconds: float = _setting(
        30.0, 'Length of each camera buffer; the model was trained on at most 63 s.',
        lowest=0.5, highest=63.0,
    )  # fmt: skip
    buffer_megabytes: float = _setting(
        1024.0, 'Most a camera buffer holds, in 10^6 bytes; raw 1080p at 10 Hz brings 62 a second.',
        lowest=1.0, highest=65536.0,
    )  # fmt: skip
    buffer_rate_hz: float = _setting(
        10.0, 'Frames a second that are kept; the model itself is shown 2 a second, and '
        'for tracks up to 10 (track_rate_hz).',
        lowest=2.0, highest=60.0,
    )  # fmt: skip
    prepare: bool = _setting(
        True,
        'Decode and encode two frames a second of each camera as they arrive, ahead of any '
        'question; false saves that work where questions are rare.',
    )
    decoded_megabytes: float = _setting(
        256.0, 'Most that decoded frames take, of all cameras, in 10^6 bytes; 30 s of 720p take '
        '169, of 1080p 379. Frames that do not fit are decoded again for every question.',
        lowest=0.0, highest=65536.0,
    )  # fmt: skip
    feature_megabytes: float = _setting(
        256.0, 'Most that the features of encoded frames take, in 10^6 bytes; 0.4 a frame of '
        'Molmo2-4B in bfloat16, 3.9 of MolmoPoint-Vid-4B.',
        lowest=0.0, highest=65536.0,
    )  # fmt: skip
    reuse_prefix: bool = _setting(
        True, 'Read the frames once for several questions on them; exact. Not in transformers.'
    )
    draft: bool = _setting(
        True, 'Guess tokens that the grammar fixes and verify them in one pass; exact. Not in '
        'transformers.',
    )  # fmt: skip
    track_rate_hz: int = _setting(
        0, 'Most frames a second that the model is shown for tracks, a multiple of 2; 2 shows '
        'those of every other question, 0 what the model was trained with, by its own files '
        '(Molmo2: 10).',
        lowest=0, highest=10,
    )  # fmt: skip
    queue_size: int = _setting(
        4, 'Questions that may wait behind the one being answered; one more is BUSY.',
        lowest=0, highest=64,
    )  # fmt: skip
    queries_per_minute: int = _setting(
        600, 'Queries that are taken within a minute, of all askers together; more are BUSY. '
        '0 sets no limit.',
        lowest=0, highest=60000, live=True,
    )  # fmt: skip
    timeout_seconds: float = _setting(
        60.0, 'Time to answer a question that brings no timeout of its own.',
        lowest=0.1, highest=3600.0, live=True,
    )  # fmt: skip
    stuck_seconds: float = _setting(
        30.0, 'How long the model may prepare one frame, or go on with a question that was '
        'canceled or timed out. After that its process is started again; without one of its own, '
        'questions are refused.',
        lowest=0.1, highest=3600.0,
    )  # fmt: skip
    max_new_tokens: int = _setting(
        0, "Tokens an answer may have; 0 takes the task's own limit (2048, tracks 4096, text 512).",
        lowest=0, highest=16384, live=True,
    )  # fmt: skip
    standing_queries: tuple[str, ...] = _setting(
        (),
        'Standing questions, each in plain words or as JSON: {"query": "...", "id": "...", "task": '
        '"count", "cameras": ["..."], "period": 5, "window": 20, "priority": 0}.',
    )
    standing_period_seconds: float = _setting(
        4.0, 'Time between two times of asking a standing question, in header stamps.',
        lowest=0.5, highest=3600.0,
    )  # fmt: skip
    standing_window_seconds: float = _setting(
        12.0, 'Length of the window that a standing question is asked about; not over the buffer.',
        lowest=0.5, highest=63.0,
    )  # fmt: skip
    standing_agreement: float = _setting(
        0.5, 'Share of the windows that show an event of which more must have it before it is '
        'published; 0 publishes it with the first, sooner, and counts what one answer imagines.',
        lowest=0.0, highest=0.95,
    )  # fmt: skip
    standing_limit: int = _setting(
        16, 'Standing questions that there may be.', lowest=0, highest=1000
    )
    state_file: str = _setting(
        '', 'File that standing questions are remembered in, with their events; empty: none.'
    )
    events_json: bool = _setting(
        False, 'Publish the events of standing questions on ~/events_json as well: JSON in a '
        'std_msgs/String, for rosbridge, MQTT and their kind.',
    )  # fmt: skip
    diagnostics_period_seconds: float = _setting(
        1.0, 'Time between two messages on /diagnostics.', lowest=0.1, highest=60.0
    )

    def __post_init__(self) -> None:
        """Raise BadSetting for a value out of range, and for values that do not fit each other."""
        for name, value in dataclasses.asdict(self).items():
            check(name, value)
        # Logs and replies show the model, so a password in it would be shown, too.
        if (safe := without_secret(self.model)) != self.model:
            raise BadSetting('model', safe, 'no user or password may be in it')
        if self.camera_names and len(self.camera_names) != len(self.image_topics):
            raise BadSetting(
                'camera_names', self.camera_names, f'{len(self.image_topics)} image topics are set'
            )
        for name in ('depth_topics', 'camera_info_topics', 'depth_info_topics'):
            topics, count = getattr(self, name), len(self.image_topics)
            if len(topics) > count:
                raise BadSetting(name, topics, f'{count} image topics are set')
        for name, values in (('image_topics', self.image_topics), ('camera names', self.cameras)):
            if not values or len(set(values)) != len(values) or '' in values:
                raise BadSetting(name, values, 'must be at least one, distinct and not empty')

    @property
    def cameras(self) -> tuple[str, ...]:
        """The name of each image topic's camera, in the order of the topics."""
        return self.camera_names or self.image_topics


def limits() -> dict[str, Bounds]:
    """The bounds of each setting by name, in the order of declaration."""
    return {item.name: item.metadata['limits'] for item in dataclasses.fields(Settings)}


def default(name: str) -> Any:
    """The default of one setting."""
    return {item.name: item.default for item in dataclasses.fields(Settings)}[name]


def check(name: str, value: object) -> None:
    """Raise BadSetting unless the setting takes this value; the message gives the reason."""
    bounds = limits()
    if name not in bounds:
        raise BadSetting(name, value, 'no such setting')
    kind = type(default(name))
    if not _is_kind(value, kind):
        raise BadSetting(name, value, f'must be {_KIND_NAMES[kind]}')
    limit = bounds[name]
    if limit.choices and value not in limit.choices:
        raise BadSetting(name, value, f'must be one of {", ".join(limit.choices)}')
    if isinstance(value, (int, float)):
        low, high = limit.lowest, limit.highest
        # `not (low <= value)` also refuses nan.
        if (low is not None and not low <= value) or (high is not None and not value <= high):
            raise BadSetting(name, value, f'must be from {low:g} to {high:g}')


_KIND_NAMES = {
    bool: 'true or false',
    str: 'a text',
    int: 'a whole number',
    float: 'a number',
    tuple: 'a list of texts',
}


def _is_kind(value: object, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def settings(values: Mapping[str, object]) -> Settings:
    """Settings with these values by name, and defaults for the others. Raises BadSetting."""
    for name, value in values.items():
        check(name, value)
    plain = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    return Settings(**plain)  # type: ignore[arg-type]
