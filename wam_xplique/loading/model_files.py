"""Models from files, as data wherever the format allows it.

What a file can do when it is loaded differs by its format, and so does what is done about it:

- Keras (``.keras``, ``.h5``) holds weights, and names of Keras' own layers. A Lambda layer holds
  Python code, and is refused. Keras before 3.14 has known holes, through which a file made for
  them runs code or writes files all the same, and loads none.
- A SavedModel or a TorchScript file is a program of TensorFlow's or PyTorch's operators, some of
  which run when it is loaded, and can read and write files: only those that inference needs are
  let through (`allowed`).
- ``torch.export.load`` unpickles parts of the file and hands others to Python's ``eval``; a
  pickled model is code altogether. Both can do anything, and are refused.

What is refused is loaded when the user trusts it. What is not refused is no safer than the
framework that runs it: none of this is a sandbox.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import tensorflow as tf

from ..model import Model, input_shape
from ..terminal import reason
from .allowed import Refused, check_saved_model, check_torchscript
from .pixels import pixels_taken
from .preprocessing import Preprocess

Shape = tuple[int | None, ...]

SERVING = "serving_default"
SAFE_KERAS = (3, 14)
"""Before, files get past the `safe_mode` of Keras."""


class Loaded(NamedTuple):
    """What a file holds."""

    model: Any  # Keras model, tf.Module or torch.nn.Module
    logits: Any  # what is explained: without the softmax where that is known, else the model
    shape: Shape | None = None  # of one input, None for sizes that are open; None if none is told
    channels_first: bool = False
    takes: Preprocess | None = None  # what brings pixels to its own scaling, None if none is found


def load_file(path: Path, trust: bool = False) -> Loaded:
    """Load what a file or a folder holds, whose content tells the format; `trust` runs code."""
    load = _loader(path)
    try:
        found = load(path, trust)
        taken = pixels_taken(found.model, found.shape, found.channels_first)
        return found._replace(takes=found.takes or taken)
    except Refused as error:
        raise ValueError(
            f"--model {path} is not loaded, because it {error}. If you trust it, pass --trust."
        ) from error
    except Exception as error:  # broken files make the frameworks raise errors of many kinds
        raise ValueError(f"--model {path} cannot be loaded: {reason(error)}") from error


def _loader(path: Path) -> Callable[[Path, bool], Loaded]:
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return _load_saved_model
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = {name.rpartition("/")[2] for name in archive.namelist()}
        if {"config.json", "metadata.json"} <= members:
            return _load_keras
        if "constants.pkl" in members:
            return _load_torchscript
        if members & {"archive_format", "serialized_exported_program.json"}:
            return _load_exported
        if "data.pkl" in members:
            return _load_pickled
    elif path.is_file():
        if h5py.is_hdf5(path):
            return _load_keras
        with path.open("rb") as file:
            if file.read(1) == b"\x80":
                return _load_pickled
    raise ValueError(
        f"--model {path} is none of a Keras file, a SavedModel folder, a TorchScript file, a file "
        "of torch.export or a name of keras.applications."
    )


def _load_keras(path: Path, trust: bool) -> Loaded:
    if not trust and any(map(_has_lambda, _configs(path))):
        raise Refused("has a Lambda layer, which holds Python code")
    if not trust and tuple(map(int, keras.__version__.split(".")[:2])) < SAFE_KERAS:
        raise Refused(
            f"needs Keras 3.14 or later to be loaded safely, and this is {keras.__version__}"
        )
    return of_keras(keras.models.load_model(path, compile=False, safe_mode=not trust))


def _configs(path: Path) -> Iterator[Any]:
    """The layers of a Keras file, which may be of both kinds; its suffix tells Keras which."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield json.loads(archive.read("config.json"))
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            yield json.loads(file.attrs.get("model_config", "{}"))


def _has_lambda(config: Any) -> bool:
    if isinstance(config, dict):
        return config.get("class_name") == "Lambda" or any(map(_has_lambda, config.values()))
    return isinstance(config, list) and any(map(_has_lambda, config))


def of_keras(model: keras.Model) -> Loaded:
    """What is known of a Keras model, which must have one input."""
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, (list, dict)):
        raise ValueError(f"it has several inputs, {shape}; expected one")
    taken = None if shape is None else shape[1:]
    first = bool(Model(model).channels().first)
    return Loaded(model, without_softmax(model), taken, first)


def without_softmax(model: keras.Model) -> keras.Model:
    """A classifier up to its logits, sharing its weights; one that ends in no softmax, itself."""
    head, inputs = model.layers[-1], getattr(model, "inputs", None)
    if not inputs:  # a subclass, which knows no graph of its layers
        return model
    inputs = inputs[0] if len(inputs) == 1 else inputs
    if isinstance(head, keras.layers.Softmax):
        return keras.Model(inputs, head.input)
    if getattr(head, "activation", None) is not keras.activations.softmax:
        return model
    config = {**head.get_config(), "activation": None, "name": f"{head.name}_logits"}
    logits = type(head).from_config(config)
    outputs = logits(head.input)
    logits.set_weights(head.get_weights())
    return keras.Model(inputs, outputs)


class Served(tf.Module):
    """A signature of a SavedModel, as a function of its one input of numbers to one output."""

    def __init__(self, loaded: Any, signature: str):
        super().__init__()
        self._loaded = loaded
        self._signature = loaded.signatures[signature]
        _, inputs = self._signature.structured_input_signature
        outputs = self._signature.structured_outputs
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f"its signature {signature!r} has the inputs {[*inputs]} and the outputs "
                f"{[*outputs]}; expected one of each"
            )
        ((self._input, self.spec),) = inputs.items()
        (self._output,) = outputs
        self.input_signature = [self.spec]
        if not (self.spec.dtype.is_floating or self.spec.dtype.is_integer):
            raise ValueError(f"it takes {self.spec.dtype.name}; expected numbers")

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The output (N, ...) for inputs (N, ...)."""
        return self._signature(**{self._input: tf.cast(x, self.spec.dtype)})[self._output]


def _load_saved_model(path: Path, trust: bool) -> Loaded:
    if not trust:
        check_saved_model(path)
    loaded = tf.saved_model.load(str(path))
    names = [name for name in loaded.signatures if name != "__saved_model_init_op"]
    if SERVING not in names and len(names) != 1:
        raise ValueError(f"it has the signatures {names}; expected {SERVING!r}, or only one")
    served = Served(loaded, SERVING if SERVING in names else names[0])
    shape = input_shape(served)
    pixels = Preprocess.none if served.spec.dtype.is_integer else None
    return Loaded(served, served, shape and shape[1:], takes=pixels)


def _load_torchscript(path: Path, trust: bool) -> Loaded:
    import torch

    if not trust:
        check_torchscript(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        module = torch.jit.load(str(path), map_location="cpu").eval()
    return Loaded(module, module, channels_first=True)


def _load_exported(path: Path, trust: bool) -> Loaded:
    if not trust:
        raise Refused("is a file of torch.export, of which loading runs pickles and expressions")
    import torch

    program = torch.export.load(str(path))
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise ValueError(f"it has the inputs {[*names]}; expected one")
    module = program.module()
    shape = input_shape(module)
    return Loaded(module, module, shape and shape[1:], channels_first=True)


def _load_pickled(path: Path, trust: bool) -> Loaded:
    if not trust:
        raise Refused(
            "is a pickle, which is code; torch.jit.save writes models that hold no Python"
        )
    import torch

    module = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"it holds a {type(module).__name__} and no model; weights alone tell no architecture"
        )
    return Loaded(module.eval(), module, channels_first=True)
