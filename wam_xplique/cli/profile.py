"""``wam-xplique profile``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..analysis import ScaleProfile, compare_profiles, scale_profile
from ..archive import write_table
from ..explanation import shares_as_text
from ..loading.classifiers import Classifier
from ..plots.drawing import save_figure
from ..terminal import as_text
from .file_names import Problems, check_free, expand, names_of
from .input_files import Inputs, read_files
from .methods import Method, check_fit, find_method, settled
from .options import Options

if TYPE_CHECKING:
    from .over_ray import Cluster


def profile_files(
    files: Sequence[str],
    models: Sequence[str],
    out: Path,
    options: Options,
    cluster: Cluster | None = None,
) -> Problems:
    """Write the profiles of models over files, perhaps by a cluster; what is wrong with some."""
    method = find_method(options, scales=True)
    names = {path: as_text(name) for path, name in names_of([Path(m) for m in models]).items()}
    if len(names) < len(models):
        raise ValueError(f"--model must name different models, got {models}.")
    written = [out / f"{name}.npz" for name in names.values()]
    paths, problems = expand(files, out)
    check_free([out / "profile.csv", out / "profile.png", *written], options.force, paths)
    if not paths:
        return problems
    pairs = []
    for classifier in [replace(options.load(str(p)), name=name) for p, name in names.items()]:
        read = read_files(paths, classifier, options, problems, lambda _, inputs: inputs)
        pairs += [(classifier, inputs) for _, inputs in islice(read, 1)]
    if len(pairs) < len(names):  # no file fits one of the models
        return problems
    for classifier, inputs in pairs:
        typer.echo(classifier.about(inputs.outputs.shape[1], inputs.sized))
    method = settled(method, pairs)
    if cluster is None:
        found = [_profile(method, *pair, paths, options, problems) for pair in pairs]
    else:
        found = cluster.profiles(method, pairs, [*map(str, names)], paths, out, options, problems)
    profiles = [profile for profile in found if profile is not None]
    if len(profiles) == len(found):
        write_profiles(profiles, out)
    return problems


def _profile(
    method: Method,
    classifier: Classifier,
    first: Inputs,
    paths: Sequence[Path],
    options: Options,
    problems: Problems,
) -> ScaleProfile | None:
    """The profile of a model over what is in files, or None."""
    explainer = method.explainer(classifier, first)

    def use(_: Path, inputs: Inputs) -> tuple[Any, Any]:
        check_fit(explainer, classifier, inputs)
        return inputs.x, inputs.predicted

    batches = (made for _, made in read_files(paths, classifier, options, problems, use))
    if (batch := next(batches, None)) is None:
        return None
    return scale_profile(explainer, chain([batch], batches), name=classifier.name)


def write_profiles(found: Sequence[ScaleProfile], out: Path) -> None:
    """Write profiles, by models of different names, a table and a picture of them."""
    result = compare_profiles(*found) if len(found) > 1 else found[0]
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "profile.csv", result.to_dataframe(left_out=True), na_rep="NaN")
    figure = result.plot()
    save_figure(figure, out / "profile.png", dpi=110)
    for one in found:
        one.save(out / f"{one.name}.npz")
        told = shares_as_text(one.scales, one.mean, one.interval)
        typer.echo(f"{one.name} ({one.method}, inputs: {one.count}): {told}")
    typer.echo(f"Written to {out}/")
