"""What a file of a model holds."""

from __future__ import annotations

from typing import Any, NamedTuple

Shape = tuple[int | None, ...]


class Loaded(NamedTuple):
    """What a file holds."""

    model: Any  # Keras model, tf.Module or torch.nn.Module
    logits: Any  # what is explained: without the softmax where that is known, else the model
    shape: Shape | None  # of one input, None for sizes that are open; None if the file tells none
    channels_first: bool = False
    scales_itself: bool = False  # takes pixels between 0 and 255


class Refused(Exception):
    """A file can run code; the message says how, and goes on after "because it"."""
