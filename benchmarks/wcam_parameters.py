"""Insertion and deletion scores of WCAM's maps by its parameters (figure 8 and table 2).

    python -m benchmarks.wcam_parameters [--quick] [--crops 18] [--steps 16] [--perturbed] ...

The demo's texture classifier in Keras is trained on the left halves of the photographs; crops of
their right halves are explained by WCAM's spatial map, over the size of the grid and the number of
designs, and with each sampler. Xplique's `Insertion` and `Deletion` score the maps after a softmax;
tables have the means over crops and their standard errors.

A heat map (the paper's figure 8) is saved beside the JSON file.

Ref. Kasmi & al., Assessment of the Reliability of a Model's Decision by Generalizing Attribution
to the Wavelet Domain (2023), appendix A.1.2.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from tqdm.auto import tqdm
from xplique.attributions.global_sensitivity_analysis import HaltonSequenceRS
from xplique.metrics import Deletion, Insertion

from wam_xplique.attributions import WCAM
from wam_xplique.attributions.samplers import (
    MonteCarloRS,
    ScrambledSobolSequenceRS,
    SeededLatinHypercubeRS,
)
from wam_xplique.demo import data, networks
from wam_xplique.plots.drawing import save_figure

from . import timing

GRID_TITLE, SAMPLER_TITLE = "Grid size and number of designs", "Samplers"
METRICS = {"insertion ↑": Insertion, "deletion ↓": Deletion}
SAMPLERS = (ScrambledSobolSequenceRS, HaltonSequenceRS, SeededLatinHypercubeRS, MonteCarloRS)


@dataclass(frozen=True)
class Settings:
    """
    How much is studied.

    Parameters
    ----------
    crops
        Crops explained.
    steps
        Steps of the curves of insertion and deletion.
    perturbed
        Whether the approximation is perturbed, and not held.
    grid_sizes, designs
        Of the heat map.
    grid_size, nb_design
        At which the samplers are compared.
    training
        Crops of each texture to train the classifier.
    """

    crops: int = 18
    steps: int = 16
    perturbed: bool = False
    grid_sizes: tuple[int, ...] = (4, 8, 16, 32)
    designs: tuple[int, ...] = (2, 4, 8, 16, 32)
    grid_size: int = 16
    nb_design: int = 8
    training: int = 200


QUICK = Settings(
    crops=4, steps=4, grid_sizes=(4, 8), designs=(2, 4), grid_size=8, nb_design=4, training=10
)


def scores_of_crops(metric: Insertion | Deletion, maps: np.ndarray) -> np.ndarray:
    """
    Score each map by itself; the metric alone gives their mean.

    Parameters
    ----------
    metric
        Xplique's metric of all crops.
    maps
        A map for each crop.

    Returns
    -------
    scores
        Array (N,): the areas under the curves.
    """
    curves: list[np.ndarray] = []

    def keep(*arguments: Any) -> np.ndarray:
        curves.append(np.asarray(infer(*arguments)))
        return curves[-1]

    infer = metric.batch_inference_function
    metric.batch_inference_function = keep
    try:
        metric.detailed_evaluate(maps)
    finally:
        metric.batch_inference_function = infer
    heights = np.stack(curves)
    return (heights[:-1] + heights[1:]).mean(axis=0) / 2


class Study:
    """
    A trained model, crops that it has not seen, and Xplique's metrics of them.

    Parameters
    ----------
    settings
        How much is studied.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.model = networks.train_keras(*data.crops("left", settings.training, seed=0))
        count = math.ceil(settings.crops / len(data.CLASSES))
        crops = data.crops("right", count, seed=1)
        self.x, self.y = (values[: settings.crops] for values in crops)
        self.metrics = {
            name: metric(self.model, self.x, self.y, steps=settings.steps, activation="softmax")
            for name, metric in METRICS.items()
        }

    def row(self, grid_size: int, nb_design: int, sampler: Any = None) -> dict[str, Any]:
        """Scores of the maps of all crops, with some parameters."""
        explainer = WCAM(
            self.model,
            grid_size,
            nb_design,
            sampler,
            include_approximation=self.settings.perturbed,
            confidence=None,
        )
        start = time.perf_counter()
        explanation = explainer.explain_wavelet(self.x, self.y)
        seconds = time.perf_counter() - start
        maps = explanation.pixels()
        row: dict[str, Any] = {}
        for name, metric in self.metrics.items():
            scores = scores_of_crops(metric, maps)
            row[name] = float(np.mean(scores))
            row[f"± {name}"] = float(np.std(scores, ddof=1) / np.sqrt(len(scores)))
        assert explanation.sobol is not None
        row["forwards a crop"] = int(explanation.sobol.forwards[0])
        row["s a crop"] = seconds / len(maps)
        return row


def grid_study(report: timing.Report, study: Study) -> None:
    """Score maps over the size of the grid and the number of designs."""
    settings = study.settings
    parameters = [(grid, rows) for grid in settings.grid_sizes for rows in settings.designs]
    costs = [nb_design * grid_size**2 for grid_size, nb_design in parameters]
    rows = report.tables.setdefault(GRID_TITLE, [])
    with tqdm(total=sum(costs), desc=GRID_TITLE, bar_format=_BAR) as progress:
        for (grid_size, nb_design), cost in zip(parameters, costs, strict=True):
            scores = study.row(grid_size, nb_design)
            rows.append({"grid_size": grid_size, "nb_design": nb_design, **scores})
            progress.update(cost)


_BAR = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"


def sampler_study(report: timing.Report, study: Study) -> None:
    """Score maps with each sampler."""
    settings = study.settings
    rows = report.tables.setdefault(SAMPLER_TITLE, [])
    for sampler in tqdm(SAMPLERS, desc=SAMPLER_TITLE, unit="sampler"):
        scores = study.row(settings.grid_size, settings.nb_design, sampler())
        rows.append({"sampler": sampler.__name__, **scores})


def draw(rows: Sequence[timing.Row], path: Path) -> None:
    """
    Draw the scores over the size of the grid and the number of designs, as in figure 8.

    Parameters
    ----------
    rows
        Rows of `grid_study`.
    path
        Where to save the figure.
    """
    grids, designs = (
        list(dict.fromkeys(row[name] for row in rows)) for name in ("grid_size", "nb_design")
    )
    figure, axes = plt.subplots(1, len(METRICS), figsize=(10, 4), layout="constrained")
    for ax, name in zip(axes, METRICS, strict=True):
        scores = np.reshape([row[name] for row in rows], (len(grids), len(designs)))
        errors = np.reshape([row[f"± {name}"] for row in rows], scores.shape)
        better = scores if "↑" in name else -scores
        ax.imshow(better, cmap="Blues", aspect="auto")
        middle = (better.min() + better.max()) / 2
        for (i, j), score in np.ndenumerate(scores):
            color = "white" if better[i, j] > middle else "black"
            text = f"{score:.3f}\n± {errors[i, j]:.3f}"
            ax.text(j, i, text, color=color, ha="center", va="center", fontsize=8)
        ax.set_xticks(range(len(designs)), designs)
        ax.set_yticks(range(len(grids)), grids)
        ax.set_xlabel("nb_design")
        ax.set_ylabel("grid_size")
        ax.set_title(f"{name} (darker is better)")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path, dpi=110)


def run(settings: Settings) -> timing.Report:
    """Run both studies."""
    report = timing.Report("wcam_parameters", {**vars(settings)})
    with timing.quiet():
        study = Study(settings)
        grid_study(report, study)
        sampler_study(report, study)
    return report


def main() -> None:
    """Run the study from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--crops", type=int, help=f"crops explained (default: {Settings.crops})")
    parser.add_argument(
        "--steps", type=int, help=f"steps of insertion and deletion (default: {Settings.steps})"
    )
    parser.add_argument(
        "--perturbed", action="store_true", help="perturb the approximation; it is held otherwise"
    )
    arguments = parser.parse_args()
    timing.restart(keep_freed_memory=True)
    timing.limit_threads()
    given = {
        name: getattr(arguments, name)
        for name in ("crops", "steps")
        if getattr(arguments, name) is not None
    }
    settings = replace(QUICK if arguments.quick else Settings(), **given)
    report = run(replace(settings, perturbed=arguments.perturbed))
    name = report.name + ("_perturbed" if arguments.perturbed else "")
    path = arguments.output or Path("outputs", "benchmarks", f"{name}.json")
    draw(report.tables[GRID_TITLE], path.with_suffix(".png"))
    report.publish(path)
    print(f"Figure: {path.with_suffix('.png')}.")


if __name__ == "__main__":
    main()
