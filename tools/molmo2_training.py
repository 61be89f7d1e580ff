# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trains Molmo2 on data of one's own with Ai2's code, of which nothing is in this repository.

Run it in the folder of github.com/allenai/molmo2 (f3cb108), with that code's environment and
MOLMO_DATA_DIR set. docs/finetune.md tells the whole way.

    python molmo2_training.py prepare FOLDER [FOLDER ...]   data of `convert recording`
    python molmo2_training.py show                          what a model would be taught
    torchrun --nproc-per-node=8 molmo2_training.py sft CHECKPOINT own --save_folder=OUT ...

`prepare` writes the files that Ai2's own loaders read: the rows of VideoPoint as they pickle them,
and the rows of VideoTrack as the data set of instructions that they load. `sft` is Ai2's
launch_scripts/sft.py with two more mixtures: `own`, and `molmo2+own`, in which a third is one's own
and the rest is Ai2's, so that the model forgets less.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

POINTS, TRACKS = 'own_points', 'own_tracks'
OWN_SHARE = 1 / 3  # of the mixture molmo2+own
_FPS = 2  # of the clips
_ASKED_FPS = (1, 2)  # the rates of the tracks that Molmo2 was taught
_MOST_POINTS = 60  # of an example, as in Ai2's own mixtures

Record = dict[str, Any]


def instruction(record: Record, asked_fps: int) -> Record:
    """A record of Molmo2-VideoTrack as a row of instructions, at a rate of its tracks.

    Columns: molmo2 f3cb108, olmo/data/academic_video_track_datasets.py:460-505.
    """
    step = record['fps'] // asked_fps
    frames: dict[int, list[Record]] = {}
    for entry in record['points']:
        for k, pixel in enumerate(entry['points']):
            if pixel is not None and k % step == 0:
                point = {'id': entry['object_id'], 'point': pixel, 'occluded': False}
                frames.setdefault(k, []).append(point)
    return {
        'id': f'{record["id"]}_{asked_fps}fps',
        **{name: record[name] for name in ('video', 'clip', 'video_dataset', 'fps')},
        **{name: record[name] for name in ('start_frame', 'end_frame', 'mask_id')},
        'sampling_fps': asked_fps,
        'expression': record['exp'],
        'width': record['w'],
        'height': record['h'],
        'frame_trajectories': [
            {'frame': k, 'time': k / record['fps'], 'points': frames[k]} for k in sorted(frames)
        ],
    }


def prepare(folders: list[str], home: Path) -> None:
    """Write what the loaders read below `home`, the `video_datasets` of MOLMO_DATA_DIR.

    Raises SystemExit for a folder without data, for a clip without its video, and for two clips of
    one name.
    """
    points, tracks, videos = [], [], dict[str, Path]()
    for folder in map(Path, folders):
        found = [folder / 'videopoint.jsonl', folder / 'videotrack.jsonl']
        if not any(path.is_file() for path in found):
            raise SystemExit(f'{folder} holds neither {found[0].name} nor {found[1].name}')
        for record in _lines(found[0]):
            video = _video(folder, record['video_id'], videos)
            points.append((record, str(video), record['clip_start'], record['clip_end']))
        for record in _lines(found[1]):
            _video(folder, record['clip'], videos)
            tracks += [instruction(record, fps) for fps in _ASKED_FPS]
    home.mkdir(parents=True, exist_ok=True)
    with (home / f'{POINTS}_preprocessed.pkl').open('wb') as file:
        pickle.dump(points, file)
    if tracks:
        import datasets

        rows = datasets.Dataset.from_list(tracks)
        rows.save_to_disk(str(_tracks_folder(home)))
    (home / f'{TRACKS}_videos.json').write_text(json.dumps({k: str(v) for k, v in videos.items()}))
    print(
        f'{len(points)} examples of points, {len(tracks)} of tracks, {len(videos)} videos: {home}'
    )


def own_datasets(home: Path) -> dict[str, Any]:
    """The data sets by name: Ai2's own loaders, which only look for files in other places."""
    from olmo.data.molmo2_datasets import Molmo2VideoPoint
    from olmo.data.molmo2_video_track_datasets import Molmo2VideoTrackInstruction

    class OwnPoints(Molmo2VideoPoint):
        LOCAL_NAME = POINTS

    class OwnTracks(Molmo2VideoTrackInstruction):
        DATASET_NAME = TRACKS

        def get(self, idx: int, rng: Any) -> Record:
            example: Record = super().get(idx, rng)
            return example | {'video': self.videos[example['metadata']['video']]}

        @classmethod
        def _get_video_dir_for_source(cls, source: str) -> str:
            del source  # each video has a path of its own
            return str(home)

        @classmethod
        def _get_local_dir(cls, task: str, data_split: str) -> str:
            del task, data_split
            return str(_tracks_folder(home))

    sets: dict[str, Any] = {}
    if pickle.loads((home / f'{POINTS}_preprocessed.pkl').read_bytes()):  # noqa: S301 # our own file
        sets[POINTS] = lambda split: OwnPoints(
            split,
            mode=['point_count', 'point'],
            max_points=_MOST_POINTS,
            max_seconds=63,
            multi_message_short_clips=True,
            oversample=True,
        )
    if _tracks_folder(home).is_dir():
        OwnTracks.videos = json.loads((home / f'{TRACKS}_videos.json').read_text())
        sets[TRACKS] = lambda split: OwnTracks(split, task='track')
    return sets


def show(home: Path, most: int = 4) -> None:
    """Print the questions and answers that Ai2's code makes of the first examples.

    The settings are those of launch_scripts/sft.py:197-236.
    """
    from olmo.data.video_loader import VideoLoaderConfig
    from olmo.preprocessing.data_formatter import DataFormatter

    formatter = DataFormatter(
        pointing_format='html-v2', prompt_templates='uber_model_v2', message_format='qwen3'
    )
    loader = VideoLoaderConfig(
        max_frames=128,
        time_sampling=True,
        loading_method='torchcodec_exact',
        frame_sample_mode='uniform_last_frame',
        max_fps=[2],
    ).build_video_loader()
    for name, build in own_datasets(home).items():
        dataset = build('train')
        print(f'{name}: {len(dataset)} examples')
        for number in range(min(most, len(dataset))):
            example = dataset.get(number, random.Random(number))
            about = example.get('metadata', {})
            clip = (
                (about['clip_start_time'], about['clip_end_time'])
                if 'clip_end_time' in about
                else None
            )
            video = loader(
                example['video'], clip, is_training=True, **about.get('sampler_overrides', {})
            )
            print(f'  {example["video"]}')
            print(f'    {len(video)} frames, {video.timestamps[0]} to {video.timestamps[-1]} s')
            formatted = formatter(dict(example, video=video), True, False, random.Random(number))
            for text in _texts(formatted[0]):
                print(f'    {" ".join(text.split())}')


def sft(arguments: list[str], home: Path) -> None:
    """Run Ai2's launch_scripts/sft.py with the own mixtures; without its evaluations' data."""
    sys.path.insert(0, str(Path.cwd()))
    from launch_scripts import sft as launch
    from olmo.data import data_loader
    from olmo.data.data_loader import KwargsMixture, WeightedDataset

    own = own_datasets(home)
    theirs_by_name, their_mixture = data_loader.get_dataset_by_name, launch.get_training_mixture

    def by_name(name: str, split: str) -> Any:
        return own[name](split) if name in own else theirs_by_name(name, split)

    def mixture(name: str) -> list[Any]:
        mine = [WeightedDataset(one) for one in own]
        if name == 'own':
            return [KwargsMixture(1.0, mine, 'own')]
        if name != 'molmo2+own':
            return list(their_mixture(name))
        theirs = their_mixture('molmo2')
        whole = sum(group.rate for group in theirs) / (1 - OWN_SHARE)
        return [*theirs, KwargsMixture(whole * OWN_SHARE, mine, 'own')]

    data_loader.get_dataset_by_name = by_name
    launch.get_training_mixture = mixture
    sys.argv = ['sft.py', *arguments]
    for name in ('evaluators', 'inf_evaluators'):
        if not any(argument.startswith(f'--{name}=') for argument in arguments):
            sys.argv.append(f'--{name}=[]')
    launch.main()


def main(arguments: list[str]) -> None:
    """Run the command."""
    if len(arguments) < 1 or arguments[0] not in ('prepare', 'show', 'sft'):
        raise SystemExit(__doc__)
    if not os.environ.get('MOLMO_DATA_DIR'):
        raise SystemExit("MOLMO_DATA_DIR is not set: the folder of Ai2's training data")
    home = Path(os.environ['MOLMO_DATA_DIR'], 'video_datasets')
    command, *rest = arguments
    if command == 'prepare':
        prepare(rest, home)
    elif command == 'show':
        show(home)
    else:
        sft(rest, home)


def _lines(path: Path) -> Iterator[Record]:
    if path.is_file():
        for line in path.read_text(encoding='utf-8').splitlines():
            yield json.loads(line)


def _video(folder: Path, clip: str, videos: dict[str, Path]) -> Path:
    """The video of a clip, which is added to `videos`."""
    path = (folder / 'videos' / f'{clip}.mp4').resolve()
    if not path.is_file():
        raise SystemExit(f'{path} is missing: `convert recording` writes it')
    if videos.setdefault(clip, path) != path:
        raise SystemExit(f'{path}: {videos[clip]} is another clip of that name')
    return path


def _tracks_folder(home: Path) -> Path:
    return home / 'video_track' / 'tracking' / TRACKS


def _texts(messages: Any) -> Iterator[str]:
    """The texts in nested lists of messages."""
    if isinstance(messages, str):
        yield messages
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _texts(inner)


if __name__ == '__main__':
    main(sys.argv[1:])
