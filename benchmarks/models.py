"""Models with random weights, for the cost of an explanation; the weights do not change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    from torch import nn

MOBILENET = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, width, repeats and first stride of MobileNetV2's blocks, its table 2."""

M5 = ((32, 80, 16), (32, 3, 1), (64, 3, 1), (64, 3, 1))
"""Width, size and stride of M5's convolutions; pooling by 4 stands between them."""


def resnet18(classes: int = 1000) -> nn.Module:
    """A ResNet-18 in PyTorch, in evaluation mode (He & al., 2015)."""
    return _resnet([64, 64, 128, 128, 256, 256, 512, 512], classes)


def small_resnet(classes: int = 10) -> nn.Module:
    """A small ResNet in PyTorch, in evaluation mode."""
    return _resnet([8, 16], classes)


def _resnet(widths: list[int], classes: int) -> nn.Module:
    import torch
    from torch import nn

    class Block(nn.Module):
        """Two convolutions and a shortcut; halves the image where it widens it."""

        def __init__(self, inputs: int, width: int):
            super().__init__()
            stride = 1 if inputs == width else 2
            self.body = nn.Sequential(
                *_convolution(inputs, width, 3, stride),
                nn.ReLU(inplace=True),
                *_convolution(width, width, 3, 1),
            )
            self.shortcut = nn.Sequential(
                *(_convolution(inputs, width, 1, stride) if stride > 1 else ())
            )
            self.activation = nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.activation(self.body(x) + self.shortcut(x))

    torch.manual_seed(0)
    return nn.Sequential(
        *_convolution(3, widths[0], 7, 2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        *(
            Block(before, width)
            for before, width in zip([widths[0], *widths], widths, strict=False)
        ),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(widths[-1], classes),
    ).eval()


def mobilenet_torch(classes: int = 1000) -> nn.Module:
    """A MobileNetV2 in PyTorch, up to its logits, in evaluation mode (Sandler & al., 2018)."""
    import torch
    from torch import nn

    class Block(nn.Module):
        """Widens, filters each channel by itself, narrows; a shortcut where the shape is kept."""

        def __init__(self, inputs: int, width: int, expansion: int, stride: int):
            super().__init__()
            inner = inputs * expansion
            widen = (*_convolution(inputs, inner, 1, 1), nn.ReLU6(inplace=True))
            self.body = nn.Sequential(
                *(widen if expansion > 1 else ()),
                *_convolution(inner, inner, 3, stride, groups=inner),
                nn.ReLU6(inplace=True),
                *_convolution(inner, width, 1, 1),
            )
            self.has_shortcut = stride == 1 and inputs == width

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.body(x) if self.has_shortcut else self.body(x)

    torch.manual_seed(0)
    blocks, before = [], 32
    for expansion, width, repeats, stride in MOBILENET:
        for number in range(repeats):
            blocks.append(Block(before, width, expansion, stride if number == 0 else 1))
            before = width
    return nn.Sequential(
        *_convolution(3, 32, 3, 2),
        nn.ReLU6(inplace=True),
        *blocks,
        *_convolution(before, 1280, 1, 1),
        nn.ReLU6(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1280, classes),
    ).eval()


def _convolution(
    inputs: int, outputs: int, size: int, stride: int, groups: int = 1
) -> tuple[nn.Module, nn.Module]:
    from torch import nn

    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    # Kaiming's, by the outputs that an input has; PyTorch's own takes those of all groups.
    nn.init.normal_(convolution.weight, std=(2 * groups / (outputs * size**2)) ** 0.5)
    return convolution, nn.BatchNorm2d(outputs)


def mobilenet(size: int = 224, classes: int = 1000) -> keras.Model:
    """MobileNetV2 in Keras, up to its logits."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV2(
        (size, size, 3), weights=None, classes=classes, classifier_activation=None
    )


def small_cnn(size: int, classes: int = 10) -> keras.Model:
    """A small convolutional network in Keras, up to its logits."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.layers.Input((size, size, 3)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes),
        ]
    )


def m5(size: int, classes: int = 10) -> keras.Model:
    """M5 in Keras, which classifies waveforms as they are (Dai & al., 2016), of width 32."""
    import keras

    keras.utils.set_random_seed(0)
    body: list[keras.layers.Layer] = []
    for width, kernel, stride in M5:
        body += [
            keras.layers.Conv1D(width, kernel, stride, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPooling1D(4),
        ]
    head = [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(classes)]
    return keras.Sequential([keras.layers.Input((size, 1)), *body[:-1], *head])


def m5_torch(classes: int = 10) -> nn.Module:
    """The same in PyTorch, in evaluation mode."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    body: list[nn.Module] = []
    before = 1
    for width, kernel, stride in M5:
        convolution = nn.Conv1d(before, width, kernel, stride, bias=False)
        body += [convolution, nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.MaxPool1d(4)]
        before = width
    head = [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*body[:-1], *head).eval()


def voxnet(size: int, classes: int = 10) -> keras.Model:
    """The convolutions of VoxNet (Maturana & Scherer, 2015) in Keras, which see volumes."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.layers.Input((size, size, size, 1)),
            keras.layers.Conv3D(32, 5, strides=2, activation="relu"),
            keras.layers.Conv3D(32, 3, activation="relu"),
            keras.layers.GlobalAveragePooling3D(),
            keras.layers.Dense(classes),
        ]
    )


def voxnet_torch(classes: int = 10) -> nn.Module:
    """The same in PyTorch, in evaluation mode."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(1, 32, 5, 2),
        nn.ReLU(inplace=True),
        nn.Conv3d(32, 32, 3),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(32, classes),
    ).eval()
