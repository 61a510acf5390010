"""A small network, photographs for it, and explainers as workers make them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import torch
from PIL import Image

from wam_xplique import WaveletSaliency

SIZE, CLASSES = 16, 3
COUNT, BATCH = 28, 4


def network() -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.Softplus(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, CLASSES),
    ).eval()
    for parameter in net.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return net


def make() -> Any:
    """An explainer of arrays with channels first."""
    return WaveletSaliency(network(), level=2, channels="first")


def prepare(photograph: np.ndarray) -> np.ndarray:
    return np.moveaxis(photograph, -1, 0) / np.float32(255)


def make_for_photographs() -> Any:
    return make(), prepare


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 3, SIZE, SIZE), np.float32)


def write_photographs(folder: Path, count: int) -> np.ndarray:
    """Photographs and a file that is none; the inputs that are prepared of them."""
    folder.mkdir()
    pixels = (255 * images(count)).astype(np.uint8)
    for number, one in enumerate(pixels):
        Image.fromarray(np.moveaxis(one, 0, -1)).save(folder / f"{number:04}.png")
    (folder / "broken.png").write_bytes(b"no image")
    return pixels / np.float32(255)


def written(folder: Path) -> dict[Any, dict[str, Any]]:
    """All rows in a folder by their ids, each of which is there once."""
    rows = [row for file in folder.glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    found = {row["id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def shares(x: np.ndarray) -> np.ndarray:
    """What the explainer by itself tells of inputs: the shares (N, levels + 1) of scales."""
    classes = network()(torch.from_numpy(x)).argmax(1).numpy()
    return make().explain_wavelet(x, classes).scale_importance()


class Slowly:
    """Makes an explainer whose worker tells its process id, and takes its time over each input."""

    def __init__(self, folder: Path, seconds: float = 0.1):
        self.folder, self.seconds = folder, seconds
        folder.mkdir(exist_ok=True)

    def __call__(self) -> Any:
        (self.folder / str(os.getpid())).touch()
        return make(), self.prepare

    def prepare(self, photograph: np.ndarray) -> np.ndarray:
        time.sleep(self.seconds)
        return prepare(photograph)

    def workers(self) -> list[int]:
        """The process ids of those that are alive."""
        return [
            int(file.name) for file in self.folder.iterdir() if psutil.pid_exists(int(file.name))
        ]


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def until(met: Callable[[], Any], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not met() and time.monotonic() < end:
        time.sleep(0.05)
    assert met()


def parts(folder: Path, count: int) -> Callable[[], bool]:
    return lambda: len([*folder.glob("part-*")]) >= count


def check(folder: Path, x: np.ndarray) -> None:
    """All rows are there, once, as the explainer by itself tells them."""
    rows = written(folder)
    assert sorted(rows) == [*(f"{number:04}.png" for number in range(len(x))), "broken.png"]
    assert "cannot be read as an image" in rows.pop("broken.png")["error"]
    assert {row["error"] for row in rows.values()} == {None}
    found = [rows[f"{number:04}.png"]["scale_importance"] for number in range(len(x))]
    np.testing.assert_allclose(found, shares(x), rtol=1e-5)
