"""What a transform costs, beside the network and by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pywt

import wam_xplique as wam
from wam_xplique.transforms import Stationary, Steerable, Transform

from .. import timing
from ..real import networks
from .settings import IMAGES, Settings

SIZE = 224
IN_TIME, OF_FFTS, OF_PYWAVELETS = 1.05, 1.5, 5.0


def measure(settings: Settings, report: timing.Report) -> None:
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
