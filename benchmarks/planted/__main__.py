"""Does an explanation tell the truth? Inputs whose answer is known, and every method's score.

    python -m benchmarks.planted [--quick] [--ndim 1 2 3] [--inputs 40] [--strength 1.5] [--seed 0]
                                 [--output FILE]

Classifiers are trained, in Keras and in PyTorch, on signals, images and volumes whose class is
decided by a component planted at a known scale, orientation and place (see
`benchmarks.planted.data`), with distractors at other scales and places. They are checked to depend
on nothing else: without the component their accuracy must fall to chance. Then held-out inputs are
explained by our methods, in both frameworks, and by Xplique's, in Keras, with what is known of no
model beside them; the explanations are scored by `benchmarks.planted.scores`. Tables have means
over the inputs and half their 95% intervals. A method that fails is told in the notes.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wam_xplique.demo.networks import train_keras, train_torch
from wam_xplique.demo.pipeline import accuracy

from .. import methods, timing
from .data import KINDS, SIZES, Planted, plant
from .scores import scores

KINDS_OF_INPUTS = {1: "signals", 2: "images", 3: "volumes"}
LEAST_ACCURACY = 0.98


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    ndim
        What is planted in: 1 for signals, 2 for images, 3 for volumes.
    training
        Inputs of each class to train the classifiers, by the number of dimensions.
    inputs
        Held-out inputs to explain.
    strength
        Strength of the components; the weaker, the harder.
    draws
        Noisy inputs, and steps of paths.
    masks
        Perturbed inputs of Xplique's perturbation methods.
    seed
        Seed of all that is random.
    """

    ndim: tuple[int, ...] = (1, 2, 3)
    training: tuple[int, ...] = (300, 300, 150)
    inputs: int = 40
    strength: float = 1.5
    draws: int = 32
    masks: int = 500
    seed: int = 0


QUICK = Settings(training=(8, 8, 4), inputs=4, draws=2, masks=8)


def run(settings: Settings) -> timing.Report:
    """Plant, train, check, explain and score."""
    report = timing.Report("planted", asdict(settings))
    # Inputs have a variance near one.
    effort = methods.Effort(settings.draws, settings.masks, noise=0.3, seed=settings.seed)
    for ndim in settings.ndim:
        training = plant(
            ndim, settings.training[ndim - 1], settings.seed, "left", settings.strength
        )
        count = -(-max(settings.inputs, 100) // len(KINDS[ndim].classes))
        held_out = plant(ndim, count, settings.seed + 1, "right", settings.strength)
        models = {
            "Keras": train_keras(training.inputs, training.labels, settings.seed),
            "PyTorch": train_torch(training.inputs, training.labels, settings.seed),
        }
        for framework, model in models.items():
            check(report, f"{KINDS_OF_INPUTS[ndim]}, {framework}", model, held_out)
        rows = report.tables.setdefault(f"Scores on {KINDS_OF_INPUTS[ndim]}", [])
        some = _first(held_out, settings.inputs)
        rows.append({"method": "at random", **_summary(scores(_random(some), some))})
        work = [
            *((*m, "Keras") for m in methods.of_xplique(models["Keras"], ndim, effort).items()),
            *(
                (*m, f)
                for f in models
                for m in methods.of_ours(models[f], SIZES[ndim], effort).items()
            ),
        ]
        for name, make, framework in tqdm(work, desc=KINDS_OF_INPUTS[ndim], unit="method"):
            try:
                found, seconds = _explain(make(), some)
                row = {**_summary(scores(found, some)), "seconds": seconds}
            except Exception as error:  # a method that fails must not stop the others
                report.notes.append(f"{name} on {KINDS_OF_INPUTS[ndim]}: {error!r}"[:300])
            else:
                rows.append({"method": f"{name}, {framework}", **row})
    return report


def check(report: timing.Report, name: str, model: Any, held_out: Planted) -> None:
    """Measure the accuracy with the components and without them."""
    with_it, without = (
        accuracy(model, x, held_out.labels) for x in (held_out.inputs, held_out.removed)
    )
    chance = 1 / held_out.labels.shape[1]
    error = float(np.sqrt(chance * (1 - chance) / len(held_out)))
    report.tables.setdefault("The models", []).append(
        {"model": name, "accuracy": with_it, "without the component": without, "chance": chance}
    )
    report.targets += [
        timing.Target(f"{name}: accuracy", with_it, LEAST_ACCURACY, at_least=True),
        timing.Target(f"{name}: accuracy without the component", without, chance + 3 * error),
    ]


def _explain(explainer: Any, planted: Planted) -> tuple[Any, float]:
    start = time.perf_counter()
    explain = getattr(explainer, "explain_wavelet", explainer)
    found = explain(planted.inputs, planted.labels)
    return found, time.perf_counter() - start


def _first(planted: Planted, count: int) -> Planted:
    return Planted(
        planted.inputs[:count],
        planted.labels[:count],
        planted.components[:count],
        planted.bands[:count],
    )


def _random(planted: Planted) -> np.ndarray:
    return np.random.default_rng(0).random(planted.inputs.shape)


def _summary(found: dict[str, np.ndarray]) -> dict[str, str]:
    """Means, and half of their 95% intervals."""
    return {
        name: f"{each.mean():.2f} ± {1.96 * each.std(ddof=1) / np.sqrt(len(each)):.2f}"
        for name, each in found.items()
    }


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--ndim", type=int, nargs="+", choices=KINDS, help="what is planted in")
    parser.add_argument("--inputs", type=int, help="held-out inputs to explain")
    parser.add_argument("--strength", type=float, help="strength of the components")
    parser.add_argument("--seed", type=int, help="seed of everything")
    arguments = parser.parse_args()
    names = ("ndim", "inputs", "strength", "seed")
    given = {n: getattr(arguments, n) for n in names if getattr(arguments, n) is not None}
    timing.restart(keep_freed_memory=False)
    timing.limit_threads()
    settings = replace(QUICK if arguments.quick else Settings(), **given)
    run(settings).publish(arguments.output)


if __name__ == "__main__":
    main()
