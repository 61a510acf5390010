"""Do minimal images by directions invent fewer edges? The claim of ShearletX.

Ref. Kolek & al., Explaining Image Classifiers with Multiscale Directional Image Representation
(CVPR 2023).
"""

from __future__ import annotations

import numpy as np
from tqdm.auto import tqdm

from wam_xplique import WaveletIntegratedGradients
from wam_xplique.analysis import (
    conciseness_preciseness,
    hallucination_score,
    minimal_images,
    sufficient_images,
)
from wam_xplique.coefficients import Coefficients, as_rows, flatten
from wam_xplique.transforms import Transform

from .. import methods, timing
from ..compare.subjects import Subject
from ..real import minimal as real
from ..real import networks, photographs
from .settings import IMAGES, Settings

CONTENDERS = {name: IMAGES[name] for name in ("DWT", "Steerable")}
CONTROLS = ("magnitude", "random")
INTEGRATED = WaveletIntegratedGradients.__name__
INVENTED = "hallucination ↓"
SHOWN = ("retained probability ↑", "CP-entropy ↑", "CP-l1 ↑", "CP-l1 of pixels ↑", INVENTED)


def measure(settings: Settings, report: timing.Report) -> None:
    """Minimal images by each transform, beside as many coefficients of controls."""
    subject = photographs.Photographs("photographs", "lite0", settings.few, settings.seed).load()
    x, classes = subject.inputs, subject.targets.argmax(axis=1)
    low, high = networks.preprocess(np.array([0.0, 255.0], np.float32)).tolist()
    found: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for name, transform in tqdm(CONTENDERS.items(), desc="minimal images"):
        transform = transform.over((1, 2))
        judge = real.Judge(subject.model, x, classes, low, high, transform)
        masks = _masks(subject, transform, (low, high), settings)
        found[name] = {kind: _scores(judge, mask) for kind, mask in masks.items()}
    report.tables[f"Medians over {len(x)} photographs"] = [
        {"transform": name, "kept": kind}
        | {column: float(np.median(scores[column])) for column in scores}
        for name, kinds in found.items()
        for kind, scores in kinds.items()
    ]
    report.tables[f"The share of the {len(x)} photographs in which it is better than the DWT"] = [
        {"transform": name, "kept": kind} | _wins(kinds[kind], found["DWT"][kind])
        for name, kinds in found.items()
        if name != "DWT"
        for kind in kinds
        if not kind.startswith("control")
    ]


def _masks(
    subject: Subject, transform: Transform, ends: tuple[float, float], settings: Settings
) -> dict[str, Coefficients]:
    """The masks of minimal images, of controls with as many, and of what suffices for the class."""
    asked = subject.model, subject.inputs, subject.targets
    minimal = minimal_images(
        *asked,
        transform=transform,
        value_range=ends,
        max_steps=settings.searched,
        batch_size=2,
        channels="last",
    ).mask
    counts = as_rows(flatten(minimal)).sum(axis=1).astype(int)
    masks, orders = {"minimal images": minimal}, {}
    for control in CONTROLS:
        blind = methods.Blind(control, transform, settings.seed)
        orders[control] = blind.explain_wavelet(subject.inputs)
        masks[f"control: {control}"] = real.first(orders[control].coefficients, counts)
    integrated = WaveletIntegratedGradients(
        subject.model, transform=transform, channels="last", **settings.options(INTEGRATED)
    )
    orders["WAM-IG"] = integrated.explain_wavelet(*asked[1:])
    for name in ("WAM-IG", "magnitude"):
        enough = sufficient_images(
            *asked, orders[name], batch_size=settings.batch_size, channels="last"
        ).count
        masks[f"sufficient by {name}"] = real.first(orders[name].coefficients, enough)
    return masks


def _scores(judge: real.Judge, mask: Coefficients) -> dict[str, np.ndarray]:
    """
    The scores of a mask.

    Coefficients are counted by the pixel, since frames have more of them. What is faint has no edge
    that counts, so edges are also counted with all images stretched from 0 to 1.
    """
    scores, (_, images) = judge(mask), judge.left(mask)
    both = np.stack([np.ones(len(images)), scores["retained probability ↑"]], axis=1)
    scores["CP-l1 of pixels ↑"] = conciseness_preciseness(both, judge.x, images)
    contrast = images.std(axis=(1, 2, 3)) / judge.x.std(axis=(1, 2, 3))
    return {
        "coefficients a pixel ↓": as_rows(flatten(mask)).sum(axis=1) / np.prod(images.shape[1:3]),
        "contrast left": contrast,
        **{name: scores[name] for name in SHOWN},
        "hallucination, stretched ↓": hallucination_score(_stretched(judge.x), _stretched(images)),
    }


def _stretched(images: np.ndarray) -> np.ndarray:
    low, high = (end(images, axis=(1, 2, 3), keepdims=True) for end in (np.min, np.max))
    return (images - low) / np.maximum(high - low, 1e-12)


def _wins(scores: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> dict[str, float]:
    """The share of the photographs whose score is the better one."""
    return {
        name: float(np.mean(values > others[name] if name[-1] == "↑" else values < others[name]))
        for name, values in scores.items()
        if name[-1] in "↑↓"
    }
