"""A model that overwrites its input changes nothing of the user's, and is explained as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wam_xplique import WCAM, WaveletSaliency, attributions, metrics
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
    def __init__(self, begin: Callable[[Any], Any]):
        super().__init__()
        torch.manual_seed(0)
        self.begin = begin
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self.begin(x))


def module(begin: Callable[[Any], Any]) -> nn.Module:
    return Net(begin).eval()


def arrays(begin: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A callable on images, channels last, or on waveforms."""

    def model(x: np.ndarray) -> np.ndarray:
        x = begin(x)
        axes = tuple(range(1, x.ndim))
        return np.stack([(x**3).mean(axes), np.abs(np.diff(x, axis=1)).mean(axes)], 1)

    return model


def values(found: Any) -> list[np.ndarray]:
    """All numbers in what an entry point gives."""
    if isinstance(found, (list, tuple)):
        return [value for part in found for value in values(part)]
    return [np.asarray(found, np.float64)]


def wavelets(explanation: Any) -> list[Any]:
    return [explanation.coefficients[0], *explanation.coefficients[1].values()]


def explainer(cls: type, **options: Any) -> Callable[..., Any]:
    few = {"nb_samples": 2} if hasattr(cls, "nb_samples") else {}
    few = FEW if issubclass(cls, (attributions.WCAM, attributions.FAM)) else few
    return lambda model, x, y: cls(model, **few, **options)(x, y)


def metric(cls: type, **options: Any) -> Callable[..., Any]:
    maps = np.random.default_rng(1).random((2, 16, 16), np.float32)
    return lambda model, x, y: cls(model, x, y, **options).evaluate_samples(maps)


def of_report(model: Any, x: Any, y: Any) -> Any:
    made = report(model, x, y, explainer=WCAM(model, **FEW))
    return [[row["score"] for row in made.rows], wavelets(made.explanation)]


def of_minimal(model: Any, x: Any, y: Any) -> Any:
    found = minimal_images(model, x, y, max_steps=3)
    return [found.images, found.score, found.probability]


def of_profile(model: Any, x: Any, y: Any) -> Any:
    profile = scale_profile(WCAM(model, **FEW), x, "predicted")
    return [profile.mean, profile.std]


def of_corruption(model: Any, x: Any, y: Any) -> Any:
    effect = corruption_effect(WCAM(model, **FEW), x, y, "contrast")
    return [wavelets(effect.clean.explanation), wavelets(effect.corrupted.explanation)]


def of_sound(model: Any, x: Any, y: Any) -> Any:
    found = noise_experiment(WCAM(model, **FEW, level=2), x, y)
    return [found.mixtures, wavelets(found.explanation)]


def decisive(find: Callable[..., Any]) -> Callable[..., Any]:
    maps = np.random.default_rng(1).random((2, 16, 16), np.float32)
    return lambda model, x, y: find(model, x, y, maps).images


def of_randomization(model: Any, x: Any, y: Any) -> Any:
    return metrics.cascading_randomization(model, WaveletSaliency, x, y).correlations


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
# As above, but what overwrites its input stands before the model, or tells the baseline.
BESIDE: dict[str, Callable[..., Any]] = {
    "explainer": lambda begin, model, x: explainer(attributions.WCAM, front_end=begin)(model, x, Y),
    "gradients": lambda begin, model, x: wavelets(
        WaveletSaliency(model, front_end=begin).explain_wavelet(x, Y)
    ),
    "metric": lambda begin, model, x: metric(metrics.WaveletInsertion, front_end=begin)(
        model, x, Y
    ),
    "spectra": lambda begin, model, x: metrics.FaithfulnessOnSpectra(
        model, x, Y, front_end=begin, domain="front_end"
    ).evaluate_samples(np.random.default_rng(1).random(x.shape, np.float32)),
    "minimal": lambda begin, model, x: (
        minimal_images(model, x, Y, max_steps=2, front_end=begin).images
    ),
    "predict": lambda begin, model, x: predict(model, x, front_end=begin),
    "baseline": lambda begin, model, x: metric(metrics.WaveletDeletion, baseline_mode=begin)(
        model, x, Y
    ),
}
OF_IMAGES = {
    "robustness": lambda model, x, y: robustness(model, x, y, ("contrast",), (1, 5)).correct,
    "corruption_effect": of_corruption,
}
OF_GRADIENTS = {
    **{
        cls: explainer(getattr(attributions, cls))
        for cls in attributions.__all__
        if cls not in ANY_MODEL
    },
    "minimal_images": of_minimal,
    "cascading_randomization": of_randomization,
}
FIRST = np.moveaxis(X, -1, 1).copy()
WAVES = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
CASES = [
    *[(name, use, module, torch.tensor(FIRST)) for name, use in (ANY_MODEL | OF_GRADIENTS).items()],
    *[(name, use, module, FIRST) for name, use in (ANY_MODEL | OF_GRADIENTS).items()],
    *[(name, use, arrays, X) for name, use in (ANY_MODEL | OF_IMAGES).items()],
    ("noise_experiment", of_sound, arrays, WAVES),
]


def name_of(case: Any) -> str:
    return f"{case[0]}-{case[2].__name__}-{type(case[3]).__name__}"


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    ("use", "model", "x"), [case[1:] for case in CASES], ids=map(name_of, CASES)
)
def test_a_model_may_overwrite_what_it_gets_but_nothing_of_the_users(use, model, x):
    kept, weights = np.array(x), Y.copy()
    want = values(use(model(tidy), x, Y))
    found = values(use(model(rough), x, Y))
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(Y, weights)
    for one, other in zip(found, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    ("use", "kind"),
    [
        *[pytest.param(use, module, id=f"{name}-module") for name, use in BESIDE.items()],
        *[
            pytest.param(use, arrays, id=f"{name}-arrays")
            for name, use in BESIDE.items()
            if name not in ("gradients", "minimal")
        ],
    ],
)
def test_what_stands_beside_a_model_may_overwrite_what_it_gets(use, kind):
    x = torch.tensor(FIRST) if kind is module else X.copy()
    kept = np.array(x)
    want, found = (values(use(begin, kind(lambda x: x), x)) for begin in (tidy, rough))
    np.testing.assert_array_equal(x, kept)
    for one, other in zip(found, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
