"""What a framework supplies: the few operations that all else needs, and how it runs a model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

Tensor = Any
"""A tensor of the backend's own framework."""

F = TypeVar("F", bound=Callable[..., Any])

Matrices = Sequence[np.ndarray]

ScoreFunction = Callable[[Tensor, Tensor], Tensor]
"""``f(x, y)``: one score per sample of `x`, or the gradient of these scores, shaped as `x`."""

OUT_OF_MEMORY = (
    "out of memory",  # CUDA, HIP, MPS, XLA
    "can't allocate memory",  # PyTorch on a Unix host
    "not enough memory",  # and on Windows
    "failed to allocate",
    "oom when allocating",
    "resource_exhausted",
    "dst tensor is not initialized",  # TensorFlow's copy to a full device
    "std::bad_alloc",
    "_status_alloc_failed",  # cuDNN, cuBLAS, cuSOLVER
    "cudnn_status_not_supported",  # no algorithm whose workspace fits
    "unable to find an engine",
    "unable to find a valid cudnn algorithm",
)
"""What libraries say, in small letters, where a device has too little memory."""


def check_scores(shape: Sequence[int], count: int) -> None:
    """Check that there is one score for each of `count` inputs."""
    if tuple(shape) != (count,):
        raise ValueError(
            f"The model and its operator must give one score for each input, of shape ({count},), "
            f"got {tuple(shape)}."
        )


def constant(function: F) -> F:
    """What shapes alone decide: a constant in a graph of torch.compile."""
    # all that torch.compiler.assume_constant_result does, once it has imported a compiler, which
    # sets a variable of the environment
    vars(function)["_dynamo_marked_constant"] = True
    return function


def as_is(function: Any) -> Any:
    """An operation of a backend that its framework has with these very arguments."""
    return staticmethod(function)


class Backend(ABC):
    """The operations of one tensor framework. Tensors are indexed, added and multiplied with
    Python's own operators; a backend supplies what the frameworks spell differently."""

    name: ClassVar[str]
    full: ClassVar[type[Exception]] = MemoryError  # raised where a device has too little memory
    runner: ClassVar[type[Runner]]  # needed for models, not for transforms

    @abstractmethod
    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Join `tensors` along `axis`."""

    @abstractmethod
    def flip(self, x: Tensor, axis: int) -> Tensor:
        """Reverse `x` along `axis`."""

    def interleave(self, even: Tensor, odd: Tensor, axis: int) -> Tensor:
        """Put the samples of `even` and `odd` in turn along `axis`."""
        at, shape = (slice(None),) * (axis + 1) + (None,), list(even.shape)
        shape[axis] *= 2
        return self.reshape(self.concat([even[at], odd[at]], axis + 1), shape)

    @abstractmethod
    def is_floating(self, x: Tensor) -> bool:
        """Whether `x` holds floating-point numbers."""

    @abstractmethod
    def all_finite(self, x: Tensor) -> bool:
        """Whether `x` holds neither NaN nor infinite values."""

    @abstractmethod
    def asarray(self, x: Any, like: Tensor | None = None) -> Tensor:
        """A floating-point tensor of `x`, in the dtype and on the device of `like` if given."""

    @abstractmethod
    def to_numpy(self, x: Tensor) -> np.ndarray:
        """A NumPy copy of `x` (half types become float32), cut off from any gradient."""

    def _of_models(self, x: Tensor) -> Tensor:
        raise NotImplementedError("A backend needs this for models, not for transforms.")

    widened = _of_models  # `x` in single precision if it has less, or is not floating-point
    softmax = _of_models  # of a model's outputs, over its classes
    sigmoid = _of_models
    logsumexp = _of_models  # along the last axis
    argmax = _of_models  # along the last axis

    @abstractmethod
    def asindex(self, x: np.ndarray, like: Tensor) -> Tensor:
        """The integers `x` as a tensor that can index, on the device of `like`."""

    @abstractmethod
    def take(self, x: Tensor, index: Tensor, axis: int) -> Tensor:
        """The entries of `x` at `index` along `axis`, which the axes of `index` replace."""

    def rows(self, x: Tensor, numbers: np.ndarray) -> Tensor:
        """The entries of `x` of these numbers along the first axis."""
        return self.take(x, self.asindex(numbers, x), 0)

    @abstractmethod
    def rfftn(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """The half spectrum of real `x`, as `np.fft.rfftn` has it; half types become float32."""

    @abstractmethod
    def irfftn(self, x: Tensor, axes: Sequence[int], sizes: Sequence[int]) -> Tensor:
        """Inverse of `rfftn`; `sizes` are those of the result along `axes`."""

    def spectral(self, window: np.ndarray, like: Tensor) -> Tensor:
        """What multiplies a spectrum of tensors like `like`: real or complex, of its precision."""
        if not np.iscomplexobj(window):
            return self.asarray(window, like)
        return self.asarray(window.real, like) + 1j * self.asarray(window.imag, like)

    def value_range(self, x: Tensor) -> Tensor:
        """Maximum minus minimum of each entry along the first axis, shaped (N, 1, ..., 1)."""
        axes = range(1, len(x.shape))
        return self.reduce(x, "max", axes, True) - self.reduce(x, "min", axes, True)

    @abstractmethod
    def normal(self, shape: Sequence[int], seed: Sequence[int], like: Tensor) -> Tensor:
        """Standard normal noise of `shape`, determined by the integers of `seed` alone."""

    @abstractmethod
    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` in another shape, -1 in place of one size."""

    @abstractmethod
    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        """`x`, its entries below `low` and above `high` replaced by these."""

    def sums(self, x: Tensor) -> Tensor:
        """The sum (N,) of each entry along the first axis."""
        return self.reduce(self.reshape(x, (-1, math.prod(x.shape[1:]))), "sum", (1,))

    def reduce(self, x: Tensor, how: str, axes: Sequence[int], keepdims: bool = False) -> Tensor:
        """The "mean", "sum", "min" or "max" of `x` over `axes`."""
        return getattr(x, how)(axis=tuple(axes), keepdims=keepdims)

    def slice(self, x: Tensor, axis: int, part: slice) -> Tensor:
        """A part of `x` along `axis`."""
        return x[(slice(None),) * axis + (part,)]

    def packed(self, x: Tensor, axis: int) -> Tensor:
        """`x`, copied where reading it many times along `axis` would otherwise be slow."""
        return x

    def prefers_blocks(self, x: Tensor, axis: int) -> bool:
        """Whether `blocks` along `axis` is faster than sums of slices of `x`, and as exact."""
        return False

    def blocks(
        self, tensors: Sequence[Tensor], matrices: Sequence[Matrices], axis: int, step: int
    ) -> list[Tensor]:
        """Sums of matrices times windows along `axis`, which begin every `step` entries. Of each
        list of `matrices` one tensor is made: each matrix multiplies the windows of the tensor in
        the same place, and the columns of the sums are joined."""
        raise NotImplementedError

    def is_out_of_memory(self, error: Exception) -> bool:
        """Whether `error` says that the device has too little memory. By its words: libraries say
        so in errors of many kinds, and a callable may be run by any."""
        words = str(error).lower()
        return isinstance(error, (MemoryError, self.full)) or any(w in words for w in OUT_OF_MEMORY)

    def batch_shape(self, count: int) -> int:
        """The size to which to fill up a batch of `count`, where each new size costs much."""
        return count

    def weighted_sum(self, tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
        """The sum of `tensors` times the Python numbers `weights`."""
        total = tensors[0] * weights[0]
        for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
            total = total + tensor * weight
        return total

    def run(
        self, function: Callable[..., Any], x: Any, *static: Hashable, size: int | None = None
    ) -> Any:
        """Call ``function(backend, x, *static)``, compiled where the framework gains by it. `size`
        is the number of elements that it works on, those of `x` by default."""
        return function(self, x, *static)


Score = Callable[..., Tensor]
"""``score(seen, *rows)``: one score for each input, of what the model sees and its targets."""

FrontEnd = Callable[[Tensor], Tensor]
"""What stands between the inputs and the model, such as a spectrogram."""


class Runner(ABC):
    """A framework, as it runs the scores of one model, perhaps behind a front end."""

    def __init__(self, model: Any, front_end: FrontEnd | None = None):
        self.model = model
        self.front_end = front_end

    @abstractmethod
    def evaluate(self, score: Score, x: Tensor, *rows: Tensor) -> Tensor:
        """What `score` makes of the inputs, and of one row of the others for each."""

    @abstractmethod
    def differentiate(
        self, score: Score, x: Tensor, *rows: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The scores, and their gradients with respect to x and, if there is one, the front end."""

    def seen(self, x: Tensor) -> Tensor:
        """What the model sees of the inputs."""
        return x if self.front_end is None else self.front_end(x)


NO_GRADIENT = "The model gives no gradient with respect to its inputs."
NO_FRONT_END_GRADIENT = "front_end must be differentiable: its output has no gradient."
