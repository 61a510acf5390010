"""Models and inputs of PyTorch; what does not need it is tested where there is none, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from torch import nn


class ChannelsLastFlatten(nn.Module):
    """Flatten as Keras does, so that the weights of the next layer carry over."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.movedim(1, -1).flatten(1)


def make_torch(model: keras.Model) -> nn.Module:
    """The PyTorch twin of `make_keras`, with its weights."""
    conv1, conv2, _, dense, _ = model.layers
    twin = nn.Sequential(
        nn.Conv2d(conv1.kernel.shape[2], 6, 3),
        nn.Softplus(),
        nn.Conv2d(6, 6, 3, 2),
        nn.Softplus(),
        ChannelsLastFlatten(),
        nn.Linear(*dense.kernel.shape),
        nn.Softmax(-1),
    )
    with torch.no_grad():
        for layer, source in ((twin[0], conv1), (twin[2], conv2)):
            layer.weight.copy_(torch.tensor(np.array(source.kernel)).permute(3, 2, 0, 1))
            layer.bias.copy_(torch.tensor(np.array(source.bias)))
        twin[5].weight.copy_(torch.tensor(np.array(dense.kernel)).T)
        twin[5].bias.copy_(torch.tensor(np.array(dense.bias)))
    return twin.eval()


def channels_first(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


class TorchModule(nn.Module):
    """The module of a function."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def polynomial(weights: np.ndarray, degree: int) -> nn.Module:
    """The module of Σ w x^degree, for weights w (H, W, C, outputs) of double precision."""
    linear = nn.Linear(weights[..., 0].size, weights.shape[-1], dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(weights).flatten(0, -2).T)
    power = TorchModule(lambda x: x**degree)
    return nn.Sequential(ChannelsLastFlatten(), power, linear).eval()


def segmenters(shape: tuple[int, int, int]) -> dict[str, Any]:
    """Models of two classes for each pixel: the mean over its neighbours, minus its square."""
    conv = nn.Conv2d(shape[-1], 1, 3, padding=1, bias=False)
    nn.init.constant_(conv.weight, 1 / 9)
    both = TorchModule(lambda mean: torch.cat([mean, -(mean**2)], 1))
    kernel, inputs = keras.initializers.Constant(1 / 9), keras.Input(shape)
    options = {"padding": "same", "use_bias": False, "kernel_initializer": kernel}
    mean = keras.layers.Conv2D(1, 3, **options)(inputs)
    of_keras = keras.Model(inputs, keras.layers.Concatenate()([mean, -(mean**2)]))
    return {"tensorflow": of_keras, "torch": nn.Sequential(conv, both).eval()}


def counting() -> tuple[nn.Module, list[int]]:
    """A quadratic module, and the rows of each call."""
    rows: list[int] = []
    weight = nn.Parameter(torch.linspace(-1, 1, 3))

    def scores(x: torch.Tensor) -> torch.Tensor:
        rows.append(len(x))
        return (x**2).flatten(1).sum(1, keepdim=True) * weight

    module = TorchModule(scores).eval()
    module.register_parameter("weight", weight)
    return module, rows


class Tanh(nn.Module):
    """tanh(x A) B of the flat inputs, channels last."""

    def __init__(self, first: np.ndarray, last: np.ndarray):
        super().__init__()
        self.first = nn.Parameter(torch.tensor(first))
        self.last = nn.Parameter(torch.tensor(last))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.movedim(1, -1) if x.ndim > 2 else x
        return torch.tanh(x.flatten(1) @ self.first) @ self.last
