"""Train a classifier of volumes in both frameworks, explain it and draw the explanations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ..explanation import WaveletExplanation
from ..plots import plot_scale_importance, plot_slices, save_interactive
from ..plots.drawing import draw_image, draw_map, first_drawn, maps_of, save_figure
from . import networks, pipeline
from .data import SHAPES, shapes

VOLUMES_TRAINING, VOLUMES_HELD_OUT = 400, 50  # of each class
SHOWN = ("blob", "corner")
TRAINERS = {"Keras": networks.train_keras, "PyTorch": networks.train_torch}


def run(out: Path, samples: int) -> None:
    """Run the demo on held-out volumes, and write its figure and explanations."""
    out.mkdir(parents=True, exist_ok=True)
    training, held_out = shapes(VOLUMES_TRAINING, seed=0), shapes(VOLUMES_HELD_OUT, seed=1)
    x, y = (values[:samples] for values in held_out)
    names = [SHAPES[label] for label in y.argmax(-1)]
    found: pipeline.Found = {}
    for framework in pipeline.frameworks():
        model = pipeline.train(framework, TRAINERS[framework], training, held_out, "volumes")
        of_model = pipeline.explain(out, ("volume", framework), model, x, y)
        found |= {(method, framework): explanation for method, explanation in of_model.items()}
    shown = pipeline.first_of(SHOWN, names)
    _draw(x, names, shown, found, out)
    one = found["WAM-IG", "Keras"]
    page = "the page in which to turn a volume is"
    if pipeline.installed("plotly", "Plotly", page, "interactive"):
        save_interactive(one, out / "volume.html", x[shown[-1]], shown[-1])
    print("\nShare of each scale in the explanations")
    shares = {
        (framework, method, name): explanation.scale_importance()[np.equal(names, name)].mean(0)
        for (method, framework), explanation in found.items()
        for name in SHAPES
        if name in names
    }
    print(pipeline.table_of_shares(("framework", "method", "class"), one.scales, shares))
    print(f"\nFigure and explanations are in {out}/")


def _draw(
    x: np.ndarray, names: Sequence[str], shown: Sequence[int], found: pipeline.Found, out: Path
) -> None:
    """One row a volume, a method and a framework: levels projected (WAM figure 5), and slices."""
    one = next(iter(found.values()))
    scales = one.scales[first_drawn(one) :]

    def draw(row: Sequence[Axes], explanation: WaveletExplanation, index: int) -> None:
        draw_image(row[0], x[index, ..., 0].max(axis=0))
        maps = maps_of(explanation, index)[first_drawn(explanation) :]
        for ax, values in zip(row[1:-4], maps, strict=True):
            draw_map(ax, values.max(axis=0))
        plot_slices(explanation, x[index], index, axes=row[-4:-1])
        plot_scale_importance(explanation, index, row[-1])

    columns, side = len(scales) + 5, 1.65
    size = (side * columns, side)
    figure, axes = pipeline.draw_rows(shown, names, found, draw, columns, size, 0.3)
    for ax, title in zip(axes[0], ["volume", *scales], strict=False):
        ax.set_title(f"{title}\nalong D", fontsize=9)
    axes[0, -1].set_title("importance", fontsize=9)
    save_figure(figure, out / "volume.png", dpi=100)
