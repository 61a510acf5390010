"""What is explained: a classifier, and held-out inputs of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wam_xplique import datasets
from wam_xplique.analysis import mix
from wam_xplique.demo import networks
from wam_xplique.demo.data import crops
from wam_xplique.demo.pipeline import outputs
from wam_xplique.loading.classifiers import Classifier, load_model
from wam_xplique.model import input_shape

from ..planted.data import KINDS, plant

Data = tuple[np.ndarray, np.ndarray]
"""Inputs with channels last, and one-hot classes."""

SAMPLE_RATE, SECONDS = 16000, 5.0  # of ESC-50's sounds
IMAGE_SIZE, CROP = 224, 0.875
TRAINED = {"keras": "Keras", "torch": "PyTorch"}
"""The classifiers that are trained here, and what they are made in."""


@dataclass(frozen=True, eq=False)
class Subject:
    """
    What is explained.

    Parameters
    ----------
    name
        What it is called in the tables.
    model
        Keras model or `torch.nn.Module` that gives logits, of what the front end makes of the
        inputs where there is one.
    inputs
        Inputs (N, ..., C) with channels last; waveforms (N, T) before a front end.
    front_end
        What stands between inputs and model, in the model's framework.
    domain
        Where our explanations are scored: "wavelet" or "front_end".
    """

    name: str
    model: Any
    inputs: np.ndarray
    front_end: Any = None
    domain: str = "wavelet"

    @property
    def is_keras(self) -> bool:
        """Whether the model is one of Keras."""
        return isinstance(self.model, keras.Model)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the inputs along the axes that are neither samples nor channels."""
        return self.inputs.shape[1:] if self.front_end else self.inputs.shape[1:-1]

    @functools.cached_property
    def seen(self) -> np.ndarray:
        """What the model sees, with channels last."""
        if self.front_end is None:
            return self.inputs
        if self.is_keras:
            return np.asarray(self.front_end(self.inputs))
        import torch

        with torch.no_grad():
            return np.moveaxis(self.front_end(torch.tensor(self.inputs)).numpy(), 1, -1)

    @functools.cached_property
    def targets(self) -> np.ndarray:
        """The classes that the model predicts, one-hot: what is to be explained."""
        logits = outputs(self.model, self.seen)
        return np.eye(logits.shape[1], dtype=np.float32)[logits.argmax(-1)]

    @functools.cached_property
    def probabilities(self) -> Any:
        """The model followed by a softmax: what metrics score."""
        if self.is_keras:
            return keras.Sequential([self.model, keras.layers.Softmax()])
        from torch import nn

        return _in_evaluation(self.model, nn.Softmax(dim=1))

    def of_xplique(self, model: Any) -> Any:
        """A model as Xplique takes it: channels last, which its wrapper turns for images alone."""
        if self.is_keras:
            return model
        from torch import nn
        from xplique.wrappers import TorchWrapper

        class ChannelsFirst(nn.Module):
            def forward(self, x: Any) -> Any:
                return x.movedim(-1, 1)

        return TorchWrapper(_in_evaluation(ChannelsFirst(), model), "cpu", False)

    @functools.cached_property
    def fidelities(self) -> dict[Any, Any]:
        """Metrics that know already what all explanations share."""
        return {}

    @functools.cached_property
    def _parts(self) -> dict[tuple[int, int], Subject]:
        return {}

    def part(self, chosen: slice) -> Subject:
        """The same model with some of the inputs."""
        bounds = (chosen.start, chosen.stop)
        if bounds not in self._parts:
            self._parts[bounds] = self._make_part(chosen)
        return self._parts[bounds]

    def _make_part(self, chosen: slice) -> Subject:
        part = replace(self, inputs=self.inputs[chosen])
        vars(part).update(  # neither predicted nor traced again
            seen=self.seen[chosen],
            targets=self.targets[chosen],
            probabilities=self.probabilities,
        )
        return part


def _in_evaluation(*modules: Any) -> Any:
    """PyTorch modules in sequence; an exported program has no `eval`."""
    from torch import nn

    sequence = nn.Sequential(*map(_of_any_batch, modules))
    for module in sequence.modules():
        module.training = False
    return sequence


def _of_any_batch(module: Any) -> Any:
    """A module that also takes other batches than the one size it was exported for."""
    size: Any = (input_shape(module) or (None,))[0]
    if size is None:
        return module
    import torch

    class InBatches(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: Any) -> Any:
            filled = torch.cat([x, x[-1:].expand(-len(x) % size, *x.shape[1:])])
            return torch.cat([self.module(part) for part in filled.split(size)])[: len(x)]

    return InBatches()


@dataclass(frozen=True)
class Request:
    """
    A classifier and data, by their names.

    Parameters
    ----------
    data
        One of `SOURCES`, with a path after a colon where it is read from files; or
        ``images:FOLDER``.
    model
        "keras" or "torch", for a small network trained on the data; for images, the name of a
        model of `keras.applications`, or ``timm:NAME``; or a file of a Keras or PyTorch model, as
        ``wam-xplique explain`` takes it.
    samples
        Held-out inputs.
    seed
        Seed of the training, and of what inputs are taken.
    weights
        Weights of pretrained models; None for random ones.
    training
        Inputs of each class to train with; None for as many as are good.
    domain
        As of a `Subject`.
    crop
        Share of the shorter side that is seen of images from files.
    trust
        Whether code in the file of a model may run.
    """

    data: str
    model: str
    samples: int
    seed: int = 0
    weights: str | None = "imagenet"
    training: int | None = None
    domain: str = "wavelet"
    crop: float = CROP
    trust: bool = False

    @property
    def is_file(self) -> bool:
        """Whether the model is read from a file."""
        is_name = self.model in TRAINED or self.model.startswith("timm:")
        return not is_name and bool(Path(self.model).suffix)

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        return f"{self.kind}, {self.name_of_model}"

    @property
    def name_of_model(self) -> str:
        """What the model is called."""
        model = TRAINED.get(self.model, Path(self.model).name)
        return model.removeprefix("timm:").removesuffix(".keras")

    @property
    def kind(self) -> str:
        """The data without their path."""
        return self.data.partition(":")[0]

    @property
    def path(self) -> str:
        """Where the data are; empty where they are made here."""
        return self.data.partition(":")[2]

    def check(self) -> None:
        """
        Check that there are such data and such a model, before any work.

        Raises
        ------
        ValueError
            If there are not, or a path is missing.
        """
        kind = self.kind
        if kind not in (*SOURCES, "images"):
            raise ValueError(
                f"data must be one of {[*SOURCES, 'images:FOLDER']}, got {self.data!r}."
            )
        if kind in WHERE and not (self.path and Path(self.path).exists()):
            raise ValueError(
                f"data {kind!r} are read from {WHERE[kind]}; say where it lies, such as "
                f"{kind}:PATH; got {self.data!r}, and there is no {self.path or 'path'}."
            )
        if self.is_file:
            if not Path(self.model).exists():
                raise ValueError(f"model {self.model!r} is no file.")
        elif (kind == "images") == (self.model in TRAINED):
            pretrained = "a name of keras.applications, timm:NAME"
            allowed = pretrained if kind == "images" else "keras, torch"
            raise ValueError(
                f"model for {kind} must be one of {allowed} or a file, got {self.model!r}."
            )

    def load(self) -> Subject:
        """
        Read or make the data, and train or load the model.

        Raises
        ------
        ValueError, DemoError, ImportError
            If something is missing; see the message.
        """
        self.check()
        if self.kind == "images":
            return self._of_images()
        training, inputs = SOURCES[self.kind](self)
        inputs = _some(inputs, self.samples, self.seed)
        if self.is_file:
            return Subject(self.name, self._read().logits, inputs)
        if self.kind not in SOUNDS:
            trained = TRAINERS[self.model](*training, self.seed)
            return Subject(self.name, trained, inputs)
        trained = TRAINERS_OF_SOUNDS[self.model](*training, SAMPLE_RATE, self.seed)
        front_end, classifier = trained.layers if self.model == "keras" else trained
        return Subject(self.name, classifier, inputs, front_end, self.domain)

    def _of_images(self) -> Subject:
        if self.model.startswith("timm:"):
            return self._of_timm()
        found = self._read()
        size = found.shape[found.channels_first] if found.shape else None
        images = found.prepare(self._images(size))
        return Subject(self.name, found.logits, np.asarray(images, np.float32))

    def _read(self) -> Classifier:
        """The classifier in a file, or of `keras.applications`."""
        found = load_model(self.model, self.weights or "none", trust=self.trust)
        if not (isinstance(found.model, keras.Model) or found.channels_first):
            raise ValueError(
                f"model {self.model!r} must hold a Keras or a PyTorch model, to be compared by "
                f"methods that take these, got a {type(found.model).__name__}."
            )
        return found

    def _images(self, size: int | None) -> np.ndarray:
        size = size or IMAGE_SIZE
        return datasets.image_folder(self.path, size, self.samples, self.seed, self.crop)[0]

    def _of_timm(self) -> Subject:
        try:
            import timm
        except ImportError as error:
            raise ImportError(
                f"model {self.model!r} needs timm, which is not installed (pip install timm)."
            ) from error
        name = self.model.removeprefix("timm:")
        model = timm.create_model(name, pretrained=self.weights is not None).eval()
        config = timm.data.resolve_model_data_config(model)
        size, crop = config["input_size"][-1], config["crop_pct"] * self.crop / CROP
        images, _ = datasets.image_folder(self.path, size, self.samples, self.seed, crop)
        mean, deviation = (np.float32(config[name]) for name in ("mean", "std"))
        return Subject(self.name, model, (images / 255 - mean) / deviation)


def _some(inputs: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Some of the inputs at random, in their order."""
    if len(inputs) < samples:
        raise ValueError(f"samples must be at most the {len(inputs)} held-out inputs: {samples}.")
    chosen = np.random.default_rng(seed).choice(len(inputs), samples, replace=False)
    return inputs[np.sort(chosen)]


def _textures(request: Request) -> tuple[Data, np.ndarray]:
    held_out, _ = crops("right", -(-request.samples // 3), seed=request.seed + 1)
    return crops("left", request.training or 200, request.seed), held_out


def _digits(request: Request) -> tuple[Data, np.ndarray]:
    digits = load_digits()
    images = ((digits.images - 4.9) / 6)[..., np.newaxis].astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[digits.target]
    training, held_out, labels, _ = train_test_split(
        images, labels, test_size=0.25, random_state=request.seed
    )
    return (training, labels), held_out


def _planted(request: Request, ndim: int) -> tuple[Data, np.ndarray]:
    count = request.training or {1: 300, 2: 300, 3: 150}[ndim]
    training = plant(ndim, count, request.seed)
    held_out = plant(
        ndim, -(-request.samples // len(KINDS[ndim].classes)), request.seed + 1, "right"
    )
    return (training.inputs, training.labels), held_out.inputs


def _esc50(request: Request) -> tuple[Data, np.ndarray]:
    """Fold 1 is held out, as in the WAM paper."""
    read = functools.partial(
        datasets.esc50, request.path, sample_rate=SAMPLE_RATE, duration=SECONDS
    )
    waveforms, labels, classes, _ = read(folds=(2, 3, 4, 5))
    return (waveforms, np.eye(len(classes), dtype=np.float32)[labels]), read(folds=(1,))[0]


def _esc50_noisy(request: Request) -> tuple[Data, np.ndarray]:
    """The same under white noise at 0 dB, as in tables 2 and 5 of the WAM paper."""
    training, held_out = _esc50(request)
    noise = np.random.default_rng(request.seed).standard_normal(held_out.shape, np.float32)
    return training, mix(held_out, noise)[0]


def _medmnist(request: Request) -> tuple[Data, np.ndarray]:
    volumes, labels = datasets.medmnist3d(request.path, "train")
    return (volumes, np.eye(labels.max() + 1, dtype=np.float32)[labels]), datasets.medmnist3d(
        request.path, "test"
    )[0]


SOURCES: dict[str, Callable[[Request], tuple[Data, np.ndarray]]] = {
    "textures": _textures,
    "digits": _digits,
    "planted-signal": functools.partial(_planted, ndim=1),
    "planted-image": functools.partial(_planted, ndim=2),
    "planted-volume": functools.partial(_planted, ndim=3),
    "esc50": _esc50,
    "esc50-noisy": _esc50_noisy,
    "medmnist": _medmnist,
}
"""What data to train on, and inputs held out, are read or made by."""

SOUNDS = ("esc50", "esc50-noisy")
ESC50 = "the folder of ESC-50 (https://github.com/karolpiczak/ESC-50), with meta/ and audio/"
WHERE = {
    "images": "a folder of images, such as ImageNet's for validation (https://image-net.org)",
    "esc50": ESC50,
    "esc50-noisy": ESC50,
    "medmnist": "an archive of MedMNIST-3D (https://medmnist.com), such as adrenalmnist3d.npz",
}
"""What data are read from, and where to fetch it."""

TRAINERS = {"keras": networks.train_keras, "torch": networks.train_torch}
TRAINERS_OF_SOUNDS = {"keras": networks.train_mel_keras, "torch": networks.train_mel_torch}
