"""What a transform costs beside the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wam_xplique as wam
from wam_xplique.transforms import Transform

from .. import timing
from ..real import networks
from .settings import IMAGES, QUICK, Settings

SIZE, IN_TIME = 224, 1.05


def measure(settings: Settings, report: timing.Report) -> None:
    """WAM-IG by each transform, beside that by the decimated one."""
    import torch

    network = networks.load_torch()
    x = torch.randn(4, 3, SIZE, SIZE)
    labels = np.arange(4)
    quick: dict[str, Any] = {"steps": 2} if settings == QUICK else {}

    def explain(transform: Transform) -> Callable[[], Any]:
        explainer = wam.WaveletIntegratedGradients(
            network, transform=transform, batch_size=settings.batch_size, **quick
        )
        return lambda: explainer.explain_wavelet(x, labels)

    calls = {name: explain(transform) for name, transform in IMAGES.items()}
    times = timing.time_interleaved(calls, settings.runs, warm_up=1)
    rows = [{"transform": name, "seconds": value} for name, value in timing.medians(times).items()]
    report.tables["WAM-IG of 4 photographs, by its own number of steps"] = rows
    for name in ("Stationary", "Steerable"):
        ratio = timing.ratio(times[name], times["DWT"])
        report.targets.append(timing.Target(f"WAM-IG by {name} / by DWT", ratio, IN_TIME))
