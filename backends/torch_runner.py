"""Functions of PyTorch modules, with and without gradients with respect to the inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .base import NO_FRONT_END_GRADIENT, NO_GRADIENT, FrontEnd, Runner, Score

# On the CPU, the large activations of a large batch are mapped afresh at each call, which costs
# more than small batches do (``python -m benchmarks.gradients`` prints both times).
_CPU_ELEMENTS = 8 * 3 * 224 * 224

Rows = tuple[torch.Tensor, ...]


class TorchRunner(Runner):
    """PyTorch, as it runs a module in evaluation mode. No gradient of its parameters is computed;
    it gets tensors of its own, which it may overwrite."""

    def __init__(self, model: nn.Module, front_end: FrontEnd | None = None):
        super().__init__(model, front_end)
        self._layout = _Layout(model)
        check_modes(self.model, self.front_end)

    def evaluate(self, score: Score, x: torch.Tensor, *rows: torch.Tensor) -> torch.Tensor:
        return self._in_parts(self._evaluated, score, x, rows)[0]

    def differentiate(
        self, score: Score, x: torch.Tensor, *rows: torch.Tensor
    ) -> tuple[torch.Tensor, Rows]:
        scores, *gradients = self._in_parts(self._differentiated, score, x, rows)
        return scores, tuple(gradients)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        check_modes(self.model, self.front_end)
        with torch.no_grad():
            return super().seen(x)

    def _evaluated(self, score: Score, x: torch.Tensor, *rows: torch.Tensor) -> Rows:
        with torch.no_grad():
            return (score(super().seen(x), *rows),)

    def _differentiated(self, score: Score, x: torch.Tensor, *rows: torch.Tensor) -> Rows:
        # Of tensors made in inference mode there is no gradient, but of their copies.
        with torch.inference_mode(False), torch.enable_grad():
            x, rows = _without_history(x), tuple(map(_without_history, rows))
            x.requires_grad_()
            # A module may overwrite what it gets, but not what needs gradients itself.
            own, wanted = x.clone(), [x]
            if self.front_end is not None:
                seen = self.front_end(own)
                if not seen.requires_grad:
                    raise ValueError(NO_FRONT_END_GRADIENT)
                own, wanted = seen.clone(), [x, seen]
            scores = score(own, *rows)
            return scores.detach(), *_gradients(scores, wanted)

    def _in_parts(
        self, function: Callable[..., Rows], score: Score, x: torch.Tensor, rows: Rows
    ) -> Rows:
        """`function` in small parts on the CPU, in the memory layout that suits the model."""
        check_modes(self.model, self.front_end)
        scored, plain = (functools.partial(f, score) for f in (function, self._evaluated))
        if x.device.type != "cpu":
            return scored(x.clone(), *rows)
        size = max(1, _CPU_ELEMENTS // max(x[0].numel(), 1))
        suited = self._layout.of(x, rows, plain)
        parts = []
        for part in zip(*(tensor.split(size) for tensor in (suited, *rows)), strict=True):
            try:
                parts.append(scored(*part))
            except RuntimeError as error:
                if not self._layout.is_to_blame(error):
                    raise
                return self._in_parts(function, score, x, rows)
        return tuple(map(torch.cat, zip(*parts, strict=True))) if len(parts) > 1 else parts[0]


def check_modes(model: Any, front_end: Any = None) -> None:
    """Raise a ValueError if the model, or what stands before it, is in training mode."""
    for name, module in {"model": model, "front_end": front_end}.items():
        parts = modules(module).items() if _has_modes(module) else ()
        training = [part or f"the {name}" for part, m in parts if _trains(m)]
        if training:
            raise ValueError(
                f"The {name} must be in evaluation mode, but {training[0]} is in training "
                f"mode; call {name}.eval() first."
            )


class _Layout:
    """The memory layout in which a model is fastest on the CPU, and gives the same scores.
    Convolutions prefer their channels last, but a model may insist on contiguous tensors, by
    calling ``view`` on them, or read their memory by itself: it is given these from then on."""

    def __init__(self, model: nn.Module):
        self.channels_last = any(isinstance(m, nn.Conv2d) for m in modules(model).values())
        self.compared = not self.channels_last

    def of(self, x: torch.Tensor, rows: Rows, plain: Callable[..., Rows]) -> torch.Tensor:
        """A copy of `x` in this layout."""
        if x.ndim == 4 and not self.compared:
            self._compare(x[:1], tuple(row[:1] for row in rows), plain)
        if not self.channels_last or x.ndim != 4:
            return x.clone(memory_format=torch.contiguous_format)
        return _channels_last(x)

    def is_to_blame(self, error: RuntimeError) -> bool:
        """Whether the layout caused `error`; if so it is given up."""
        blamed = self.channels_last and any(said in str(error) for said in _NO_VIEW)
        self.channels_last = self.channels_last and not blamed
        return blamed

    def _compare(self, x: torch.Tensor, rows: Rows, plain: Callable[..., Rows]) -> None:
        draws = torch.Generator().manual_seed(0)
        noise = torch.randn(x.shape, generator=draws, dtype=torch.float32).to(x.dtype)
        x = x + noise * (x.std(correction=0) + 1e-2)  # no two places are alike, as in a black image
        try:
            (fast,), (safe,) = plain(_channels_last(x), *rows), plain(x.contiguous(), *rows)
        except RuntimeError as error:
            if not self.is_to_blame(error):
                raise
        else:
            size = float(safe.abs().nan_to_num().max()) if safe.numel() else 0.0
            self.channels_last = torch.allclose(fast, safe, 1e-3, 1e-3 * size, True)
        self.compared = True


_NO_VIEW = ("view size is not compatible", "Cannot view a tensor")
"""What PyTorch, and its compiler, say of ``view`` on a tensor that is not contiguous."""


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    x = x.clone(memory_format=torch.channels_last)
    _, channels, height, width = x.shape
    # One channel counts as last whatever its stride, but only this stride makes it fast.
    strides = (channels * height * width, 1, channels * width, channels)
    return x.as_strided(x.shape, strides)


def _without_history(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.clone() if tensor.is_inference() else tensor.detach()


def _has_modes(module: Any) -> bool:
    """Whether it is a module that can train; Keras tells its models at each call."""
    homes = {cls.__module__.partition(".")[0] for cls in type(module).__mro__}
    return isinstance(module, nn.Module) and "keras" not in homes


def modules(module: Any, name: str = "", known: dict[int, Any] | None = None) -> dict[str, Any]:
    """A module and all in it by their names, once each: some are equal, and some have no hash."""
    known = {} if known is None else known
    if id(module) in known:
        return {}
    known[id(module)], found = module, {name: module}
    for place, part in module._modules.items():
        if part is not None:
            found |= modules(part, f"{name}.{place}" if name else place, known)
    return found


def _trains(module: nn.Module) -> bool:
    """Whether a module trains; graphs, and what holds their parameters, have no mode to leave."""
    of_graph = type(module) is nn.Module or isinstance(module, torch.fx.GraphModule)
    exported = type(module).__module__.startswith("torch.export")
    return getattr(module, "training", False) and not (of_graph or exported)


def _gradients(scores: torch.Tensor, wanted: list[torch.Tensor]) -> Rows:
    if not scores.requires_grad:
        raise ValueError(NO_GRADIENT)
    found: tuple[Any, ...] = torch.autograd.grad(scores.sum(), wanted, allow_unused=True)
    if any(gradient is None for gradient in found):
        raise ValueError("The model's scores do not depend on its inputs.")
    return found
