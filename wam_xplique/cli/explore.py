"""``wam-xplique explore``: a page that explains the file that is dropped on it, on this machine."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..coefficients import map_bands
from ..explanation import WaveletExplanation
from ..fourier import FourierExplanation
from ..inputs import weights_of
from ..loading.classifiers import Classifier
from ..plots import plot_explanation, plot_overlay
from ..plots.drawing import scale_labels
from ..terminal import reason
from . import transforms
from .input_files import Inputs, read_inputs
from .methods import NAMES, explain_with, find_method
from .options import Options
from .pictures import draw_fourier

ADDRESS = "127.0.0.1"
AUTOMATIC = "automatic"
PREDICTED = "what the model predicts"
HEARD = 0.1
"""The part of a scale's coefficients that is played."""
MOST_LEVELS = 9


@dataclass(frozen=True)
class Answer:
    """A line, a picture (PNG), and sounds by scale, as 16-bit samples."""

    told: str
    picture: bytes
    sounds: dict[str, np.ndarray] = field(default_factory=dict)
    sample_rate: int | None = None


def explain_file(
    name: str, data: bytes, classifier: Classifier, options: Options, target: str = ""
) -> Answer:
    """Explain what is in a file: its first input, for the class that is predicted by default."""
    method = find_method(options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"dropped{Path(name).suffix}"
        path.write_bytes(data)
        inputs = read_inputs(path, classifier, options)
    explainer, targets = method.explainer(classifier, inputs), inputs.predicted[:1]
    if target:
        classes = inputs.outputs.shape[1]
        targets = weights_of(np.array([classifier.index(target, classes)]), classes)
    explanation = explain_with(explainer, inputs.x[:1], targets)
    is_fourier = isinstance(explanation, FourierExplanation)
    seen = classifier.describe(inputs.outputs[0], int(targets[0].argmax()))
    picture = _as_png(_draw(explanation, inputs, is_fourier))
    told = f"{seen}, {type(explainer).__name__}"
    x, rate = np.asarray(inputs.shown[:1], np.float32), inputs.sample_rate
    if is_fourier or rate is None or x.size != x.shape[1]:  # no sound of one channel
        return Answer(told, picture)
    return Answer(told, picture, dict(heard(explanation, x, rate)), rate)


def _draw(explanation: Any, inputs: Inputs, is_fourier: bool) -> Figure:
    shown = inputs.drawn(0)
    if explanation.ndim == 2 and not is_fourier:
        return plot_overlay(explanation, shown[np.newaxis], scales=True)
    draw = draw_fourier if is_fourier else plot_explanation
    return draw(explanation, shown, 0, None, inputs.sample_rate)


def _as_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    plt.close(figure)
    return file.getvalue()


def heard(
    explanation: WaveletExplanation, x: np.ndarray, sample_rate: int | None = None
) -> Iterator[tuple[str, np.ndarray]]:
    """Of a sound (1, T) or (1, T, 1) the most important part of each scale alone, with its name."""
    names = scale_labels(explanation, sample_rate)
    kept = explanation.kept(HEARD, per_level=True)
    z = map_bands(np.multiply, explanation.transform.forward(x), kept)
    for number, scale in reversed(list(enumerate(names))):  # as drawn, the finest first
        alone = map_bands(np.zeros_like, z)
        alone[number] = z[number]
        samples = np.ravel(explanation.transform.inverse(alone, x.shape))
        loudest = np.abs(samples).max()
        if loudest > 0:
            yield scale, (32767 / loudest * samples).astype(np.int16)


def _choice(name: str, known: Sequence[str], given: Any) -> Any:
    """A list to choose from, which begins with what is given."""
    import panel as pn

    value = known[0] if given is None else str(given)
    return pn.widgets.Select(name=name, options=[*dict.fromkeys([*known, value])], value=value)


def page(classifier: Classifier, options: Options) -> Any:
    """What a browser shows: what is asked, and beneath it the answer."""
    import panel as pn

    file = pn.widgets.FileInput(name="file")
    names = list(classifier.class_names)
    target = pn.widgets.AutocompleteInput(
        name="class", options=names, restrict=False, placeholder=PREDICTED, case_sensitive=False
    )
    method = _choice("method", [AUTOMATIC, *NAMES], options.method)
    transform = _choice("transform", [*transforms.NAMES], options.transform)
    level = _choice("level", [AUTOMATIC, *map(str, range(MOST_LEVELS + 1))], options.level)
    first_transform = transform.value
    button = pn.widgets.Button(name="explain", button_type="primary")
    answer = pn.Column(pn.pane.Str("Drop an image or a sound on the field above."))

    def ask(event: Any) -> None:
        if not file.value:
            return
        chosen = None if method.value == AUTOMATIC else method.value
        changed: dict[str, Any] = {"method": chosen}
        changed["level"] = None if level.value == AUTOMATIC else int(level.value)
        changed["transform"] = None if chosen == "fam" else transform.value
        if chosen != options.method:  # what was told of one is not meant for another
            changed["parameters"] = None
        if transform.value != first_transform or chosen == "fam":
            changed |= {"wavelet": None, "mode": None}
        how = replace(options, **changed)
        button.loading = True
        try:
            found = explain_file(file.filename, file.value, classifier, how, target.value or "")
        except Exception as error:  # of whatever is in the file, or the model makes of it
            answer[:] = [pn.pane.Str(f"{type(error).__name__}: {reason(error)}")]
        else:
            parts: list[Any] = [
                pn.pane.Str(found.told),
                pn.pane.PNG(found.picture, sizing_mode="scale_width"),
            ]
            for scale, samples in found.sounds.items():
                sound = pn.pane.Audio(samples, sample_rate=found.sample_rate)
                parts.append(pn.Row(pn.pane.Str(scale, width=160), sound))
            answer[:] = parts
        finally:
            button.loading = False

    file.param.watch(ask, "value")
    button.on_click(ask)
    controls = pn.FlexBox(file, target, method, transform, level, button, align_items="end")
    return pn.Column(pn.pane.Str(f"Explore {classifier.name}"), controls, answer)


def serve(model: str, class_names: Path | None, port: int, show: bool, options: Options) -> None:
    """Serve the page to the browsers of this machine, until it is interrupted."""
    try:
        import panel as pn
    except ImportError as error:
        told = 'explore needs Panel: pip install "wam-xplique[explore]"'
        raise ModuleNotFoundError(told) from error
    find_method(options)  # what does not fit shows before the model is loaded
    classifier = options.load(model, class_names)
    plt.switch_backend("agg")
    pn.serve(
        {"/": lambda: page(classifier, options)},
        address=ADDRESS,
        port=port,
        websocket_origin=[f"{ADDRESS}:{port}", f"localhost:{port}"],
        show=show,
        title="wam-xplique",
    )
