"""Real time series: all methods by the metrics, with controls, in both frameworks.

    python -m benchmarks.real.series [--quick] [--samples 40] [--seed 0] [--output FILE]

On five data sets of the UCR and UEA archives, a small convolutional network is trained in Keras and
in PyTorch on the training series, and its accuracy on the test series is told. Test series are
explained in wavelets (haar, 3 levels, the approximation included), for the class that the network
predicts, and the explanations are scored by its probability. Xplique's methods explain the Keras
networks. A stopped run goes on where it was.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wam_xplique.archive import cached_json
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.datasets import time_series
from wam_xplique.demo import networks
from wam_xplique.demo.pipeline import outputs

from .. import methods, timing
from ..compare.metrics import Scoring
from ..compare.runner import check_settings
from ..compare.subjects import TRAINED, TRAINERS, Subject
from . import judged

TRANSFORM = WaveletTransform("haar", 3, "periodization", (1,))
NAMES = ("GunPoint", "ItalyPowerDemand", "OSULeaf", "ACSF1", "BasicMotions")
ARCHITECTURE = networks.Architecture(
    (9, 7, 5), (1, 1, 1), rescale=True, batch_size=16, learning_rate=2e-3
)
SHOWN = ("MatchedFaithfulness", "WaveletFaithfulness", "WaveletMuFidelity", "MuFidelity")
"""The metrics whose means are told; the others are the parts of one of them."""


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    names
        Data sets.
    samples
        Test series of each that are explained, drawn at random.
    seen
        Series seen in an epoch of the training: the training set again and again.
    draws, steps
        Noisy inputs, and steps of paths.
    noise
        Deviation of that noise, as a share of the series'.
    scoring
        How explanations are scored.
    seed
        Seed of the training, and of all else.
    """

    names: tuple[str, ...] = NAMES
    samples: int = 40
    seen: int = 1600
    draws: int = 16
    steps: int = 32
    noise: float = 0.2
    scoring: Scoring = field(default_factory=lambda: Scoring(steps=10, sets=30))
    seed: int = 0


QUICK = Settings(
    names=("GunPoint", "BasicMotions"),
    samples=3,
    seen=320,
    draws=2,
    steps=4,
    scoring=Scoring(steps=2, sets=4),
)


@dataclass(frozen=True, eq=False)
class Trained(Subject):
    """
    Test series that a network explains itself by.

    Parameters
    ----------
    accuracy
        Of the network, on all test series.
    """

    accuracy: float = 0.0


def train(name: str, framework: str, settings: Settings) -> Trained:
    """Train a network, test it, and take some of the test series."""
    (x, labels, names), (held_out, truth, _) = (
        _with_channels(time_series(name, split)) for split in ("train", "test")
    )
    one_hot = np.eye(len(names), dtype=np.float32)[labels]
    times = -(-settings.seen // len(x))
    model = TRAINERS[framework](
        np.tile(x, (times, 1, 1)), np.tile(one_hot, (times, 1)), settings.seed, ARCHITECTURE
    )
    accuracy = float(np.mean(outputs(model, held_out).argmax(axis=1) == truth))
    count = min(settings.samples, len(held_out))
    chosen = np.random.default_rng(settings.seed).choice(len(held_out), count, replace=False)
    title = f"{name}, {TRAINED[framework]}"
    return Trained(title, model, held_out[np.sort(chosen)], accuracy=accuracy)


def _with_channels(series: Any) -> Any:
    values = series.values
    return series._replace(values=values if values.ndim == 3 else values[..., np.newaxis])


def run(settings: Settings, folder: Path) -> timing.Report:
    """Train, explain and score what is not in the folder yet."""
    check_settings(settings, folder)
    report = timing.Report("real.series", asdict(settings))
    accuracies = report.tables.setdefault("Accuracy on the test series", [])
    means: dict[str, dict[str, Any]] = {metric: {} for metric in SHOWN}
    for framework in TRAINED:
        for name in settings.names:
            path = folder / "parts" / f"{name}, {framework}.json"
            make = functools.partial(measure, name, framework, settings)
            found = cached_json(path, make)
            title = f"{name}, {TRAINED[framework]}"
            accuracies.append({"network": title, "accuracy": found["accuracy"]})
            for metric in SHOWN:
                means[metric][title] = found["scores"]
    for metric, of_networks in means.items():
        report.tables[f"{metric} ↑"] = _rows(metric, of_networks)
    return report


def measure(name: str, framework: str, settings: Settings) -> dict[str, Any]:
    """The accuracy of a network, and the scores of each method by each metric."""
    subject = train(name, framework, settings)
    deviation = float(subject.inputs.std())
    effort = methods.Effort(settings.draws, 0, settings.noise * deviation, 64, settings.seed)
    wcam = {"partition": "subband", "grid_size": 4, "nb_design": 8, "refine": None}
    makers = judged.makers(subject, TRANSFORM, effort, settings.steps, wcam, subject.is_keras)
    scores = {}
    for method, make in tqdm(makers.items(), desc=subject.name, unit="method"):
        found = judged.score(
            subject,
            judged.explain(make, subject),
            TRANSFORM,
            settings.scoring,
            [*judged.SCORED],
        )
        scores[method] = {metric: values.tolist() for metric, values in found.items()}
    return {"accuracy": subject.accuracy, "scores": scores}


def _rows(metric: str, of_networks: dict[str, Any]) -> list[timing.Row]:
    """A row a method, a column a network: the mean over its series."""
    names = dict.fromkeys(name for scores in of_networks.values() for name in scores)
    rows: list[timing.Row] = [{"method": name} for name in names]
    for network, scores in of_networks.items():
        values = [np.array(scores[n][metric]) if n in scores else np.zeros(0) for n in names]
        for row, cell in zip(rows, judged.column_of(metric, values), strict=True):
            row[network] = cell
    return rows


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--samples", type=int, help="test series of each set")
    parser.add_argument("--seed", type=int, help="seed of everything")
    arguments = parser.parse_args()
    given = {
        name: getattr(arguments, name)
        for name in ("samples", "seed")
        if getattr(arguments, name) is not None
    }
    settings = replace(QUICK if arguments.quick else Settings(), **given)
    output = arguments.output or Path("outputs", "benchmarks", "real.series.json")
    run(settings, output.parent / "series").publish(output)


if __name__ == "__main__":
    main()
