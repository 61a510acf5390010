"""Targets heard in noise, and under other sounds: the WAM paper's figures 4 and 14, measured.

    python -m benchmarks.sound [--quick] [--sounds 100] [--seed 0] [--output FILE]

The demo's classifier of mel spectrograms is trained on synthetic sounds, in Keras. Held-out sounds
are mixed at 0 dB with white noise, or with a sound of another class, and explained behind their
spectrogram. The most important coefficients are kept, the others set to zero. Tables have means,
and their standard errors: by how many dB the reconstruction is nearer to the target than the
mixture is, and the share of the kept energy that is the target's.

Two contenders know nothing of the model: the largest coefficients of the mixture, which is how
wavelets are used against noise, and coefficients at random.

Ref. Kasmi & al., One Wave To Explain Them All: A Unifying Perspective On Feature Attribution
(2025), section 4.2 and appendix C.3.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from wam_xplique.analysis import Separation, noise_experiment, overlap_experiment
from wam_xplique.attributions import (
    WaveletGradientInput,
    WaveletIntegratedGradients,
    WaveletSmoothGrad,
)
from wam_xplique.coefficients import WaveletTransform
from wam_xplique.demo import data, networks

from . import timing
from .methods import Blind

TRANSFORM: dict[str, Any] = {"wavelet": "db4", "level": 6}
NOISE = 0.1  # of an input's range


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    training
        Sounds of each class to train the classifier.
    sounds
        Held-out sounds to explain.
    draws
        Noisy inputs of WAM-SG, and steps of WAM-IG.
    keep
        Shares of coefficients kept.
    seed
        Seed of the sounds, of what is mixed in and of the classifier.
    """

    training: int = 200
    sounds: int = 100
    draws: int = 32
    keep: tuple[float, ...] = (0.02, 0.1, 0.3)
    seed: int = 0


QUICK = Settings(training=5, sounds=4, draws=2, keep=(0.1,))


def contenders(model: Any, front_end: Any, draws: int) -> dict[str, Any]:
    """Explainers by name."""
    options = {**TRANSFORM, "include_approximation": True, "front_end": front_end}
    transform = WaveletTransform(**TRANSFORM, mode="periodization", axes=(1,))
    return {
        "WAM-SG": WaveletSmoothGrad(model, nb_samples=draws, relative_noise=NOISE, **options),
        "WAM-IG": WaveletIntegratedGradients(model, steps=draws, **options),
        "gradient × input": WaveletGradientInput(model, **options),
        "largest coefficients": Blind("magnitude", transform),
        "random coefficients": Blind("random", transform),
    }


def run(settings: Settings) -> timing.Report:
    """Train, mix, explain and measure."""
    report = timing.Report("sound", asdict(settings))
    front_end = networks.mel_keras()
    x, y = data.sounds(settings.training, settings.seed)
    model = networks.train_keras(_spectrograms(front_end, x), y, settings.seed)
    x, y = (v[: settings.sounds] for v in data.sounds(settings.sounds, settings.seed + 1))
    others = np.roll(x, 1, axis=0)  # the classes come in turn: each is mixed with another one

    def in_noise(explainer: Any, keep: float) -> Separation:
        return noise_experiment(explainer, x, y, keep=keep, seed=settings.seed)

    def under_others(explainer: Any, keep: float) -> Separation:
        return overlap_experiment(explainer, x, others, y, keep=keep)

    experiments = {"noise": in_noise, "overlap": under_others}
    explainers = contenders(model, front_end, settings.draws)
    work = [(e, c, k) for e in experiments for c in explainers for k in settings.keep]
    rows = report.tables.setdefault(f"Means over {len(x)} sounds at 0 dB", [])
    heard = {}
    for experiment, contender, keep in tqdm(work, unit="experiment"):
        found = experiments[experiment](explainers[contender], keep)
        if (name := f"accuracy, {experiment}") not in heard:  # all contenders hear the same
            heard[name] = _accuracy(model, front_end, found.mixtures, y)
        rows.append({"mixed with": experiment, "kept by": contender, **_row(found, keep)})
    report.tables["The model"] = [{"accuracy": _accuracy(model, front_end, x, y), **heard}]
    return report


def _row(found: Separation, keep: float) -> dict[str, Any]:
    values = {"nearer by dB ↑": found.improvement, "target's share ↑": found.kept_share}
    row: dict[str, Any] = {"kept": f"{keep:.0%}"}
    for name, each in values.items():
        row |= {name: float(each.mean()), f"± {name}": float(each.std() / np.sqrt(len(each)))}
    return row


def _spectrograms(front_end: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(front_end.predict(x, verbose=0))


def _accuracy(model: Any, front_end: Any, x: np.ndarray, y: np.ndarray) -> float:
    predicted = model.predict(_spectrograms(front_end, x), verbose=0).argmax(-1)
    return float(np.mean(predicted == y.argmax(-1)))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--sounds", type=int, help="held-out sounds to explain")
    parser.add_argument("--seed", type=int, help="seed of everything")
    arguments = parser.parse_args()
    given = {
        name: getattr(arguments, name)
        for name in ("sounds", "seed")
        if getattr(arguments, name) is not None
    }
    settings = replace(QUICK if arguments.quick else Settings(), **given)
    run(settings).publish(arguments.output)


if __name__ == "__main__":
    main()
