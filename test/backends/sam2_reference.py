# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What transformers' own Sam2VideoProcessor and its propagation make of the cases in a folder.

    python sam2_reference.py FOLDER     reads cases.json and frames.npy, writes answers.npz

A case: the model's folder, and the boxes or points that prompt one object, by frame.
A process of its own: see with_torchvision.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from with_torchvision import prepare

prepare()

import torch
from transformers import (
    Sam2ImageProcessor,
    Sam2VideoModel,
    Sam2VideoProcessor,
    Sam2VideoVideoProcessor,
)


def answer(case: dict[str, Any], frames: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels (T, 3, size, size), and masks (frames from the first prompted on, H, W) bool."""
    model = Sam2VideoModel.from_pretrained(case['folder'], dtype='float32').eval()
    square = {'height': model.config.image_size, 'width': model.config.image_size}
    processor = Sam2VideoProcessor(
        Sam2ImageProcessor(size=square), Sam2VideoVideoProcessor(size=square)
    )
    session = processor.init_video_session(video=frames, dtype=torch.float32)
    pixels = torch.stack([session.get_frame(k) for k in range(len(frames))]).numpy()
    for frame, (x, y, width, height) in case.get('boxes', []):
        processor.add_inputs_to_inference_session(
            session, frame, 1, input_boxes=[[[x, y, x + width, y + height]]]
        )
        model(inference_session=session, frame_idx=frame)
    for frame, spot in case.get('points', []):
        processor.add_inputs_to_inference_session(
            session, frame, 1, input_points=[[[spot]]], input_labels=[[[1]]]
        )
        model(inference_session=session, frame_idx=frame)
    size = [[session.video_height, session.video_width]]
    masks = [
        processor.post_process_masks([output.pred_masks], size)[0][0, 0].numpy()
        for output in model.propagate_in_video_iterator(session)
    ]
    return {'pixels': pixels, 'masks': np.stack(masks)}


def main(folder: Path) -> None:
    """Answer every case of the folder."""
    torch.set_num_threads(1)
    cases = json.loads((folder / 'cases.json').read_text())
    frames = np.load(folder / 'frames.npy')
    answers = {
        f'{i}/{name}': array
        for i, case in enumerate(cases)
        for name, array in answer(case, frames).items()
    }
    np.savez(folder / 'answers.npz', **answers)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
