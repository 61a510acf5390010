"""The demo: images, sounds and volumes, explained in Keras and in PyTorch."""

from . import audio, photographs, textures, volume
from .data import DemoError
from .photographs import explain_photograph

RUNS = {"image": photographs.run, "texture": textures.run, "audio": audio.run, "volume": volume.run}
"""What runs the demo on each kind of input; takes a folder and how many are explained."""

__all__ = ["RUNS", "DemoError", "explain_photograph"]
