"""At which scales a Keras model looks, while it is trained."""

from __future__ import annotations

import functools
import logging
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ..archive import write_table
from ..attributions import WaveletIntegratedGradients
from ..batches import gather
from ..checks import check_integer, warn
from ..explanation import WaveletExplanation, has_importance, mean_share
from ..plots import plot_mosaic, plot_projections, plot_scalogram
from ..plots.drawing import first_drawn, new_figure
from ..plots.signals import scalogram_height
from .predictions import as_explained

STEPS = 4  # the shares are those of 64 within 0.01
MOST_IMAGES = 3
SMALL = 0.05
"""The part of a training's time that nobody minds."""
COMPILED = 3
"""How many explanations it takes until one is quick: the third may compile."""

logger = logging.getLogger(__name__)


class ScaleProfileCallback(keras.callbacks.Callback):
    """
    Logs the importance of each scale for a fixed batch of validation inputs, every few epochs.

    The mean shares go into the epoch's logs as ``"scale_importance/1-2 px"`` and so on, where the
    callbacks that come after this one (`keras.callbacks.CSVLogger`), the progress bar and the
    history see them; and, if asked for, into TensorBoard and into a file of its own. Epochs are
    counted from 0: the first is explained, every `every`-th from there, and the last.

    The model is explained as it is at inference: dropout is off, and no statistics of a batch
    normalization, weights or random seeds are touched. Training goes on as it would without, even
    where there is no explanation: an error, such as inputs that do not fit the model, is logged
    once, kept as `error`, and nothing more is explained until the next training. One explanation
    more is made when training begins, so that it shows early.

    Ref. Kasmi & al., One Wave To Explain Them All (2025), figure 10.

    Parameters
    ----------
    inputs
        The batch: an array or tensor, or a dataset or an iterable of batches
        ``(inputs, targets)``, the first `count` inputs of which are taken when training begins.
    targets
        One-hot classes or integer labels; None where the inputs hold them; "predicted" for the
        classes that the model predicts at the time.
    explainer
        What makes an explainer of the model: a class of explainers, or a function such as
        ``lambda model: WCAM(model, grid_size=8)``. By default `WaveletIntegratedGradients` with 4
        steps, which are enough for the shares of the scales.
    every
        Epochs from one explanation to the next.
    count
        Number of inputs; all by default. It must be given for a dataset or an iterable.
    log_dir
        Folder of TensorBoard's logs: a scalar for each scale, and the coefficients' importance for
        the first three inputs as pictures.
    csv
        File with a line for each epoch explained. A file that is there goes on where it ends, so
        that training can be resumed.
    verbose
        Whether to print, once, what an explanation costs, and the `every` that makes it less than
        5% of the training where it is more.

    Raises
    ------
    ValueError, TypeError
        If an argument is not valid. Nothing is raised while a model is trained.
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any = None,
        explainer: Callable[[Any], Any] | None = None,
        *,
        every: int = 1,
        count: int | None = None,
        log_dir: str | Path | None = None,
        csv: str | Path | None = None,
        verbose: bool = True,
    ):
        super().__init__()
        check_integer("every", every, lowest=1)
        check_integer("count", count, lowest=1, optional=True)
        if count is None and not hasattr(inputs, "shape"):
            raise ValueError("count must be given where inputs are no array or tensor, got None.")
        if explainer is None:
            explainer = functools.partial(WaveletIntegratedGradients, steps=STEPS)
        if not callable(explainer):
            told = "explainer must be a class of explainers or a function that makes one of a model"
            raise TypeError(f"{told}, got {explainer!r}.")
        if keras.backend.backend() != "tensorflow":
            told = f"Keras runs in {keras.backend.backend()!r}"
            raise ValueError(f"The models must run in TensorFlow, but {told}.")
        self.explainer, self.every, self.count = explainer, every, count
        self.log_dir, self.csv, self.verbose = log_dir, csv, verbose
        self.error: Exception | None = None
        self._data = inputs, targets
        self._batch: Any = None
        self._taken: list[float] = []  # seconds of each explanation, and of each epoch
        self._epochs: list[float] = []
        self._began = time.perf_counter()
        self._told = not verbose

    # tf_keras asks this of its own callbacks, which this one serves too: it has no hooks.
    _implements_train_batch_hooks = _implements_test_batch_hooks = lambda self: False
    _implements_predict_batch_hooks = _implements_train_batch_hooks

    @property
    def seconds(self) -> float | None:
        """How long an explanation takes, with all that is written; None before there is one."""
        return min(self._taken, default=None)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Take the batch, and explain it: that compiles, and shows what does not fit."""
        self.error = self._summary = None
        self._guarded(self._begin)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the time."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Explain the batch if it is its turn, and write the shares down."""
        self._epochs.append(time.perf_counter() - self._began)
        if epoch % self.every and epoch + 1 != (self.params or {}).get("epochs"):
            return
        start = time.perf_counter()
        self._guarded(self._look, epoch, {} if logs is None else logs)
        if self.error is None:
            self._taken.append(time.perf_counter() - start)
        if len(self._taken) == COMPILED:
            self._guarded(self._tell_cost)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        self._guarded(self._end)

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        """Take a step, unless one has failed: no error is worth the training."""
        if self.error is not None:
            return
        try:
            step(*args)
        except Exception as error:
            self.error = error
            told = "ScaleProfileCallback explains no more, and the training goes on"
            logger.error("%s: %s: %s", told, type(error).__name__, error)

    def _begin(self) -> None:
        if self._batch is None:
            self._batch = gather(*self._data, self.count, self.model)
        self._explainer = self.explainer(self.model)
        found = self._explain()
        shown = int(not found.includes_approximation)
        self._scales = dict(enumerate(found.scales[shown:], start=shown))
        if self.csv is not None:
            _begin_csv(Path(self.csv), ["epoch", *self._scales.values()])
        if self.log_dir is not None:
            self._summary = tf.summary.create_file_writer(str(self.log_dir))

    def _look(self, epoch: int, logs: dict[str, Any]) -> None:
        explanation = self._explain()
        shares = explanation.scale_importance()
        empty = np.sum(~has_importance(shares))
        if empty:
            told = f"In {empty} of {len(shares)} inputs nothing has importance"
            warn(f"{told}; the shares are of the others.")
        if empty < len(shares):
            mean = mean_share(shares)
            found = {name: float(mean[index]) for index, name in self._scales.items()}
            self._write(epoch, found, explanation, logs)

    def _end(self) -> None:
        if self._taken:
            self._tell_cost()
        if self._summary is not None:
            self._summary.close()

    def _tell_cost(self) -> None:
        if self._told:
            return
        self._told = True
        share = min(self._taken) / min(self._epochs)
        what = f"{type(self._explainer).__name__} of {len(self._batch[0])} inputs"
        cost = f"takes {self.seconds:.2g} s each time, {share:.1%} of an epoch"
        enough = math.ceil(share / SMALL)
        advice = f"; every={enough} makes that {share / enough:.1%} of the training"
        print(f"ScaleProfileCallback: {what} {cost}{advice * (enough > self.every)}.")

    def _explain(self) -> WaveletExplanation:
        inputs, targets = self._batch
        classes = as_explained(targets, self._explainer, inputs)
        with warnings.catch_warnings():  # the shares need no sum that has converged
            warnings.filterwarnings("ignore", "The integrals of inputs")
            return self._explainer.explain_wavelet(inputs, classes)

    def _write(
        self, epoch: int, shares: dict[str, float], explanation: WaveletExplanation, logs: Any
    ) -> None:
        tagged = {f"scale_importance/{scale}": share for scale, share in shares.items()}
        logs.update(tagged)
        if self.csv is not None:
            line = pd.DataFrame([{"epoch": epoch, **shares}])
            line.to_csv(self.csv, mode="a", header=False, index=False)
        if self._summary is not None:
            shown = range(min(MOST_IMAGES, len(explanation)))
            pictures = np.stack([picture_coefficients(explanation, index) for index in shown])
            with self._summary.as_default(step=epoch):
                for tag, share in tagged.items():
                    tf.summary.scalar(tag, share)
                tf.summary.image("wavelet coefficients", pictures)
            self._summary.flush()


def picture_coefficients(explanation: WaveletExplanation, index: int) -> np.ndarray:
    """The bytes (H, W, 3) of the mosaic, or what shows the coefficients of no image."""
    levels = explanation.level + 1 - first_drawn(explanation)
    height = scalogram_height(explanation) if explanation.ndim == 1 else 0
    sizes = (7, height), (3.2, 3.2), (2 * levels + 0.4, 6)
    figure = new_figure(*sizes[explanation.ndim - 1])
    if explanation.ndim == 1:
        plot_scalogram(explanation, None, index, figure.subplots())
    elif explanation.ndim == 2:
        plot_mosaic(explanation, index, figure.subplots())
    else:
        plot_projections(explanation, index, figure.subplots(3, levels, squeeze=False))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _begin_csv(path: Path, columns: list[str]) -> None:
    """Begin a file with its columns, if it is not there; if it is, they must be these."""
    if not path.exists() or not path.stat().st_size:
        write_table(path, pd.DataFrame(columns=columns))
        return
    found = pd.read_csv(path, nrows=0).columns.tolist()
    if found != columns:
        raise ValueError(f"csv={str(path)!r} has the columns {found}, and not {columns}.")
