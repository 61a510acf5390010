"""A model that overwrites its input changes nothing of the user's, and is explained as it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wam_xplique import WCAM, WaveletExplanation, WaveletSaliency, attributions, metrics
from wam_xplique.analysis import (
    corruption_effect,
    minimal_images,
    necessary_images,
    noise_experiment,
    report,
    robustness,
    scale_profile,
    sufficient_images,
)
from wam_xplique.analysis.predictions import predict

X = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
Y = np.eye(2, dtype=np.float32)
FEW = {"grid_size": 4, "nb_design": 4}


def tidy(x: Any) -> Any:
    return (x / 2 - 0.1) * 3


def rough(x: Any) -> Any:
    x /= 2
    x -= 0.1
    x *= 3
    return x


class Net(nn.Module):
    """A small network of what `begin` makes of its inputs; `wrap` is what its outputs come in."""

    def __init__(self, begin: Any = None, wrap: Any = None, classes: int = 3):
        super().__init__()
        torch.manual_seed(0)
        self.begin, self.wrap = begin, wrap
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.Tanh(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, classes),
        )

    def forward(self, x: torch.Tensor) -> Any:
        y = self.body(x if self.begin is None else self.begin(x))
        return y if self.wrap is None else self.wrap(y, x)


def module(begin: Callable[[Any], Any]) -> nn.Module:
    return Net(begin, classes=2).eval()


def arrays(begin: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A callable on images, channels last, or on waveforms."""

    def model(x: np.ndarray) -> np.ndarray:
        x = begin(x)
        axes = tuple(range(1, x.ndim))
        return np.stack([(x**3).mean(axes), np.abs(np.diff(x, axis=1)).mean(axes)], 1)

    return model


def values(found: Any) -> list[np.ndarray]:
    """All numbers in what an entry point gives."""
    if isinstance(found, WaveletExplanation):
        found = [found.coefficients[0], *found.coefficients[1].values()]
    if isinstance(found, (list, tuple)):
        return [value for part in found for value in values(part)]
    return [np.asarray(found, np.float64)]


def explainer(cls: type) -> Callable[..., Any]:
    few = {"nb_samples": 2} if hasattr(cls, "nb_samples") else {}
    few = FEW if issubclass(cls, (attributions.WCAM, attributions.FAM)) else few
    return lambda model, x, y, **options: cls(model, **few, **options)(x, y)


def metric(cls: type, *where: int, **fixed: Any) -> Callable[..., Any]:
    maps = np.random.default_rng(1).random(where or (2, 16, 16), np.float32)
    return lambda model, x, y, **given: cls(model, x, y, **fixed, **given).evaluate_samples(maps)


def decisive(find: Callable[..., Any]) -> Callable[..., Any]:
    maps = np.random.default_rng(1).random((2, 16, 16), np.float32)
    return lambda model, x, y: find(model, x, y, maps).images


def of_report(model: Any, x: Any, y: Any) -> Any:
    made = report(model, x, y, explainer=WCAM(model, **FEW))
    return [row["score"] for row in made.rows], made.explanation


def of_minimal(model: Any, x: Any, y: Any, **options: Any) -> Any:
    found = minimal_images(model, x, y, max_steps=3, **options)
    return found.images, found.score, found.probability


def of_profile(model: Any, x: Any, y: Any) -> Any:
    profile = scale_profile(WCAM(model, **FEW), x, "predicted")
    return profile.mean, profile.std


def of_corruption(model: Any, x: Any, y: Any) -> Any:
    effect = corruption_effect(WCAM(model, **FEW), x, y, "contrast")
    return effect.clean.explanation, effect.corrupted.explanation


def of_sound(model: Any, x: Any, y: Any) -> Any:
    found = noise_experiment(WCAM(model, **FEW, level=2), x, y)
    return found.mixtures, found.explanation


ANY_MODEL: dict[str, Callable[..., Any]] = {
    "WCAM": explainer(attributions.WCAM),
    "FAM": explainer(attributions.FAM),
    **{cls: metric(getattr(metrics, cls)) for cls in metrics.__all__ if cls[0].isupper()},
    "report": of_report,
    "predict": lambda model, x, y: predict(model, x),
    "scale_profile": of_profile,
    "sufficient_images": decisive(sufficient_images),
    "necessary_images": decisive(necessary_images),
}
OF_IMAGES = {
    "robustness": lambda model, x, y: robustness(model, x, y, ("contrast",), (1, 5)).correct,
    "corruption_effect": of_corruption,
}
OF_GRADIENTS = {
    **{c: explainer(getattr(attributions, c)) for c in attributions.__all__ if c not in ANY_MODEL},
    "minimal_images": of_minimal,
    "cascading_randomization": lambda model, x, y: (
        metrics.cascading_randomization(model, WaveletSaliency, x, y).correlations
    ),
}
# What stands before the model, or tells the baseline, may overwrite its input as well.
BESIDE: dict[str, Callable[..., Any]] = {
    "explainer": explainer(attributions.WCAM),
    "metric": metric(metrics.WaveletInsertion),
    "predict": lambda model, x, y, **options: predict(model, x, **options),
    "baseline": lambda model, x, y, front_end: metric(metrics.WaveletDeletion)(
        model, x, y, baseline_mode=front_end
    ),
}
OF_SPECTRA = partial(metric, metrics.FaithfulnessOnSpectra, domain="front_end")
BESIDE_A_MODULE = {
    **BESIDE,
    "spectra": OF_SPECTRA(2, 3, 16, 16),
    "gradients": lambda model, x, y, **options: WaveletSaliency(model, **options).explain_wavelet(
        x, y
    ),
    "minimal": of_minimal,
}
FIRST = np.moveaxis(X, -1, 1).copy()
WAVES = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
CASES = [
    *[(name, use, module, torch.tensor(FIRST)) for name, use in (ANY_MODEL | OF_GRADIENTS).items()],
    *[(name, use, module, FIRST) for name, use in (ANY_MODEL | OF_GRADIENTS).items()],
    *[(name, use, arrays, X) for name, use in (ANY_MODEL | OF_IMAGES).items()],
    ("noise_experiment", of_sound, arrays, WAVES),
]
CASES_BESIDE = [
    *[(name, use, module, torch.tensor(FIRST)) for name, use in BESIDE_A_MODULE.items()],
    *[(name, use, arrays, X) for name, use in {**BESIDE, "spectra": OF_SPECTRA(*X.shape)}.items()],
]


def name_of(case: Any) -> str:
    return f"{case[0]}-{case[2].__name__}-{type(case[3]).__name__}"


def agree(found: Any, want: Any, tolerance: float = 1e-4) -> None:
    for one, other in zip(values(found), values(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=1e-6)


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    ("use", "model", "x", "beside"),
    [*[(*case[1:], False) for case in CASES], *[(*case[1:], True) for case in CASES_BESIDE]],
    ids=map(name_of, (*CASES, *CASES_BESIDE)),
)
def test_a_model_and_what_is_beside_it_may_overwrite_what_they_get(use, model, x, beside):
    kept, weights = np.array(x), Y.copy()
    want, found = (
        use(model(lambda x: x), x, Y, front_end=begin) if beside else use(model(begin), x, Y)
        for begin in (tidy, rough)
    )
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(Y, weights)
    agree(found, want)
