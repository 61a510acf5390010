"""How many groups MatchedFaithfulness needs, until energy knows nothing.

    python -m benchmarks.real.groups [--quick] [--count 20] [--seed 0] [--output FILE]

Photographs of ImageNet are explained to EfficientNet-Lite0 in PyTorch, the approximation
included, and all explanations and the controls are scored by `MatchedFaithfulness` (softmax) with
more and more groups: means over the photographs, and half the width of their 95% intervals.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from wam_xplique import (
    WaveletExplanation,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    WaveletSquareGrad,
)
from wam_xplique.datasets import imagenet_photographs
from wam_xplique.metrics import MatchedFaithfulness, WaveletFaithfulness, control

from .. import timing
from . import networks

NETWORK = "lite0"
CONTROLS = ("random", "magnitude", "coarse", "centre")


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    count
        Photographs, the first ones.
    samples
        Noisy inputs.
    noise
        Standard deviation of the noise, as a share of each photograph's range.
    steps
        Steps of WAM-IG.
    level
        Levels of the transform (haar).
    groups
        Numbers of groups.
    seed
        Seed of the noise, of the controls and of the order of equals.
    """

    count: int = 20
    samples: int = 16
    noise: float = 0.1
    steps: int = 32
    level: int = 3
    groups: tuple[int, ...] = (1, 10, 50, 200, 500, 2000, 10000)
    seed: int = 0


QUICK = Settings(count=2, samples=1, steps=2, groups=(10, 500))


def explanations(
    model: Any, x: torch.Tensor, y: np.ndarray, settings: Settings
) -> dict[str, WaveletExplanation]:
    """The explanations of the photographs, and the controls, by name."""
    options: dict[str, Any] = {"level": settings.level, "include_approximation": True}
    noisy = {
        "nb_samples": settings.samples,
        "relative_noise": settings.noise,
        "seed": settings.seed,
        **options,
    }
    explainers = {
        "WAM-SG": WaveletSmoothGrad(model, **noisy),
        "WAM-SG, bands normalised": WaveletSmoothGrad(model, normalize="band", **noisy),
        "WAM-SG, signed": WaveletSmoothGrad(model, average="gradient", **noisy),
        "SquareGrad": WaveletSquareGrad(model, **noisy),
        "Saliency": WaveletSaliency(model, **options),
        "WAM-IG": WaveletIntegratedGradients(model, steps=settings.steps, **options),
    }
    found = {
        name: explainer.explain_wavelet(x, y)
        for name, explainer in tqdm(explainers.items(), unit="method")
    }
    transform = found["Saliency"].transform
    blind = {f"control: {name}": control(name, x, transform, settings.seed) for name in CONTROLS}
    return found | blind


def run(settings: Settings) -> timing.Report:
    """Explain and score."""
    report = timing.Report("real.groups", asdict(settings))
    model = networks.load_torch(NETWORK)
    photographs = imagenet_photographs(size=networks.SIZES[NETWORK])
    images = networks.preprocess(photographs.images[: settings.count])
    x = torch.tensor(np.moveaxis(images, -1, 1))
    y = np.eye(1000, dtype=np.float32)[photographs.labels[: settings.count]]
    found = explanations(model, x, y, settings)
    given: dict[str, Any] = {"batch_size": 8, "activation": "softmax", "seed": settings.seed}
    metrics = {
        f"{groups}": MatchedFaithfulness(model, x, y, groups=groups, **given)
        for groups in settings.groups
    }
    metrics["insertion − deletion"] = WaveletFaithfulness(model, x, y, **given)
    rows: list[timing.Row] = [
        {
            "groups:": name,
            **{title: _cell(metric.interval(explanation)) for title, metric in metrics.items()},
        }
        for name, explanation in tqdm(found.items(), unit="explanation")
    ]
    report.tables[f"{len(x)} photographs, EfficientNet-Lite0, softmax"] = rows
    return report


def _cell(interval: Any) -> str:
    return f"{interval.score:.3f} ± {interval.high - interval.score:.2f}"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--count", type=int, help="photographs")
    parser.add_argument("--seed", type=int, help="seed of everything")
    arguments = parser.parse_args()
    given = {
        name: getattr(arguments, name)
        for name in ("count", "seed")
        if getattr(arguments, name) is not None
    }
    run(replace(QUICK if arguments.quick else Settings(), **given)).publish(arguments.output)


if __name__ == "__main__":
    main()
