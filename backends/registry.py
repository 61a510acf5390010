"""Find the backend of a tensor or of a model."""

from __future__ import annotations

import functools
import importlib
import operator
import os
import sys
from typing import Any

from .base import Backend

_FRAMEWORKS = {  # framework, in a module of its name: its backend, and the names of its classes
    "numpy": ("NumpyBackend", ("ndarray",)),
    "torch": ("TorchBackend", ("Tensor", "nn.Module")),
    "tensorflow": ("TensorFlowBackend", ("Tensor", "Variable", "Module", "keras.layers.Layer")),
}


@functools.cache
def load_backend(name: str) -> Backend:
    """The backend of the framework called `name`; imports the framework."""
    if name in _lost:
        raise RuntimeError(
            "TensorFlow ran before this process was forked, and would wait forever for threads "
            "that a fork does not take along: start processes by spawn "
            '(multiprocessing.get_context("spawn")), or fork before TensorFlow is first used.'
        )
    module = importlib.import_module(f".{name}_backend", __package__)
    return getattr(module, _FRAMEWORKS[name][0])()


def get_backend(obj: Any) -> Backend:
    """
    The backend of a tensor or of a model; a TypeError if no framework that is known owns it.

    A framework that is not imported yet cannot own `obj`, so no framework is imported in vain.

    Parameters
    ----------
    obj
        A `np.ndarray`, `tf.Tensor`, `torch.Tensor`, Keras model or layer, `tf.Module` or
        `torch.nn.Module`.

    Examples
    --------
    >>> get_backend(np.zeros(3)).name
    'numpy'
    """
    backend = _BACKENDS.get(type(obj))
    if backend is None:
        backend = _BACKENDS[type(obj)] = _find(obj)
    return backend


def register_backend(backend: Backend, *classes: type) -> None:
    """
    Make `get_backend`, and with it the transforms, know the tensors of another framework.

    Parameters
    ----------
    backend
        What these tensors can do.
    classes
        The classes of the tensors; subclasses are theirs too.

    Raises
    ------
    TypeError
        If `backend` is no `Backend`, or what follows are no classes.
    """
    if not isinstance(backend, Backend):
        raise TypeError(f"backend must be a Backend, got {backend!r}.")
    if not classes or not all(isinstance(cls, type) for cls in classes):
        raise TypeError(f"classes must be classes of tensors, at least one, got {classes!r}.")
    _REGISTERED.update(dict.fromkeys(classes, backend))
    _BACKENDS.clear()


_REGISTERED: dict[type, Backend] = {}
_BACKENDS: dict[type, Backend] = {}
"""The backend of each type seen: a look-up that `torch.compile` can trace."""


def _find(obj: Any) -> Backend:
    for owner, backend in _REGISTERED.items():
        if isinstance(obj, owner):
            return backend
    for name, (_, classes) in _FRAMEWORKS.items():
        if name in sys.modules:
            owned = tuple(operator.attrgetter(cls)(sys.modules[name]) for cls in classes)
            if isinstance(obj, owned):
                return load_backend(name)
    raise TypeError(
        f"No backend for an object of type {type(obj).__module__}.{type(obj).__qualname__}; "
        "expected a NumPy array, or a tensor or model of TensorFlow or PyTorch."
    )


def _note_fork() -> None:
    """In a child of a process in which TensorFlow ran, lose it."""
    module = sys.modules.get("tensorflow.python.eager.context")
    if module is not None and getattr(module.context_safe(), "_initialized", False):
        _lost.add("tensorflow")
        _BACKENDS.clear()
        load_backend.cache_clear()


_lost: set[str] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
