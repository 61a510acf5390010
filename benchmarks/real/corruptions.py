"""What corruptions do to what a prediction rests on (WCAM 4.1), and how robust predictions are."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from wam_xplique import WCAM
from wam_xplique.analysis import corruption_effect, robustness

from .. import timing
from .networks import preprocess
from .photographs import NETWORKS
from .settings import Run

NETWORK = "lite0"
CORRUPTIONS = ("gaussian_noise", "defocus_blur", "pixelate", "fog")
SEVERITY = 3
RANGE = (0.0, 255.0)


def section(run: Run) -> str:
    """How far importance moves across scales and places, and each photograph's robustness."""
    rows = [
        {"corruption": f"{name.replace('_', ' ')} {SEVERITY}"}
        | run.keep(f"corruptions/{name}", functools.partial(_effect, run, name))
        for name in CORRUPTIONS
    ]
    robust = run.keep("corruptions/robustness", functools.partial(_robustness, run))
    count = len(run.subject(NETWORK).part(slice(0, run.settings.few)).inputs)
    return "\n\n".join(
        [
            f"## Corruptions ({NETWORKS[NETWORK]}, {count} photographs)",
            timing.table(rows),
            f"The robustness of {len(robust)} photographs:",
            timing.table(robust),
        ]
    )


def _effect(run: Run, name: str) -> dict[str, str]:
    few = run.settings.few
    subject, images = run.subject(NETWORK), run.request(NETWORK).photographs().images[:few]
    explainer = WCAM(subject.probabilities, **run.settings.wcam, verbose=True)
    found = corruption_effect(
        explainer,
        images,
        subject.targets[:few],
        name,
        SEVERITY,
        value_range=RANGE,
        preprocess=preprocess,
        seed=run.settings.seed,
        floor=True,
    )
    table = found.to_dataframe()
    kept = table["clean class"] == table["corrupted class"]
    return {
        "class kept": f"{kept.sum()} of {few}",
        **{
            title: f"{table[column].mean():.3f}"
            for title, column in {
                "probability, clean": "clean score",
                "corrupted": "corrupted score",
                "moved across scales": "scale distance",
                "by the seed alone": "scale floor",
                "moved across places": "place distance",
                "by the seed alone ": "place floor",
            }.items()
        },
    }


def _robustness(run: Run) -> list[dict[str, Any]]:
    """A line a photograph, the least robust first."""
    subject, photographs = run.subject(NETWORK), run.request(NETWORK).photographs()
    found = robustness(
        subject.model,
        photographs.images,
        np.eye(subject.targets.shape[1], dtype=np.float32)[photographs.labels],
        severities=run.settings.severities,
        value_range=RANGE,
        preprocess=preprocess,
        batch_size=run.settings.batch_size,
        seed=run.settings.seed,
        verbose=True,
    )
    is_right = subject.targets.argmax(-1) == photographs.labels
    rows = zip(photographs.names, is_right, found.share, strict=True)
    return [
        {
            "photograph": name,
            "right when clean": "yes" if right else "no",
            "robustness": f"{share:.0%}",
        }
        for name, right, share in sorted(rows, key=lambda row: row[2])
    ]
