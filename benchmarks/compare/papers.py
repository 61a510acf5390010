"""The published tables: their models, data, methods, metrics and layouts, given the data's path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from wam_xplique.analysis import zoom_consistency
from wam_xplique.archive import write_table
from wam_xplique.attributions import WCAM
from wam_xplique.explanation import WaveletExplanation

from .. import timing
from .metrics import METRICS
from .runner import Settings, check_settings, run
from .subjects import CROP, Request, Subject
from .tables import column, paper_table

TIMM = (
    "timm:resnet18",
    "timm:convnext_small.fb_in22k_ft_in1k_384",
    "timm:tf_efficientnet_b0.ns_jft_in1k",
    "timm:deit_tiny_patch16_224.fb_in1k",
)
KERAS = ("VGG16", "ResNet50", "MobileNet", "EfficientNetB0")
WAM = ("WaveletSmoothGrad", "WaveletIntegratedGradients")
OF_IMAGES = ("Saliency", "IntegratedGradients", "GradCAM", "GradCAMPP", "SmoothGrad", *WAM)
OF_SOUNDS = ("IntegratedGradients", "GradCAM", "Saliency", "SmoothGrad", *WAM)
CAUSAL = ("WaveletFaithfulness", "WaveletInsertion", "WaveletDeletion")
PAPERS_WCAM: dict[str, dict[str, Any]] = {
    "WCAM": {"grid_size": 28, "nb_design": 8, "partition": "mosaic", "refine": None}
}
SOUNDS = {"esc50": "ESC50", "esc50-noisy": "+WN"}


@dataclass(frozen=True)
class Preset:
    """
    A published table.

    Parameters
    ----------
    title
        What it shows.
    data
        Kinds of data, all read from one path.
    models
        Models, by the names that a `Request` has.
    metrics
        Names of metrics.
    methods
        Names of methods.
    samples
        Inputs of each subject.
    domain
        Where the explanations in the wavelet domain are scored.
    options
        Parameters of methods, by their names, where the paper gives them.
    """

    title: str
    data: tuple[str, ...]
    models: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    methods: tuple[str, ...] = OF_IMAGES
    samples: int = 1000
    domain: str = "wavelet"
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


PRESETS = {
    "table1": Preset("WAM, table 1", ("images",), TIMM, ("WaveletFaithfulness",)),
    "table2": Preset(
        "WAM, table 2",
        tuple(SOUNDS),
        ("torch",),
        (*CAUSAL, "FaithfulnessOnSpectra", "InputFidelity"),
        OF_SOUNDS,
        400,
    ),
    "table3": Preset("WAM, table 3", ("images",), TIMM, ("WaveletMuFidelity",)),
    "table4": Preset("WAM, table 4", ("images",), TIMM, ("WaveletInsertion", "WaveletDeletion")),
    "table5": Preset(
        "WAM, table 5",
        tuple(SOUNDS),
        ("torch",),
        (*CAUSAL, "FaithfulnessOnSpectra", "InputFidelity"),
        OF_SOUNDS,
        400,
        domain="front_end",
    ),
    "wcam-table1": Preset("WCAM, table 1", ("images",), ("ResNet50",), samples=100),
    "wcam-table3": Preset(
        "WCAM, table 3",
        ("images",),
        KERAS,
        ("Deletion", "Insertion", "MuFidelity"),
        (
            "Saliency",
            "GradientInput",
            "IntegratedGradients",
            "GradCAMPP",
            "VarGrad",
            "Rise",
            "SobolAttributionMethod",
            "WCAM",
        ),
        100,
        options=PAPERS_WCAM,
    ),
}
"""
The tables by their names.

Where the code departs from a paper: it does not tell the noise, the draws and the steps, which are
ours; Xplique looks into the layers of Keras models alone, so that GradCAM needs these (``--models``
takes names of `keras.applications`); the network of sounds is trained here on the other folds; of
WCAM's table 1, robust networks are not published with keras and are named by ``--models``, as
``.keras`` files.
"""


def reproduce(
    name: str,
    path: str,
    settings: Settings,
    out: Path,
    models: Sequence[str] | None = None,
    retry: bool = False,
) -> str:
    """
    Run a published table.

    Parameters
    ----------
    name
        One of `PRESETS`.
    path
        Where its data lie.
    settings
        How much; the domain and the parameters of methods are the preset's.
    out
        Folder of the results.
    models
        Other models.
    retry
        Whether to do again what failed.

    Returns
    -------
    markdown
        The table in the paper's layout.

    Raises
    ------
    ValueError
        If the data are not there; the message says what to fetch.
    """
    preset = PRESETS[name]
    settings = replace(settings, domain=preset.domain, options=preset.options)
    requests = [
        settings.request(f"{kind}:{path}", model)
        for kind in preset.data
        for model in models or preset.models
    ]
    for request in requests:
        request.check()
    if name == "wcam-table1":
        return f"# {preset.title}\n\n{_zoom_table(requests, settings, out)}"
    results = run(requests, settings, out, preset.methods, preset.metrics, retry)
    layout = _of_sounds if "esc50" in preset.data else _of_images
    return f"# {preset.title}\n\n{layout(results, preset)}"


def _of_images(results: pd.DataFrame, preset: Preset) -> str:
    names = results["model"].str.partition(", ")[2]
    return paper_table(results.assign(model=names), preset.metrics, len(preset.models) > 1)


def _of_sounds(results: pd.DataFrame, preset: Preset) -> str:
    """A row a method, and for each metric a column without noise and one with it."""
    methods = list(results["method"].unique())
    rows: list[dict[str, Any]] = [{"method": method} for method in methods]
    for metric in preset.metrics:
        for kind, title in SOUNDS.items():
            chosen = results[
                (results["metric"] == metric) & (results["model"].str.partition(", ")[0] == kind)
            ]
            scores = [chosen.loc[chosen["method"] == method, "score"] for method in methods]
            cells = column(metric, scores, interval=False)
            for row, cell in zip(rows, cells, strict=True):
                row[f"{metric}{METRICS[metric].arrow}, {title}"] = cell
    return timing.table(rows)


def _zoom_table(requests: Sequence[Request], settings: Settings, out: Path) -> str:
    """A row a level, and for each model a column as it is and one zoomed in."""
    check_settings(settings, out)
    table: dict[int, dict[str, Any]] = {}
    for request in tqdm(requests, unit="model"):
        path = out / "zoom" / f"{request.name_of_model}.csv"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            regular = _explain(request.load(), settings, settings.level)
            zoomed = _explain(replace(request, crop=CROP / 2).load(), settings, settings.level + 1)
            write_table(path, zoom_consistency(regular, zoomed).to_dataframe())
        for row in pd.read_csv(path).replace(np.nan, None).to_dict("records"):
            line = table.setdefault(int(row["level"]), {"level": int(row["level"])})
            for kind, title in (("regular", "Reg."), ("zoomed", "×2")):
                value, deviation = row[kind], row[f"{kind} sd"]
                told = "(-)" if value is None else f"{value:.3f} ({deviation:.3f})"
                line[f"{request.name_of_model}, {title}"] = told
    return timing.table([*table.values()])


def _explain(subject: Subject, settings: Settings, level: int) -> WaveletExplanation:
    explainer = WCAM(
        subject.probabilities,
        batch_size=settings.batch_size,
        wavelet=settings.wavelet,
        level=level,
        include_approximation=True,
        confidence=None,
        seed=settings.seed,
        verbose=True,
        **PAPERS_WCAM["WCAM"],
    )
    return explainer.explain_wavelet(subject.inputs, subject.targets)
