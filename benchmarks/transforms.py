"""
What other transforms bring: do explanations move with the image, and name the pitch?

    python -m benchmarks.transforms [--quick] [--only shifts,tones,time] [--output FILE]

- **shifts**: photographs are cut out of larger ones 1 to 7 pixels further down and right, and
  explained again by EfficientNet-Lite0. The maps of both, cut to what both see, are correlated. The
  network itself moves its gradients about with such a shift: the row "pixels" is what it allows.
- **tones**: CREPE hears harmonic tones under noise of 2.6 times their energy. Is the band of the
  largest importance within a semitone of the pitch or of its harmonics up to the 4th? Octaves
  cannot tell. The band of the largest energy, and one at random, are the controls.
- **time**: an explanation by WAM-IG beside that by the decimated transform; analysis and synthesis
  beside the FFTs that they need, and beside PyWavelets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pywt
from tqdm.auto import tqdm

import wam_xplique as wam
from wam_xplique import datasets
from wam_xplique.transforms import DWT, ConstantQ, Stationary, Steerable, Transform

from . import timing
from .real import crepe, networks, sound

IMAGES: dict[str, Transform] = {
    "DWT": DWT(),
    "Stationary": Stationary(),
    "Steerable": Steerable(),
}
PIXELS = "pixels"
PITCHES = ConstantQ(octaves=6, bins_per_octave=12, sample_rate=float(crepe.SAMPLE_RATE))
HARMONICS = 4
SIZE, LARGEST_SHIFT = 224, 7
EQUIVARIANT, IN_TIME, OF_FFTS, OF_PYWAVELETS = 0.95, 1.05, 1.5, 5.0
PARTS = ("shifts", "tones", "time")


@dataclass(frozen=True)
class Settings:
    """How much is measured: photographs and shifts, tones, timed runs; steps of paths, draws."""

    photographs: int = 8
    shifts: tuple[int, ...] = (1, 2, 3, 5, 7)
    tones: int = 60
    runs: int = 5
    steps: int = 32
    draws: int = 16
    batch_size: int = 16
    seed: int = 0


QUICK = Settings(photographs=1, shifts=(1,), tones=3, runs=1, steps=4, draws=2)


def shifts(settings: Settings, report: timing.Report) -> None:
    """How well explanations of shifted photographs are the explanations shifted."""
    network, whole = networks.load_torch(), SIZE + LARGEST_SHIFT + 1
    photographs = datasets.imagenet_photographs(None, whole, settings.photographs, settings.seed)
    images = networks.preprocess(photographs.images)
    rows = []
    methods: dict[str, dict[str, Any]] = {
        "WaveletIntegratedGradients": {"steps": settings.steps},
        "WaveletSquareGrad": {"nb_samples": settings.draws, "noise": 0.3},
        "WaveletSmoothGrad": {"nb_samples": settings.draws, "noise": 0.3},
    }
    contenders = {PIXELS: DWT(level=0), **IMAGES}
    for method, options in methods.items():
        for name, transform in tqdm(contenders.items(), desc=method):
            explainer = getattr(wam, method)(
                network,
                transform=transform,
                include_approximation=True,
                batch_size=settings.batch_size,
                channels="last",
                **options,
            )
            still = _maps(explainer, images, photographs.labels, 0)
            found = {}
            for shift in settings.shifts:
                moved = _maps(explainer, images, photographs.labels, shift)
                pairs = zip(still[:, shift:, shift:], moved[:, :-shift, :-shift], strict=True)
                found[shift] = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
            mean = float(np.mean([*found.values()]))
            columns = {f"{shift} px": value for shift, value in found.items()}
            rows.append({"method": method, "transform": name, **columns, "mean": mean})
            if method == "WaveletIntegratedGradients" and name in ("Stationary", "Steerable"):
                target = timing.Target(f"{name}, WAM-IG, shifts", mean, EQUIVARIANT, True)
                report.targets.append(target)
    report.tables["Correlation of the explanation shifted with that of the shifted image"] = rows


def _maps(explainer: Any, images: np.ndarray, labels: np.ndarray, shift: int) -> np.ndarray:
    """The maps (N, H, W) of photographs cut out further down and right."""
    part = images[:, shift : shift + SIZE, shift : shift + SIZE]
    found: np.ndarray = explainer.explain_wavelet(np.ascontiguousarray(part), labels).pixels()
    return found[..., 0]


def tones(settings: Settings, report: timing.Report) -> None:
    """Whether the most important band is the pitch's, to a semitone."""
    listener = sound.LISTENERS["tiny"]
    network = listener.load()
    subject = sound.hear(listener, network, sound.JUDGED, settings.tones, settings.seed)
    explainer = wam.WaveletIntegratedGradients(
        network,
        transform=PITCHES,
        include_approximation=True,
        steps=settings.steps,
        batch_size=settings.batch_size,
    )
    importance = explainer.explain_wavelet(subject.inputs, subject.targets).band_importance()
    energy = PITCHES.over((1,)).forward(subject.inputs.astype(np.float64))
    loud = [(band**2).sum(axis=(1, 2)) for level in energy[1:] for band in level.values()]
    centres = PITCHES.centres().ravel()
    harmonics = subject.pitches[:, np.newaxis, np.newaxis] * np.arange(1, HARMONICS + 1)
    apart = np.abs(12 * np.log2(centres[:, np.newaxis] / harmonics))  # (N, bands, harmonics)
    right = {"pitch or harmonic": apart.min(axis=2) < 1, "pitch": apart[..., 0] < 1}
    chosen = {
        "WaveletIntegratedGradients": np.stack([*importance.values()][1:], axis=1).argmax(axis=1),
        "control: energy": np.stack(loud, axis=1).argmax(axis=1),
    }
    high, numbers = subject.pitches > 262, np.arange(len(subject.inputs))
    told = {
        name: {t: found[numbers, best] for t, found in right.items()}
        for name, best in chosen.items()
    }
    told["control: a band at random"] = {t: found.mean(axis=1) for t, found in right.items()}
    rows = [
        {"chosen by": name}
        | {truth: float(found.mean()) for truth, found in hits.items()}
        | {"pitch, above 262 Hz": float(hits["pitch"][high].mean())}
        for name, hits in told.items()
    ]
    report.tables[f"{len(subject.inputs)} tones in noise, {high.sum()} above 262 Hz"] = rows


def time(settings: Settings, report: timing.Report) -> None:
    """What a transform costs, beside the network and by itself."""
    import torch

    network = networks.load_torch()
    x = torch.randn(4, 3, SIZE, SIZE)
    labels = np.arange(4)

    def explain(transform: Transform) -> Callable[[], Any]:
        options: dict[str, Any] = {"steps": settings.steps, "batch_size": settings.batch_size}
        explainer = wam.WaveletIntegratedGradients(network, transform=transform, **options)
        return lambda: explainer.explain_wavelet(x, labels)

    calls = {name: explain(transform) for name, transform in IMAGES.items()}
    times = timing.time_interleaved(calls, settings.runs, warm_up=1)
    rows = [{"transform": name, "seconds": value} for name, value in timing.medians(times).items()]
    report.tables[f"WAM-IG of 4 photographs, {settings.steps} steps"] = rows
    for name in ("Stationary", "Steerable"):
        ratio = timing.ratio(times[name], times["DWT"])
        report.targets.append(timing.Target(f"WAM-IG by {name} / by DWT", ratio, IN_TIME))
    x = torch.randn(16, 3, SIZE, SIZE)
    report.tables["16 × 3 × 224 × 224, analysis and synthesis"] = []
    frame, few = Steerable(axes=(2, 3)), Stationary(axes=(2, 3))
    bands = 2 + frame.level * frame.orientations

    def there_and_back(transform: Transform) -> Callable[[], Any]:
        return lambda: transform.inverse(transform.forward(x), x.shape)

    def ffts() -> None:
        spectrum = torch.fft.rfftn(x, dim=(2, 3))
        for _ in range(bands):
            torch.fft.rfftn(torch.fft.irfftn(spectrum, (SIZE, SIZE), dim=(2, 3)), dim=(2, 3))
        torch.fft.irfftn(spectrum, (SIZE, SIZE), dim=(2, 3))

    def theirs() -> None:
        found = pywt.swt2(x.numpy(), "haar", few.level, axes=(2, 3), trim_approx=True, norm=True)
        pywt.iswt2(found, "haar", norm=True, axes=(2, 3))

    calls = {
        "Steerable": there_and_back(frame),
        "its FFTs alone": ffts,
        "Stationary": there_and_back(few),
        "PyWavelets' swt2": theirs,
    }
    times = timing.time_interleaved(calls, settings.runs, warm_up=1)
    report.tables["16 × 3 × 224 × 224, analysis and synthesis"] = [
        {"call": name, "seconds": value} for name, value in timing.medians(times).items()
    ]
    of_ffts = timing.ratio(times["Steerable"], times["its FFTs alone"])
    of_theirs = timing.ratio(times["PyWavelets' swt2"], times["Stationary"])
    report.targets += [
        timing.Target("Steerable / its FFTs", of_ffts, OF_FFTS),
        timing.Target("PyWavelets' swt2 / Stationary", of_theirs, OF_PYWAVELETS, True),
    ]


def main() -> None:
    """Measure, print and write the report."""
    timing.restart(keep_freed_memory=True)
    parser = timing.argument_parser(__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    arguments = parser.parse_args()
    timing.limit_threads()
    settings = QUICK if arguments.quick else Settings()
    report = timing.Report("transforms", vars(settings))
    with timing.quiet():
        for part in arguments.only.split(","):
            {"shifts": shifts, "tones": tones, "time": time}[part](settings, report)
    if arguments.quick:
        report.spare("too few inputs")
    report.publish(arguments.output and Path(arguments.output))


if __name__ == "__main__":
    main()
