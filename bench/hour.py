# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything of `analyze` but the model, on a long recording: `python -m bench.hour`.

Reading, sampling, decoding, merging and writing, beside decoding every frame; and the peak memory
beside that for a recording of one minute. The recording holds the simulator's pictures of the bag
that ships, 640x480 at 30 Hz, over and over: as JPEG, and as H.264 with a keyframe every 10 s.
`--zstd` packs its chunks. The video, which is made where it is asked for, is measured apart. Prints
one JSON object as its last line: the figures of JPEG, and in `h264` those of the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.child import memory_mb
from bench.encoded import PRESET, h264
from bench.inputs import BAG, ROOT
from molmo_ground_ros.analysis import records
from molmo_ground_ros.analysis import run as windows_of
from molmo_ground_ros.analysis.window import LocalRunner
from molmo_ground_ros.backends.base import GenerateOptions, Generation
from molmo_ground_ros.commands.analyze import MOST_PLACES
from molmo_ground_ros.frames import image
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.language.grammar.write import format_count, format_tracks
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.recording.recorded_frames import frame_reader, sampled_stamps
from molmo_ground_ros.reports.bag import write_bag
from molmo_ground_ros.reports.page import write_page
from molmo_ground_ros.reports.table import write_csv
from molmo_ground_ros.reports.video import write_video
from molmo_ground_ros.types import Clip, Frame, Query
from tools.loop_bags import write_loop

RATE_HZ = 30
KINDS = ('jpeg', 'h264')
_INTERVAL = 10 * RATE_HZ  # images from keyframe to keyframe
_DECODED = 3000  # frames that decoding all of them is measured on
_EVERY = 20  # frames of a clip between two events
QUESTIONS = tuple(
    question_of(Query(words))
    for words in ('How many times was the red block grasped?', 'Track the red block.')
)


class Instant:
    """Answers at once, with an event every ten seconds and one object in every frame."""

    model = 'instant'

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,  # noqa: ARG002
        on_text: Callable[[int, str], bool],
    ) -> list[Generation]:
        """A count for the first prompt of two, a track for the second."""
        spots = list(enumerate(clip.seconds[::_EVERY], start=1))
        counted = format_count([(second, n, 0.3, 0.4) for n, second in spots], 'grasp')
        tracked = format_tracks([(second, 1, 0.5, 0.5) for second in clip.seconds], 'block')
        generations = []
        for index, prompt in enumerate(prompts):
            text = tracked if 'rack' in prompt else counted
            on_text(index, text)
            generations.append(Generation(text))
        return generations

    def prepare(self, camera: str, frame: Frame) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        """Nothing to close."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the recordings, measure each in a process of its own, print."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.hour', description=__doc__.splitlines()[0]
    )
    parser.add_argument('--minutes', type=float, default=60.0, help='of the long recording')
    parser.add_argument('--zstd', action='store_true', help='pack the chunks of the recording')
    parser.add_argument('--kind', choices=KINDS, action='append', help='only this kind')
    parser.add_argument('--preset', default=PRESET, help='of x264')
    parser.add_argument('--of', type=Path, help=argparse.SUPPRESS)  # what a child measures
    options = parser.parse_args(arguments)
    if options.of is not None:
        print(json.dumps(_measure(options.of)))
        return 0
    records = {kind: _record(kind, options) for kind in options.kind or KINDS}
    first, *others = records
    print(json.dumps({**records[first], **{kind: records[kind] for kind in others}}))
    return 0


def _record(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one kind of recording, which are printed as well."""
    encoded = _encoded(kind, options.preset)
    with tempfile.TemporaryDirectory(prefix='hour-') as scratch:
        measured = {}
        for minutes in (options.minutes, 1.0):
            path = Path(scratch, f'{minutes:g}.mcap')
            write_loop(path, encoded, 60 * minutes, RATE_HZ, image_format=kind, zstd=options.zstd)
            measured[minutes] = _child(path)
            path.unlink()
    record = {
        'kind': kind,
        'minutes': options.minutes,
        'zstd': options.zstd,
        **_compared(measured[options.minutes], measured[1.0], 60 * options.minutes),
    }
    for name, value in record.items():
        print(f'{name:<32}{value:.4g}' if isinstance(value, float) else f'{name:<32}{value}')
    return record


def _compared(long: dict[str, float], short: dict[str, float], seconds: float) -> dict[str, float]:
    """What counts of a recording of so many seconds, beside one of a minute."""
    return {
        'times_real_time': seconds / long['analyze_s'],
        'times_real_time_with_video': seconds / (long['analyze_s'] + long['video_s']),
        'times_less_than_decoding_all': long['decode_all_s'] / long['analyze_s'],
        'times_real_time_of_processor': seconds / long['analyze_cpu_s'],
        **{
            name: long[name]
            for name in (
                *('analyze_s', 'analyze_cpu_s', 'video_s', 'decode_all_s'),
                *('frames', 'pictures', 'peak_mb'),
            )
        },
        'peak_mb_of_one_minute': short['peak_mb'],
        'peak_mb_with_video': long['video_peak_mb'],
        'peak_mb_of_one_minute_with_video': short['video_peak_mb'],
    }


def _encoded(kind: str, preset: str) -> list[bytes]:
    """What the messages hold, in turn: pictures of the bag, or packets from one keyframe on."""
    with open_recording([BAG]) as recording:
        messages = list(recording.messages())
    if kind == 'jpeg':
        return [bytes(message.image.data) for message in messages]
    pictures = [image.decode(message.image) for message in messages]
    return h264(
        (pictures[i % len(pictures)] for i in range(_INTERVAL)),
        rate_hz=RATE_HZ,
        interval=_INTERVAL,
        preset=preset,
    )


def _child(path: Path) -> dict[str, float]:
    command = [sys.executable, '-m', 'bench.hour', '--of', str(path)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return figures


def _measure(path: Path) -> dict[str, float]:
    """All of an analysis but the model, and then its video."""
    began, began_cpu = time.perf_counter(), time.process_time()
    with open_recording([path]) as recording, tempfile.TemporaryDirectory() as folder:
        recordings = {recording.topic: recording}
        plan = windows_of.make_plan([str(path)], recordings, QUESTIONS, {})
        asker = LocalRunner(recordings, Grounder(Instant()), plan.questions)
        analysis = windows_of.analyze(plan, recordings, asker)
        out = Path(folder)
        records.write_jsonl(analysis, out / 'records.jsonl')
        write_csv(analysis, out / 'records.csv')
        sampled = sampled_stamps(plan.windows, recordings)
        places = MOST_PLACES if recording.is_video else None
        write_page(analysis, frame_reader(recordings), out / 'report.html', sampled, places)
        write_bag(analysis, out / 'overlay.mcap')
        analyze_s, peak_mb = time.perf_counter() - began, memory_mb('VmHWM')
        analyze_cpu_s = time.process_time() - began_cpu
        began = time.perf_counter()
        write_video(analysis, frame_reader(recordings), sampled, out / 'video.mp4')
        video_s, video_peak_mb = time.perf_counter() - began, memory_mb('VmHWM')
        stamps = recording.stamps[:_DECODED].tolist()
        began = time.perf_counter()
        for stamp in stamps:
            image.decode(recording.message(stamp).image)
        each_s = (time.perf_counter() - began) / len(stamps)
        return {
            'analyze_s': analyze_s,
            'analyze_cpu_s': analyze_cpu_s,
            'video_s': video_s,
            'video_peak_mb': video_peak_mb,
            'decode_all_s': each_s * len(recording.stamps),
            'frames': analysis.frames,
            'pictures': len(recording.stamps),
            'peak_mb': peak_mb,
        }


if __name__ == '__main__':
    sys.exit(main())
