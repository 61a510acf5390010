"""What is told of rows: explained together, and apart where some fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..analysis.predictions import as_targets, predict_as
from ..backends import get_backend
from ..coefficients import flatten
from ..datasets import load_image, load_wav
from ..datasets.images import SUFFIXES
from ..explanation import WaveletExplanation

Told = dict[str, Any]
"""What is told of a row, by the columns' names."""

ALWAYS = pa.schema(
    {
        "prediction": pa.int64(),
        "score": pa.float64(),
        "scale_importance": pa.list_(pa.float64()),
        "band_importance": pa.list_(pa.float64()),
        "error": pa.string(),
        "convergence_delta": pa.float64(),
        "scale_interval": pa.list_(pa.list_(pa.float64())),
        "scales": pa.list_(pa.string()),
        "bands": pa.list_(pa.list_(pa.string())),
        "method": pa.string(),
        "wavelet": pa.string(),
    }
)
OF_COEFFICIENTS = pa.schema({"kept": pa.list_(pa.int32()), "coefficients": pa.list_(pa.float32())})
OF_PIXELS = pa.schema(
    {
        "pixels": pa.list_(pa.float16()),
        "pixels_shape": pa.list_(pa.int32()),
        "pixels_scale": pa.float64(),
    }
)


@dataclass(frozen=True)
class Asked:
    """What is told of rows besides the shares: a share of the coefficients, the map of pixels."""

    keep: float | None = None
    pixels: bool = False

    def table(self, ids: Sequence[Any], told: Sequence[Told]) -> pa.Table:
        """Rows as a table, whose columns do not depend on what is in it."""
        whole = all(isinstance(one, (int, np.integer)) for one in ids)
        fields = [pa.field("id", pa.int64() if whole else pa.string()), *ALWAYS]
        fields += [*OF_COEFFICIENTS] if self.keep is not None else []
        fields += [*OF_PIXELS] if self.pixels else []
        given = ids if whole else map(str, ids)
        lines = [{"id": one, **line} for one, line in zip(given, told, strict=True)]
        return pa.Table.from_pylist(lines, pa.schema(fields))


@dataclass(frozen=True)
class Explaining:
    """An explainer, what makes its inputs of what rows hold, and what is asked for."""

    explainer: Any
    prepare: Callable[[Any], Any] | None
    asked: Asked

    def __call__(self, rows: Iterable[tuple[Callable[[], Any], Any]]) -> list[Told]:
        """What is told of each row: a function that reads its input, and its target or None."""
        told: dict[int, Told] = {}
        alike: dict[Any, list[tuple[int, Any, Any]]] = {}
        for place, (read, target) in enumerate(rows):
            try:
                x, held = read()
                target = held if target is None else target
                x = x if self.prepare is None else self.prepare(x)
                key = (type(x), tuple(x.shape), np.shape(target), target is None)
            except Exception as error:  # of whatever the row holds
                told[place] = failed(error)
            else:
                alike.setdefault(key, []).append((place, x, target))
        for group in alike.values():
            places, inputs, targets = zip(*group, strict=True)
            told.update(zip(places, self._together(inputs, targets), strict=True))
        return [told[place] for place in range(len(told))]

    def _together(self, inputs: Sequence[Any], targets: Sequence[Any]) -> list[Told]:
        """What is told of inputs of one shape; where one fails, halves of them are explained."""
        try:
            y = None if targets[0] is None else np.stack([np.asarray(t) for t in targets])
            backend = get_backend(inputs[0])
            return self._explained(backend.concat([x[None] for x in inputs], 0), y)
        except Exception as error:  # the frameworks raise errors of many kinds
            if len(inputs) == 1:
                return [failed(error)]
        half = len(inputs) // 2
        return [
            *self._together(inputs[:half], targets[:half]),
            *self._together(inputs[half:], targets[half:]),
        ]

    def _explained(self, x: Any, targets: Any) -> list[Told]:
        explainer, predictions = self.explainer, [None] * len(x)
        if explainer._asked().takes_labels:
            outputs = predict_as(explainer, x)
            if outputs.shape[1] > 1:
                predictions = outputs.argmax(axis=1).tolist()
            targets = as_targets(outputs) if targets is None else targets
        question = explainer._prepare(x, targets)[:]
        scores = question.backend.to_numpy(question.scores(question.x, question.y)).tolist()
        found = self._found(explainer.explain_wavelet(x, targets))
        found |= {"prediction": predictions, "score": scores}
        return [{n: values[i] for n, values in found.items()} for i in range(len(x))]

    def _found(self, explanation: WaveletExplanation) -> dict[str, Sequence[Any]]:
        """The columns of an explanation."""
        count, bands = len(explanation), explanation.band_importance()
        found: dict[str, Any] = {
            "scale_importance": explanation.scale_importance(),
            "band_importance": np.stack([*bands.values()], axis=-1),
            "scales": [explanation.scales] * count,
            "bands": [[list(key) for key in bands]] * count,
            "method": [type(self.explainer).__name__] * count,
            "wavelet": [str(explanation.wavelet)] * count,
        }
        if explanation.convergence_delta is not None:
            found["convergence_delta"] = explanation.convergence_delta
        if (interval := explanation.scale_interval()) is not None:
            found["scale_interval"] = interval.tolist()
        if self.asked.keep is not None:
            found |= _kept(explanation, self.asked.keep)
        if self.asked.pixels:
            found |= _pixels(explanation)
        return found


def as_input(value: Any) -> Any:
    """What a row holds as an array or tensor: a file by its path, or an image as encoded."""
    if isinstance(value, (str, Path)):
        is_image = Path(value).suffix.lower() in SUFFIXES
        value = load_image(value) if is_image else load_wav(value, mono=True)[0]
    elif isinstance(value, bytes):
        value = load_image(value)
    if hasattr(value, "detach"):  # a tensor of PyTorch, whose channels are first
        return value
    array = np.asarray(value)
    if array.dtype == object:  # lists in lists
        array = np.array(array.tolist(), np.float32)
    return array.astype(np.float32) if array.dtype.kind in "biu" else array


def failed(error: Exception | str) -> Told:
    """What is told of a row that cannot be explained."""
    named = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return {"error": named[:1000]}


def _kept(explanation: WaveletExplanation, keep: float) -> dict[str, Any]:
    """The most important coefficients, and their places in all bands laid end to end."""
    count = len(explanation)
    bands, chosen = (
        np.concatenate([band.reshape(count, -1) for band in flatten(z).values()], axis=1)
        for z in (explanation.coefficients, explanation.kept(keep))
    )
    pairs = list(zip(bands, chosen, strict=True))
    return {
        "kept": [np.flatnonzero(those).astype(np.int32) for _, those in pairs],
        "coefficients": [z[those].astype(np.float32) for z, those in pairs],
    }


def _pixels(explanation: WaveletExplanation) -> dict[str, Any]:
    """The maps in half precision, whose range they need: divided by their largest magnitudes."""
    pixels = explanation.pixels()
    flat = pixels.reshape(len(pixels), -1)
    scale = np.abs(flat).max(axis=1)
    half = flat / np.where(scale > 0, scale, 1)[:, np.newaxis]
    return {
        "pixels": half.astype(np.float16),
        "pixels_shape": [np.array(pixels.shape[1:], np.int32)] * len(pixels),
        "pixels_scale": scale,
    }
