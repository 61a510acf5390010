"""The demo: textures on real photographs, explained in Keras and in PyTorch."""

from .imagenet import explain_photograph
from .messages import DemoError
from .textures import run

__all__ = ["DemoError", "explain_photograph", "run"]
