"""Where models run: a graphics card, or the processor."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ..model import Model

DEVICES = ("cuda", "mps", "cpu")
"""From the fastest to the slowest."""


def hide_gpus() -> None:
    """Let TensorFlow use the processor alone, if it has used no other before."""
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise ValueError(f"--device cpu must be told before TensorFlow runs: {error}") from error


def place(model: Any, device: str | None) -> None:
    """Bring a model to a device, the fastest there is by default; TensorFlow chooses by itself."""
    if Model(model).framework != "torch":
        there = {"cpu", *(["cuda"] if tf.config.list_physical_devices("GPU") else [])}
        _check(device, there, "TensorFlow")
        return
    import torch

    there = {"cpu"}
    there |= {"cuda"} if torch.cuda.is_available() else set()
    there |= {"mps"} if torch.backends.mps.is_available() else set()
    _check(device, there, "PyTorch")
    model.to(device or next(one for one in DEVICES if one in there))


def _check(device: str | None, there: set[str], framework: str) -> None:
    if device is not None and device not in there:
        known = ", ".join(one for one in DEVICES if one in there)
        raise ValueError(f"--device {device} is not there for {framework}; there is {known}.")
