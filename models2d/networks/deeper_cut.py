"""DeeperCut's network: DeepLabCut's, and for each pair of keypoints the vector from one to the other.

Insafutdinov et al., ECCV 2016, section 4: the vectors feed the pairwise terms of the integer program.
"""

from collections.abc import Sequence

from torch import Tensor

from models2d.networks.backbones import channels
from models2d.networks.deeplabcut import LOCREF_DEVIATION, Deconvolutions, DeepLabCut
from models2d.networks.output import PAIRWISE_DEVIATION, HeatmapOutput


class DeeperCut(DeepLabCut):
    """Score maps, location refinement and pairwise vectors.

    Parameters
    ----------
    keypoints : int
    backbone, output_stride, hidden
        As for `DeepLabCut`.
    """

    def __init__(
        self,
        keypoints: int,
        backbone: str = "resnet101",
        output_stride: int = 16,
        hidden: Sequence[int] = (),
    ) -> None:
        super().__init__(keypoints, backbone, output_stride, hidden)
        pairs = keypoints * (keypoints - 1)
        self.pairwise_head = Deconvolutions([channels(self.backbone), *hidden, 2 * pairs])

    def forward(self, images: Tensor) -> HeatmapOutput:
        """Find keypoints and the vectors between them.

        Parameters
        ----------
        images : (batch, 3, height, width) float

        Returns
        -------
        output : HeatmapOutput
            As `DeepLabCut`, and pairwise (batch, keypoints * (keypoints - 1), 2, ...), cells.
        """
        features = self.backbone(images)  # (batch, channels, height / output_stride, width / output_stride)
        offsets = self.locref_head(features).unflatten(1, (-1, 2)) * (LOCREF_DEVIATION / self.stride)
        pairwise = self.pairwise_head(features).unflatten(1, (-1, 2)) * (PAIRWISE_DEVIATION / self.stride)
        return HeatmapOutput(
            heatmaps=self.heatmap_head(features).sigmoid(), offsets=offsets, pairwise=pairwise
        )
