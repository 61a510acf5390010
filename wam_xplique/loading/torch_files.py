"""PyTorch models from files."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from .allowed import check_torchscript
from .loaded import Loaded


def load_torchscript(path: Path, trust: bool) -> Loaded:
    """Load a TorchScript file, which runs what its ``__setstate__`` says."""
    if not trust:
        check_torchscript(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        module = torch.jit.load(str(path), map_location="cpu").eval()
    return Loaded(module, module, None, channels_first=True)


def load_exported(path: Path) -> Loaded:
    """Load a program of `torch.export` with one input, which can run any code."""
    program = torch.export.load(str(path))
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise ValueError(f"it has the inputs {[*names]}; expected one")
    placeholder = next(node for node in program.graph.nodes if node.name == names[0])
    # Sizes that are open are symbols.
    batch, *shape = (s if isinstance(s, int) else None for s in placeholder.meta["val"].shape)
    module: nn.Module = program.module()
    for part in module.modules():
        part.training = False  # says nothing: what is exported has no modes
    module = module if batch is None else InBatches(module, batch)
    return Loaded(module, module, tuple(shape), channels_first=True)


def load_pickled(path: Path) -> Loaded:
    """Load a pickled module, which can run any code."""
    module = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"it holds a {type(module).__name__} and no model; weights alone tell no architecture"
        )
    return Loaded(module.eval(), module, None, channels_first=True)


class InBatches(nn.Module):
    """A module that takes batches of one size alone, for batches of any."""

    def __init__(self, module: nn.Module, size: int):
        super().__init__()
        self.module = module
        self.size = size
        self.training = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the module on parts of x; the last is filled up with its last input."""
        missing = -len(x) % self.size
        filled = torch.cat([x, x[-1:].expand(missing, *x.shape[1:])])
        return torch.cat([self.module(part) for part in filled.split(self.size)])[: len(x)]
