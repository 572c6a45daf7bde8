"""A network on a device, at a precision: images in their bytes go in, arrays come out."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Image = NDArray[np.uint8]
Array = NDArray[np.floating[Any]]
precisions = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class DeviceNetwork:
    """A network that is run where it is fastest.

    Parameters
    ----------
    network : torch Module
        (batch, 3, height, width) red, green, blue to a tuple of tensors.
    low, high : float
        What the network takes for black and white.
    device : str, optional
        "cpu" or "cuda"; by default the graphics card where there is one.
    precision : str, optional
        "float32", "float16" or "bfloat16"; by default float16 on a graphics card and float32 elsewhere.
    batch : int
        Images per pass.

    Raises
    ------
    ValueError
        If there is no such precision.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        low: float = 0.0,
        high: float = 1.0,
        device: str | None = None,
        precision: str | None = None,
        batch: int = 16,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision = precision or ("float16" if self.device.type == "cuda" else "float32")
        if self.precision not in precisions:
            raise ValueError(f"precision: expected one of {', '.join(precisions)}, got {precision!r}")
        self.network = network.eval().to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.low, self.high, self.batch = low, high, batch

    @torch.inference_mode()
    def answer(self, patches: Image) -> tuple[Array, ...]:
        """Run the network.

        Parameters
        ----------
        patches : (n, height, width, 3) uint8
            Blue, green, red.

        Returns
        -------
        answers : tuple of (n, ...) float32
        """
        parts = [
            self._run(patches[first : first + self.batch]) for first in range(0, len(patches), self.batch)
        ]
        return tuple(np.concatenate(answers) for answers in zip(*parts, strict=True))

    def _run(self, patches: Image) -> tuple[Array, ...]:
        images = torch.from_numpy(np.ascontiguousarray(patches[..., ::-1])).to(self.device)
        images = images.permute(0, 3, 1, 2).to(torch.float32) * ((self.high - self.low) / 255) + self.low
        short = precisions[self.precision]
        with torch.autocast(self.device.type, dtype=short, enabled=short is not torch.float32):
            answers = self.network(images)
        return tuple(answer.float().cpu().numpy() for answer in answers)
