"""What the tests of the demos share: little to train on and to explain, and absent packages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial

import matplotlib as mpl
import pytest

from wam_xplique.demo import audio, data, networks, pipeline, textures, volume

from ..cli.conftest import tells  # noqa: F401

mpl.use("Agg")


@pytest.fixture
def one_epoch(monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 1)


@pytest.fixture
def quick(one_epoch, monkeypatch):
    """Little to train on and to explain, whatever it is."""
    for module in (pipeline, textures):
        monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr(pipeline, "NB_SAMPLES", 2)
    monkeypatch.setitem(textures.NOISY, "nb_samples", 2)
    monkeypatch.setattr(textures, "FINE", {"grid_size": 8, "nb_design": 2})
    for settings in (textures.COARSE, textures.RINGS, textures.WHOLE):
        monkeypatch.setitem(settings, "nb_design", 2)
    for module, names in ((audio, ("SOUNDS", "DIGITS")), (volume, ("VOLUMES",))):
        for name in names:
            monkeypatch.setattr(module, f"{name}_TRAINING", 2)
            monkeypatch.setattr(module, f"{name}_HELD_OUT", 2)
    monkeypatch.setattr(audio, "sounds", partial(data.sounds, duration=0.5))
    monkeypatch.setattr(volume, "shapes", partial(data.shapes, size=16))
    monkeypatch.setattr(
        textures, "crops", lambda half, count, seed: data.crops(half, min(count, 8), seed)
    )


@pytest.fixture
def hide(monkeypatch) -> Callable[..., None]:
    """A function that hides packages."""
    find = importlib.util.find_spec

    def hide(*packages: str) -> None:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in packages else find(name)
        )

    return hide
