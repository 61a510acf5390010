"""Cascading randomization of Keras models and PyTorch modules."""

from __future__ import annotations

import contextlib
import copy
import functools
import random
import sys
from collections.abc import Callable, Iterator, Sequence
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

    Ref. Adebayo & al., Sanity checks for saliency maps (2018). Kasmi & al., One Wave To Explain
    Them All: A Unifying Perspective On Feature Attribution (2025), appendix B.3.

    Parameters
    ----------
    model
        Sequential or functional Keras model, `torch.nn.Module` or Xplique's `TorchWrapper`. It is
        left as it is.
    explainer
        What makes an explainer of a model: a class, or a function such as
        ``lambda model: WaveletSmoothGrad(model, wavelet="db2")``. The coefficients of explainers
        in the wavelet domain are compared by magnitude, the maps of others by value.
    inputs, targets
        As for the explainer.
    layers
        Names of the layers (or of modules that hold several, such as "layer4") to randomize, in
        this order, each with all before it; by default all that have weights, from the last to
        the first.
    confidence
        Confidence level of the intervals of the mean over the inputs.
    seed
        Seed of the new weights.
    verbose
        Whether to show the progress.

    Returns
    -------
    randomization
        Rank correlations by stage; `rows` lists them, `wam_xplique.plots.plot_randomization`
        draws them.

    Raises
    ------
    TypeError
        If the model is of another kind, or the explainer cannot be called.
    ValueError
        If the model has no layer of a name, or none that has weights.
    """
    if confidence is None:
        raise ValueError("confidence must be a number between 0 and 1, got None.")
    check_fraction("confidence", confidence)
    check_seed(seed)
    if not callable(explainer):
        raise TypeError(
            "explainer must be a class of explainers or a function that makes one of a model, got "
            f"{explainer!r}."
        )
    twin, module = _copy(model)
    parts, singles = _torch_parts(module) if _is_module(module) else _keras_parts(module)
    names = singles[::-1] if layers is None else _chosen(layers, parts)
    if not names:
        raise ValueError("model must have layers with weights, found none.")
    reset = _reset_modules if _is_module(module) else _reset_layers
    stages = {}
    for number, name in enumerate(names):
        seed_of_layer = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        stages[name] = functools.partial(reset, parts[name], seed_of_layer)
    explain = functools.partial(_rows_of_importance, explainer(twin), inputs, targets)
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
    if keras is None:
        raise TypeError(
            "model must be a Keras model, a torch.nn.Module or a TorchWrapper, got "
            f"{type(model).__name__}."
        )
    try:
        with _seeded(0):
            twin = keras.models.clone_model(model)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "model must be sequential or functional, to be copied, got a subclass "
            f"{type(model).__name__} of keras.Model."
        ) from error
    twin.set_weights(model.get_weights())
    return twin, twin


def _is_module(model: Any) -> bool:
    return "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module)


def _torch_parts(module: Any) -> tuple[dict[str, list[Any]], list[str]]:
    """The modules with parameters of their own in each module, and the names of these."""

    def has_own(part: Any) -> bool:
        return next(part.parameters(recurse=False), None) is not None

    named = {name or type(part).__name__: part for name, part in module.named_modules()}
    parts = {name: list(filter(has_own, part.modules())) for name, part in named.items()}
    return parts, [name for name, part in named.items() if has_own(part)]


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
    """Draw the weights of Keras layers anew."""
    generator = np.random.default_rng(seed)
    with _seeded(seed):
        for layer in layers:
            layer.set_weights(_initial_weights(layer, generator))


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Python's generator, from which Keras seeds its initializers; restore it afterwards."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _initial_weights(layer: Any, generator: np.random.Generator) -> list[np.ndarray]:
    old = layer.get_weights()
    try:
        fresh = type(layer).from_config(layer.get_config())
        fresh.build_from_config(layer.get_build_config())
        new = fresh.get_weights()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        new = []  # a layer of one's own that Keras cannot make again
    if [weight.shape for weight in new] == [weight.shape for weight in old]:
        return new
    return [generator.permutation(weight.ravel()).reshape(weight.shape) for weight in old]
