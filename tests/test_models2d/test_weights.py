"""Weights files come back as the model that was saved, or with a word why not."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models2d.errors import ModelError
from models2d.model_files.places import RT_DETR, weights_of
from models2d.model_files.weights import load_model, save_model
from models2d.models.bottom_up import BottomUp
from models2d.models.pose_model import PoseModel
from models2d.models.recipe import Recipe
from models2d.networks.registry import build
from models2d.skeleton import Skeleton

face = Skeleton.from_names("face", ["nose", "left_ear", "right_ear"], [("nose", "left_ear")])
recipe = Recipe(
    architecture="unet",
    options={"widths": (8, 16, 24)},
    input_size=(64, 48),
    decoding="offsets",
    temperature=(1.0, 2.0, 3.0),
)


def model(**changes):
    torch.manual_seed(0)
    return PoseModel(build("unet", 3, widths=(8, 16, 24)), recipe, face, device="cpu", **changes)


@pytest.mark.parametrize("half", [False, True])
def test_a_saved_model_answers_as_before(tmp_path, half):
    saved = model()
    save_model(saved, tmp_path / "face.safetensors", half=half)
    loaded = load_model(tmp_path / "face.safetensors", device="cpu")
    assert loaded.recipe == recipe
    assert loaded.skeleton.keypoints == face.keypoints
    assert loaded.skeleton.mirror.tolist() == [0, 2, 1]
    assert loaded.skeleton.bone_names == [("nose", "left_ear")]
    patches = np.random.default_rng(0).integers(0, 255, (2, 48, 64, 3), dtype=np.uint8)
    before, after = (m.answer(patches).heatmaps.numpy() for m in (saved, loaded))
    np.testing.assert_allclose(after, before, atol=2e-2 * np.abs(before).max() if half else 1e-6)
    assert [file.name for file in tmp_path.iterdir()] == ["face.safetensors"]


def test_the_mirror_image_of_a_symmetric_face_gives_the_mirrored_answer():
    both = model(flip=True)
    patch = np.random.default_rng(0).integers(0, 255, (1, 48, 64, 3), dtype=np.uint8)
    straight, mirrored = both.peaks(patch), both.peaks(np.ascontiguousarray(patch[:, :, ::-1]))
    swapped = mirrored.xy[0, [0, 2, 1]]
    np.testing.assert_allclose(straight.xy[0, :, 0], 15 - swapped[:, 0], atol=1e-3)
    np.testing.assert_allclose(straight.xy[0, :, 1], swapped[:, 1], atol=1e-3)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, of itself
def test_a_compiled_network_answers_as_before(tmp_path, monkeypatch):
    # Traced as always, but run without generating code, which takes a minute: the benchmark does that.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    save_model(model(), tmp_path / "face.safetensors")
    compiled = load_model(tmp_path / "face.safetensors", device="cpu", compiled=True, flip=True)
    patches = np.random.default_rng(0).integers(0, 255, (2, 48, 64, 3), dtype=np.uint8)
    before, after = model(flip=True).answer(patches), compiled.answer(patches)
    np.testing.assert_allclose(after.heatmaps, before.heatmaps, atol=1e-4)
    np.testing.assert_allclose(after.offsets, before.offsets, atol=1e-4)
    assert "_orig_mod" not in "".join(compiled.network.state_dict())  # saved under the names as before


def test_bfloat16_answers_nearly_as_before(tmp_path):
    save_model(model(), tmp_path / "face.safetensors")
    short = load_model(tmp_path / "face.safetensors", device="cpu", precision="bfloat16")
    patches = np.random.default_rng(0).integers(0, 255, (2, 48, 64, 3), dtype=np.uint8)
    before, after = model().answer(patches).heatmaps, short.answer(patches).heatmaps
    assert after.dtype == torch.bfloat16
    np.testing.assert_allclose(after.float(), before, atol=0.05 * before.abs().max())
    assert short.peaks(patches).xy.shape == (2, 3, 2)
    assert short.with_temperature(np.ones(3)).precision == "bfloat16"


def test_what_is_known_of_errors_travels_with_the_weights(tmp_path):
    save_model(model().with_temperature(np.array([1.0, 2.0, 3.0]), 3.5), tmp_path / "face.safetensors")
    again = load_model(tmp_path / "face.safetensors", device="cpu")
    assert again.temperature.tolist() == [1, 2, 3]
    assert again.tail == BottomUp(again).tail == 3.5
    assert again.with_temperature(np.ones(3)).tail is None


def test_a_precision_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected one of float32, float16, bfloat16, got 'double'"):
        model(precision="double")


def test_files_that_are_no_model_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model 'nobody'; shipped are"):
        load_model("nobody")
    (tmp_path / "damaged.safetensors").write_bytes(b"12345678901234567890")
    with pytest.raises(ModelError, match=r"damaged\.safetensors is not a safetensors file"):
        load_model(tmp_path / "damaged.safetensors")
    save_file({"a": torch.zeros(2)}, tmp_path / "plain.safetensors")
    with pytest.raises(ModelError, match="of none of the known networks"):
        load_model(tmp_path / "plain.safetensors")


def test_a_checkpoint_of_another_shape_names_what_does_not_fit(tmp_path):
    wrong = model()
    wrong.network = build("unet", 3, widths=(8, 16, 32))
    save_model(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(ModelError, match=r"does not fit the network: down\.1\.0\.0\.weight is \(32, 16"):
        load_model(tmp_path / "wrong.safetensors")


def test_unknown_networks_and_options_are_refused():
    with pytest.raises(ModelError, match="no network called 'transformer'; there are"):
        build("transformer", 3)
    with pytest.raises(ModelError, match=r"network unet: .*unexpected keyword argument 'depth'"):
        build("unet", 3, depth=4)


def test_weights_of_a_hub_are_in_its_cache_at_the_revision_that_is_used(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub", reason="the extra transformers is not installed")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert weights_of("somebody/vitpose") == ()
    places = []
    for name in ("somebody/vitpose", RT_DETR):
        folder = tmp_path / f"models--{name.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("0123abcd")
        places.append(folder / "snapshots" / "0123abcd")
        places[-1].mkdir(parents=True)
        (places[-1] / "config.json").write_text("{}")
    assert weights_of("somebody/vitpose") == tuple(places)
    assert weights_of(tmp_path) == (tmp_path, places[1])  # a folder of its files, and the detector
    assert weights_of(tmp_path / "nothing.safetensors") == ()
