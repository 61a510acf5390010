"""Operators that SavedModels and TorchScript files may have; they are read, not run, to tell."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel


class Refused(Exception):
    """A file can run code; the message says how, and goes on after "because it"."""


def check_saved_model(path: Path) -> None:
    """Check that the operators of all functions are in `operators/tensorflow.txt`, initialisers'
    too. Left out are the functions that only its own saver calls, which TensorFlow does not run."""
    graphs = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise Refused("was saved by TensorFlow 1, whose whole graph runs when it is loaded")
    graph = graphs[0]
    saver = {graph.saver_def.save_tensor_name.partition(":")[0], graph.saver_def.restore_op_name}
    nodes = [node for node in graph.graph_def.node if node.name not in saver]
    saving = _called(node for node in graph.graph_def.node if node.name in saver)
    functions = {f.signature.name: f.node_def for f in graph.graph_def.library.function}
    run = _reached({*graph.object_graph_def.concrete_functions, *_called(nodes)}, functions)
    checked = functions.keys() - (_reached(saving, functions) - run)
    bodies = (nodes, *(functions[name] for name in checked))
    found = {node.op for body in bodies for node in body} - checked
    _check(found, "tensorflow.txt", "has operators that are")


def _called(nodes: Iterable[Any]) -> set[str]:
    """The functions that nodes call by their attributes."""
    values = [value for node in nodes for value in node.attr.values()]
    several = (function.name for value in values for function in value.list.func)
    return {name for name in (*(value.func.name for value in values), *several) if name}


def _reached(names: Iterable[str], functions: dict[str, Any]) -> set[str]:
    """The functions that are called by these, and these."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in functions and name not in found:
            found.add(name)
            left += _called(functions[name]) | {node.op for node in functions[name]}
    return found


def check_torchscript(path: Path) -> None:
    """Check that the code calls what `operators/torchscript.txt` lists, or the file defines."""
    import torch

    called, defined = set(), set()
    with zipfile.ZipFile(path) as archive:
        for source in (archive.read(name) for name in archive.namelist() if name.endswith(".py")):
            nodes = list(ast.walk(ast.parse(source)))
            aliases = [  # functions under another name, which may be that of several
                (target.id, node.value.attr)
                for node in nodes
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
                for target in node.targets
                if isinstance(target, ast.Name)
            ]
            for node in nodes:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    defined.add(node.name)
                elif isinstance(node, ast.Call):
                    name = getattr(node.func, "id", "")
                    named = {attr for alias, attr in aliases if alias == name}
                    called |= named or {getattr(node.func, "attr", name)}
                elif isinstance(node, ast.Attribute) and node.attr == "classes":
                    called.add("torch.classes")
    # No function of the file hides an operator of its name.
    schemas: Iterable[Any] = torch._C._jit_get_all_schemas()
    defined -= {schema.name.partition("::")[2] for schema in schemas}
    _check(called - defined, "torchscript.txt", "calls what is")


def _check(found: set[str], listed: str, fault: str) -> None:
    text = resources.files(__package__).joinpath("operators", listed).read_text(encoding="utf-8")
    if unknown := found - {line for line in text.splitlines() if not line.startswith("#")}:
        raise Refused(f"{fault} not known to be harmless: {sorted(unknown)}")
