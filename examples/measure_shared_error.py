# %% [markdown]
# Measure what part of a network's errors all views share, on rendered recordings of known truth.
#
#     python examples/measure_shared_error.py models2d/shipped/demo.safetensors --seeds 1 2 3
#
# The share of each keypoint is written into the header of the weights file, so that covariances of points
# that rest on this network's detections hold. Seed 0 is the demo's own recording, by which the network is
# judged, and is to be left out. For a network of your own, call `triangulate.shared_error` with triangulated
# labels as the truth.

# %%
import argparse
import tempfile
from pathlib import Path

import numpy as np

from calibration import Recording
from models2d import Tracks2D, detect
from models2d.model_files.weights import load_model, save_model
from triangulate import shared_error
from triangulate.synthetic.scene import demo_scene, write_recording

parser = argparse.ArgumentParser()
parser.add_argument("model", type=Path)
parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
parser.add_argument("--frames", type=int, default=100)
arguments = parser.parse_args()
model = load_model(arguments.model)

# %% The same network, figure and rig as in the demo, other motion and light.
shares = []
for seed in arguments.seeds:
    scene = demo_scene(board_frames=2, figure_frames=arguments.frames, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        write_recording(scene, Path(folder))
        videos = {name: next(Path(folder).glob(f"trials/*/{name}.avi")) for name in scene.rig.names}
        tracks: Tracks2D = detect(Recording.open(videos), model).as_tracks()
    shares.append(shared_error(tracks, scene.rig, scene.xyz[:, None]))
    print(seed, np.round(shares[-1], 2))

# %%
share = np.mean(shares, axis=0)
save_model(model.with_shared_error(share), arguments.model, half=True)
print(dict(zip(model.skeleton.keypoints, share.round(2).tolist(), strict=True)))
