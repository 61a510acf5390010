"""CREPE on sounds of known pitch: which octave matters to it is known, and energy does not tell.

    python -m benchmarks.real.sound [--quick] [--tones 200] [--seed 0] [--output FILE]

A network that classifies pitch hears harmonic tones and sung vowels, clean and under noise of
2.6 times their energy between 4 and 8 kHz, where the tones have nothing. What it hears wrong by 50
cents or more is left out, and counted. The logit of the pitch that it hears is explained, in
wavelets (db8, 6 levels, each an octave, the approximation included): logits, since the activations
are near 1 and flat there. The octave band with the largest share of the explanation is right if it
holds the pitch or one of the harmonics up to the 4th; the share of a map in samples is that of its
coefficients' magnitudes. Stricter is whether it is the pitch's own octave.

Four controls know nothing of the network: energy, the controls of `wam_xplique.metrics.control`,
a band at random, and the one band that is right most often for all sounds alike. The last two say
how easy the question is.

Besides, all are scored by the metrics, by the activation of the pitch heard; the larger CREPE, and
basic-pitch (in Keras), which hears 2 s at once, on fewer tones. A stopped run goes on where it was.
Into the folder of the output go sounds before and after keeping the most important coefficients,
and a figure.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from torch import nn
from tqdm.auto import tqdm

from wam_xplique import WaveletExplanation
from wam_xplique.archive import cached_json
from wam_xplique.coefficients import WaveletTransform, levels
from wam_xplique.demo.pipeline import outputs

from .. import methods, timing
from ..compare.metrics import Scoring
from ..compare.runner import check_settings
from ..compare.subjects import Subject
from . import basic_pitch, crepe, judged, pitched
from .sound_figure import write_example, write_sounds

TRANSFORM = WaveletTransform("db8", 6, "periodization", (1,))
SOUNDS: dict[str, tuple[Callable[..., tuple[np.ndarray, np.ndarray]], bool]] = {
    "tones": (pitched.tones, False),
    "tones in noise": (pitched.tones, True),
    "vowels": (pitched.vowels, False),
    "vowels in noise": (pitched.vowels, True),
}
"""What makes the sounds, and whether noise is added."""
JUDGED = "tones in noise"


class Listener(NamedTuple):
    """
    A network that hears pitches.

    Parameters
    ----------
    name
        What it is called.
    load
        What gives the network, from waveforms to logits.
    rate, frame
        Samples a second, and samples that it takes.
    normalize
        What frames are brought to before they are heard and explained.
    heard
        The pitches that logits tell, in Hz.
    """

    name: str
    load: Callable[[], Any]
    rate: int
    frame: int
    normalize: Callable[[np.ndarray], np.ndarray]
    heard: Callable[[np.ndarray], np.ndarray]


_CREPE = (crepe.SAMPLE_RATE, crepe.FRAME, crepe.normalize, crepe.heard)
_BASIC_PITCH = (
    basic_pitch.SAMPLE_RATE,
    basic_pitch.FRAME,
    basic_pitch.normalize,
    basic_pitch.heard,
)
LISTENERS = {
    "tiny": Listener("CREPE tiny", functools.partial(crepe.load_crepe, "tiny"), *_CREPE),
    "full": Listener("CREPE full", functools.partial(crepe.load_crepe, "full"), *_CREPE),
    "basic-pitch": Listener("basic-pitch", basic_pitch.load_basic_pitch, *_BASIC_PITCH),
}
IG, ENERGY = "WaveletIntegratedGradients", "control: energy"


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Parameters
    ----------
    sounds
        Sounds of each kind, by the network.
    scored
        Of the noisy tones, how many are scored by the metrics, by the network.
    draws, steps
        Noisy inputs, and steps of paths.
    noise
        Deviation of that noise; the frames' is 1.
    scoring
        How explanations are scored.
    batch_size
        Most inputs at once.
    seed
        Seed of everything.
    """

    sounds: dict[str, dict[str, int]] = field(
        default_factory=lambda: {
            "tiny": {"tones in noise": 200, "tones": 40, "vowels in noise": 40, "vowels": 40},
            "full": {"tones in noise": 32},
            "basic-pitch": {"tones in noise": 16},
        }
    )
    scored: dict[str, int] = field(
        default_factory=lambda: {"tiny": 16, "full": 4, "basic-pitch": 2}
    )
    draws: int = 8
    steps: int = 32
    noise: float = 0.2
    scoring: Scoring = field(default_factory=lambda: Scoring(steps=10, sets=30))
    batch_size: int = 32
    seed: int = 0

    def effort(self) -> methods.Effort:
        """How hard methods try."""
        return methods.Effort(self.draws, 0, self.noise, self.batch_size, self.seed)


QUICK = Settings(
    sounds={"tiny": {"tones in noise": 4}},
    scored={"tiny": 2},
    draws=2,
    steps=8,
    scoring=Scoring(steps=2, sets=4),
)


@dataclass(frozen=True, eq=False)
class Heard(Subject):
    """
    Frames that a network hears rightly, as the explainers take them.

    Parameters
    ----------
    pitches
        Hz (N,).
    made
        How many there were, before those heard wrongly were left out.
    rate
        Samples a second.
    """

    pitches: np.ndarray = field(default_factory=lambda: np.zeros(0))
    made: int = 0
    rate: int = crepe.SAMPLE_RATE

    @functools.cached_property
    def probabilities(self) -> Any:
        """Activations are not shared out between the pitches, as a softmax would."""
        if self.is_keras:
            return keras.Sequential([self.model, keras.layers.Activation("sigmoid")])
        return nn.Sequential(self.model, nn.Sigmoid()).eval()

    def first(self, count: int) -> Heard:
        """The first inputs alone."""
        return replace(self, inputs=self.inputs[:count], pitches=self.pitches[:count])


def hear(listener: Listener, network: Any, sounds: str, count: int, seed: int) -> Heard:
    """Make sounds, and keep those that a network hears within 50 cents."""
    make, is_noisy = SOUNDS[sounds]
    waveforms, pitches = make(count, listener.frame, listener.rate, seed)
    if is_noisy:
        waveforms = pitched.under_noise(waveforms, listener.rate, seed + 1)
    inputs = listener.normalize(waveforms)[..., np.newaxis]
    found = listener.heard(outputs(network, inputs))
    right = np.abs(crepe.cents(found, pitches)) < 50
    return Heard(
        listener.name,
        network,
        inputs[right],
        pitches=pitches[right],
        made=count,
        rate=listener.rate,
    )


def most_important(explanation: Any) -> np.ndarray:
    """The band (N,) with the largest share, the approximation being 0."""
    if isinstance(explanation, WaveletExplanation):
        return explanation.scale_importance().argmax(axis=1)
    maps = np.asarray(explanation, np.float64).reshape(len(explanation), -1)
    return _largest(TRANSFORM.forward(maps), np.abs)


def loudest(inputs: np.ndarray) -> np.ndarray:
    """The band (N,) of the most energy."""
    waveforms = inputs.reshape(len(inputs), -1).astype(np.float64)
    return _largest(TRANSFORM.forward(waveforms), np.square)


def _largest(coefficients: Any, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    bands = (band for level in levels(coefficients, 1) for band in level.values())
    return np.stack([of(band).sum(axis=1) for band in bands], axis=1).argmax(axis=1)


def truths(subject: Heard) -> dict[str, np.ndarray]:
    """Which bands (N, levels + 1) are right, and which hold the pitch itself."""
    rate, level = subject.rate, TRANSFORM.level
    return {
        "harmonics": pitched.right_bands(subject.pitches, rate, level),
        "own octave": pitched.right_bands(subject.pitches, rate, level, harmonics=1),
    }


def contenders(subject: Heard, settings: Settings) -> methods.Makers:
    """The methods and the controls."""
    wcam = {"partition": "scale", "nb_design": 8, "refine": None}
    return judged.makers(subject, TRANSFORM, settings.effort(), settings.steps, wcam)


def run(settings: Settings, folder: Path) -> timing.Report:
    """Hear, explain and judge what is not in the folder yet."""
    check_settings(settings, folder)
    report = timing.Report("real.sound", asdict(settings))
    for size, counts in settings.sounds.items():
        listener, hits = LISTENERS[size], {}
        network = listener.load()
        for sounds, count in counts.items():
            subject = hear(listener, network, sounds, count, settings.seed)
            hits[_title(sounds, subject)] = shares(
                subject, _chosen(subject, sounds, settings, folder)
            )
            if sounds != JUDGED:
                continue
            report.targets += _targets(hits[_title(sounds, subject)], subject.name)
            few = subject.first(settings.scored[size])
            report.tables[f"{subject.name}: scores of {len(few.inputs)} {sounds}"] = judged.table(
                _scores(few, settings, folder)
            )
            if size == "tiny":
                makers = contenders(subject, settings)
                write_example(subject, makers, TRANSFORM, folder)
                write_sounds(makers[IG], network, folder)
        report.tables[f"{listener.name}: is the most important band right?"] = _rows(hits)
    return report


def _of_one(make: Callable[[], Any], subject: Heard) -> list[int]:
    """The most important bands, by one method."""
    found: list[int] = most_important(judged.explain(make, subject)).tolist()
    return found


def _chosen(subject: Heard, sounds: str, settings: Settings, folder: Path) -> dict[str, np.ndarray]:
    """The most important bands, by the method."""
    makers = contenders(subject, settings)
    return {
        name: np.array(
            cached_json(
                folder / "parts" / f"{subject.name}, {sounds}, {name}.json".replace(":", ""),
                functools.partial(_of_one, makers[name], subject),
            )
        )
        for name in tqdm(makers, desc=f"{subject.name}, {sounds}", unit="method")
    }


def _scores(subject: Heard, settings: Settings, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """The scores of each method."""

    def measure(make: Callable[[], Any]) -> dict[str, list[float]]:
        found = judged.explain(make, subject)
        scores = judged.score(subject, found, TRANSFORM, settings.scoring, [*judged.SCORED])
        return {name: values.tolist() for name, values in scores.items()}

    makers, scores = contenders(subject, settings), {}
    for name, make in tqdm(makers.items(), desc=f"{subject.name}, scores", unit="method"):
        path = folder / "parts" / f"{subject.name}, scores, {name}.json".replace(":", "")
        found = cached_json(path, functools.partial(measure, make))
        scores[name] = {metric: np.array(values) for metric, values in found.items()}
    return scores


def shares(subject: Heard, chosen: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """How often the bands that methods and controls choose are right."""
    right = truths(subject)
    chosen = {**chosen, ENERGY: loudest(subject.inputs)}
    rows = np.arange(len(subject.inputs))
    found = {
        name: {truth: float(bands[rows, best].mean()) for truth, bands in right.items()}
        for name, best in chosen.items()
    }
    found["control: a band at random"] = {t: float(b.mean()) for t, b in right.items()}
    found["control: the best band for all"] = {
        t: float(b.mean(axis=0).max()) for t, b in right.items()
    }
    return found


def _title(sounds: str, subject: Heard) -> str:
    return f"{len(subject.inputs)} {sounds} ({subject.made - len(subject.inputs)} misheard)"


def _rows(hits: dict[str, dict[str, dict[str, float]]]) -> list[timing.Row]:
    """A row a method; of each kind of sounds the share that is right, and in the own octave."""
    names = next(iter(hits.values()))
    return [
        {"method": name}
        | {
            title: f"{found[name]['harmonics']:.0%} ({found[name]['own octave']:.0%})"
            for title, found in hits.items()
        }
        for name in names
    ]


def _targets(found: dict[str, dict[str, float]], network: str) -> list[timing.Target]:
    what = f"{network}, {JUDGED}: share of right bands of"
    return [
        timing.Target(f"{what} {IG}", found[IG]["harmonics"], 0.95, at_least=True),
        timing.Target(f"{what} {ENERGY}", found[ENERGY]["harmonics"], 0.10),
    ]


def main() -> None:
    """Run the benchmark from the command line."""
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--tones", type=int, help="noisy tones of the smaller network")
    parser.add_argument("--seed", type=int, help="seed of everything")
    arguments = parser.parse_args()
    settings = QUICK if arguments.quick else Settings()
    if arguments.tones is not None:
        counts = {**settings.sounds["tiny"], JUDGED: arguments.tones}
        settings = replace(settings, sounds={**settings.sounds, "tiny": counts})
    if arguments.seed is not None:
        settings = replace(settings, seed=arguments.seed)
    output = arguments.output or Path("outputs", "benchmarks", "real.sound.json")
    report = run(settings, output.parent / "sound")
    if arguments.quick:
        report.spare("there are too few tones")
    report.publish(output)


if __name__ == "__main__":
    main()
