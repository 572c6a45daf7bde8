"""Residual log-likelihood estimation: learn how regression errors are distributed (Li et al., ICCV 2021)."""

import math

import torch
from torch import Tensor, nn


class LikelihoodFlow(nn.Module):
    """A RealNVP of two dimensions (Dinh et al., ICLR 2017) from errors to a standard Gaussian.

    Parameters
    ----------
    layers : int
        Coupling layers; they take turns in which coordinate they leave alone.
    width : int
        Of their hidden layers.
    """

    def __init__(self, layers: int = 6, width: int = 64) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_perceptron(width, bounded=True) for _ in range(layers))
        self.shifts = nn.ModuleList(_perceptron(width, bounded=False) for _ in range(layers))

    def forward(self, errors: Tensor) -> Tensor:
        """Log density of normalised errors.

        Parameters
        ----------
        errors : (n, 2) float

        Returns
        -------
        log_density : (n) float
        """
        z, log_determinant = errors, errors.new_zeros(len(errors))
        for number in reversed(range(len(self.scales))):
            kept = errors.new_tensor([1.0, 0.0] if number % 2 else [0.0, 1.0])
            scale = self.scales[number](z * kept) * (1 - kept)
            shift = self.shifts[number](z * kept) * (1 - kept)
            z = kept * z + (1 - kept) * (z - shift) * torch.exp(-scale)
            log_determinant = log_determinant - scale.sum(dim=1)
        return log_determinant - 0.5 * z.square().sum(dim=1) - math.log(2 * math.pi)


def _perceptron(width: int, bounded: bool) -> nn.Sequential:
    layers = [
        nn.Linear(2, width),
        nn.LeakyReLU(),
        nn.Linear(width, width),
        nn.LeakyReLU(),
        nn.Linear(width, 2),
    ]
    nn.init.zeros_(layers[4].weight)  # type: ignore[arg-type]
    nn.init.zeros_(layers[4].bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers, *([nn.Tanh()] if bounded else []))


def likelihood_loss(
    xy: Tensor, sigma: Tensor, target: Tensor, weight: Tensor, flow: LikelihoodFlow
) -> Tensor:
    """Negative log-likelihood of the labels: a Laplace distribution times what the flow learnt (eq. 9).

    Parameters
    ----------
    xy, sigma, target : (batch, keypoints, 2) float
        In the same unit.
    weight : (batch, keypoints) float
        0 for keypoints that do not count; their targets may be anything finite.
    flow : LikelihoodFlow

    Returns
    -------
    loss : () float
    """
    errors = (xy - target) / sigma.clamp_min(1e-6)
    log_flow = flow(errors.reshape(-1, 2)).reshape(weight.shape)
    laplace = (sigma.clamp_min(1e-6).log() + errors.abs() + math.log(2)).sum(dim=2)
    return ((laplace - log_flow) * weight).sum() / weight.sum().clamp_min(1.0)
