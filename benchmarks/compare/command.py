"""
Compare attribution methods: Xplique's and ours, by Xplique's metrics and ours, on any model.

    python -m benchmarks.compare [--data NAME ...] [--models NAME ...] [--methods NAME ...]
                                 [--metrics NAME ...] [--samples 40] [--out FOLDER] [--quick]
    python -m benchmarks.compare --paper table1 --data PATH

Held-out inputs are explained by every method that fits, in Keras and in PyTorch, and the
explanations are scored, input by input, on what the model predicts. The folder of the results
holds ``results.csv`` (and ``.parquet`` where pyarrow is installed), one line a model, method,
metric and input; ``summary.md``; and pictures. A run that was stopped goes on where it was: start
it again. A method that fails is told in the summary, and the rest goes on.

Data that are made here: textures, digits, planted-signal, planted-image, planted-volume; a small
network is trained on them, in "keras" or in "torch". Data from files: images:FOLDER, for the names
of keras.applications, for timm:NAME and for .keras files; esc50:FOLDER, esc50-noisy:FOLDER and
medmnist:FILE.npz, for "keras", "torch" and .keras files.

``--paper`` has the models, methods, metrics, samples and layout of a published table.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

from .. import timing

OUT = Path("outputs", "compare")
DATA = ("textures", "digits", "planted-signal", "planted-image", "planted-volume")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison to a parser."""
    parser.add_argument("--data", nargs="+", default=DATA, help="what is explained (default: all "
                        "that is made here), or with --paper the path of the data")  # fmt: skip
    parser.add_argument("--models", nargs="+", help="classifiers (default: keras and torch)")
    parser.add_argument("--methods", nargs="+", help="names of explainers (default: all that fit)")
    parser.add_argument("--metrics", nargs="+", help="names of metrics (default: all that fit)")
    parser.add_argument("--paper", help="reproduce a published table: table1 to table5 (WAM), "
                        "wcam-table1, wcam-table3")  # fmt: skip
    parser.add_argument("--samples", type=int, help="held-out inputs of each model")
    parser.add_argument("--seed", type=int, help="seed of everything")
    parser.add_argument("--batch-size", type=int, help="most inputs at once")
    parser.add_argument(
        "--random-weights", action="store_true", help="pretrained models without their weights"
    )
    parser.add_argument("--retry", action="store_true", help="do again what failed")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: %(default)s)")


def compare(arguments: argparse.Namespace) -> int:
    """
    Run the comparison that the options ask for.

    Returns
    -------
    status
        0, or 1 after an error that is told to the user.
    """
    from wam_xplique.demo.messages import DemoError

    try:
        markdown = _compare(arguments)
    except (ValueError, ImportError, FileNotFoundError, DemoError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    facts = "\n".join(f"- {name}: {fact}" for name, fact in timing.machine().items())
    (arguments.out / "summary.md").write_text(f"{markdown}\n\n{facts}\n")
    print(f"{markdown}\n\nWritten to {arguments.out}/")
    return 0


def _compare(arguments: argparse.Namespace) -> str:
    """The results as Markdown."""
    if importlib.util.find_spec("pandas") is None:
        raise ImportError("pandas is not installed (pip install 'wam-xplique[benchmark]').")
    from . import papers, plots, runner, tables

    settings = runner.QUICK if arguments.quick else runner.Settings()
    if arguments.paper is not None:
        if arguments.paper not in papers.PRESETS:
            raise ValueError(f"--paper must be one of {[*papers.PRESETS]}, got {arguments.paper}.")
        if not arguments.quick:
            settings = replace(settings, samples=papers.PRESETS[arguments.paper].samples)
    for name in ("samples", "seed", "batch_size"):
        if (value := getattr(arguments, name)) is not None:
            if value < (0 if name == "seed" else 1):
                raise ValueError(f"--{name.replace('_', '-')} is too small: {value}.")
            settings = replace(settings, **{name: value})
    if arguments.random_weights:
        settings = replace(settings, weights=None)
    if arguments.paper is not None:
        if arguments.data != DATA and len(arguments.data) > 1:
            raise ValueError(f"--data must be one path with --paper, got {arguments.data}.")
        path = "" if arguments.data == DATA else arguments.data[0]
        return papers.reproduce(
            arguments.paper, path, settings, arguments.out, arguments.models, arguments.retry
        )
    requests = [
        settings.request(data, model)
        for model in arguments.models or ("keras", "torch")
        for data in arguments.data
    ]
    results = runner.run(
        requests, settings, arguments.out, arguments.methods, arguments.metrics, arguments.retry
    )
    plots.draw(results, arguments.out)
    return tables.summary(results)
