"""GradCAM and GradCAM++ of EfficientNet-Lite in PyTorch, as Xplique computes them in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

EPSILON = 1e-4


class GradCAM:
    """
    GradCAM at the last convolution, after its activation.

    Parameters
    ----------
    model
        What `networks.load_torch` gives.
    batch_size
        Most inputs at once.
    """

    def __init__(self, model: Any, batch_size: int = 32):
        self.model = model
        self.batch_size = batch_size

    def __call__(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Maps (N, H, W, 1) of inputs with channels last, for one-hot targets."""
        x = torch.from_numpy(np.moveaxis(np.asarray(inputs), -1, 1).copy())
        pairs = zip(
            x.split(self.batch_size), torch.tensor(targets).split(self.batch_size), strict=True
        )
        return torch.cat([self._maps(*pair) for pair in pairs]).movedim(1, -1).numpy()

    def _maps(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            features = self.model.extract_features(x)
        features.requires_grad_()
        scores = self.model._fc(self.model._avg_pooling(features).flatten(1))
        (gradients,) = torch.autograd.grad((scores * y).sum(), features)
        weights = self._weights(gradients, features.detach())
        maps = (weights * features.detach()).sum(dim=1, keepdim=True).relu()
        return interpolate(maps, x.shape[2:], mode="bicubic")

    def _weights(self, gradients: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """The weight (N, K, 1, 1) of each feature map."""
        return gradients.mean(dim=(2, 3), keepdim=True)


class GradCAMPP(GradCAM):
    """GradCAM++, with the mean of a feature map where its paper has the sum, as in Xplique."""

    def _weights(self, gradients: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        mean = features.mean(dim=(2, 3), keepdim=True)
        below = 2 * gradients**2 + gradients**3 * mean
        shares = gradients**2 / torch.where(below == 0, EPSILON, below)
        return (shares * gradients.relu()).mean(dim=(2, 3), keepdim=True)
