"""Files as inputs of a classifier."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from ..analysis.predictions import predict
from ..checks import warn
from ..datasets import load_image, load_wav, resample
from ..inputs import Layout
from ..loading.classifiers import IMAGENET_CLASSES, Classifier
from ..model import fits
from ..terminal import as_text, reason
from .file_names import IMAGES, SOUNDS, Problems
from .options import Options

T = TypeVar("T")
logger = logging.getLogger(__name__)

IMAGENET_SIZE = 224
"""Height and width that models of ImageNet's classes take, where they leave them open."""

KEYS = ("x", "inputs", "input", "images", "arr_0")


class Photograph(NamedTuple):
    """An image at its own size, and what the model sees of it."""

    pixels: np.ndarray  # (H, W) or (H, W, 3)
    box: tuple[float, float, float, float]  # left, top, right and bottom, in pixels


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs of a classifier."""

    x: Any  # (N, ...) as the model takes them: array, or PyTorch tensor
    shown: np.ndarray  # what is drawn of them (N, ...), channels last
    ndim: int
    outputs: np.ndarray  # (N, classes)
    sample_rate: int | None = None  # of sounds
    photograph: Photograph | None = None  # of a file of one image
    guessed: bool = False  # whether the size of the image is a guess

    @property
    def predicted(self) -> np.ndarray:
        """The classes that the model predicts, one-hot (N, classes)."""
        classes = self.outputs.shape[1]
        return np.eye(classes, dtype=np.float32)[self.outputs.argmax(axis=1)]

    @property
    def sized(self) -> str | None:
        """What is seen of the photograph of a file, in words."""
        if self.photograph is None:
            return None
        guess = " (assumed, as for ImageNet; --size changes it)" if self.guessed else ""
        height, width = self.shown.shape[1:3]
        return f"the middle of images is seen, at {height}×{width}{guess}"

    def drawn(self, index: int) -> np.ndarray:
        """An input as it is drawn: an image of other than 1 or 3 channels as their mean."""
        shown = self.shown[index]
        is_image = self.ndim == 2 and shown.ndim == 3
        return shown.mean(axis=-1) if is_image and shown.shape[-1] not in (1, 3) else shown


def read_inputs(path: Path, classifier: Classifier, options: Options) -> Inputs:
    """Read a file, and bring what it holds, one input or several, to the shape a model takes."""
    kind = path.suffix.lower()
    arrange = _of_image if kind in IMAGES else _of_sound if kind in SOUNDS else _of_array
    errors: list[str] = []
    for values, shown, ndim, *more, classes in arrange(path, classifier, options):
        x = classifier.native(values, ndim)
        try:
            outputs = predict(classifier.model, x, ndim=ndim)
        except Exception as error:  # the frameworks raise errors of many kinds
            if classes is None:
                told = f"the model does not take inputs of shape {tuple(x.shape)}"
                errors.append(f"{told}: {reason(error)}")
            continue
        if classes not in (None, outputs.shape[1]):
            continue
        if classes is None and kind in IMAGES and _is_open(classifier, options):
            warn(
                "Nothing tells which size of images the model was trained on: they keep their own; "
                "--size gives another."
            )
        classifier.check_names(outputs.shape[1])
        return Inputs(x, shown, ndim, outputs, *more)
    hint = " (--size gives another)" if kind in IMAGES and _is_open(classifier, options) else ""
    raise ValueError("; ".join(errors) + hint)


def read_files(
    paths: Sequence[Path],
    classifier: Classifier,
    options: Options,
    problems: Problems,
    use: Callable[[Path, Inputs], T],
) -> Iterator[tuple[Path, T]]:
    """Read files one by one, and what is made of them; what raises an error becomes a problem."""
    for path in tqdm(paths, classifier.name, unit="file", disable=len(paths) == 1 or None):
        try:
            made = use(path, read_inputs(path, classifier, options))
        except Exception as error:  # of whatever is in the file, or the model makes of it
            logger.debug("%s", path, exc_info=True)
            problems[as_text(path)] = f"{classifier.name}: {error}"
        else:
            yield path, made


_Arranged = tuple[Any, ...]
"""`x`, channels last, and the fields `shown`, `ndim`, `sample_rate`, ... of `Inputs`; at last the
number of classes that a guess is for."""


def _of_image(path: Path, classifier: Classifier, options: Options) -> Iterator[_Arranged]:
    sizes, channels = _taken(classifier, 2, "an image", (3, 1))
    for count in channels:
        image = ImageOps.exif_transpose(load_image(path, grey=count != 3))
        guesses = (IMAGENET_SIZE, None) if _is_open(classifier, options) else (options.size,)
        for guess in guesses:
            own = (image.height, image.width)
            height, width = (t or guess or o for t, o in zip(sizes, own, strict=True))
            box = _middle(image, width, height)
            pixels = np.asarray(image.resize((width, height), box=box), np.float32)
            pixels = pixels[..., np.newaxis] if count == 1 else pixels
            prepared = classifier.prepare(pixels.copy()).astype(np.float32)
            guessed = options.size is None and guess is not None
            more = (Photograph(np.asarray(image), box), guessed)
            classes = IMAGENET_CLASSES if guessed else None
            yield prepared[np.newaxis], pixels[np.newaxis], 2, None, *more, classes


def _is_open(classifier: Classifier, options: Options) -> bool:
    """Whether neither the model nor the user tells the size of images."""
    return options.size is None and (classifier.shape is None or None in _sizes(classifier))


def _sizes(classifier: Classifier) -> Sequence[int | None]:
    """The sizes of images that a model takes."""
    return _taken(classifier, 2, "an image", (3, 1))[0]


def _middle(image: Image.Image, width: int, height: int) -> tuple[float, float, float, float]:
    """The largest part in the middle of an image that has the shape of this width and height."""
    scale = min(image.width / width, image.height / height)
    across, down = (image.width - scale * width) / 2, (image.height - scale * height) / 2
    return (across, down, image.width - across, image.height - down)


def _of_sound(path: Path, classifier: Classifier, options: Options) -> Iterator[_Arranged]:
    (length,), channels = _taken(classifier, 1, "a sound", (1, None))
    waveform, rate = load_wav(path, mono=True)
    if options.sample_rate is not None:
        waveform, rate = resample(waveform, rate, options.sample_rate), options.sample_rate
    if length is not None:
        waveform = np.pad(waveform[:length], (0, max(0, length - len(waveform))))
    for count in channels:
        x = waveform[np.newaxis] if count is None else waveform[np.newaxis, :, np.newaxis]
        yield x, x, 1, rate, None


def _of_array(path: Path, classifier: Classifier, options: Options) -> Iterator[_Arranged]:
    array, taken = _load_array(path, options.key), classifier.shape
    both = (array[np.newaxis], array)
    if taken is None:
        ranks = range(2, 6) if options.ndim is None else (options.ndim + 1, options.ndim + 2)
        candidates = [x for x in both if x.ndim in ranks] or [array]
    elif not (candidates := [x for x in both if fits(x.shape, (None, *taken))][:1]):
        raise ValueError(
            f"its array has the shape {array.shape}; the model takes inputs of shape "
            f"{_described(taken)}, one or several in a first axis"
        )
    for x in candidates:
        layout = Layout.of(x.shape, classifier.channels_first, options.ndim)
        last = layout.to_channels_last(x)
        yield last, last, layout.ndim, options.sample_rate if layout.ndim == 1 else None, None


def _taken(
    classifier: Classifier, ndim: int, kind: str, channels: tuple[int | None, int | None]
) -> tuple[Sequence[int | None], Sequence[int | None]]:
    """The sizes a model takes, None if open, and channels to try in order, None for no axis."""
    shape = classifier.shape
    if shape is None:
        return (None,) * ndim, channels
    if len(shape) == ndim:
        return shape, (None,)
    if len(shape) == ndim + 1:
        *sizes, count = (*shape[1:], shape[0]) if classifier.channels_first else shape
        if count is None:
            return sizes, [c for c in channels if c]
        if count in channels:
            return sizes, (count,)
    raise ValueError(f"{kind} does not fit the model, which takes inputs of {_described(shape)}")


def _load_array(path: Path, key: str | None) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else loaded[_key(loaded.files, key)]
    except Exception as error:  # broken files make NumPy raise errors of many kinds
        raise ValueError(f"it cannot be read as an array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"its array must hold real numbers, got dtype {array.dtype}")
    return array.astype(np.float32)


def _key(names: Sequence[str], key: str | None) -> str:
    wanted = KEYS if key is None else (key,)
    only = list(names) if key is None and len(names) == 1 else []
    found = [name for name in wanted if name in names] or only
    if not found:
        raise ValueError(f"expected one of {wanted}, it holds {list(names)}; --key names another")
    return found[0]


def _described(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
