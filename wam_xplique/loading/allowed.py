"""What the programs in files may do: what inference needs. Nothing of theirs runs to tell."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from .loaded import Refused


def check_saved_model(path: Path) -> None:
    """
    Check that the operators of all functions are in `operators/tensorflow.txt`, initialisers' too.

    Left out are the functions that only its own saver calls, which TensorFlow does not run.
    """
    allowed, found = _listed("tensorflow.txt"), set()
    content = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    graphs = content.meta_graphs
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise Refused("was saved by TensorFlow 1, whose whole graph runs when it is loaded")
    graph = graphs[0]
    functions = {f.signature.name: f.node_def for f in graph.graph_def.library.function}
    saver = {
        graph.saver_def.save_tensor_name.partition(":")[0],
        graph.saver_def.restore_op_name,
    }
    nodes = [node for node in graph.graph_def.node if node.name not in saver]
    calls = _called(node for node in graph.graph_def.node if node.name in saver)
    only_saved = _reached(calls, functions) - _reached(
        {*graph.object_graph_def.concrete_functions, *_called(nodes)}, functions
    )
    checked = functions.keys() - only_saved
    for body in (nodes, *(functions[name] for name in checked)):
        found |= {node.op for node in body} - allowed - checked
    if found:
        raise Refused(f"has operators that are not known to be harmless: {sorted(found)}")


def check_torchscript(path: Path) -> None:
    """Check that the code calls what `operators/torchscript.txt` lists, or the file defines."""
    called, defined = set(), set()
    with zipfile.ZipFile(path) as archive:
        sources = [name for name in archive.namelist() if name.endswith(".py")]
        for source in map(archive.read, sources):
            nodes = list(ast.walk(ast.parse(source)))
            named = {
                target.id: node.value  # a function under another name
                for node in nodes
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in nodes:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    defined.add(node.name)
                elif isinstance(node, ast.Call):
                    called.add(_name(node.func, named))
                elif isinstance(node, ast.Attribute) and node.attr == "classes":
                    called.add("torch.classes")
    if found := called - _listed("torchscript.txt") - (defined - _operators_of_torch()):
        raise Refused(f"calls what is not known to be harmless: {sorted(found)}")


def _listed(name: str) -> set[str]:
    text = resources.files(__package__).joinpath("operators", name).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if not line.startswith("#")}


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


def _name(function: ast.expr, named: dict[str, ast.Attribute]) -> str:
    """What is called, by its last name."""
    own = getattr(function, "id", "")
    function = named.get(own, function)
    return function.attr if isinstance(function, ast.Attribute) else own


def _operators_of_torch() -> set[str]:
    """All names that an operator has, which a function of the same name in a file would hide."""
    import torch

    schemas: Iterator[Any] = iter(torch._C._jit_get_all_schemas())
    return {schema.name.partition("::")[2] for schema in schemas}
