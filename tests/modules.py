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


def detectors(shape: tuple[int, int, int], boxes: int = 4) -> dict[str, Any]:
    """Models of a few boxes x1, y1, x2, y2, a probability, and three classes, for each image."""
    weights = np.random.default_rng(0).standard_normal((int(np.prod(shape)), 8 * boxes)) / 20
    inputs = keras.Input(shape)
    dense = keras.layers.Dense(8 * boxes)
    raw = keras.layers.Reshape((boxes, 8))(dense(keras.layers.Flatten()(inputs)))
    dense.set_weights([weights, np.linspace(-1, 1, 8 * boxes)])

    def placed(cat: Any, sigmoid: Any, raw: Any) -> Any:
        low = 10 * sigmoid(raw[..., :2])
        return cat([low, low + 2 + 8 * sigmoid(raw[..., 2:4]), sigmoid(raw[..., 4:])])

    ops = keras.ops
    of_keras = placed(lambda p: ops.concatenate(p, -1), ops.sigmoid, raw)
    linear = nn.Linear(*weights.shape)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(weights).T)
        linear.bias.copy_(torch.linspace(-1, 1, 8 * boxes))
    last = TorchModule(
        lambda x: placed(lambda p: torch.cat(p, -1), torch.sigmoid, x.unflatten(1, (boxes, 8)))
    )
    first = nn.Conv2d(shape[-1], shape[-1], 1, bias=False)  # tells where the channels are
    nn.init.dirac_(first.weight)
    of_torch = nn.Sequential(first, ChannelsLastFlatten(), linear, last).eval()
    return {"tensorflow": keras.Model(inputs, of_keras), "torch": of_torch}


class VisionTransformer(nn.Module):
    """A small one: patches, a class token, places, attention."""

    def __init__(self, size: int = 32, patch: int = 8, width: int = 48, depth: int = 2):
        super().__init__()
        self.patches = nn.Conv2d(1, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, 1 + (size // patch) ** 2, width))
        how = {"activation": "gelu", "batch_first": True, "norm_first": True, "dropout": 0.0}
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, **how)
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.patches(x).flatten(2).movedim(1, -1)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), patches], 1) + self.places
        return self.head(self.blocks(tokens)[:, 0])


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
