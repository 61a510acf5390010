"""What corruptions do to what a prediction rests on (WCAM 4.1), and how robust predictions are."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd

from wam_xplique import WCAM
from wam_xplique.analysis import corruption_effect, robustness

from .. import timing
from ..compare.tables import half_width
from .networks import preprocess
from .photographs import NETWORKS
from .settings import Run

NETWORK = "lite0"
CORRUPTIONS = ("gaussian_noise", "defocus_blur", "pixelate", "fog")
SEVERITY = 3
MOVED = {"scale": "moved across scales", "place": "moved across places"}
RANGE = (0.0, 255.0)


def section(run: Run) -> str:
    """How far importance moves across scales and places, and each photograph's robustness."""
    found = {
        name: pd.DataFrame(run.keep(f"corruptions/{name}", functools.partial(_effect, run, name)))
        for name in CORRUPTIONS
    }
    rows = [_row(f"{name.replace('_', ' ')} {SEVERITY}", of) for name, of in found.items()]
    first = found[CORRUPTIONS[0]]
    floor = {MOVED[of]: _told(first[f"{of} floor"]) for of in MOVED}
    rows.append({"corruption": "control: none, another seed", **floor})
    robust = run.keep("corruptions/robustness", functools.partial(_robustness, run))
    parts = [
        f"### Corruptions ({NETWORKS[NETWORK]}, {len(first)} photographs)",
        timing.table(rows),
        f"The robustness of {len(robust)} photographs:",
        timing.table(robust),
    ]
    return "\n\n".join(parts)


def _row(name: str, found: pd.DataFrame) -> dict[str, str]:
    is_kept = found["clean class"] == found["corrupted class"]
    return {
        "corruption": name,
        "class kept": f"{is_kept.sum()} of {len(found)}",
        "probability before": _told(found["clean score"]),
        "after": _told(found["corrupted score"]),
        **{title: _told(found[f"{of} distance"]) for of, title in MOVED.items()},
    }


def _told(values: pd.Series) -> str:
    return f"{values.mean():.3f} ± {half_width(values, False):.3f}"


def _effect(run: Run, name: str) -> dict[str, list[Any]]:
    """A column a fact, of each photograph."""
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
        floor=name == CORRUPTIONS[0],  # the same for all
    )
    return found.to_dataframe().to_dict("list")


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
