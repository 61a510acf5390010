"""How little keeps a prediction: minimal images, and sufficient ones in the order of explanations.

    python -m benchmarks.minimal [--quick] [--photographs 20] [--seed 0] [--out outputs/minimal]
    python -m benchmarks.minimal --toy [--quick] [--crops 100] [--seed 0] [--output FILE]

EfficientNet-Lite0 is asked about ImageNet photographs: minimal images beside those of the paper's
objective, and beside as many coefficients in the order of explanations and of controls that look at
no network; sufficient images in the same orders; sparsity against score (WAM, figure 3B). The
folder gets minimal.json, tables.md, images.png and front.png.

With --toy, the demo's texture classifiers are trained in Keras and in PyTorch; held-out crops are
explained.

- Minimal images (WAM, section 4.2): medians over the crops of the share of coefficients that are
  zero, and of the score of the target class before and after; how many keep their score at all,
  and with nine tenths of the coefficients zero. The weight α of the mask rises from row to row.
- Sufficient images (WAM, appendix C.2; WCAM, section 4.2): medians and quartiles of the share of
  all coefficients, the approximation among them, that is predicted as its class, in the order of
  several explanations, of the coefficients' own size, and at random.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wam_xplique import WCAM, WaveletIntegratedGradients, WaveletSmoothGrad
from wam_xplique.analysis import minimal_images, sufficient_images
from wam_xplique.archive import write_text
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.demo import data, networks

from . import timing
from .methods import Blind
from .real import minimal as real

GOAL = 0.9
"""The share of zeros with which the WAM paper keeps the score."""


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    training
        Crops of each class to train the classifiers.
    crops
        Held-out crops.
    alphas
        Weights of the mask.
    draws
        Noisy inputs of WAM-SG, and steps of WAM-IG.
    designs
        Designs of WCAM.
    seed
        Seed of the crops, the classifiers and what is random.
    """

    training: int = 200
    crops: int = 100
    alphas: tuple[float, ...] = (3.0, 10.0, 30.0, 50.0, 100.0)
    draws: int = 32
    designs: int = 8
    seed: int = 0


QUICK = Settings(training=4, crops=3, alphas=(30.0,), draws=2, designs=2)


def run(settings: Settings) -> timing.Report:
    """Train, mask and search."""
    report = timing.Report("minimal", asdict(settings))
    training = data.crops("left", settings.training, settings.seed)
    x, y = data.crops("right", -(-settings.crops // 3), settings.seed + 1)
    x, y = x[: settings.crops], y[: settings.crops]
    trainers = {"Keras": networks.train_keras, "PyTorch": networks.train_torch}
    minimal = report.tables.setdefault(f"Minimal images of {len(x)} crops", [])
    sufficient = report.tables.setdefault(f"Sufficient images of {len(x)} crops", [])
    for name, trainer in trainers.items():
        model = trainer(*training, seed=settings.seed)
        for alpha in tqdm(settings.alphas, desc=f"minimal images, {name}", unit="alpha"):
            minimal.append({"model": name, **_minimal_row(model, x, y, alpha)})
        orders = contenders(model, settings).items()
        for order, explainer in tqdm(orders, desc=f"sufficient images, {name}", unit="order"):
            explanation = explainer.explain_wavelet(x, y)
            found = sufficient_images(model, x, y, explanation, include_approximation=True)
            low, middle, high = np.nanquantile(found.share, (0.25, 0.5, 0.75)).tolist()
            quartiles = f"{low:.4f} to {high:.4f}"
            row = {"model": name, "order": order, "median ↓": middle, "quartiles": quartiles}
            sufficient.append({**row, "found": float(found.found.mean())})
    return report


def _minimal_row(model: Any, x: np.ndarray, y: np.ndarray, alpha: float) -> dict[str, Any]:
    start = time.perf_counter()
    found = minimal_images(model, x, y, alpha=alpha)
    seconds = time.perf_counter() - start
    keeps = found.score >= found.original
    return {
        "α": alpha,
        "zero ↑": float(np.median(found.sparsity)),
        "score before": float(np.median(found.original)),
        "score after": float(np.median(found.score)),
        "keep their score": float(keeps.mean()),
        f"with {GOAL:.0%} zero": float((keeps & (found.sparsity >= GOAL)).mean()),
        "steps": float(np.median(found.steps)),
        "s a crop": seconds / len(x),
    }


def contenders(model: Any, settings: Settings) -> dict[str, Any]:
    """Explainers by name."""
    whole: dict[str, Any] = {"include_approximation": True}
    explainers: dict[str, Any] = {
        "WAM-SG": WaveletSmoothGrad(model, nb_samples=settings.draws, noise=0.5, **whole),
        "WAM-IG": WaveletIntegratedGradients(model, steps=settings.draws, **whole),
        "WCAM": WCAM(model, 8, settings.designs, partition="subband", confidence=None, **whole),
    }
    haar = WaveletTransform("haar", 3, "periodization", (1, 2))
    explainers["largest coefficients"] = Blind("magnitude", haar)
    explainers["random"] = Blind("random", haar, settings.seed)
    return explainers


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--toy", action="store_true", help="texture classifiers of the demo")
    parser.add_argument("--crops", type=int, help="held-out crops, with --toy")
    parser.add_argument("--photographs", type=int, help="how many (default: 20)")
    parser.add_argument("--seed", type=int, help="seed of everything")
    parser.add_argument("--out", type=Path, default=Path("outputs", "minimal"), help="folder")
    arguments = parser.parse_args()
    names = ("crops", "seed") if arguments.toy else ("photographs", "seed")
    given = {name: getattr(arguments, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    if arguments.toy:
        run(replace(QUICK if arguments.quick else Settings(), **given)).publish(arguments.output)
        return
    settings = replace(real.QUICK if arguments.quick else real.Settings(), **given)
    with timing.quiet():
        report = real.run(settings, arguments.out)
    write_text(arguments.out / "tables.md", report.markdown() + "\n")
    report.publish(arguments.output or arguments.out / "minimal.json")


if __name__ == "__main__":
    timing.limit_threads()
    main()
