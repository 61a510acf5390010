"""Cascading randomization of Keras models and PyTorch modules."""

from __future__ import annotations

import contextlib
import copy
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from xplique.wrappers import TorchWrapper

from ..algorithms.cascade import Randomization, cascade
from ..checks import check_fraction, check_seed
from ..coefficients import as_rows, flatten
from ..explanation import WaveletExplanation
from ..model import keras_of
from .importance import as_array


def cascading_randomization(
    model: Any,
    explainer: Callable[[Any], Any],
    inputs: Any,
    targets: Any = None,
    *,
    layers: Sequence[str] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    verbose: bool = False,
) -> Randomization:
    """
    Randomize the layers of a copy of a model from the top down, and explain it at every stage.

    A faithful explanation depends on what the model has learnt: its rank correlation with that of
    the model as it was falls as the layers are reset (WAM, appendix B.3 and figure 8). A layer is
    reset to new initial values of its own initializers; the weights of one that has none are
    shuffled.

    Ref. Adebayo & al., Sanity checks for saliency maps (2018).

    Parameters
    ----------
    model
        Sequential or functional Keras model, `torch.nn.Module` or Xplique's `TorchWrapper`. It is
        left as it is.
    explainer
        What makes an explainer of a model: a class, or a function such as
        ``lambda model: WaveletSmoothGrad(model, wavelet="db2")``. The coefficients of explainers
        in the wavelet domain are compared by magnitude, the maps of others by value.
    inputs, targets, verbose
        As for the explainer.
    layers
        Names of the layers (or of modules that hold several, such as "layer4") to randomize, in
        this order, each with all before it; by default all that have weights, from the last to
        the first.
    confidence
        Confidence level of the intervals of the mean over the inputs.
    seed
        Seed of the new weights.

    Returns
    -------
    randomization
        Rank correlations by stage; `rows` lists them, `wam_xplique.plots.plot_randomization`
        draws them.

    Raises
    ------
    ValueError, TypeError
        If the model is of another kind, or has no layer of a name or none that has weights.
    """
    check_fraction("confidence", confidence, optional=False)
    check_seed(seed)
    if not callable(explainer):
        raise TypeError(
            "explainer must be a class of explainers or a function that makes one of a model, got "
            f"{explainer!r}."
        )
    twin, module = _copy(model)
    is_module = _is_module(module)
    parts, singles = _torch_parts(module) if is_module else _keras_parts(module)
    names = singles[::-1] if layers is None else _chosen(layers, parts)
    if not names:
        raise ValueError("model must have layers with weights, found none.")
    reset = _reset_modules if is_module else _reset_layers
    stages = {}
    for number, name in enumerate(names):
        seed_of_layer = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        stages[name] = partial(reset, parts[name], seed_of_layer)
    explain = partial(_rows_of_importance, explainer(twin), inputs, targets)
    return cascade(explain, stages, confidence, verbose)


def _rows_of_importance(explainer: Any, inputs: Any, targets: Any) -> np.ndarray:
    """What an explainer finds of each input, in one row."""
    if not hasattr(explainer, "explain_wavelet"):
        maps = as_array(explainer(inputs, targets))
        return maps.reshape(len(maps), -1)
    explanation: WaveletExplanation = explainer.explain_wavelet(inputs, targets)
    bands = flatten(explanation.coefficients)
    if explanation.level and not explanation.includes_approximation:
        del bands["approximation"]
    return np.abs(as_rows(bands))


def _copy(model: Any) -> tuple[Any, Any]:
    """A copy of a model, and what holds its layers."""
    if isinstance(model, TorchWrapper):
        module = copy.deepcopy(model.model)
        return TorchWrapper(module, model.device, model.channel_first, model.requires_grad), module
    if _is_module(model):
        module = copy.deepcopy(model)
        return module, module
    keras = keras_of(model)
    kind = type(model).__name__
    if keras is None:
        raise TypeError(
            f"model must be a Keras model, a torch.nn.Module or a TorchWrapper, got {kind}."
        )
    try:
        with _seeded(0):
            twin = keras.models.clone_model(model)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"model must be sequential or functional, to be copied, got {kind}, a keras.Model."
        ) from error
    twin.set_weights(model.get_weights())
    return twin, twin


def _is_module(model: Any) -> bool:
    return "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module)


def _torch_parts(module: Any) -> tuple[dict[str, list[Any]], list[str]]:
    """The modules with parameters of their own in each module, and the names of these."""
    named = {name or type(part).__name__: part for name, part in module.named_modules()}
    parts = {
        name: [one for one in part.modules() if any(True for _ in one.parameters(recurse=False))]
        for name, part in named.items()
    }
    return parts, [name for name, part in named.items() if part in parts[name]]


def _keras_parts(model: Any, prefix: str = "") -> tuple[dict[str, list[Any]], list[str]]:
    """The layers with weights in each layer or model, and the names of the layers."""
    parts: dict[str, list[Any]] = {}
    singles: list[str] = []
    for layer in model.layers:
        name = prefix + layer.name
        if hasattr(layer, "layers"):
            inner, names = _keras_parts(layer, f"{name}/")
            parts |= inner | {name: [part for single in names for part in inner[single]]}
            singles += names
        elif layer.weights:
            parts[name] = [layer]
            singles.append(name)
    return parts, singles


def _chosen(layers: Sequence[str], parts: dict[str, list[Any]]) -> list[str]:
    known = [name for name, found in parts.items() if found]
    if isinstance(layers, str) or not layers or not set(layers) <= set(known):
        raise ValueError(f"layers must be None or names among {known}, got {layers!r}.")
    return list(layers)


def _reset_modules(modules: list[Any], seed: int) -> None:
    """Draw the parameters of PyTorch modules anew; the state of PyTorch's generators is kept."""
    torch = sys.modules["torch"]
    generator = np.random.default_rng(seed)
    devices = {p.device for module in modules for p in module.parameters() if p.device.index}
    with torch.random.fork_rng(list(devices)), torch.no_grad():
        torch.manual_seed(seed)
        for module in modules:
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
                continue
            for parameter in module.parameters(recurse=False):
                order = torch.as_tensor(generator.permutation(parameter.numel()))
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def _reset_layers(layers: list[Any], seed: int) -> None:
    """Draw the weights of Keras layers anew; shuffle those of layers that cannot be made again."""
    generator = np.random.default_rng(seed)
    with _seeded(seed):
        for layer in layers:
            new, old = [], layer.get_weights()
            with contextlib.suppress(AttributeError, NotImplementedError, TypeError, ValueError):
                fresh = type(layer).from_config(layer.get_config())
                fresh.build_from_config(layer.get_build_config())
                new = fresh.get_weights()
            if [weight.shape for weight in new] != [weight.shape for weight in old]:
                new = [generator.permutation(w.ravel()).reshape(w.shape) for w in old]
            layer.set_weights(new)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Python's generator, from which Keras seeds its initializers; restore it afterwards."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
