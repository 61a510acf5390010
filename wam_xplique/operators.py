"""What is scored of a model: Xplique's operators, and those of its outputs in any framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xplique.commons import get_operator
from xplique.commons.exceptions import InvalidOperatorException
from xplique.commons.operators import predictions_operator, semantic_segmentation_operator

from .backends import Backend, Tensor

OfOutputs = Callable[[Backend, Tensor, Tensor], Tensor]
"""``score(backend, outputs, targets)``: one score for each input, in any framework."""

_NAMES = (
    *("classification", "regression", "semantic segmentation"),
    *(f"object detection{part}" for part in ("", " box position", " box proba", " box class")),
)

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


OF_OUTPUTS: tuple[tuple[Any, OfOutputs], ...] = (
    (predictions_operator, predictions),
    (semantic_segmentation_operator, semantic_segmentation),
    *((own, own) for own in (rivals, steady_predictions, predicted_class)),
)
"""Operators that see a model's outputs alone, as functions for all frameworks."""

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
