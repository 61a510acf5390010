"""Scores of PyTorch modules, and their gradients with respect to the inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .base import ScoreFunction, check_scores

# On the CPU, the large activations of a large batch are mapped afresh at each call, which costs
# more than small batches do (``python -m benchmarks.gradients`` prints both times).
_CPU_ELEMENTS = 8 * 3 * 224 * 224

_OUT = 1e4
"""What is this far below the others adds nothing to their logsumexp."""

Operator = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
"""``g(model, inputs, targets)``: one score per input, as Xplique's operators."""

FrontEnd = Callable[[torch.Tensor], torch.Tensor]
"""What stands between the inputs and the model, such as a spectrogram."""


def predictions(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """
    Score of the target class (or of the target direction, for a regression).

    Parameters
    ----------
    model
        Module with outputs (N, classes).
    inputs
        Inputs (N, ...).
    targets
        One-hot classes or regression directions (N, classes).

    Returns
    -------
    scores
        Scores (N,).

    Raises
    ------
    ValueError
        If the outputs do not have the shape of the targets.
    """
    outputs = model(inputs)
    _check_outputs(outputs, targets)
    return (outputs * targets).sum(-1)


def semantic_segmentation(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """
    Mean score of the target class over the target zone.

    Parameters
    ----------
    model
        Module with outputs (N, classes, H, W).
    inputs
        Inputs (N, C, H, W).
    targets
        Zone and class of interest (N, classes, H, W), zero elsewhere.

    Returns
    -------
    scores
        Scores (N,).

    Raises
    ------
    ValueError
        If the outputs do not have the shape of the targets.
    """
    outputs = model(inputs)
    _check_outputs(outputs, targets)
    zone = tuple(range(1, outputs.ndim))
    return (outputs * targets).sum(zone) / (targets != 0).sum(zone)


def rivals(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """
    Logsumexp (N,) of the outputs that are not the one-hot target's.

    The largest number where the outputs are probabilities.
    """
    outputs = model(inputs)
    _check_outputs(outputs, targets)
    is_distribution = (outputs >= 0).all(-1) & ((outputs.sum(-1) - 1).abs() < 1e-3)
    most = torch.finfo(outputs.dtype).max
    return torch.where(is_distribution, most, _rivals(outputs, targets))


def steady_predictions(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """
    Score of the target class (N,), less what its `rivals` gained.

    The last column of the targets (N, classes + 1) has the rivals before. A score that stays,
    stays as a logit, and as the log-odds of the softmax.
    """
    outputs, targets, before = model(inputs), targets[..., :-1], targets[..., -1]
    _check_outputs(outputs, targets)
    return (outputs * targets).sum(-1) - (_rivals(outputs, targets) - before).relu()


def _rivals(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs - _OUT * targets).logsumexp(-1)


def _check_outputs(outputs: torch.Tensor, targets: torch.Tensor) -> None:
    if outputs.shape != targets.shape:
        raise ValueError(
            f"targets of shape {tuple(targets.shape)} do not fit the model's outputs of shape "
            f"{tuple(outputs.shape)}."
        )


def score_function(
    model: nn.Module, operator: Operator = predictions, front_end: FrontEnd | None = None
) -> ScoreFunction:
    """
    The scores of `model`, without gradients.

    Parameters
    ----------
    model
        Module in evaluation mode.
    operator
        Scores that are explained.
    front_end
        What stands between the inputs and the model.

    Returns
    -------
    scores
        ``scores(x, y)``, of shape (N,).

    Raises
    ------
    ValueError
        If `model` or `front_end` is in training mode; when called, if the operator does not give
        one score for each input.
    """
    _check_modes(model, front_end)

    def scores(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            result = operator(model, x if front_end is None else front_end(x), y)
        check_scores(result.shape, len(x))
        return result

    return _in_parts(model, scores)


def gradient_function(
    model: nn.Module, operator: Operator = predictions, front_end: FrontEnd | None = None
) -> ScoreFunction:
    """
    The gradient of the scores of `model` with respect to the inputs.

    Parameters are left alone: no gradient of theirs is computed or stored. A `torch.autocast`
    around the call is respected.

    Parameters
    ----------
    model
        Module in evaluation mode.
    operator
        Scores that are explained.
    front_end
        What stands between the inputs and the model.

    Returns
    -------
    gradients
        ``gradients(x, y)``, of the shape of x; with a front end (N, P), the gradient with respect
        to x and then that with respect to ``front_end(x)``, both flat.

    Raises
    ------
    ValueError
        If `model` or `front_end` is in training mode; when called, if the scores do not depend on
        the inputs through operations that have a gradient.
    """
    _check_modes(model, front_end)

    def gradients(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            seen = x if front_end is None else front_end(x)
            if not seen.requires_grad:
                raise ValueError("front_end must be differentiable: its output has no gradient.")
            wanted = (x,) if front_end is None else (x, seen)
            found = _gradients(operator(model, seen, y), wanted)
        return found[0] if front_end is None else torch.cat([g.flatten(1) for g in found], 1)

    return _in_parts(model, gradients)


def scored_gradient_function(
    model: nn.Module, operator: Operator = predictions, front_end: FrontEnd | None = None
) -> ScoreFunction:
    """
    The scores of `model`, and their gradient with respect to the inputs, from one forward pass.

    Parameters
    ----------
    model, operator, front_end
        As for `gradient_function`.

    Returns
    -------
    scored_gradients
        ``scored_gradients(x, y)``, (N, 1 + P): the score, and then the gradient, flat.

    Raises
    ------
    ValueError
        As `gradient_function` and `score_function` do.
    """
    _check_modes(model, front_end)

    def scored_gradients(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            scores = operator(model, x if front_end is None else front_end(x), y)
            check_scores(scores.shape, len(x))
            (gradient,) = _gradients(scores, (x,))
        return torch.cat([scores.detach()[:, None], gradient.flatten(1)], 1)

    return _in_parts(model, scored_gradients)


def _gradients(scores: torch.Tensor, wanted: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    if not scores.requires_grad:
        raise ValueError("The model gives no gradient with respect to its inputs.")
    found = torch.autograd.grad(scores.sum(), wanted, allow_unused=True)
    if any(gradient is None for gradient in found):
        raise ValueError("The model's scores do not depend on its inputs.")
    return found


def _check_modes(model: nn.Module, front_end: FrontEnd | None) -> None:
    for name, module in {"model": model, "front_end": front_end}.items():
        parts = module.named_modules() if isinstance(module, nn.Module) else ()
        training = [part or f"the {name}" for part, m in parts if m.training]
        if training:
            raise ValueError(
                f"The {name} must be in evaluation mode, but {training[0]} is in training mode; "
                f"call {name}.eval() first."
            )


def _in_parts(model: nn.Module, function: ScoreFunction) -> ScoreFunction:
    """`function` in small parts on the CPU, in the memory layout that suits the model."""
    layout = _Layout(model)

    def in_parts(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if x.device.type != "cpu":
            return function(x, y)
        size = max(1, _CPU_ELEMENTS // x[0].numel())
        x = layout.apply(x)
        parts = []
        for part in zip(x.split(size), y.split(size), strict=True):
            try:
                parts.append(function(*part))
            except RuntimeError as error:
                if not layout.is_to_blame(error):
                    raise
                return in_parts(x, y)
        return torch.cat(parts)

    return in_parts


class _Layout:
    """
    The memory layout in which a model is fastest on the CPU.

    Convolutions prefer their channels last, but a model may insist on contiguous tensors, by
    calling ``view`` on them: it is given these from then on.
    """

    def __init__(self, model: nn.Module):
        self.channels_last = any(isinstance(m, nn.Conv2d) for m in model.modules())

    def apply(self, x: torch.Tensor) -> torch.Tensor:
        if not self.channels_last or x.ndim != 4:
            return x.contiguous()
        x = x.contiguous(memory_format=torch.channels_last)
        _, channels, height, width = x.shape
        # One channel counts as last whatever its stride, but only this stride makes it fast.
        strides = (channels * height * width, 1, channels * width, channels)
        return x.as_strided(x.shape, strides)

    def is_to_blame(self, error: RuntimeError) -> bool:
        """Whether the layout caused `error`; if so it is given up."""
        blamed = self.channels_last and "view size is not compatible" in str(error)
        self.channels_last = self.channels_last and not blamed
        return blamed
