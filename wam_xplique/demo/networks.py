"""The demo's texture classifier, in Keras and in PyTorch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from tqdm.auto import trange

WIDTHS = (16, 32, 64)
EPOCHS, BATCH_SIZE, LEARNING_RATE = 8, 32, 3e-3


def train_keras(images: np.ndarray, labels: np.ndarray, seed: int = 0) -> keras.Model:
    """A fully convolutional classifier that gives logits, for images of any size."""
    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.layers.Input((None, None, images.shape[-1]))]
    for width in WIDTHS:
        layers += [
            keras.layers.Conv2D(width, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
        ]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(labels.shape[-1])]
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    for _ in trange(EPOCHS, desc="train in Keras", unit="epoch"):
        model.fit(images, labels, batch_size=BATCH_SIZE, verbose=0)
    return model


def train_torch(images: np.ndarray, labels: np.ndarray, seed: int = 0) -> Any:
    """The same classifier as a `torch.nn.Module` in evaluation mode, for channels-first images."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, width in zip((images.shape[-1], *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], labels.shape[-1])]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    x, y = torch.tensor(np.moveaxis(images, -1, 1).copy()), torch.tensor(labels)
    for _ in trange(EPOCHS, desc="train in PyTorch", unit="epoch"):
        for batch in torch.randperm(len(x)).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model.eval()
