"""Small classifiers in files of every format, and files to show to them."""

from __future__ import annotations

from collections.abc import Callable

import keras
import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from wam_xplique.cli import main

from ..conftest import CLASSES, make_keras  # noqa: F401
from ..modules import make_torch

mpl.use("Agg")
SIZE = 16
FEW = ("--set", "steps=2")


class Detach(nn.Module):
    """What ends all gradients."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach()


@pytest.fixture
def tells(capsys) -> Callable[..., str]:
    """A function that runs a command line, and gives what it tells: errors first if it fails."""

    def run(*arguments: object, fails: bool = False) -> str:
        assert main([str(argument) for argument in arguments]) == fails
        told = capsys.readouterr()
        return told.err + told.out if fails else told.out

    return run


@pytest.fixture(scope="session")
def network() -> keras.Model:
    """A classifier of images of 16×16 pixels that gives probabilities."""
    return make_keras(SIZE)


@pytest.fixture(scope="session")
def module(network) -> nn.Module:
    """The same network in PyTorch."""
    return make_torch(network)


@pytest.fixture(scope="session")
def model_files(network, module, tmp_path_factory) -> dict[str, str]:
    """The network in files, by their formats."""
    folder = tmp_path_factory.mktemp("models")
    example = torch.zeros(2, 3, SIZE, SIZE)
    names = {
        "keras": "network.keras",
        "h5": "network.h5",
        "SavedModel": "saved",
        "TorchScript": "scripted.pt",
        "trace": "traced.pt",
        "TorchScript without gradients": "black.pt",
        "torch.export": "fixed.pt2",
        "torch.export, any batch": "any.pt2",
        "pickle": "pickled.pt",
    }
    files = {kind: str(folder / name) for kind, name in names.items()}
    network.save(files["keras"])
    network.save(files["h5"])
    network.export(files["SavedModel"], verbose=False)
    torch.jit.save(torch.jit.script(module), files["TorchScript"])
    torch.jit.save(torch.jit.trace(module, example), files["trace"])
    black = nn.Sequential(module, Detach())
    torch.jit.save(torch.jit.script(black), files["TorchScript without gradients"])
    torch.export.save(torch.export.export(module, (example,)), files["torch.export"])
    batch = ({0: torch.export.Dim("N")},)
    program = torch.export.export(module, (example,), dynamic_shapes=batch)
    torch.export.save(program, files["torch.export, any batch"])
    torch.save(module, files["pickle"])
    return files


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """Pictures (N, 16, 16, 3)."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path, pixels):
    """A folder of two images, another of the same name beneath, and a broken one."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for name, picture in zip(("a.png", "b.png", "deep/a.png"), pixels, strict=True):
        Image.fromarray(picture).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image either")
    return folder
