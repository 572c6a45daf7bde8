"""Simple Baseline: a backbone and three deconvolutions (Xiao et al., ECCV 2018).

With a residual network the keys are those of the authors' checkpoints (`conv1` ... `deconv_layers`,
`final_layer`).
"""

from torch import Tensor, nn

from models2d.networks.output import HeatmapOutput
from models2d.networks.resnet import ResNet


class SimpleBaseline(ResNet):
    """Heatmaps at a quarter of the input's size.

    Parameters
    ----------
    keypoints : int
    depth : int
        Of the residual network.
    width : int
        Channels of the deconvolutions.
    offsets : bool
        Also predict location refinement, which the published network does not.
    """

    def __init__(self, keypoints: int, depth: int = 50, width: int = 256, offsets: bool = False) -> None:
        super().__init__(depth)
        layers: list[nn.Module] = []
        before = self.channels
        for _ in range(3):
            layers += [
                nn.ConvTranspose2d(before, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(width, keypoints, 1)
        self.offset_layer = nn.Conv2d(width, 2 * keypoints, 1) if offsets else None

    def forward(self, images: Tensor) -> HeatmapOutput:  # type: ignore[override]
        """Find keypoints.

        Parameters
        ----------
        images : (batch, 3, height, width) float

        Returns
        -------
        output : HeatmapOutput
            heatmaps (batch, keypoints, height / 4, width / 4).
        """
        x = super().forward(images)  # (batch, channels, height / 32, width / 32)
        x = self.deconv_layers(x)  # (batch, width, height / 4, width / 4)
        heatmaps = self.final_layer(x)
        if self.offset_layer is None:
            return HeatmapOutput(heatmaps=heatmaps)
        return HeatmapOutput(heatmaps=heatmaps, offsets=self.offset_layer(x).unflatten(1, (-1, 2)))
