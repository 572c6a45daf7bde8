"""Losses of networks that group keypoints: by hand, and their gradients by finite differences."""

import numpy as np
import pytest
import torch

from models2d.networks.output import HeatmapOutput
from models2d.training.losses import offset_loss, pairwise_loss, tag_loss, total_loss


def test_tags_are_pulled_together_and_pushed_apart():
    tags = torch.zeros(2, 2, 4, 4)
    tags[0, 0, 1, 1], tags[0, 1, 2, 2] = 1.0, 3.0  # the first individual
    tags[0, 0, 3, 3] = 4.0  # the second
    tags[1, 0, 0, 0], tags[1, 1, 0, 0] = 2.0, 2.2  # somebody alone in another image
    cells = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 2], [0, 0, 3, 3], [1, 0, 0, 0], [1, 1, 0, 0]])
    owner = torch.tensor([5, 5, 7, 8, 8])
    pull, push = tag_loss(tags, cells[:3], owner[:3])
    # Means 2 and 4: spread (1 + 1) / 2 and 0, mean 1/2; push exp(-(2 - 4)^2 / 2).
    assert float(pull) == pytest.approx(0.5)
    assert float(push) == pytest.approx(np.exp(-2))
    pull, push = tag_loss(tags, cells, owner)
    # The other image: spread 0.1^2, nobody to push; the mean of both images.
    assert float(pull) == pytest.approx((0.5 + 0.01) / 2)
    assert float(push) == pytest.approx(np.exp(-2) / 2)


def test_three_individuals_are_pushed_apart_two_by_two():
    tags = torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 1, 3)
    cells = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2]])
    _, push = tag_loss(tags, cells, torch.tensor([0, 1, 2]))
    assert float(push) == pytest.approx((np.exp(-0.5) + np.exp(-4.5) + np.exp(-2)) / 3)


def test_nobody_has_no_tag_loss():
    tags = torch.ones(1, 1, 2, 2, requires_grad=True)
    pull, push = tag_loss(tags, torch.zeros(0, 4, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    (pull + push).backward()
    assert pull.item() == push.item() == 0
    assert (tags.grad == 0).all()


def test_vectors_miss_by_their_huber_distance():
    pairwise = torch.zeros(1, 6, 2, 2, 3)  # 3 keypoints: pairs 01 02 10 12 20 21
    pairwise[0, 2, :, 1, 2] = torch.tensor([3.0, 0.5])
    cells = torch.tensor([[0, 1, 1, 2]])
    vectors = torch.tensor([[[1.0, 0.0], [np.nan, np.nan]]])
    # From keypoint 1 to 0 the network says (3, 0.5) and (1, 0) is true: 2 - 1/2 and 0.5^2 / 2.
    assert float(pairwise_loss(pairwise, cells, vectors)) == pytest.approx(1.5 + 0.125)
    vectors[0, 1] = torch.tensor([0.0, -4.0])  # from 1 to 2: 0 said, 4 - 1/2, and the mean of both
    assert float(pairwise_loss(pairwise, cells, vectors)) == pytest.approx((1.625 + 3.5) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_finite_differences(seed):
    random = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    places = torch.from_numpy(random.integers(0, [2, 3, 4, 5], (14, 4)))
    owner = places[:, 0] * 3 + torch.from_numpy(random.integers(0, 3, 14))
    vectors = torch.from_numpy(random.normal(0, 3, (14, 2, 2)))
    vectors[4, 1] = torch.nan
    near = torch.from_numpy(random.random((2, 3, 4, 5)) < 0.5)
    target = draw(2, 3, 2, 4, 5).detach()
    # The losses work in float32, as networks do; the differences want more.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        for loss, maps in (
            (lambda tags: sum(tag_loss(tags, places, owner)), draw(2, 3, 4, 5)),
            (lambda pairs: pairwise_loss(pairs, places, vectors), draw(2, 6, 2, 4, 5)),
            (lambda offsets: offset_loss(offsets, target, near), draw(2, 3, 2, 4, 5)),
        ):
            assert torch.autograd.gradcheck(loss, maps)


def test_everything_the_targets_have_is_learnt():
    generator = torch.Generator().manual_seed(0)
    output = HeatmapOutput(
        heatmaps=torch.randn(1, 2, 3, 3, generator=generator, requires_grad=True),
        tags=torch.randn(1, 2, 3, 3, generator=generator, requires_grad=True),
        pairwise=torch.randn(1, 2, 2, 3, 3, generator=generator, requires_grad=True),
    )
    cells = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 2]])
    targets = {"heatmaps": torch.zeros(1, 2, 3, 3), "weight": torch.ones(1, 2)}
    alone = total_loss(output, targets, None)
    tagged = total_loss(output, targets | {"tag_cells": cells, "tag_owner": torch.tensor([0, 1])}, None)
    paired = total_loss(output, targets | {"pair_cells": cells, "pair_vectors": torch.zeros(2, 1, 2)}, None)
    for loss, part in ((tagged, output.tags), (paired, output.pairwise)):
        assert loss.item() > alone.item()
        (gradient,) = torch.autograd.grad(loss, part, retain_graph=True)
        assert (gradient != 0).any()
