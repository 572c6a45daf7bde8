"""How a network is built, fed and read: what travels with its weights."""

from dataclasses import asdict, dataclass, field
from typing import Any

from models2d.decoding.heatmaps import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is built, fed and read; it travels in the header of the weights file.

    Attributes
    ----------
    architecture : str
        A name that `models2d.networks.build` knows.
    options : dict
        Its keyword arguments, besides the number of keypoints.
    input_size : (int, int)
        Width and height, px.
    stride : int
        Input pixels per heatmap cell.
    convention : str
        Where cells lie, a name of `Grid`: "centred", "deeplabcut", "corner" or "unbiased".
    sigma : float, cells
        Of the Gaussians it was trained on.
    decoding : str
        A method of `heatmaps.decode`, or "offsets" for location refinement.
    region : str
        "frame": it looks at the whole frame. "crop": at the whole frame first, then closer at what it found.
        "box": at boxes that it is given.
    margin : float
        Around an individual, as a fraction of its larger side.
    mean, deviation : (float, float, float)
        Of red, green and blue between 0 and 1.
    temperature : tuple of float
        Per keypoint: what the heatmap's covariance is multiplied with to be that of the error.
    tail : float or None
        Degrees of freedom of a Student t, by which more errors are large than the covariance says; None for a
        Gaussian.
    shared_error : tuple of float
        Per keypoint: see `Detections2D`; empty where it was not measured.
    individuals : int
        How many at most it finds in a frame, for networks that group keypoints; 1 for all others.
    affinity : tuple of (float, float, float)
        Per pair of keypoints: the logistic model of `models2d.grouping.affinity`, in cells, of networks that
        answer with pairwise vectors.
    """

    architecture: str
    options: dict[str, Any] = field(default_factory=dict)
    input_size: tuple[int, int] = (256, 256)
    stride: int = 4
    convention: str = "centred"
    sigma: float = 2.0
    decoding: str = "dark"
    region: str = "crop"
    margin: float = 0.25
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    temperature: tuple[float, ...] = ()
    tail: float | None = None
    shared_error: tuple[float, ...] = ()
    individuals: int = 1
    affinity: tuple[tuple[float, float, float], ...] = ()

    @property
    def grid(self) -> Grid:
        """Where the heatmap's cells lie in the input."""
        if self.convention == "unbiased":
            return Grid.unbiased(self.input_size, self.cells)
        made = {"centred": Grid.centred, "deeplabcut": Grid.deeplabcut, "corner": Grid.corner}
        return made[self.convention](self.stride)

    @property
    def cells(self) -> tuple[int, int]:
        """Width and height of the heatmaps."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    def to_table(self) -> dict[str, Any]:
        """Return the recipe as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "Recipe":
        """Make a recipe from what `to_table` returned, lists turned back into tuples."""
        fields: dict[str, Any] = {key: _as_tuples(value) for key, value in table.items()}
        return cls(**fields)


def _as_tuples(value: Any) -> Any:
    """JSON has no tuples."""
    if isinstance(value, list):
        return tuple(_as_tuples(part) for part in value)
    if isinstance(value, dict):
        return {key: _as_tuples(part) for key, part in value.items()}
    return value
