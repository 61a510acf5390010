"""Train a classifier of volumes in both frameworks, explain it and draw the explanations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..explanation import WaveletExplanation, share_as_text
from ..plots import plot_scale_importance, plot_slices, save_interactive
from ..plots.drawing import draw_image, draw_map, first_drawn, maps_of, save_figure, scale_labels
from . import networks
from .pipeline import (
    Found,
    explain,
    first_of,
    frameworks,
    installed,
    rows_of,
    table,
    train,
)
from .shapes import CLASSES, shapes

VOLUMES_TRAINING, VOLUMES_HELD_OUT = 400, 50  # of each class
SHOWN = ("blob", "corner")
TRAINERS = {"Keras": networks.train_keras, "PyTorch": networks.train_torch}


def run(out: Path, samples: int) -> None:
    """Run the demo on held-out volumes, and write its figure and explanations."""
    out.mkdir(parents=True, exist_ok=True)
    training, held_out = shapes(VOLUMES_TRAINING, seed=0), shapes(VOLUMES_HELD_OUT, seed=1)
    x, y = (values[:samples] for values in held_out)
    names = [CLASSES[label] for label in y.argmax(-1)]
    found: Found = {}
    for framework in frameworks():
        model = train(framework, TRAINERS[framework], training, held_out, "volumes")
        of_model = explain(out, ("volume", framework), model, x, y)
        found |= {(method, framework): explanation for method, explanation in of_model.items()}
    shown = first_of(SHOWN, names)
    _draw(x, names, shown, found, out)
    if installed("plotly", "Plotly", "the page in which to turn a volume is", "interactive"):
        save_interactive(found["WAM-IG", "Keras"], out / "volume.html", x[shown[-1]], shown[-1])
    print("\nShare of each scale in the explanations")
    print(_table(names, found))
    print(f"\nFigure and explanations are in {out}/")


def _draw(
    x: np.ndarray, names: Sequence[str], shown: Sequence[int], found: Found, out: Path
) -> None:
    """One row a volume, a method and a framework: levels projected (WAM figure 5), and slices."""
    rows = rows_of(shown, found)
    count = len(_scales(rows[0][2])) + 5
    size = (1.65 * count, 0.3 + 1.65 * len(rows))
    figure, axes = plt.subplots(len(rows), count, figsize=size, layout="constrained", squeeze=False)
    for row, (index, label, explanation) in zip(axes, rows, strict=True):
        _draw_row(row, x[index], explanation, index)
        row[0].set_ylabel(f"{names[index]}\n{label}", fontsize=9)
    titles = ["volume", *_scales(rows[0][2])]
    for ax, title in zip(axes[0], titles, strict=False):
        ax.set_title(f"{title}\nalong D", fontsize=9)
    axes[0, -1].set_title("importance", fontsize=9)
    save_figure(figure, out / "volume.png", dpi=100)


def _draw_row(
    row: Sequence[Axes], volume: np.ndarray, explanation: WaveletExplanation, index: int
) -> None:
    draw_image(row[0], volume[..., 0].max(axis=0))
    maps = maps_of(explanation, index)[first_drawn(explanation) :]
    for ax, values in zip(row[1:-4], maps, strict=True):
        draw_map(ax, values.max(axis=0))
    plot_slices(explanation, volume, index, axes=row[-4:-1])
    plot_scale_importance(explanation, index, row[-1])


def _scales(explanation: WaveletExplanation) -> list[str]:
    return scale_labels(explanation)[first_drawn(explanation) :]


def _table(names: Sequence[str], found: Found) -> str:
    rows, scales = [], []
    for (method, framework), explanation in found.items():
        scales, shares = explanation.scales, explanation.scale_importance()
        for name in CLASSES:
            of_class = shares[[other == name for other in names]]
            if len(of_class):
                cells = map(share_as_text, of_class.mean(axis=0))
                rows.append([framework, method, name, *cells])
    return table(["framework", "method", "class", *scales], rows, labels=3)
