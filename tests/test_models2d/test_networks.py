"""Networks have the shapes, sizes and keys of their publications, and every one of them learns."""

import numpy as np
import pytest
import torch
from torch import nn

from models2d.errors import ModelError
from models2d.model_files.pretrained import load_backbone, read_tensors, recognised
from models2d.model_files.published import load_published
from models2d.model_files.weights import load_model
from models2d.networks.backbones import backbone
from models2d.networks.deep_pose import DeepPose, diameter
from models2d.networks.likelihood_flow import LikelihoodFlow, likelihood_loss
from models2d.networks.output import HeatmapOutput, PointOutput
from models2d.networks.registry import build
from models2d.skeleton import Skeleton
from models2d.training.losses import total_loss

published = {
    # Millions of parameters: Xiao et al. 2018, table 3; Sun et al. 2019, table 1; Cheng et al. 2020, table 1.
    ("simple_baseline", "depth", 50): 34.0,
    ("simple_baseline", "depth", 101): 53.0,
    ("simple_baseline", "depth", 152): 68.6,
    ("hrnet", "width", 32): 28.5,
    ("hrnet", "width", 48): 63.6,
    ("higher_hrnet", "width", 32): 28.6,
    ("higher_hrnet", "width", 48): 63.8,
}

imagenet = {
    # Parameters of torchvision's models without their classifiers (fc and classifier, which are known by
    # their shape).
    "resnet18": 11_689_512 - 513_000,
    "resnet34": 21_797_672 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "resnet101": 44_549_160 - 2_049_000,
    "resnet152": 60_192_808 - 2_049_000,
    "mobilenet_v2": 3_504_872 - 1_281_000,
    "mobilenet_v3": 5_483_032 - (960 * 1280 + 1280) - 1_281_000,
}


def parameters(network):
    return sum(value.numel() for value in network.parameters())


@pytest.mark.parametrize("key", published, ids=lambda key: f"{key[0]}-{key[2]}")
def test_networks_are_as_large_as_published(key):
    architecture, option, value = key
    with torch.device("meta"):
        network = build(architecture, 17, **{option: value})
    # Tables give one decimal, and Simple Baseline's rounds 52.99 and 68.64.
    assert parameters(network) / 1e6 == pytest.approx(published[key], abs=0.051)


@pytest.mark.parametrize("name", imagenet)
def test_backbones_are_as_large_as_torchvisions(name):
    with torch.device("meta"):
        assert parameters(backbone(name)) == imagenet[name]


@pytest.mark.parametrize(
    ("architecture", "options", "stride"),
    [
        ("unet", {"widths": (8, 16, 24), "stride": 2}, 2),
        ("unet", {"widths": (8, 16, 24), "stride": 4, "offsets": False}, 4),
        ("unet_tags", {"widths": (8, 16, 24)}, 4),
        ("unet_pairwise", {"widths": (8, 16, 24)}, 4),
        ("simple_baseline", {"depth": 18, "offsets": True}, 4),
        ("hrnet", {"width": 18}, 4),
        ("higher_hrnet", {"width": 18}, 2),
    ],
)
def test_heatmaps_have_the_stated_size(architecture, options, stride):
    network = build(architecture, 5, **options).eval()
    with torch.inference_mode():
        output = network(torch.zeros(2, 3, 64, 96))
    assert output.heatmaps.shape == (2, 5, 64 // stride, 96 // stride)
    if output.offsets is not None:
        assert output.offsets.shape == (2, 5, 2, 64 // stride, 96 // stride)
    assert (output.tags is not None) == (architecture in {"higher_hrnet", "unet_tags"})
    assert (output.pairwise is not None) == (architecture == "unet_pairwise")
    if output.tags is not None:
        assert output.tags.shape == output.heatmaps.shape
    if output.pairwise is not None:
        assert output.pairwise.shape == (2, 20, 2, 64 // stride, 96 // stride)


def test_higher_hrnet_answers_at_both_resolutions_in_training_and_their_mean_otherwise():
    network = build("higher_hrnet", 5, width=8)
    for layer, value in zip(network.final_layers, (1.0, 4.0), strict=True):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, value)
    images = torch.zeros(2, 3, 64, 96)
    with torch.inference_mode():
        taught, used = network.train()(images), network.eval()(images)
    assert taught.heatmaps.shape == (2, 5, 32, 48)
    assert taught.coarse.shape == taught.tags.shape == (2, 5, 16, 24)
    assert (taught.coarse.unique().item(), taught.heatmaps.unique().item()) == (1.0, 4.0)
    assert used.coarse is None
    torch.testing.assert_close(used.heatmaps, torch.full((2, 5, 32, 48), 2.5))


@pytest.mark.parametrize("name", ["resnet18", "resnet50_gn", "mobilenet_v2", "mobilenet_v3"])
def test_deeplabcut_runs_on_every_kind_of_backbone(name):
    stride = 16 if name.startswith("resnet") else 32
    network = build("deeplabcut", 4, backbone=name, output_stride=16).eval()
    with torch.inference_mode():
        output = network(torch.zeros(1, 3, 64, 96))
    cells = (2 * 64 // stride + 1, 2 * 96 // stride + 1)  # a transposed convolution without padding adds one
    assert output.heatmaps.shape == (1, 4, *cells)
    assert output.offsets.shape == (1, 4, 2, *cells)
    assert network.stride == stride // 2
    assert ((output.heatmaps > 0) & (output.heatmaps < 1)).all()


def test_deeper_cut_answers_for_every_ordered_pair_and_tags_for_every_keypoint():
    network = build("deeper_cut", 4, backbone="resnet18").eval()
    with torch.inference_mode():
        output = network(torch.zeros(1, 3, 64, 64))
    assert output.pairwise.shape == (1, 12, 2, 9, 9)
    tagged = build("deeplabcut_tags", 4, backbone="resnet18").eval()
    with torch.inference_mode():
        assert tagged(torch.zeros(1, 3, 64, 64)).tags.shape == (1, 4, 9, 9)


def test_dilation_keeps_resolution_and_number_of_weights():
    plain, dilated = backbone("resnet18").eval(), backbone("resnet18", output_stride=8).eval()
    assert parameters(plain) == parameters(dilated)
    with torch.inference_mode():
        assert plain(torch.zeros(1, 3, 64, 64)).shape == (1, 512, 2, 2)
        assert dilated(torch.zeros(1, 3, 64, 64)).shape == (1, 512, 8, 8)


def test_backbones_that_do_not_exist_are_refused():
    with pytest.raises(
        ModelError, match=r"network deeplabcut: backbone: expected resnet18, .* got 'resnet18_x'"
    ):
        build("deeplabcut", 3, backbone="resnet18_x")
    with pytest.raises(ModelError, match="depth: expected one of 18, 34"):
        build("simple_baseline", 3, depth=20)
    with pytest.raises(ModelError, match="output_stride: expected 8, 16 or 32, got 4"):
        build("deeplabcut", 3, output_stride=4)


# Keys and shapes written down from the publications' own checkpoints.
official = {
    "simple_baseline": {
        "conv1.weight": (64, 3, 7, 7),
        "layer1.0.downsample.1.running_var": (256,),
        "layer3.5.conv2.weight": (256, 256, 3, 3),
        "deconv_layers.0.weight": (2048, 256, 4, 4),
        "deconv_layers.7.bias": (256,),
        "final_layer.weight": (17, 256, 1, 1),
    },
    "hrnet": {
        "conv2.weight": (64, 64, 3, 3),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "transition1.0.0.weight": (32, 256, 3, 3),
        "transition1.1.0.0.weight": (64, 256, 3, 3),
        "stage2.0.branches.1.3.conv2.weight": (64, 64, 3, 3),
        "stage2.0.fuse_layers.0.1.0.weight": (32, 64, 1, 1),
        "stage2.0.fuse_layers.1.0.0.0.weight": (64, 32, 3, 3),
        "transition2.2.0.0.weight": (128, 64, 3, 3),
        "stage3.3.fuse_layers.2.0.0.0.weight": (32, 32, 3, 3),
        "stage3.3.fuse_layers.2.0.1.0.weight": (128, 32, 3, 3),
        "transition3.3.0.1.running_mean": (256,),
        "stage4.2.fuse_layers.0.3.0.weight": (32, 256, 1, 1),
        "final_layer.bias": (17,),
    },
    "higher_hrnet": {
        "stage4.2.branches.3.0.conv1.weight": (256, 256, 3, 3),
        "final_layers.0.weight": (34, 32, 1, 1),
        "final_layers.1.weight": (17, 32, 1, 1),
        "deconv_layers.0.0.0.weight": (66, 32, 4, 4),
        "deconv_layers.0.0.1.running_mean": (32,),
        "deconv_layers.0.4.0.conv2.weight": (32, 32, 3, 3),
    },
}


@pytest.mark.parametrize("architecture", official)
def test_keys_are_those_of_the_authors(architecture):
    with torch.device("meta"):
        own = {key: tuple(value.shape) for key, value in build(architecture, 17).state_dict().items()}
    for key, shape in official[architecture].items():
        assert own.get(key) == shape, key
    # The last module of stage 4 answers at the finest resolution only.
    assert "stage4.2.fuse_layers.1.0.0.0.weight" not in own


def save(network, path, rename=lambda key: key, **wrapped):
    tensors = {rename(key): value for key, value in network.state_dict().items()}
    torch.save({"model": tensors, **wrapped} if wrapped else tensors, path)


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("simple_baseline", {"depth": 18}), ("hrnet", {"width": 18}), ("higher_hrnet", {"width": 18})],
)
def test_published_weights_are_recognised_by_their_keys(architecture, options, tmp_path):
    torch.manual_seed(0)
    network = build(architecture, 17, **options).eval()
    save(network, tmp_path / "net.pth", lambda key: "module." + key)  # as parallel training saves them
    found, found_options, keypoints, _ = recognised(read_tensors(tmp_path / "net.pth"))
    assert (found, keypoints) == (architecture, 17)
    assert options.items() <= found_options.items()
    model = load_model(tmp_path / "net.pth", device="cpu", input_size=(64, 64))
    inner = getattr(model, "model", model)
    assert inner.recipe.convention == "corner"
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(inner.network(image).heatmaps, network(image).heatmaps)


@pytest.mark.parametrize(("name", "hidden"), [("resnet18", ()), ("resnet50_gn", (16,))])
def test_deeplabcut_snapshots_are_mapped_key_by_key(name, hidden, tmp_path):
    stride = 32 if hidden else 16
    network = build("deeplabcut", 3, backbone=name, output_stride=stride, hidden=hidden)

    def as_deeplabcut(key):
        if key.startswith("backbone."):
            return key.replace("backbone.", "backbone.model.", 1)
        return "heads.bodypart." + key

    save(network, tmp_path / "snapshot-200.pt", as_deeplabcut, metadata={"epoch": 200})
    mouse = Skeleton.from_names("mouse", ["nose", "ear", "tail"])
    model = load_published(tmp_path / "snapshot-200.pt", skeleton=mouse, device="cpu")
    assert model.recipe.options == {"backbone": name, "output_stride": stride, "hidden": hidden}
    assert model.recipe.stride == 8
    assert model.recipe.grid.to_input(np.zeros(2)).tolist() == [4, 4]
    for key, value in network.state_dict().items():
        torch.testing.assert_close(model.network.state_dict()[key], value)
    with pytest.raises(ModelError, match="finds 3 keypoints, skeleton coco17 has 17: give load_model"):
        load_published(tmp_path / "snapshot-200.pt")


def test_deeplabcuts_offsets_are_pixels_over_its_deviation():
    network = build("deeplabcut", 1, backbone="resnet18").eval()
    nn.init.zeros_(network.locref_head.deconv_layers[0].weight)
    nn.init.constant_(network.locref_head.deconv_layers[0].bias, 1.0)
    with torch.inference_mode():
        offsets = network(torch.zeros(1, 3, 64, 64)).offsets
    assert offsets.unique().numpy() == pytest.approx(7.2801 / 8)


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_imagenet_weights_start_a_backbone(prefix, tmp_path):
    torch.manual_seed(1)
    source = backbone("resnet18")
    tensors = {prefix + key: value for key, value in source.state_dict().items()} | {
        "fc.bias": torch.zeros(1000)
    }
    torch.save(tensors, tmp_path / "resnet18.pth")
    for architecture, options in (
        ("simple_baseline", {"depth": 18}),
        ("deeplabcut", {"backbone": "resnet18"}),
    ):
        network = build(architecture, 3, **options)
        assert load_backbone(network, tmp_path / "resnet18.pth") == len(source.state_dict())
        own = network.state_dict()
        key = "layer4.1.conv2.weight"
        torch.testing.assert_close(own.get(key, own.get("backbone." + key)), source.state_dict()[key])
    with pytest.raises(ModelError, match=r"not of this feature extractor: \d+ of \d+ tensors fit"):
        load_backbone(build("simple_baseline", 3, depth=50), tmp_path / "resnet18.pth")


def test_files_that_would_run_code_are_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"model": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(ModelError, match=r"trap\.pt holds more than weights, and reading it could run code"):
        load_model(tmp_path / "trap.pt")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match=r"cut\.pth cannot be read as weights"):
        load_model(tmp_path / "cut.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(ModelError, match="holds no tensors by name"):
        load_model(tmp_path / "empty.pth")


def ramp(batch=2, size=64):
    """Images whose red and green grow along x and y, so that a crop tells where it was cut."""
    steps = (torch.arange(size) + 0.5) / size - 0.5
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    return torch.stack([x, y, torch.zeros_like(x)])[None].repeat(batch, 1, 1, 1)


def test_the_cascade_cuts_its_squares_where_the_pose_is():
    network = DeepPose(2, backbone="resnet18", stages=2, crop=16)
    xy = torch.tensor([[[-0.2, 0.1], [0.2, 0.3]], [[0.0, 0.0], [0.1, -0.1]]])
    side = diameter(xy)
    torch.testing.assert_close(side, torch.tensor([0.4, 0.1]))
    crops = network.cut(ramp(), xy, side).unflatten(0, (2, 2))
    torch.testing.assert_close(crops[:, :, :2].mean(dim=(3, 4)), xy, atol=1e-5, rtol=0)
    width = crops[:, :, 0, 0, -1] - crops[:, :, 0, 0, 0]
    torch.testing.assert_close(width, (side * 15 / 16)[:, None].repeat(1, 2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("options", [{}, {"stages": 2, "crop": 16}, {"likelihood": True}])
def test_deep_pose_learns_to_point(options):
    torch.manual_seed(0)
    network = build("deep_pose", 2, backbone="resnet18", **options)
    images = torch.zeros(4, 3, 32, 32)
    target = torch.tensor([[-0.3, -0.2], [0.3, 0.2], [-0.2, 0.3], [0.1, -0.3]])
    for image, (x, y) in zip(images, target, strict=True):
        column, row = int((x + 0.5) * 32), int((y + 0.5) * 32)
        image[:, row - 3 : row + 3, column - 3 : column + 3] = 2.0
    xy = torch.stack([target, -target], dim=1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    errors, losses = [], []
    for _ in range(15):
        output = network(images)
        loss = total_loss(output, {"xy": xy, "known": torch.ones(4, 2)}, None, network.flow)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        errors.append(float((output.xy - xy).detach().abs().mean()))
    assert isinstance(output, PointOutput)
    if not options.get("likelihood"):
        assert np.mean(errors[-3:]) < 0.7 * np.mean(errors[:3])
    else:
        assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.3
        assert output.sigma.shape == (4, 2, 2)


def test_the_flow_learns_a_density_that_integrates_to_one():
    torch.manual_seed(0)
    flow = LikelihoodFlow(layers=4, width=16)
    random = torch.Generator().manual_seed(0)
    errors = torch.randn(512, 2, generator=random) * torch.tensor([2.0, 0.5])
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    before = flow(errors).mean().item()
    for _ in range(60):
        optimizer.zero_grad()
        (-flow(errors).mean()).backward()
        optimizer.step()
    assert flow(errors).mean().item() > before
    steps = torch.linspace(-12, 12, 301)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(-1, 2)
    with torch.no_grad():
        total = float(flow(grid).exp().sum() * (steps[1] - steps[0]) ** 2)
    assert total == pytest.approx(1, abs=0.02)


def test_likelihood_ignores_what_does_not_count_and_prefers_the_true_spread():
    flow = LikelihoodFlow()
    target, weight = torch.zeros(200, 1, 2), torch.ones(200, 1)
    xy = torch.distributions.Laplace(0.0, 0.05).sample((200, 1, 2))
    losses = [
        likelihood_loss(xy, torch.full_like(xy, sigma), target, weight, flow).item()
        for sigma in (0.005, 0.05, 0.5)
    ]
    assert losses[1] < min(losses[0], losses[2])
    weight[100:] = 0
    far = xy.clone()
    far[100:] = 9.0
    one, other = (likelihood_loss(p, torch.full_like(xy, 0.05), target, weight, flow) for p in (xy, far))
    torch.testing.assert_close(one, other)


def test_only_the_hardest_keypoints_count():
    heatmaps = torch.zeros(1, 3, 4, 4)
    targets = torch.zeros(1, 3, 4, 4)
    targets[0, :, 0, 0] = torch.tensor([1.0, 0.5, 0.1])
    given = {"heatmaps": targets, "weight": torch.ones(1, 3)}
    every = total_loss(HeatmapOutput(heatmaps=heatmaps), given, None)
    hardest = total_loss(HeatmapOutput(heatmaps=heatmaps), given, 1)
    assert float(every) == pytest.approx((1 + 0.25 + 0.01) / 3)
    assert float(hardest) == pytest.approx(1.0)
