"""What a file of a model holds."""

from __future__ import annotations

from typing import Any, NamedTuple

Shape = tuple[int | None, ...]


class Loaded(NamedTuple):
    """
    What a file holds.

    Parameters
    ----------
    model
        Keras model, `tf.Module` or `torch.nn.Module`.
    logits
        What is explained: the model without its softmax, where that is known, else the model.
    shape
        Shape of one input as the model takes it, None in place of sizes that are open; None where
        the file does not tell.
    channels_first
        Whether the channels stand before the spatial axes.
    scales_itself
        Whether the model takes pixels between 0 and 255.
    """

    model: Any
    logits: Any
    shape: Shape | None
    channels_first: bool = False
    scales_itself: bool = False


class Refused(Exception):
    """A file can run code; the message says how, and goes on after "because it"."""
