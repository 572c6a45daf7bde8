"""Models of other tools stand behind the same door; here with small random weights, no download."""

import cv2
import numpy as np
import pytest
import torch

from calibration.recordings.recording import Recording
from models2d.decoding.heatmaps import gaussian_targets
from models2d.decoding.simcc import decode_simcc
from models2d.errors import ModelError
from models2d.inference.detecting import detect
from models2d.model_files.onnx import OnnxTopDown, export_onnx
from models2d.model_files.torchvision import KeypointRCNN
from models2d.model_files.weights import load_model
from models2d.models.bottom_up import BottomUp, local_maxima
from models2d.models.pose_model import FoundKeypoints, PoseModel
from models2d.models.recipe import Recipe
from models2d.models.top_down import TopDown
from models2d.networks.output import HeatmapOutput
from models2d.networks.registry import build, grouping
from models2d.skeleton import Skeleton

face = Skeleton.from_names("face", ["nose", "left_ear", "right_ear"])


def image(seed=0, size=(120, 90)):
    return np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)


def test_vitpose_and_its_detector_find_people_through_one_door(tmp_path):
    transformers = pytest.importorskip("transformers")
    backbone = transformers.VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    torch.manual_seed(0)
    config = transformers.VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=True)
    network = transformers.VitPoseForPoseEstimation(config)
    network.save_pretrained(tmp_path / "vitpose")
    from models2d.model_files.hub import load_vitpose

    model = load_vitpose(tmp_path / "vitpose", detector=None, device="cpu")
    assert model.input_size == (48, 64)
    found = model.find([image(), image(1)], [np.array([10.0, 5, 60, 80]), np.array([0.0, 0, 119, 89])])
    assert found.xy.shape == (2, 17, 2)
    assert np.isfinite(found.covariance).all()
    top_down = TopDown(detector=model, model=model)
    for box, xy in zip(top_down.around(found.xy, np.ones((2, 17))), found.xy, strict=True):
        low, high = xy.min(axis=0), xy.max(axis=0)
        reach = 0.1 * (high - low).max()  # bodies reach beyond their keypoints
        assert (box[:2] <= low - reach + 1e-9).all()
        assert (box[2:] >= high + reach - 1e-9).all()
        assert np.ptp(box[::2]) / np.ptp(box[1::2]) == pytest.approx(48 / 64)
    with pytest.raises(ModelError, match="finds no boxes: load it with a detector"):
        model.locate([image()])
    with pytest.raises(ModelError, match="17 keypoints, skeleton face has 3"):
        load_vitpose(tmp_path / "vitpose", detector=None, skeleton=face)


def test_vitpose_reads_its_heatmaps_as_its_own_processor_does():
    transformers = pytest.importorskip("transformers")
    from types import SimpleNamespace

    from models2d.model_files.hub import ViTPose

    xy = np.array([[20.3, 30.7], [10.0, 40.2], [33.6, 12.1]])
    drawn = torch.from_numpy(gaussian_targets(xy, (48, 64), 2.0))[None]

    class Drawn:
        config = SimpleNamespace(backbone_config=SimpleNamespace(image_size=[256, 192]), num_labels=3)
        device = "cpu"

        def __call__(self, pixel_values):
            return SimpleNamespace(heatmaps=drawn)

    box = np.array([100.0, 60, 196, 188])
    found = ViTPose(Drawn(), face).find([image(size=(400, 300))], [box])
    processor = transformers.VitPoseImageProcessor()
    theirs = processor.post_process_pose_estimation(
        SimpleNamespace(heatmaps=drawn), boxes=[[[box[0], box[1], box[2] - box[0], box[3] - box[1]]]]
    )
    # Half a pixel of the image lies between the two notions of where a box begins, and cuts are at whole
    # pixels.
    np.testing.assert_allclose(found.xy[0], theirs[0][0]["keypoints"].numpy(), atol=1.0)


def test_rt_detr_gives_the_surest_boxes_of_one_class():
    from types import SimpleNamespace

    from models2d.model_files.hub import RTDetr

    class Drawn:
        config = SimpleNamespace(id2label={0: "person", 1: "dog"})
        device = "cpu"

        def __call__(self, pixel_values):
            assert pixel_values.shape == (1, 3, 640, 640)
            logits = torch.tensor([[[2.0, -9], [-9, 3.0], [4.0, -9], [-3.0, -9]]])
            boxes = torch.tensor(
                [[[0.5, 0.5, 1.0, 1.0], [0.1, 0.1, 0.1, 0.1], [0.25, 0.5, 0.5, 0.2], [0.5] * 4]]
            )
            return SimpleNamespace(logits=logits, pred_boxes=boxes)

    boxes = RTDetr(Drawn(), "Person").locate([image(size=(200, 100))])[0]
    np.testing.assert_allclose(boxes, [[-0.5, 39.5, 99.5, 59.5], [-0.5, -0.5, 199.5, 99.5]], atol=1e-3)
    with pytest.raises(ModelError, match="knows no 'cat'; it knows dog, person"):
        RTDetr(Drawn(), "cat")


def test_a_hub_name_that_is_not_here_says_what_to_download(monkeypatch, tmp_path):
    pytest.importorskip("transformers")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ModelError, match="run `hf download nobody/nothing --local-dir FOLDER`, copy FOLDER here"
    ):
        load_model("nobody/nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="are not on this machine"):
        load_model(tmp_path / "empty")


def test_mask_rcnn_answers_become_detections(tmp_path):
    class Drawn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.anchor = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            assert images[0].max() <= 1
            keypoints = torch.full((3, 17, 3), 20.5)
            keypoints[1] += 5
            return [
                {
                    "scores": torch.tensor([0.9, 0.8, 0.2]),
                    "boxes": torch.tensor([[0.0, 0, 60, 60]] * 3),
                    "keypoints": keypoints,
                    "keypoints_scores": torch.zeros(3, 17),
                }
                for _ in images
            ]

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), image())
    recording = Recording.open({name: tmp_path / name for name in ("a", "b")})
    detections = detect(recording, KeypointRCNN(Drawn(), individuals=3), fps=1)
    assert detections.shape == (1, 2, 3, 17)
    # torchvision's pixel centres lie at half integers; ours at integers.
    np.testing.assert_allclose(detections.xy[0, 0, :2, 0], [[20, 20], [25, 25]])
    assert np.isnan(detections.xy[0, :, 2]).all()
    np.testing.assert_allclose(detections.covariance[0, 0, 0, 0], 4 * np.eye(2))
    with pytest.raises(ModelError, match=r"torchvision|download keypointrcnn_resnet50_fpn_coco"):
        KeypointRCNN.load(tmp_path / "absent.pth")


@pytest.mark.parametrize(
    "architecture",
    ["unet", "simple_baseline", "deep_pose", "unet_tags", "unet_pairwise", "higher_hrnet", "deeper_cut"],
)
def test_an_exported_network_answers_as_the_original(architecture, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    options = {
        "unet": {"widths": (8, 16, 24)},
        "simple_baseline": {"depth": 18},
        "deep_pose": {"backbone": "mobilenet_v2"},
        "unet_tags": {"widths": (8, 16, 24)},
        "unet_pairwise": {"widths": (8, 16, 24)},
        "higher_hrnet": {"width": 8},
        "deeper_cut": {"backbone": "mobilenet_v2"},
    }[architecture]
    torch.manual_seed(0)
    recipe = Recipe(architecture=architecture, options=options, input_size=(64, 96))
    model = PoseModel(build(architecture, 3, **options), recipe, face, device="cpu")
    groups = architecture in grouping
    export_onnx(BottomUp(model) if groups else model, tmp_path / "net.onnx")
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    images = torch.randn(5, 3, 96, 64)  # another batch size than the exported example's
    answers = session.run(None, {"images": images.numpy()})
    with torch.inference_mode():
        wanted = [value for value in model.network(images) if value is not None]
    assert len(answers) == len(wanted)
    for answer, value in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(answer, value.numpy(), atol=1e-4 * float(value.abs().max()))
    if groups:
        with pytest.raises(ModelError, match=r"net\.onnx answers with (tags|pairwise): it finds everybody"):
            OnnxTopDown(tmp_path / "net.onnx", face)


def test_only_one_network_can_be_exported(tmp_path):
    with pytest.raises(ModelError, match="a FoundKeypoints is not one network that could be exported"):
        export_onnx(FoundKeypoints(*np.zeros((3, 1))), tmp_path / "net.onnx")


def onnx_file(path, outputs):
    """A model that answers any image (1, 3, 64, 48) with constants."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes, infos = [], []
    for name, value in outputs.items():
        tensor = helper.make_tensor(name + "_value", kind, value.shape, value.ravel().tolist())
        nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        infos.append(helper.make_tensor_value_info(name, kind, value.shape))
    given = helper.make_tensor_value_info("input", kind, ["batch", 3, 64, 48])
    graph = helper.make_graph(nodes, "constant", [given], infos)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))


def test_rtmpose_simcc_and_heatmap_outputs_give_the_same_point(tmp_path):
    pytest.importorskip("onnxruntime")
    xy = np.array([[20.5, 30.0], [5.0, 60.5], [40.0, 12.0]])  # input pixels
    bins = [np.arange(side * 2) for side in (48, 64)]
    x, y = (
        np.exp(-0.5 * ((axis - 2 * xy[:, place : place + 1]) / 6) ** 2)[None].astype(np.float32)
        for place, axis in enumerate(bins)
    )
    onnx_file(tmp_path / "simcc.onnx", {"simcc_x": x, "simcc_y": y})
    onnx_file(tmp_path / "heatmap.onnx", {"heatmaps": gaussian_targets(xy / 1.5, (32, 43), 2.0)[None]})
    box = np.array([-0.5, -0.5, 47.5, 63.5])
    answers = []
    for name in ("simcc", "heatmap"):
        model = load_model(tmp_path / f"{name}.onnx", skeleton=face)
        model.margin = 1.0
        answers.append(model.find([image(size=(48, 64))], [box]).xy[0])
        assert np.ptp(model.around(xy[None], np.ones((1, 3)))[0, 1::2]) >= 1.2 * np.ptp(xy[:, 1])
    np.testing.assert_allclose(answers[0], xy, atol=1e-3)
    np.testing.assert_allclose(answers[1][[0, 2]], xy[[0, 2]], atol=0.05)
    with pytest.raises(ModelError, match="has 3 keypoints, skeleton coco17 has 17"):
        load_model(tmp_path / "simcc.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"bad\.onnx cannot be read as an ONNX model"):
        OnnxTopDown(tmp_path / "bad.onnx", face)


def test_simcc_peaks_are_read_between_bins():
    random = np.random.default_rng(0)
    place = random.uniform(20, 300, (50, 1))
    scores = np.exp(-0.5 * ((np.arange(384) - place) / 5.66) ** 2)
    peaks = decode_simcc(scores, scores, 2.0)
    np.testing.assert_allclose(peaks.xy, np.repeat(place / 2, 2, axis=1), atol=1e-6)


def test_people_are_found_bottom_up_by_their_tags():
    people = np.array([[[30.0, 20], [20, 28], [40, 28]], [[80.0, 50], [70, 58], [90, 58]]])  # input pixels
    recipe = Recipe(
        architecture="higher_hrnet",
        input_size=(128, 96),
        stride=2,
        convention="corner",
        decoding="dark",
        region="frame",
    )

    class Drawn(torch.nn.Module):
        def forward(self, images):
            maps = [gaussian_targets(person / 2, (64, 48), 2.0) for person in people]
            heatmaps = torch.from_numpy(np.maximum(*maps))[None]
            tags = torch.zeros_like(heatmaps)
            tags[..., 32:] = 5.0  # the second one's side of the image
            tags += 0.2 * torch.randn(heatmaps.shape, generator=torch.Generator().manual_seed(0))
            return HeatmapOutput(heatmaps=heatmaps, tags=tags)

    model = BottomUp(PoseModel(Drawn(), recipe, face, device="cpu"), individuals=4)
    found = model.find_all([image(size=(128, 96))])[0]
    assert found.xy.shape == (2, 3, 2)
    order = np.argsort(found.xy[:, 0, 0])
    np.testing.assert_allclose(found.xy[order], people, atol=0.05)
    assert (np.linalg.eigvalsh(found.covariance) > 0).all()


def test_local_maxima_are_the_tops_of_hills_only():
    maps = torch.from_numpy(np.maximum(*gaussian_targets(np.array([[10.0, 8], [30, 20]]), (48, 32), 2.0)))
    cells, real = local_maxima(maps[None], 2)
    assert sorted(cells[0].tolist()) == [[10, 8], [30, 20]]
    assert real.all()


def test_the_slope_of_a_hill_is_no_candidate():
    x, y = np.meshgrid(np.arange(48), np.arange(32))
    cone = torch.from_numpy(np.maximum(0.0, 1 - 0.01 * np.hypot(x, y))[None])  # one hill over the whole map
    cells, real = local_maxima(cone, 5)
    assert cells[0, 0].tolist() == [0, 0]
    assert real.tolist() == [[True, False, False, False, False]]
