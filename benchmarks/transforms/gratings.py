"""Do explanations name the direction and the scale of what decides?

Gratings lie over crops of natural photographs. The direction and the wavelength of one of them are
the class; the others, as strong, have directions and wavelengths of no class. A small network is
trained to tell the classes; without the grating that decides it must fall to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import wam_xplique as wam
from wam_xplique.coefficients import Coefficients, map_bands
from wam_xplique.demo.networks import IMAGES, train_torch
from wam_xplique.transforms import Steerable

from .. import timing
from ..planted.__main__ import check
from ..planted.data import Band, Planted, background, places
from .settings import Settings

TRANSFORM = Steerable(level=3, orientations=6, axes=(1, 2))
ANGLES = tuple(f"{angle}°" for angle in range(0, 180, 30))
CLASSES = tuple(
    Band(*each)
    for each in ((1, "30°"), (1, "120°"), (2, "60°"), (2, "150°"), (3, "0°"), (3, "90°"))
)
OTHERS = tuple(
    Band(level, angle) for level in (1, 2, 3) for angle in ANGLES if (level, angle) not in CLASSES
)
SIZE, DEVIATION, STRENGTH, DISTRACTORS = 64, 7.0, 2.5, 2
OFF_BY = 7.0, 0.2
"""Most degrees and octaves by which gratings are off the middle of their band."""
NETWORK = IMAGES._replace(kernels=(11, 3, 3), summary="Max")
"""Filters as wide as most waves, and a grating counts wherever it is: an average dilutes it."""
FOUND = 0.95
JUDGED = "WAM-IG, magnitudes"
"""What `band_importance` tells."""


def plant(count: int, seed: int, half: str) -> Planted:
    """Images with gratings, `count` of each class, the classes in turn."""
    generator, size = np.random.default_rng([seed, half == "right"]), (SIZE, SIZE)
    components, rest, bands = [], [], CLASSES * count
    for band in bands:
        others = [OTHERS[i] for i in generator.integers(len(OTHERS), size=DISTRACTORS)]
        corners = places(generator, size, SIZE // 2, 1 + DISTRACTORS)
        first, *distractors = map(draw, [generator] * len(corners), [band, *others], corners)
        components.append(first)
        rest.append(background(generator, size, half) + sum(distractors))
    planted, without = (np.stack(x)[..., np.newaxis].astype(np.float32) for x in (components, rest))
    labels = np.tile(np.eye(len(CLASSES), dtype=np.float32), (count, 1))
    return Planted(planted + without, labels, planted, bands)


def draw(generator: np.random.Generator, band: Band, corner: Sequence[int]) -> np.ndarray:
    """A grating of any phase under a Gaussian window, about the middle of a quarter of an image."""
    turned, octaves = generator.uniform(-1, 1, 2) * OFF_BY
    angle = np.deg2rad(float(band.orientation[:-1]) + turned)
    middle = np.add(corner, SIZE / 4) + generator.uniform(-4, 4, 2)
    rows, columns = np.indices((SIZE, SIZE)) - middle[:, np.newaxis, np.newaxis]
    along = (np.cos(angle) * columns + np.sin(angle) * rows) / 2 ** (band.level + 1 + octaves)
    wave = np.cos(2 * np.pi * (along + generator.random()))
    return STRENGTH * wave * np.exp(-(rows**2 + columns**2) / (2 * DEVIATION**2))


def measure(settings: Settings, report: timing.Report) -> None:
    """Train, check, explain, and look for the band that decided."""
    training = plant(settings.training, settings.seed, "left")
    held_out = plant(-(-settings.gratings // len(CLASSES)), settings.seed + 1, "right")
    network = train_torch(training.inputs, training.labels, settings.seed, NETWORK)
    check(report, "gratings", network, held_out)
    chosen = {name: _largest(of) for name, of in _contenders(network, held_out, settings).items()}
    found = {name: _hits(bands, held_out.bands) for name, bands in chosen.items()}
    angle, scale = 1 / len(ANGLES), 1 / TRANSFORM.level
    found["control: a band at random"] = {"angle": angle, "scale": scale, "both": angle * scale}
    report.tables[f"The band chosen, in {len(held_out)} images with gratings"] = [
        {"chosen by": name, **hits} for name, hits in found.items()
    ]
    report.targets += [
        timing.Target(f"{JUDGED}: {what}", found[JUDGED][what], FOUND, at_least=True)
        for what in ("angle", "scale")
    ]


def _contenders(network: Any, planted: Planted, settings: Settings) -> dict[str, Coefficients]:
    """What ranks the bands: the larger the sum of its values, the more important a band."""
    found = {}
    for name in ("WaveletIntegratedGradients", "WaveletSquareGrad"):
        explainer = getattr(wam, name)(network, transform=TRANSFORM, **settings.options(name))
        found[name] = explainer.explain_wavelet(planted.inputs, planted.labels).coefficients
    signed = found.pop("WaveletIntegratedGradients")
    energy = {
        "control: energy": planted.inputs,
        "truth: energy of the grating that decides": planted.components,
    }
    return {
        JUDGED: map_bands(np.abs, signed),
        "WAM-IG, signed": signed,
        "SquareGrad": found["WaveletSquareGrad"],
        **{
            name: map_bands(np.square, TRANSFORM.forward(x[..., 0].astype(np.float64)))
            for name, x in energy.items()
        },
    }


def _largest(coefficients: Coefficients) -> list[Band]:
    """Of each image the band, without the low-pass, whose values have the largest sum."""
    depths = range(len(coefficients) - 2, -1, -1)  # 0 is that of the high-pass
    sums = {
        Band(depth, angle): band.sum(axis=(1, 2))
        for depth, level in zip(depths, coefficients[1:], strict=True)
        for angle, band in level.items()
    }
    bands = [*sums]
    return [bands[i] for i in np.stack([*sums.values()], axis=1).argmax(axis=1)]


def _hits(chosen: Sequence[Band], truth: Sequence[Band]) -> dict[str, float]:
    """How often the angle, the scale and both are right."""
    pairs = [*zip(chosen, truth, strict=True)]
    return {
        "angle": float(np.mean([a.orientation == b.orientation for a, b in pairs])),
        "scale": float(np.mean([a.level == b.level for a, b in pairs])),
        "both": float(np.mean([a == b for a, b in pairs])),
    }
