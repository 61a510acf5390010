"""What is enough for a prediction, and what it cannot do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..algorithms.batching import BatchSize, Progress, by_blocks
from ..algorithms.cells import HELD, count_cells
from ..algorithms.removal import DECISIVE, decisive_counts, perturbed_inputs, ranks
from ..checks import check_integer
from ..inputs import as_labels
from ..metrics import InputFidelity
from ..model import on_host
from ..per_input import PerInput
from ..plots.gallery import plot_gallery


@dataclass(frozen=True, eq=False)
class DecisiveImages(PerInput):
    """
    The fewest coefficients that decide a prediction, and the images that show it.

    Parameters
    ----------
    kind
        "sufficient" or "necessary".
    inputs, images
        The inputs, channels last, and what the coefficients make by themselves (sufficient) or
        leave (necessary). Where none were found, what all of them make or leave.
    count, features
        Numbers (N,) of coefficients (the reconstruction depth, for sufficient images), and of all
        that are ranked.
    found
        Whether (N,) there are such coefficients.
    held
        Whether the approximation is held at its value: it is kept besides, and not counted.
    classes
        The classes (N,) that are predicted with the sufficient coefficients, and no longer without
        the necessary ones.
    ndim
        Number of spatial axes.
    """

    kind: str
    inputs: np.ndarray
    images: np.ndarray
    count: np.ndarray
    features: int
    found: np.ndarray
    held: bool
    classes: np.ndarray
    ndim: int

    def __len__(self) -> int:
        """The number of inputs."""
        return len(self.count)

    @property
    def share(self) -> np.ndarray:
        """The share (N,) of the coefficients, between 0 and 1; NaN where none were found."""
        return np.where(self.found, self.count / self.features, np.nan)

    def plot(self, most: int = 6) -> Figure:
        """Draw at `most` so many inputs, and what their decisive coefficients make or leave."""
        name, sign = "without what is necessary", "all but "
        if self.kind == "sufficient":
            name, sign = "sufficient", "approximation + " * self.held
        counts = zip(self.count.tolist(), self.found, strict=True)
        told = [
            f"{sign}{n:,} of {self.features:,}" if found else "not found" for n, found in counts
        ]
        titles = {"input": [f"class {number}" for number in self.classes], name: told}
        return plot_gallery({"input": self.inputs, name: self.images}, self.ndim, titles, most)

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each input: its class, the count and the share of coefficients, if found."""
        return pd.DataFrame(
            {"class": self.classes, "count": self.count, "share": self.share, "found": self.found}
        ).rename_axis("input")


def sufficient_images(
    model: Any,
    inputs: Any,
    targets: Any,
    explanations: Any,
    *,
    tries: int = 4,
    include_approximation: bool | None = None,
    **options: Any,
) -> DecisiveImages:
    """
    Find the fewest of the most important coefficients that are predicted as the target class.

    These are the static minimal images of WAM (appendix C.2) and the sufficient images of WCAM
    (section 4.2), whose number of coefficients is the reconstruction depth (appendix B.3). A
    prediction may come and go as coefficients are added: found is a number at which it is there
    and, with one coefficient less, is not; a smaller one may lie between two tried.

    Parameters
    ----------
    model
        A classifier in any framework, or any callable on arrays.
    inputs
        The inputs explained: array, tensor or `tf.data.Dataset`, the latter with targets=None.
    targets
        One-hot classes (N, classes).
    explanations
        A `WaveletExplanation` of the inputs, or maps of them by any explainer of Xplique.
    tries
        Numbers of coefficients that are tried at once for each input: 1 is a plain bisection, of
        the fewest forwards; more see more of a prediction that comes and goes.
    include_approximation
        Whether the approximation is among the coefficients; it is held at its value if not. By
        default it is if the explanations give it any importance.
    **options
        As for `wam_xplique.metrics.InputFidelity`: `batch_size`, `baseline_mode`, `front_end`,
        `verbose`, and for maps of pixels `wavelet`, `level` and `mode`, or `transform`.

    Raises
    ------
    ValueError, TypeError
        If model, inputs, targets and explanations do not fit together; see the message.

    Examples
    --------
    >>> def model(x):
    ...     return np.stack([x.sum(axis=1), 0 * x[:, 0] + 2.5], axis=1)
    >>> x = np.ones((1, 8), np.float32)
    >>> sufficient_images(model, x, np.eye(2)[:1], x, level=0).count
    array([3])
    """
    options["include_approximation"] = include_approximation
    asked = InputFidelity(model, inputs, targets, **options)
    return _decisive("sufficient", asked, explanations, tries)


def necessary_images(
    model: Any,
    inputs: Any,
    targets: Any,
    explanations: Any,
    *,
    tries: int = 4,
    include_approximation: bool | None = None,
    **options: Any,
) -> DecisiveImages:
    """
    Find the fewest of the most important coefficients without which the target class is lost.

    The images are what is left without them. Where the target class is not the one predicted in
    the first place, their number is 0. Parameters and errors are those of `sufficient_images`.
    """
    options["include_approximation"] = include_approximation
    asked = InputFidelity(model, inputs, targets, **options)
    return _decisive("necessary", asked, explanations, tries)


def _decisive(kind: str, metric: InputFidelity, explanations: Any, tries: int) -> DecisiveImages:
    """What decides the predictions of the model and inputs that a metric has."""
    check_integer("tries", tries, lowest=1)
    change, _ = DECISIVE[kind]
    inputs, removal = metric._inputs, metric._removal_of(explanations)
    layout, backend = inputs.layout, inputs.backend
    held, features = bool(np.all(removal.cells[0] == HELD)), count_cells(removal.cells)
    labels = as_labels(metric.targets)
    classes = on_host(inputs.targets).argmax(axis=-1) if labels is None else labels
    progress = Progress("input", metric.verbose)

    def of_block(rows: slice) -> DecisiveImages:
        problem, importance = removal.problem_of(inputs[rows], progress)
        places, block = ranks(importance, metric.seed), classes[rows]
        count, found = decisive_counts(kind, problem, places, block, tries)
        left = perturbed_inputs(problem, change(places, count[:, np.newaxis]))
        x, images = (layout.to_channels_last(backend.to_numpy(t)) for t in (problem.x, left))
        return DecisiveImages(kind, x, images, count, features, found, held, block, layout.ndim)

    return by_blocks(len(inputs), of_block, BatchSize.of(metric), backend, progress)
