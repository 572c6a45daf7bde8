"""How a network is trained: `TrainingOptions`."""

from dataclasses import dataclass, field

from models2d.models.recipe import Recipe
from models2d.training.augmentation import Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How a network is trained.

    Attributes
    ----------
    recipe : Recipe
        The network and what it looks at; its stride is taken from the network. Labels with several
        individuals in a frame want a network that groups keypoints, which then looks at whole frames, or the
        region "box".
    augmentation : Augmentation
    steps : int
        Batches.
    batch : int
        Samples per batch.
    rate : float
        Highest learning rate of AdamW; it warms up over the first 3% of the steps and falls as a cosine.
    decay : float
        Weight decay.
    average : float
        Decay of the exponential moving average of the weights, which is what is evaluated and kept.
    whole : float
        Part of the samples that show the whole frame, for networks that look at crops.
    hardest : int or None
        Keypoints per sample that count (online hard keypoint mining).
    unlabelled : str
        "absent": a keypoint without label is not to be seen, so its heatmap is empty. "ignored": nothing is
        known about it.
    mixed : bool or None
        Mixed precision: 16-bit floats on a graphics card, bfloat16 on a processor (several times faster
        where it has matrix units for it, slower elsewhere). By default on a graphics card only.
    evaluate_every : int
        Steps between evaluations, checkpoints and lines of the log.
    patience : int or None
        Stop after this many evaluations without a better one.
    seed : int
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(architecture="unet"))
    augmentation: Augmentation = field(default_factory=Augmentation)
    steps: int = 3000
    batch: int = 16
    rate: float = 2e-3
    decay: float = 1e-4
    average: float = 0.995
    whole: float = 0.25
    hardest: int | None = None
    unlabelled: str = "absent"
    mixed: bool | None = None
    evaluate_every: int = 250
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check."""
        if self.unlabelled not in {"absent", "ignored"}:
            raise ValueError(f"unlabelled: expected 'absent' or 'ignored', got {self.unlabelled!r}")
        for name in ("steps", "batch", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
