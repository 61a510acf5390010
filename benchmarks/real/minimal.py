"""Minimal and sufficient images of photographs, and sparsity against score (WAM, figure 3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
import torch
from tqdm.auto import tqdm

from wam_xplique import WaveletIntegratedGradients, WaveletSmoothGrad, WaveletSquareGrad, datasets
from wam_xplique.analysis import (
    conciseness_preciseness,
    hallucination_score,
    minimal_images,
    pareto_front,
    sufficient_images,
)
from wam_xplique.coefficients import (
    Coefficients,
    Transform,
    as_rows,
    flatten,
    largest,
    map_bands,
    unflatten,
)
from wam_xplique.plots.drawing import save_figure

from .. import timing
from . import networks, photographs


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    photographs
        Photographs.
    steps
        Most steps of a mask.
    alpha
        Weight of the mask in the paper's objective.
    keeps
        Shares of the score that are kept along the front.
    few
        Photographs along the front, the first.
    draws
        Noisy inputs, and steps of the path, of the explanations.
    noise
        Standard deviation of the noise.
    batch_size
        Most inputs at once.
    seed
        Seed of what is random.
    """

    photographs: int = 20
    steps: int = 200
    alpha: float = 30.0
    keeps: tuple[float, ...] = (0.5, 0.75, 1.0)
    few: int = 5
    draws: int = 25
    noise: float = 0.3
    batch_size: int = 4
    seed: int = 0


QUICK = Settings(photographs=2, steps=2, keeps=(0.5, 1.0), few=1, draws=2)


def run(settings: Settings, out: Path) -> timing.Report:
    """Mask, search and draw; the front is drawn to ``front.png``."""
    taken = datasets.imagenet_photographs(count=settings.photographs, seed=settings.seed)
    x, model = networks.preprocess(taken.images), networks.load_torch("lite0")
    classes = _logits(model, x).argmax(axis=1)
    y = np.eye(1000, dtype=np.float32)[classes]
    low, high = networks.preprocess(np.array([0.0, 255.0], np.float32)).tolist()
    options: dict[str, Any] = {"value_range": (low, high), "max_steps": settings.steps}
    options |= {"batch_size": settings.batch_size, "verbose": True}
    judge = Judge(model, x, classes, low, high)
    report = timing.Report("minimal", asdict(settings))
    found = minimal_images(model, x, y, **options)
    ours = judge(found.mask)
    report.tables["Minimal images"] = [
        {"photograph": name, **{column: float(v[i]) for column, v in ours.items()}}
        for i, name in enumerate(taken.names)
    ]
    paper = minimal_images(model, x, y, alpha=settings.alpha, **options)
    counts = as_rows(flatten(found.mask)).sum(axis=1).astype(int)
    rows = [_medians("minimal images", ours), _medians("the paper's objective", judge(paper.mask))]
    sufficient = []
    for name, explainer in tqdm(_orders(model, settings).items(), desc="orders", unit="order"):
        explanation = explainer.explain_wavelet(x, y)
        rows.append(_medians(name, judge(first(explanation.coefficients, counts))))
        share = sufficient_images(
            model, x, y, explanation, include_approximation=True, batch_size=settings.batch_size
        ).share
        middle = np.nanquantile(share, (0.25, 0.5, 0.75)).tolist()
        row = dict(zip(("lower quartile", "median ↓", "upper quartile"), middle, strict=True))
        sufficient.append({"order": name, **row, "found": float(np.isfinite(share).mean())})
    report.tables[f"Medians over {len(x)} photographs, the orders with as many coefficients"] = rows
    report.tables["Share of the coefficients that suffice for the class"] = sufficient
    few = slice(settings.few)
    front = pareto_front(model, x[few], y[few], keeps=settings.keeps, **options)
    title = f"Sparsity against score, means over {len(front.original)} photographs"
    report.tables[title] = [
        {"keep": keep, "zero ↑": float(zero), "logit / original": float(ratio)}
        for keep, zero, ratio in zip(
            settings.keeps,
            front.sparsity.mean(axis=1),
            (front.score / front.original).mean(axis=1),
            strict=True,
        )
    ]
    out.mkdir(parents=True, exist_ok=True)
    save_figure(front.plot(), out / "front.png", dpi=150)
    save_figure(found.plot(), out / "images.png", dpi=80)
    return report


def first(coefficients: Coefficients, counts: np.ndarray) -> Coefficients:
    """Masks (one channel) of the largest coefficients, as many of each input as `counts` tell."""
    bands = flatten(coefficients)
    kept = [
        largest({name: band[i : i + 1] for name, band in bands.items()}, int(count))
        for i, count in enumerate(counts)
    ]
    return unflatten(
        {name: np.concatenate([own[name] for own in kept])[..., np.newaxis] for name in bands}
    )


class Judge:
    """
    What is left of photographs by masks, and what the network makes of it.

    Parameters
    ----------
    model
        Network of PyTorch, that gives logits.
    x
        Photographs (N, H, W, 3) as it takes them.
    classes
        The classes (N,) that are to be kept.
    low, high
        The lowest and the highest value that photographs can have.
    transform
        What is masked.
    """

    def __init__(
        self,
        model: Any,
        x: np.ndarray,
        classes: np.ndarray,
        low: float,
        high: float,
        transform: Transform = photographs.TRANSFORM,
    ):
        self.model, self.x, self.range, self.transform = model, x, (low, high), transform
        self.z = transform.forward(x)
        self.classes = classes
        self.logit, self.probability = self._scores(x)

    def left(self, mask: Coefficients) -> tuple[Coefficients, np.ndarray]:
        """The coefficients and the images that a mask leaves."""
        left = map_bands(lambda m, z: (m * z).astype(z.dtype), mask, self.z)
        return left, np.clip(self.transform.inverse(left, self.x.shape), *self.range)

    def __call__(self, mask: Coefficients) -> dict[str, np.ndarray]:
        """How good a mask is, by name."""
        left, images = self.left(mask)
        logit, probability = self._scores(images)
        rows, both = as_rows(flatten(mask)), np.stack([self.probability, probability], axis=1)
        return {
            "zero ↑": (rows == 0).mean(axis=1),
            "strength ↑": rows.sum(axis=1) / np.maximum((rows > 0).sum(axis=1), 1),
            "logit / original": logit / self.logit,
            "retained probability ↑": probability / self.probability,
            "CP-entropy ↑": conciseness_preciseness(both, self.z, left, "entropy"),
            "CP-l1 ↑": conciseness_preciseness(both, self.z, left),
            "hallucination ↓": hallucination_score(self._unit(self.x), self._unit(images)),
        }

    def _scores(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, rows = _logits(self.model, x), np.arange(len(x))
        softmax = scipy.special.softmax(logits, axis=1)
        return logits[rows, self.classes], softmax[rows, self.classes]

    def _unit(self, x: np.ndarray) -> np.ndarray:
        low, high = self.range
        return np.clip((x - low) / (high - low), 0, 1)


def _logits(model: Any, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor(np.moveaxis(x, -1, 1).copy())).numpy()


def _medians(name: str, scores: dict[str, np.ndarray]) -> dict[str, Any]:
    return {"masks": name, **{column: float(np.median(v)) for column, v in scores.items()}}


def _orders(model: Any, settings: Settings) -> dict[str, Any]:
    """What ranks the coefficients, by name."""
    transform = photographs.TRANSFORM
    options: dict[str, Any] = {"include_approximation": True, "batch_size": settings.batch_size}
    options |= {"wavelet": transform.wavelet, "level": transform.level, "mode": transform.mode}
    noisy: dict[str, Any] = {
        "nb_samples": settings.draws,
        "noise": settings.noise,
        "seed": settings.seed,
    }
    steps: dict[str, Any] = {"steps": settings.draws}
    methods: dict[str, Any] = {
        "WAM-IG": WaveletIntegratedGradients(model, **steps, **options),
        "WAM-SG, band": WaveletSmoothGrad(model, normalize="band", **noisy, **options),
        "SquareGrad": WaveletSquareGrad(model, **noisy, **options),
    }
    return {**methods, **{k: make() for k, make in photographs.controls(settings.seed).items()}}
