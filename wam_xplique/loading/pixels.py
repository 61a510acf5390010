"""The range of pixels that a model takes, told by what it makes of grey images.

What stands before its first convolution or matrix product, a division by 255 or a normalisation, is
run rather than read: it may be layers, operations, code, or the program in a file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_callbacks
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..model import Model, input_shape, is_keras, on_host
from ..terminal import quiet
from .preprocessing import Preprocess

GREY = (0.0, 1.0, 255.0)
FREE = 64
"""Height and width of grey images for models that leave them open."""
IN_TENSORFLOW = {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum"}
IN_TORCH = {"addmm": 1, "mm": 0, "bmm": 0, "linear": 0}
"""Products, and which of their arguments is the input; convolutions have it first."""
FAINT, BRIGHT = 0.1, 20
"""How far black and white are apart once 0 to 255 were scaled: nearer, a model brings any range to
its own; farther, the scaling is for a smaller range."""


def pixels_taken(
    model: Any, shape: Sequence[int | None] | None, channels_first: bool
) -> Preprocess | None:
    """What brings pixels to the range that a model's own scaling is for; None if it has none, or
    none that can be found. `shape` is that of one input, if it is told."""
    if shape is not None and len(shape) not in (2, 3):
        return None
    shape = shape or ((3, None, None) if channels_first else (None, None, 3))
    at = 0 if channels_first else -1
    sizes = [s or FREE for s in shape]
    if len(shape) == 3 and shape[at] is None:
        sizes[at] = 3
    batch = (input_shape(model) or (1,))[0] or 1
    grey = [np.full((batch, *sizes), level, np.float32) for level in GREY]
    try:
        return _range_of(*(float(np.median(reached)) for reached in _reached(model, grey)))
    except Exception:  # the frameworks raise errors of many kinds: nothing is told
        return None


def _range_of(black: float, one: float, white: float) -> Preprocess | None:
    """What is to be done to pixels that a model turns into these, of 0, 1 and 255."""
    span = white - black
    if not FAINT < abs(span) < np.inf:
        return None
    if abs(one - black) > abs(span) / 2:  # what is above 1 is cut off
        return Preprocess.unit
    slope = span / GREY[-1]
    zero = -black / slope  # the input that becomes 0, which is about the middle of all
    if abs(span) < BRIGHT or zero > 2:
        return Preprocess.none
    if zero < -0.5:
        return Preprocess.symmetric
    return Preprocess.unit if zero > 0.1 or abs(slope) > BRIGHT else None


def _reached(model: Any, grey: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """What reaches the first convolution or matrix product of a model, by its inputs."""
    if hasattr(model, "spec"):  # a program of TensorFlow's, which runs as one operation
        yield from _pruned(model, grey)
        return
    watch = _watch_torch if Model(model).framework == "torch" else _watch_tensorflow
    how = {"training": False} if is_keras(model) else {}
    for x in grey:
        found: list[Any] = []
        with watch(found) as native:
            model(native(x), **how)
        yield on_host(found[0])


class _Found(Exception):
    """Ends a forward pass."""


@contextlib.contextmanager
def _watch_tensorflow(found: list[Any]) -> Iterator[Any]:
    def callback(
        op_type: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None
    ) -> None:
        if graph is None and tf.compat.as_str(op_type) in IN_TENSORFLOW:
            found.append(inputs[0])
            raise _Found

    op_callbacks.add_op_callback(callback)
    try:
        with contextlib.suppress(_Found):
            yield tf.constant
    finally:
        op_callbacks.remove_op_callback(callback)


@contextlib.contextmanager
def _watch_torch(found: list[Any]) -> Iterator[Any]:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = func.overloadpacket.__name__
            if "conv" in name or name in IN_TORCH:
                found.append(args[IN_TORCH.get(name, 0)])
                raise _Found
            return func(*args, **(kwargs or {}))

    # TorchScript turns an error that ends it into one of its own.
    with contextlib.suppress(_Found, RuntimeError), torch.no_grad(), Watch():
        yield torch.tensor


def _pruned(served: Any, grey: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """The same of a program of TensorFlow's: that part of it alone is run."""
    spec = tf.TensorSpec(grey[0].shape, tf.float32)
    with quiet():  # what TensorFlow's optimizer tells of the machine
        program = convert_variables_to_constants_v2(tf.function(served).get_concrete_function(spec))
    taken, seen = [program.inputs[0]], set()
    for tensor in taken:  # which grows: the nearest operations first
        for operation in tensor.consumers():
            if operation.type in IN_TENSORFLOW:
                first = program.prune(program.inputs[0].name, tensor.name)
                yield from (first(tf.constant(x)).numpy() for x in grey)
                return
            if operation.name not in seen:
                seen.add(operation.name)
                taken += operation.outputs
