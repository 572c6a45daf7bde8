"""HRNet: parallel branches of different resolution that keep exchanging (Sun et al., CVPR 2019).

Keys are those of the authors' pose and ImageNet checkpoints.
"""

from torch import Tensor, nn

from models2d.networks.output import HeatmapOutput
from models2d.networks.resnet import Basic, Bottleneck

exchanges = {2: 1, 3: 4, 4: 3}
"""Modules per stage."""


class HRNet(nn.Module):
    """Heatmaps from the branch at a quarter of the input's size.

    Parameters
    ----------
    keypoints : int
    width : int
        Channels of the finest branch: 18, 32 or 48; each coarser one has twice as many.
    """

    def __init__(self, keypoints: int, width: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(3)))
        before = [256]
        for stage, count in exchanges.items():
            widths = [width * 2**branch for branch in range(stage)]
            setattr(self, f"transition{stage - 1}", _transition(before, widths))
            last = [stage == 4 and number == count - 1 for number in range(count)]
            setattr(
                self, f"stage{stage}", nn.Sequential(*(_Exchange(widths, only_finest=one) for one in last))
            )
            before = widths
        self.final_layer = nn.Conv2d(width, keypoints, 1)
        nn.init.normal_(self.final_layer.weight, std=0.001)  # as the authors': empty heatmaps to begin with

    def features(self, images: Tensor) -> Tensor:
        """Extract features.

        Parameters
        ----------
        images : (batch, 3, height, width) float
            Sides are multiples of 32.

        Returns
        -------
        features : (batch, width, height / 4, width / 4) float
        """
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.relu(self.bn2(self.conv2(x)))
        branches = [self.layer1(x)]  # (batch, 256, height / 4, width / 4)
        for stage in (2, 3, 4):
            transition = self.get_submodule(f"transition{stage - 1}")
            branches = [
                branches[min(number, len(branches) - 1)]
                if isinstance(step, nn.Identity)
                else step(branches[min(number, len(branches) - 1)])
                for number, step in enumerate(transition.children())
            ]  # branch b: (batch, width * 2^b, height / 2^(2+b), ...)
            for exchange in self.get_submodule(f"stage{stage}").children():
                branches = exchange(branches)
        return branches[0]

    def forward(self, images: Tensor) -> HeatmapOutput:
        """Find keypoints.

        Parameters
        ----------
        images : (batch, 3, height, width) float
            Sides are multiples of 32.

        Returns
        -------
        output : HeatmapOutput
            heatmaps (batch, keypoints, height / 4, width / 4).
        """
        return HeatmapOutput(heatmaps=self.final_layer(self.features(images)))


def _transition(before: list[int], after: list[int]) -> nn.ModuleList:
    """One step per branch: the same, a change of width, or a new coarser branch from the last one."""
    steps: list[nn.Module] = []
    for number, width in enumerate(after):
        if number < len(before):
            same = before[number] == width
            steps.append(nn.Identity() if same else nn.Sequential(*_unit(before[number], width, 1)))
        else:
            steps.append(nn.Sequential(nn.Sequential(*_unit(before[-1], width, 2))))
    return nn.ModuleList(steps)


def _unit(before: int, after: int, stride: int, act: bool = True) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
    ]
    return [*layers, nn.ReLU(inplace=True)] if act else layers


class _Exchange(nn.Module):
    """Four residual blocks on each branch, then every branch gets the sum of all."""

    def __init__(self, widths: list[int], only_finest: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(width, width) for _ in range(4))) for width in widths
        )
        targets = widths[:1] if only_finest else widths
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resampled(widths, source, target) for source in range(len(widths)))
            for target in range(len(targets))
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        refined = [block(x) for block, x in zip(self.branches, branches, strict=True)]
        fused = []
        for row in self.fuse_layers:
            parts = [step(x) for step, x in zip(row.children(), refined, strict=True)]
            fused.append(sum(parts[1:], start=parts[0]).relu())
        return fused


def _resampled(widths: list[int], source: int, target: int) -> nn.Module:
    """Bring one branch to the resolution and width of another."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(widths[source], widths[target], 1, bias=False),
            nn.BatchNorm2d(widths[target]),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    steps = []
    for step in range(target - source):
        last = step == target - source - 1
        after = widths[target] if last else widths[source]
        steps.append(nn.Sequential(*_unit(widths[source], after, 2, act=not last)))
    return nn.Sequential(*steps)
