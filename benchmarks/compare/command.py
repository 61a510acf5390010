"""The options of the comparison: ``python -m benchmarks.compare`` and ``wam-xplique benchmark``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import timing

if TYPE_CHECKING:
    from .runner import Settings

DATA = ("textures", "digits", "planted-signal", "planted-image", "planted-volume")


def compare(
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="What is explained (default: all that is made here), or with --paper the path of "
            "the data."
        ),
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option(help="Classifiers (default: keras and torch).")
    ] = None,
    methods: Annotated[
        list[str] | None, typer.Option(help="Names of explainers (default: all that fit).")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="Names of metrics (default: all that fit).")
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(
            help="Reproduce a published table: table1 to table5 (WAM), wcam-table1, wcam-table3."
        ),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Held-out inputs of each model.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Most inputs at once.")] = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Pretrained models without their weights.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Let code in the files of models run.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Do again what failed.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes, to see that it works.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that explain and score, over Ray (extra cluster); times are then those "
            "of a busy machine."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder.")] = Path("outputs", "compare"),
) -> None:
    """
    Compare attribution methods on models and data of your choice.

    Held-out inputs are explained by every method that fits, Xplique's and ours, in Keras and in
    PyTorch, and the explanations are scored by Xplique's metrics and ours, input by input, on what
    the model predicts. The folder of the results holds results.csv (and .parquet where pyarrow is
    installed), one line a model, method, metric and input; summary.md; and pictures. A run that
    was stopped goes on where it was: start it again. A method that fails is told in the summary,
    and the rest goes on.

    Data that are made here: textures, digits, planted-signal, planted-image, planted-volume; a
    small network is trained on them, in "keras" or in "torch". Data from files: images:FOLDER, for
    the names of keras.applications, for timm:NAME and for files; esc50:FOLDER, esc50-noisy:FOLDER
    and medmnist:FILE.npz, for "keras", "torch" and files. A file holds a Keras or a PyTorch model
    (TorchScript, or with --trust torch.export or a pickled module), as wam-xplique explain has it.

    --paper has the models, methods, metrics, samples and layout of a published table.
    """
    from wam_xplique.archive import write_text
    from wam_xplique.checks import check_integer
    from wam_xplique.terminal import without_traceback

    from . import papers, plots, runner, tables

    with without_traceback("compare"):
        check_integer("--workers", workers, lowest=1, optional=True)
        numbers = {"samples": samples, "seed": seed, "batch_size": batch_size}
        settings = replace(_settings(paper, quick, random_weights, numbers), trust=trust)
        if paper is not None:
            if workers is not None:
                raise ValueError("--workers is not for --paper, whose subjects are few.")
            if data and len(data) > 1:
                raise ValueError(f"--data must be one path with --paper, got {data}.")
            path = data[0] if data else ""
            markdown = papers.reproduce(paper, path, settings, out, models or None, retry)
        else:
            requests = [
                settings.request(kind, model)
                for model in models or ("keras", "torch")
                for kind in data or DATA
            ]
            chosen = methods or None, metrics or None
            results = runner.run(requests, settings, out, *chosen, retry, workers=workers)
            plots.draw(results, out)
            markdown = tables.summary(results)
    facts = "\n".join(f"- {name}: {fact}" for name, fact in timing.machine().items())
    write_text(out / "summary.md", f"{markdown}\n\n{facts}\n")
    print(f"{markdown}\n\nWritten to {out}/")


def examples(command: str) -> str:
    """What the help of the command tells by example."""
    lines = (
        "--data textures digits --models keras",
        "--data images:imagenet/val --models ResNet50 timm:resnet18 --samples 100",
        "--data medmnist:adrenalmnist3d.npz --models torch",
        "--paper table1 --data imagenet/val",
    )
    return "Examples:\n\n\b\n" + "\n".join(f"{command} {line}" for line in lines)


def _settings(
    paper: str | None, quick: bool, random_weights: bool, numbers: dict[str, int | None]
) -> Settings:
    """
    How much is compared.

    Raises
    ------
    ValueError
        If the table is unknown, or a number too small.
    """
    from . import papers, runner

    settings = runner.QUICK if quick else runner.Settings()
    if paper is not None:
        if paper not in papers.PRESETS:
            raise ValueError(f"--paper must be one of {[*papers.PRESETS]}, got {paper}.")
        if not quick:
            settings = replace(settings, samples=papers.PRESETS[paper].samples)
    for name, value in numbers.items():
        if value is not None:
            if value < (0 if name == "seed" else 1):
                raise ValueError(f"--{name.replace('_', '-')} is too small: {value}.")
            settings = replace(settings, **dict[str, Any]({name: value}))
    return replace(settings, weights=None) if random_weights else settings
