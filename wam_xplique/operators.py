"""What is scored of a model: Xplique's operators, and those of its outputs in any framework."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

from xplique.commons import get_operator
from xplique.commons.exceptions import InvalidOperatorException
from xplique.commons.operators import predictions_operator, semantic_segmentation_operator

from .backends import Backend, Tensor

OfOutputs = Callable[[Backend, Tensor, Tensor], Tensor]
"""``score(backend, outputs, targets)``: one score for each input, in any framework."""

_EPSILON = 1e-4  # Xplique's, against divisions by 0

_FAR = 1e4
"""What is this far below the others adds nothing to their logsumexp."""

NO_LOGITS = 1e8
"""Beyond this lie no rivals but those of probabilities."""


def predictions(backend: Backend, outputs: Tensor, targets: Tensor) -> Tensor:
    """Score of the target class, or of the target direction of a regression."""
    return backend.reduce(outputs * targets, "sum", (-1,))


def semantic_segmentation(backend: Backend, outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean score of the target class over the target zone, which is zero elsewhere."""
    axes = tuple(range(1, len(outputs.shape)))
    zone = backend.asarray(targets != 0, like=outputs)
    return backend.reduce(outputs * targets, "sum", axes) / backend.reduce(zone, "sum", axes)


def object_detection(
    backend: Backend, outputs: Tensor, targets: Tensor, proba: bool = True, classes: bool = True
) -> Tensor:
    """
    How well the boxes (N, R, 5 + classes) of the targets, or (N, 5 + classes), are found again.

    Of each, that of its best match among the outputs (N, B, 5 + classes): intersection over union
    times probability times likeness of the classes; the mean over the boxes of an input. A box is
    x1, y1, x2, y2, its probability, its classes; one of zeros is none. As Xplique has it, after
    Petsiuk & al., Black-box Explanation of Object Detectors via Saliency Maps (2021).
    """
    if len(targets.shape) == 2:
        targets = targets[:, None]
    wanted, given = tuple(targets.shape), tuple(outputs.shape)
    if len(given) != 3 or len(wanted) != 3 or given[-1] != wanted[-1] or (given[-1] or 6) < 6:
        raise ValueError(
            "The model must give boxes (N, B, 5 + classes), and targets must be such boxes, "
            f"(N, 5 + classes) or (N, R, 5 + classes); got outputs of shape {given} and targets of "
            f"shape {wanted}."
        )
    found, sought = outputs[:, None], targets[:, :, None]
    scores = _overlap(backend, sought, found)
    if proba:
        scores = scores * found[..., 4]
    if classes:
        inner = backend.reduce(found[..., 5:] * sought[..., 5:], "sum", (-1,))
        lengths = [_length(backend, boxes[..., 5:]) for boxes in (found, sought)]
        scores = scores * inner / (lengths[0] * lengths[1] + _EPSILON)
    there, asked = (_are_any(backend, boxes) for boxes in (found, sought))  # (N, 1, B), (N, R, 1)
    best = backend.reduce(scores * there - (1 - there) * _FAR, "max", (-1,))
    asked = asked[..., 0] * backend.reduce(there, "max", (-1,))
    count = backend.reduce(asked, "sum", (-1,))
    return backend.reduce(best * asked, "sum", (-1,)) / (count + _as(backend, count == 0, count))


def _overlap(backend: Backend, one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes."""
    low, high, sides = [], [], []
    for axis in (0, 1):
        (a, b), (c, d) = ((boxes[..., axis], boxes[..., axis + 2]) for boxes in (one, other))
        low.append(a + backend.clip(c - a, 0, inf))  # the larger of both
        high.append(b - backend.clip(b - d, 0, inf))
        sides.append((b - a, d - c))
    inner = backend.clip(high[0] - low[0], 0, inf) * backend.clip(high[1] - low[1], 0, inf)
    (width, other_width), (height, other_height) = sides
    return inner / (width * height + other_width * other_height - inner + _EPSILON)


def _length(backend: Backend, x: Tensor) -> Tensor:
    """The norm along the last axis; 1 where all is 0, and a square root has no slope."""
    squares = backend.reduce(x * x, "sum", (-1,))
    return (squares + _as(backend, squares == 0, x)) ** 0.5


def _are_any(backend: Backend, boxes: Tensor) -> Tensor:
    return _as(backend, backend.reduce(abs(boxes), "max", (-1,)) > 0, boxes)


def _as(backend: Backend, flags: Tensor, like: Tensor) -> Tensor:
    return backend.asarray(flags, like=like)


def rivals(backend: Backend, outputs: Tensor, targets: Tensor) -> Tensor:
    """Logsumexp (N,) of the outputs but the target's; beyond `NO_LOGITS` for probabilities."""
    total, least = (backend.reduce(outputs, how, (-1,)) for how in ("sum", "min"))
    is_distribution = (least >= 0) & (abs(total - 1) < 1e-3)
    found = backend.logsumexp(outputs - _FAR * targets)
    return found + backend.asarray(is_distribution, like=found) * 2 * NO_LOGITS


def steady_predictions(backend: Backend, outputs: Tensor, targets: Tensor) -> Tensor:
    """Score of the target class (N,), less what its `rivals` gained since the last column of the
    targets. A score that stays, stays as a logit, and as the log-odds of the softmax."""
    one_hot, before = targets[..., :-1], targets[..., -1]
    gained = backend.logsumexp(outputs - _FAR * one_hot) - before
    return predictions(backend, outputs, one_hot) - (gained + abs(gained)) / 2


def predicted_class(backend: Backend, outputs: Tensor, targets: Tensor) -> Tensor:
    """Number of the class that is predicted (N,), whatever the targets are."""
    if len(outputs.shape) != 2 or outputs.shape[1] < 2:
        raise ValueError(
            "The model must give scores (N, classes) of at least two classes, to predict one of "
            f"them; got outputs of shape {tuple(outputs.shape)}."
        )
    return backend.asarray(backend.argmax(outputs), like=outputs)


DETECTION: dict[Any, OfOutputs] = {
    "object detection": object_detection,
    "object detection box position": partial(object_detection, proba=False, classes=False),
    "object detection box proba": partial(object_detection, classes=False),
    "object detection box class": partial(object_detection, proba=False),
}
"""Those that compare boxes, by the names of their tasks."""

OF_OUTPUTS: tuple[tuple[Any, OfOutputs], ...] = (
    (predictions_operator, predictions),
    (semantic_segmentation_operator, semantic_segmentation),
    *((get_operator(task), function) for task, function in DETECTION.items()),
    *((own, own) for own in (rivals, steady_predictions, predicted_class)),
)
"""Operators that see a model's outputs alone, as functions for all frameworks."""

_NAMES = (
    *("classification", "regression", "semantic segmentation"),
    *DETECTION,
)

WEIGH: tuple[OfOutputs, ...] = (predictions, semantic_segmentation)
"""Those whose targets weigh the outputs, one for one."""


def of_outputs(operator: Any) -> OfOutputs | None:
    """The function of the outputs alone that an operator is, none but this very one; or None."""
    return next((found for own, found in OF_OUTPUTS if own is operator), None)


def check_operator(operator: Any) -> Any:
    """Xplique's operator of a name, a task or a callable; None is the score of the target class."""
    operator = predictions_operator if operator is None else operator
    if of_outputs(operator) is not None:
        return operator
    if isinstance(operator, str) and operator not in _NAMES:
        raise ValueError(f"operator={operator!r} is unknown; expected one of {_NAMES}.")
    # What has no hash, Python's own look at its arguments trips over.
    has_hash = getattr(operator, "__hash__", None) is not None
    try:
        found = get_operator(operator if has_hash else operator.__call__)
    except (InvalidOperatorException, TypeError, AttributeError) as error:
        raise ValueError(
            f"operator must be a task or a callable g(model, inputs, targets), got {operator!r}."
        ) from error
    return found if has_hash else operator
