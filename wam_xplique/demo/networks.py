"""The demo's classifiers, in Keras and in PyTorch: images, volumes, waveforms, spectrograms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
import numpy as np
from tqdm.auto import trange

from .data import SAMPLE_RATE

WIDTHS = (16, 32, 64)
EPOCHS = 8

# Seconds of a window of a spectrogram, and between two windows.
WINDOW, HOP = 0.032, 0.008
MEL_BANDS, LOWEST_FREQUENCY = 32, 20.0
# Power of what counts as silence: far below it, decibels would tell of rounding errors alone.
SILENCE = 1e-4


class Architecture(NamedTuple):
    """What a classifier is made of, and how it is trained."""

    kernels: tuple[int, ...] = (3, 3, 3)
    strides: tuple[int, ...] = (1, 1, 1)
    pool: int = 2  # how many positions a pooling makes one of
    summary: str = "Avg"  # or "Max": of a feature, over all positions
    rescale: bool = False  # the inputs to unit variance first
    batch_size: int = 32
    learning_rate: float = 3e-3

    @property
    def convolutions(self) -> Iterable[tuple[int, int, int]]:
        """Features, width of the kernel and stride of each."""
        return zip(WIDTHS, self.kernels, self.strides, strict=True)


# A sample tells less than a pixel, so that signals need wider kernels; with one axis or three,
# larger batches and steps do not train the networks each time.
SIGNALS = Architecture((65, 9, 9), (4, 1, 1), pool=4, batch_size=16, learning_rate=2e-3)
IMAGES = Architecture()
VOLUMES = Architecture((5, 3, 3), (2, 1, 1), batch_size=16, learning_rate=1e-3)
ARCHITECTURES = {1: SIGNALS, 2: IMAGES, 3: VOLUMES}  # by the number of spatial axes

# What tells a sound may be short, and an average would dilute it in the silence around. Waveforms
# are small numbers, from which a network learns slowly.
WAVEFORMS = SIGNALS._replace(summary="Max", rescale=True, learning_rate=4e-3)
SPECTROGRAMS = IMAGES._replace(summary="Max")


def train_keras(
    inputs: np.ndarray, labels: np.ndarray, seed: int = 0, architecture: Architecture | None = None
) -> keras.Model:
    """
    Train a fully convolutional classifier that gives logits, for inputs of any size.

    Inputs are waveforms (N, T, 1), images or spectrograms (N, H, W, C) or volumes (N, D, H, W, C),
    float32; labels one-hot classes (N, classes), float32. The `seed` is that of the weights and of
    the order of the inputs; the architecture by default that of signals, images or volumes.
    """
    rank, kinds = _rank(inputs, labels), vars(keras.layers)
    architecture = architecture or ARCHITECTURES[rank]
    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.layers.Input((*[None] * rank, inputs.shape[-1]))]
    if architecture.rescale:
        layers.append(keras.layers.Rescaling(_gain(inputs)))
    for width, kernel, stride in architecture.convolutions:
        layers += [
            kinds[f"Conv{rank}D"](width, kernel, stride, padding="same", activation="relu"),
            kinds[f"MaxPool{rank}D"](architecture.pool),
        ]
    summary = kinds[f"Global{architecture.summary}Pool{rank}D"]()
    model = keras.Sequential([*layers, summary, keras.layers.Dense(labels.shape[-1])])
    model.compile(
        keras.optimizers.Adam(architecture.learning_rate),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    for _ in trange(EPOCHS, desc="train in Keras", unit="epoch"):
        model.fit(inputs, labels, batch_size=architecture.batch_size, verbose=0)
    return model


def train_torch(
    inputs: np.ndarray, labels: np.ndarray, seed: int = 0, architecture: Architecture | None = None
) -> Any:
    """Train the same, in PyTorch, on the same arrays; it takes its channels first: (N, C, ...)."""
    import torch
    from torch import nn

    rank, kinds = _rank(inputs, labels), vars(nn)
    architecture = architecture or ARCHITECTURES[rank]
    torch.manual_seed(seed)
    layers: list[nn.Module] = [_rescaling_torch(_gain(inputs))] if architecture.rescale else []
    before = inputs.shape[-1]
    for width, kernel, stride in architecture.convolutions:
        convolution = kinds[f"Conv{rank}d"](before, width, kernel, stride, padding=kernel // 2)
        layers += [convolution, nn.ReLU(), kinds[f"MaxPool{rank}d"](architecture.pool)]
        before = width
    summary = kinds[f"Adaptive{architecture.summary}Pool{rank}d"](1)
    model = nn.Sequential(*layers, summary, nn.Flatten(), nn.Linear(before, labels.shape[-1]))
    optimizer = torch.optim.Adam(model.parameters(), architecture.learning_rate)
    x, y = torch.tensor(np.moveaxis(inputs, -1, 1).copy()), torch.tensor(labels)
    for _ in trange(EPOCHS, desc="train in PyTorch", unit="epoch"):
        for batch in torch.randperm(len(x)).split(architecture.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model.eval()


def mel_keras(sample_rate: int = SAMPLE_RATE) -> keras.Model:
    """
    Mel spectrograms (N, 32, frames, 1) of waveforms (N, T), in bels above silence, which is 0.

    It is a front end to the classifiers of images. None depends on the others of its batch.
    """
    window, hop = _window_and_hop(sample_rate)
    return keras.Sequential(
        [
            keras.layers.Input((None,)),
            keras.layers.MelSpectrogram(
                fft_length=window,
                sequence_stride=hop,
                sampling_rate=sample_rate,
                num_mel_bins=MEL_BANDS,
                min_freq=LOWEST_FREQUENCY,
                min_power=SILENCE,
                ref_power=SILENCE,
                top_db=float("inf"),  # anything less counts from the loudest sound of the batch
            ),
            keras.layers.Rescaling(0.1),
            keras.layers.Reshape((MEL_BANDS, -1, 1)),
        ]
    )


def mel_torch(sample_rate: int = SAMPLE_RATE) -> Any:
    """The same mel spectrograms in PyTorch, (N, T) or (N, 1, T) to (N, 1, 32, frames)."""
    import torch
    from torch import nn

    window, hop = _window_and_hop(sample_rate)

    class MelSpectrogram(nn.Module):
        hann: torch.Tensor
        filters: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("hann", torch.hann_window(window))
            self.register_buffer("filters", torch.tensor(_mel_filters(window, sample_rate)))

        def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
            spectrum = torch.stft(
                waveforms.flatten(1), window, hop, window=self.hann, return_complex=True
            )
            power = self.filters @ torch.view_as_real(spectrum).square().sum(-1)
            return (power.clamp(min=SILENCE) / SILENCE).log10().unsqueeze(1)

    return MelSpectrogram().eval()


def mel_places(hertz: Any, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Where frequencies lie among the bands of mel spectrograms, counted from their middles."""
    frequencies = (LOWEST_FREQUENCY, sample_rate / 2, hertz)
    lowest, highest, mels = (1127 * np.log1p(np.asarray(f) / 700) for f in frequencies)
    return (mels - lowest) / (highest - lowest) * (MEL_BANDS + 1) - 1


def train_mel_keras(
    waveforms: np.ndarray, labels: np.ndarray, sample_rate: int = SAMPLE_RATE, seed: int = 0
) -> keras.Model:
    """Train the classifier of images on spectrograms of waveforms (N, T); its layers are both."""
    _check_waveforms(waveforms)
    front_end = mel_keras(sample_rate)
    spectrograms = front_end.predict(waveforms, verbose=0)
    return keras.Sequential([front_end, train_keras(spectrograms, labels, seed, SPECTROGRAMS)])


def train_mel_torch(
    waveforms: np.ndarray, labels: np.ndarray, sample_rate: int = SAMPLE_RATE, seed: int = 0
) -> Any:
    """The same in PyTorch: a `torch.nn.Sequential` of the two, for (N, T) or (N, 1, T)."""
    import torch

    _check_waveforms(waveforms)
    front_end = mel_torch(sample_rate)
    spectrograms = front_end(torch.tensor(waveforms)).movedim(1, -1).numpy()
    classifier = train_torch(spectrograms, labels, seed, SPECTROGRAMS)
    return torch.nn.Sequential(front_end, classifier).eval()


def _rank(inputs: np.ndarray, labels: np.ndarray) -> int:
    """Number of axes of `inputs` that are neither samples nor channels."""
    if inputs.ndim - 2 not in ARCHITECTURES:
        raise ValueError(
            "inputs must be waveforms (N, T, 1), images (N, H, W, C) or volumes (N, D, H, W, C), "
            f"got shape {inputs.shape}."
        )
    if labels.ndim != 2 or len(labels) != len(inputs):
        raise ValueError(
            f"labels must be one-hot classes ({len(inputs)}, classes), got shape {labels.shape}."
        )
    return inputs.ndim - 2


def _gain(inputs: np.ndarray) -> float:
    """What brings inputs to unit variance."""
    return 1 / (float(inputs.std()) or 1.0)


def _rescaling_torch(gain: float) -> Any:
    from torch import Tensor, nn

    class Rescaling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return gain * x

    return Rescaling()


def _check_waveforms(waveforms: np.ndarray) -> None:
    if waveforms.ndim != 2:
        raise ValueError(f"waveforms must have shape (N, T), got {waveforms.shape}.")


def _window_and_hop(sample_rate: int) -> tuple[int, int]:
    """Samples of a window of a spectrogram, and between two windows."""
    # Keras takes the last frequency for half the sample rate, which it is of even windows alone.
    return 2 * round(WINDOW * sample_rate / 2), round(HOP * sample_rate)


def _mel_filters(window: int, sample_rate: int) -> np.ndarray:
    """Triangles (bands, frequencies) with a peak of 1, as Keras has them."""
    places = mel_places(np.fft.rfftfreq(window, 1 / sample_rate), sample_rate)
    away = np.abs(places - np.arange(MEL_BANDS)[:, np.newaxis])
    return np.maximum(0, 1 - away).astype(np.float32)
