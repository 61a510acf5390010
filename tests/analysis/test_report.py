"""The page on a model's predictions: what it tells and shows."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import wave
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import torch
from matplotlib import pyplot as plt
from PIL import Image

from wam_xplique import WCAM, WaveletGradientInput, WaveletIntegratedGradients
from wam_xplique.analysis import Report, ScaleProfile, report, scale_profile, sufficient_images
from wam_xplique.analysis.report.findings import Findings
from wam_xplique.coefficients import levels, map_bands

from ..metrics.helpers import Network, each_framework, noise
from ..metrics.helpers import given as given_to
from ..plots.helpers import explanation_of

SHAPE = (16, 24, 3)
X = noise(3, *SHAPE)
NETWORK = Network(SHAPE)
PREDICTED = NETWORK(X).argmax(axis=1)
WRONG = (PREDICTED + np.array([0, 1, 0])) % 3
WEBP, WAV = "data:image/webp;base64,", "data:audio/wav;base64,"
NASTY = "<script>alert(\"1\")</script> & 'co'"
CLASSES = ["<b>one</b>", "two", "three"]
BOXES = np.array([[0, 0, 16, 24], [2, 3, 9, 20], [15, 23, 16, 24]])


@pytest.fixture(scope="module")
def model() -> Any:
    return NETWORK.model("tensorflow")


@pytest.fixture(scope="module")
def explainer(model) -> WaveletGradientInput:
    return WaveletGradientInput(model, level=2)


@pytest.fixture(scope="module")
def reference(explainer) -> ScaleProfile:
    return scale_profile(explainer, noise(8, *SHAPE, seed=5), "predicted", name=NASTY)


@pytest.fixture(scope="module")
def full(model, explainer, reference) -> Report:
    """A report with all that it can have, and text that would be HTML."""
    told = {"names": [NASTY, "second", "th\udce9"], "class_names": CLASSES, "title": NASTY}
    known = {"explainer": explainer, "reference": reference, "boxes": BOXES}
    return report(model, X, WRONG, **known, **told)


class Reader(HTMLParser):
    """The elements of a page, its text, and whether its tags close as they open."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += f" {data}"

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def sources(self) -> list[str]:
        """The pictures, as they stand in the page."""
        found = [(tag, a) for tag, a in self.elements if tag in ("img", "image")]
        return [a["src" if tag == "img" else "href"] for tag, a in found]

    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(decoded(source, WEBP))) for source in self.sources()]


def decoded(source: str, kind: str) -> bytes:
    assert source.startswith(kind)
    return base64.b64decode(source.removeprefix(kind))


def words(html: str) -> str:
    return " ".join(Reader(html).text.split())


# --- the page ------------------------------------------------------------------------------------


def test_the_page_is_whole_and_needs_nothing_else(full):
    page = Reader(full.html)
    assert page.open == []
    assert full.html.startswith("<!DOCTYPE html>")
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "base")
        assert attributes.get("src", WEBP).startswith(WEBP)
        assert attributes.get("href", "#").startswith(("#", WEBP))
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    style = full.html.split("<style>")[1].split("</style>")[0]
    assert not re.search(r"url\(|@import|https?:|//", style)
    without_pictures = re.sub(r'base64,[^"]*"', "", full.html)
    assert "http:" not in without_pictures
    assert "https:" not in without_pictures
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"][1:] for link in page.all("a")} <= set(ids)
    assert [article["id"] for article in page.all("article")] == ["input-0", "input-1", "input-2"]


def test_no_script_or_style_runs_but_the_pages_own(full):
    page = Reader(full.html)
    assert page.all("script") == page.all("style") == [{}]
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a).split("; ")
    assert policy[0] == "default-src 'none'"
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", full.html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy


def test_text_is_text_and_never_html(full):
    page, text = Reader(full.html), words(full.html)
    assert text.count(NASTY) >= 4  # title, heading, name, reference
    assert "<b>one</b>" in text
    assert not page.all("b")
    assert page.all("title") == [{}]
    assert any(NASTY in picture["alt"] for picture in page.all("img"))
    assert any(NASTY in picture.get("aria-label", "") for picture in page.all("svg"))


def test_pictures_are_there_and_told_in_words(full):
    page = Reader(full.html)
    pictures = page.pictures()
    # Input, mosaic, two scales, all, sufficient; two that are left from coarse to fine.
    assert len(pictures) == 3 * 8
    for picture in pictures:
        assert picture.format == "WEBP"
        assert np.std(np.asarray(picture.convert("L"))) > 1
    told = [a["alt"] for a in page.all("img")]
    told += [a["aria-label"] for a in page.all("svg") if "aria-label" in a]
    assert len(told) == len(pictures)
    assert min(map(len, told)) > 10
    assert pictures[0].width / pictures[0].height == pytest.approx(24 / 16, rel=0.01)


def test_the_same_seed_gives_the_same_page_and_leaves_no_figure_open():
    one, other = (report(NETWORK, X[:1], seed=3, batch_size=64).html for _ in range(2))
    assert one == other
    assert not plt.get_fignums()


def test_the_page_tells_what_is_known(full):
    text, importance = words(full.html), full.explanation.scale_importance()
    for told in (
        "WaveletGradientInput, haar wavelet, 2 levels",
        "Wrong predictions 1",
        "8 inputs",
        f"{importance[0, -1]:.0%} of the details' importance.",
        "Not explained what is coarse (> 4 px) is left out",
        "> 4 px left out",
        "The score is the model's raw output",
    ):
        assert told in text
    assert "Probability" not in text


# --- the table -----------------------------------------------------------------------------------


def test_the_table_has_what_the_page_tells(full, model, explainer):
    table = full.to_dataframe()
    explained = np.eye(3, dtype=np.float32)[PREDICTED]
    explanation = explainer.explain_wavelet(X, explained)
    assert list(table.name) == [NASTY, "second", r"th\xe9"]
    assert list(table.predicted) == [CLASSES[number] for number in PREDICTED]
    assert list(table.target) == [CLASSES[number] for number in WRONG]
    np.testing.assert_allclose(table.score, NETWORK(X).max(axis=1), rtol=1e-4)
    shares = explanation.scale_importance()
    np.testing.assert_allclose(table[explanation.scales], shares, rtol=1e-4, atol=1e-7)
    sufficient = sufficient_images(model, X, explained, explanation)
    np.testing.assert_allclose(table.sufficient_share, sufficient.share)
    inside = [
        one[top:bottom, left:right].sum() / one.sum()
        for one, (top, left, bottom, right) in zip(explanation.pixels(), BOXES, strict=True)
    ]
    np.testing.assert_allclose(table.box_share, inside, rtol=1e-4)
    assert table.box_share[0] == pytest.approx(1)
    assert "Wrong prediction" in table.warnings[1]
    assert "Wrong prediction" not in table.warnings[0]
    assert "outside of the object's box, which covers 0% of the image" in table.warnings[2]


# --- any model, any input ------------------------------------------------------------------------


@each_framework
@pytest.mark.parametrize("shape", [(32,), (32, 2), (8, 12, 3), (4, 8, 4, 2)], ids=str)
def test_any_model_of_any_inputs_has_a_report(framework, shape):
    x, network = noise(2, *shape), Network(shape)
    classes = network(x).argmax(axis=1)
    ends = [size // 2 for size in shape[: max(1, len(shape) - 1)]]
    boxes = [[0] * len(ends) + ends] * 2
    made = report(network.model(framework), given_to(x, framework), classes, boxes=boxes)
    name = "WCAM" if framework == "callable" else "WaveletIntegratedGradients"
    kind = ("signal", "image", "volume")[len(ends) - 1]
    for told in (f"{name}, haar wavelet, ", "Wrong predictions 0", f"Sufficient {kind}"):
        assert told in words(made.html)
    assert list(made.to_dataframe().predicted) == list(classes)
    assert made.explanation.input_shape == x.shape
    level = made.explanation.level
    expected = {1: 4 + 2 * level, 2: 4 + 2 * level, 3: 2}[len(ends)]
    found = len(Reader(made.html).sources())
    assert 2 * (expected - 1) <= found <= 2 * expected  # there may be no sufficient image


def test_channels_are_where_the_model_has_them():
    network, x = Network((8, 12, 3)).model("torch"), noise(2, 3, 8, 12)
    expected = report(network, torch.tensor(x), [0, 1])
    explainer = WaveletIntegratedGradients(network, steps=32, channels="first")
    found = report(network, x, [0, 1], explainer=explainer)
    assert found.explanation.input_shape == (2, 8, 12, 3)
    pd.testing.assert_frame_equal(found.to_dataframe(), expected.to_dataframe())


def test_the_default_explainers_are_as_they_are_told(model):
    explained = np.eye(3, dtype=np.float32)[PREDICTED]
    expected = WaveletIntegratedGradients(model, steps=32, level=3).explain_wavelet(X, explained)
    found = report(model, X).explanation
    np.testing.assert_allclose(found.mosaic(), expected.mosaic(), rtol=1e-3, atol=1e-6)
    black = report(NETWORK, X[:1]).explanation
    assert black.sobol is not None
    assert not black.sobol.evaluated.all() or black.sobol.total.min() >= 0.03


@pytest.mark.parametrize("size", [2, 3, 8, 30])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_small_inputs_take_fewer_levels_and_cells(ndim, size):
    shape = (size,) * ndim + (1 + (ndim == 2),)  # of images, channels that are no colours
    found = report(Network(shape), noise(1, *shape), boxes=[[0] * ndim + [1] * ndim])
    assert found.explanation.level == min(3, int(np.log2(size)))


def test_a_front_end_stands_before_the_model():
    x, network, shape = noise(2, 24), Network((4, 6, 1)), (-1, 4, 6, 1)
    model, front_end = network.model("tensorflow"), lambda signals: tf.reshape(signals, shape)
    explainer = WaveletGradientInput(model, level=2, front_end=front_end)
    for how in ({"front_end": front_end}, {"explainer": explainer}):
        made = report(model, x, **how)
        assert made.explanation.ndim == 1
        expected = network(x.reshape(shape)).argmax(axis=1)
        np.testing.assert_array_equal(made.to_dataframe().predicted, expected)
    with pytest.raises(ValueError, match="front_end must be None, or that of the explainer"):
        report(model, x, explainer=WaveletGradientInput(model), front_end=front_end)


def test_labels_one_hot_targets_and_those_of_a_dataset_are_the_same(model, explainer):
    dataset = tf.data.Dataset.from_tensor_slices((X, WRONG))
    one_hot = np.eye(3, dtype=np.float32)[WRONG]
    expected = report(model, X, WRONG, explainer=explainer).to_dataframe()
    assert list(expected.target) == list(WRONG)
    for data in ((X, one_hot), (X, torch.tensor(WRONG)), (dataset,), (dataset.batch(2),)):
        table = report(model, *data, explainer=explainer).to_dataframe()
        assert list(table.target) == list(WRONG)
        assert list(table.warnings) == list(expected.warnings)
    left_out = report(model, dataset, "predicted", explainer=explainer)
    assert left_out.to_dataframe().target.isna().all()


def test_a_model_of_one_output_has_a_report():
    network = Network(SHAPE)
    network.last = network.last[:, :1]
    made = report(network, X[:1])
    (row,) = made.rows
    assert row["predicted"] is None
    assert row["score"] == pytest.approx(float(network(X[:1])[0, 0]), rel=1e-5)
    assert "What raises it is explained" in words(made.html)
    with pytest.raises(ValueError, match="targets must be None for a model of one output"):
        report(network, X, [0, 0, 0])


def test_pictures_are_drawn_in_place_of_the_inputs(model, explainer):
    pictures = np.zeros((1, 16, 24, 3), np.uint8)
    pictures[:, :, 12:, 0] = 255
    made = report(model, X[:1], explainer=explainer, pictures=pictures)
    known = {"name": "input 0", "predicted": PREDICTED[0], "target": None}
    assert {name: made.rows[0][name] for name in known} == known
    assert np.isnan(made.rows[0]["box_share"])  # what is not known is missing
    drawn = Reader(made.html).pictures()[0].convert("RGB")
    places = [(share * drawn.width // 4, drawn.height // 2) for share in (1, 3)]
    assert [drawn.getpixel(place) for place in places] == [(0, 0, 0), (255, 0, 0)]


def test_images_without_channels_and_odd_modes_are_drawn():
    network = Network((16, 24))
    model = network.model("tensorflow")
    explainer = WaveletGradientInput(model, wavelet="db3", level=1, mode="symmetric", ndim=2)
    made = report(model, X[..., 0], explainer=explainer, boxes=BOXES)
    assert list(made.to_dataframe().predicted) == list(network(X[..., 0]).argmax(axis=1))
    assert made.explanation.ndim == 2
    assert "db3 wavelet, 1 level" in words(made.html)


# --- warnings ------------------------------------------------------------------------------------

EVEN = (0.4, 0.4, 0.2)


def findings(shares: Any = (0.2, 0.2, 0.6), **options: Any) -> Findings:
    """Findings for an image whose scales have these shares, and probabilities of three classes."""
    one = explanation_of((8, 8))[0]
    factors = shares / one.scale_importance()[0]
    for bands, factor in zip(levels(one.coefficients, 2), factors, strict=True):
        for band in bands.values():
            band *= factor
    outputs = options.pop("outputs", np.array([[0.7, 0.2, 0.1]]))
    return Findings(["one"], one, outputs, **options)


def usual(mean: float, std: float, count: int = 10) -> ScaleProfile:
    """A reference for the finest scale."""
    none, scales = np.zeros(0), tuple(explanation_of((8, 8)).scales)
    means = np.array([(1 - mean) / 2, (1 - mean) / 2, mean])
    return ScaleProfile(scales, (), means, np.full(3, std), none, none, count, 0, "", "haar")


def told(found: Findings) -> list[str]:
    return list(found.warnings(0).values())


@pytest.mark.parametrize(
    ("share", "reference", "expected"),
    [
        (0.6, None, "The prediction rests on 1-2 px detail: 60% of the importance is there."),
        (0.5, None, None),
        (0.6, usual(0.6, 0.1), "The prediction rests on 1-2 px detail: 60%"),
        (0.45, usual(0.3, 0.1), None),
        (0.45, usual(0.1, 0.1), "45% of the importance is there, far more than in the reference"),
        (0.45, usual(0.1, np.nan, 1), None),
        (0.3, usual(0.9, 0.01), None),
    ],
)
def test_a_prediction_that_rests_on_the_finest_scale_is_told(share, reference, expected):
    rest = (1 - share) / 2
    texts = told(findings((rest, rest, share), reference=reference))
    assert len(texts) == (expected is not None)
    assert expected is None or expected in texts[0]


def test_shares_off_the_reference_are_marked():
    found = findings((0.4, 0.3, 0.3), reference=usual(0.6, 0.12))
    notes = ["", "", "unusually low (-2.5 standard deviations)"]
    assert [scale.note for scale in (*found.scales(0), *found.scales())] == [*notes, "", "", ""]
    assert found.scales(0)[2].reference == pytest.approx((0.6, 0.12))


def test_a_close_call_is_told_of_probabilities_alone():
    close = findings(EVEN, outputs=np.array([[0.45, 0.46, 0.09]]))
    assert told(close) == ["A close call: class 1 has 46.0%, class 0 45.0%."]
    assert close.answer(0) == "class 1 (46.0%)"
    for outputs in ([[0.45, 0.46, 0.5]], [[-0.45, 1.36, 0.09]], [[4.5, 4.6, 0.9]]):
        scores = findings(EVEN, outputs=np.array(outputs))
        assert told(scores) == []
        assert "score" in scores.answer(0)


def test_a_wrong_prediction_is_told():
    found = findings(EVEN, targets=np.array([2]), class_names=["cat", "dog", "owl"])
    assert told(found) == ["Wrong prediction: cat, where the target is owl."]
    assert found.facts(0)["Target"] == "owl (not predicted)"
    assert told(replace(found, targets=np.array([0]))) == []


def test_importance_outside_of_the_box_is_told():
    boxes = [[0, 0, 8, 8]], [[0, 0, 8, 4]], [[0, 0, 2, 2]]
    whole, half, small = (findings(EVEN, boxes=np.array(box)) for box in boxes)
    assert told(whole) == []
    assert whole.box_shares == pytest.approx(1)
    assert len(told(half)) == (half.box_shares[0] <= 0.5)
    (text,) = told(small)
    assert text.endswith("lies outside of the object's box, which covers 6% of the image.")
    assert text.startswith(f"{1 - small.box_shares[0]:.0%}")


def test_an_empty_explanation_is_told_and_never_nan():
    found = findings(EVEN, boxes=np.array([[0, 0, 2, 2]]), reference=usual(0.3, 0.1))
    zeros = map_bands(np.zeros_like, found.explanation.coefficients)
    empty = replace(found, explanation=replace(found.explanation, coefficients=zeros))
    assert told(empty) == ["The explanation is empty: nothing in the input changes the score."]
    assert empty.facts(0)["Main scale"] == "none"
    assert "nan" not in " ".join(empty.facts(0).values())
    assert [scale.share for scale in empty.scales()] == [0, 0, 0]
    made = report(lambda x: np.tile([0.2, 0.8], (len(x), 1)), X[:1], boxes=BOXES[:1])
    assert "The explanation is empty" in words(made.html)


def test_a_scale_is_the_main_one_only_where_intervals_allow_it():
    found = findings((0.15, 0.4, 0.45))
    for error, title, expected in (
        (0.01, "Main scale", "1-2 px (45%, 43% to 47%)"),
        (0.1, "Main scale: not settled", "2-4 px (40%, 20% to 60%) or 1-2 px (45%, 25% to 65%)"),
    ):
        known = {"scale_error": np.array([[0.0, error, error]]), "draws": np.array([10**6])}
        explanation = replace(found.explanation, **known)
        assert replace(found, explanation=explanation).facts(0)[title] == expected


def test_what_is_left_out_is_named_beside_the_main_scale_and_is_no_zero():
    found = findings((0.0, 0.4, 0.6))
    explanation = replace(found.explanation, includes_approximation=False)
    found = replace(found, explanation=explanation)
    expected = "1-2 px (60%); what is coarse (> 4 px) is left out"
    assert found.facts(0)["Main detail scale"] == expected
    assert "details' importance" in told(found)[0]
    assert np.isnan(found.row(0)["> 4 px"])
    assert [np.isnan(scale.share) for scale in found.scales(0)] == [True, False, False]


# --- files, and what is refused ------------------------------------------------------------------


def test_a_file_is_replaced_only_by_force(full, tmp_path):
    path = tmp_path / "report.html"
    path.touch()
    with pytest.raises(FileExistsError):
        full.save(str(path))
    assert full.save(path, force=True) == path
    assert path.read_text(encoding="utf-8") == full.html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": "abc"}, "names must be one for each of the 3 inputs"),
        ({"class_names": ["one", "two"]}, "class_names must be one for each of the model's 3"),
        ({"boxes": [[0, 0, 4, 4]]}, r"boxes must hold .* of shape \(3, 4\)"),
        ({"boxes": [[0, 0, 17, 4]] * 3}, "lie within inputs of size"),
        ({"boxes": [[4, 0, 4, 4]] * 3}, "begin before they end"),
        ({"boxes": [[-1, 0, 4, 4]] * 3}, "lie within inputs of size"),
        ({"boxes": [[0.5, 0, 4, 4]] * 3}, "boxes must be whole numbers"),
        ({"boxes": [[np.nan, 0, 4, 4]] * 3}, "boxes must be whole numbers"),
        ({"pictures": X[:, :8]}, "pictures must be one for each input and of its size"),
        ({"targets": [0, 1, 3]}, "labels from 0 to 2"),
        ({"targets": np.zeros((3, 4), np.float32)}, "targets must be labels"),
        ({"targets": "yes"}, "targets must be classes or 'predicted'"),
        ({"batch_size": 0}, "batch_size must be None or an integer"),
    ],
)
def test_bad_arguments_are_named(model, explainer, options, message):
    with pytest.raises(ValueError, match=message):
        report(model, X, **{"explainer": explainer, **options})


def test_a_reference_made_otherwise_is_refused(model, explainer, reference):
    coarser = WaveletGradientInput(model, level=1)
    other = WaveletGradientInput(model, level=2, wavelet="db2")
    for made in (coarser, other, WCAM(model, 4, 4, level=2, confidence=None)):
        with pytest.raises(ValueError, match="reference must be made as the explanation is"):
            report(model, X, explainer=made, reference=reference)
    with pytest.raises(TypeError, match="reference must be a ScaleProfile, got a str"):
        report(model, X, explainer=explainer, reference="profile.npz")
    with pytest.raises(TypeError, match="explainer must be an explainer in the wavelet domain"):
        report(model, X, explainer=WaveletGradientInput)
    with pytest.raises(ValueError, match="inputs must not be empty"):
        report(model, X[:0])


# --- several on one page -------------------------------------------------------------------------


def test_two_reports_stand_side_by_side(full, model):
    told = {"names": [NASTY, "second", "th\udce9"], "class_names": CLASSES[::-1]}
    other = WCAM(model, 4, 4, level=2)
    both = full.beside(report(model, X, explainer=other, **told, model_name="other"))
    page, table = Reader(both.html), both.to_dataframe()
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {a["href"][1:] for a in page.all("use")} <= set(ids)
    names = ["WaveletGradientInput", "WCAM"]
    assert list(table.method) == [name for name in names for _ in X]
    assert list(table.model[3:]) == ["other"] * 3
    rows = full.to_dataframe()
    pd.testing.assert_frame_equal(table[list(rows)][:3], rows)
    for name in names:  # each has its own guide
        assert f"How to read this page: {name}" in words(both.html)
    differ = [a["data-differ"] for a in page.all("tr") if "data-number" in a]
    assert differ == [str(number != 1) for number in PREDICTED]  # the names are the other way round
    with pytest.raises(ValueError, match="explanations"):
        _ = both.explanation
    with pytest.raises(ValueError, match="other must be a report on the same inputs"):
        full.beside(report(model, X, explainer=other))


def test_inputs_of_other_sizes_follow_on_one_page():
    pages = [report(Network((size, 1)), noise(2, size, 1)) for size in (32, 64)]
    both = pages[0].followed_by(pages[1])
    tables = [page.to_dataframe() for page in pages]
    found = both.to_dataframe().reset_index(drop=True)
    pd.testing.assert_frame_equal(found, pd.concat(tables, ignore_index=True))
    shares = np.concatenate([page.explanation.scale_importance() for page in pages])
    found = [scale.share for scale in both.sides[0].scales]
    np.testing.assert_allclose(found, shares.mean(axis=0))
    assert len(Reader(both.html).all("article")) == 4
    coarse = report(Network((3, 1)), noise(1, 3, 1))
    with pytest.raises(ValueError, match="other must be made by the same model, method and scales"):
        pages[0].followed_by(coarse)


# --- what is explained, and what is heard --------------------------------------------------------


def test_a_class_that_is_not_predicted_is_explained(model, explainer):
    target = int((PREDICTED[0] + 1) % 3)
    made = report(model, X[:1], [target], explainer=explainer, explained=target)
    weights = np.eye(3, dtype=np.float32)[[target]]
    expected = explainer.explain_wavelet(X[:1], weights).scale_importance()
    np.testing.assert_allclose(made.explanation.scale_importance(), expected, rtol=1e-4)
    text = words(made.html)
    assert f"Explained class {target} (score {NETWORK(X[:1])[0, target]:.3g})" in text
    for told in ("Wrong prediction", f"explained is class {target}, be it predicted or not"):
        assert told in text
    for told in ("Enough to predict it", "do not bring the prediction back"):
        assert told not in text
    for wrong in (3, -1, 1.0, True):
        with pytest.raises(ValueError, match="explained must be None or the number of a class"):
            report(model, X, explainer=explainer, explained=wrong)


def test_sounds_are_told_in_hz_and_heard_as_they_are():
    x = noise(1, 4000, 1)
    made = report(Network((4000, 1)), x, sample_rate=8000, boxes=[[0, 10]])
    page, text = Reader(made.html), words(made.html)
    for told in ("2-4 kHz", "Sufficient sound", "outside of the interval"):
        assert told in text
    assert "px" not in text
    assert list(made.explanation.scales)[-1] in made.rows[0]
    heard = [decoded(a["src"], WAV) for a in page.all("audio")]
    original, important = map(_samples, heard[:2])
    np.testing.assert_allclose(original, x[0, :, 0] / max(1, np.abs(x).max()), atol=1e-4)
    left = made.explanation.reconstruct(x, 0.1)[0, :, 0]
    np.testing.assert_allclose(important, left / max(1, np.abs(left).max()), atol=1e-4)
    without = report(Network((4000, 1)), x)
    assert not Reader(without.html).all("audio")


def _samples(file: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(file)) as sound:
        assert sound.getframerate() == 8000
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32767


@pytest.mark.parametrize("rate", [0, -1, np.nan])
def test_a_rate_is_positive_and_that_of_signals(rate, model):
    with pytest.raises(ValueError, match="sample_rate must be a positive, finite number"):
        report(Network((32, 1)), noise(1, 32, 1), sample_rate=rate)
    with pytest.raises(ValueError, match="sample_rate must be None for images, got 8000"):
        report(model, X, sample_rate=8000)
