"""Boxes and zones: scores and gradients beside Xplique's own operators, in all frameworks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from xplique.commons import get_operator
from xplique.wrappers import TorchWrapper

from wam_xplique import WCAM, WaveletSaliency
from wam_xplique.backends.registry import load_backend
from wam_xplique.model import Model
from wam_xplique.operators import DETECTION, of_outputs

from .attributions.helpers import relative_error
from .metrics.helpers import noise
from .modules import channels_first, detectors, segmenters

SHAPE = (16, 16, 2)
ZONES = np.zeros((3, 16, 16, 2), np.float32)
ZONES[:, 4:9, 2:12, 1] = [[[1]], [[0.3]], [[2]]]


def boxes(count: int, each: int, seed: int, classes: int = 3) -> np.ndarray:
    """Boxes (count, each, 5 + classes), which overlap; the last of some inputs are padding."""
    generator = np.random.default_rng(seed)
    low, size = generator.uniform(0, 6, (2, count, each, 2)) + 1
    rest = generator.uniform(0, 1, (count, each, 1 + classes))
    found = np.concatenate([low, low + size, rest], -1).astype(np.float32)
    found[::2, each - 1 :] = 0
    return found


def of_xplique(task: str, outputs: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and their gradients with respect to the outputs of a model."""
    outputs, targets = tf.constant(outputs), tf.constant(targets)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        scores = get_operator(task)(lambda _: outputs, outputs, targets)
    return scores.numpy(), tape.gradient(scores, outputs).numpy()


@pytest.fixture
def _eagerly():
    """Xplique's operators trace for seconds."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(before)


@pytest.mark.usefixtures("_eagerly")
@pytest.mark.parametrize("task", DETECTION)
def test_boxes_are_scored_as_by_xplique(task):
    outputs, targets, score = boxes(6, 5, 0), boxes(6, 3, 1), of_outputs(get_operator(task))
    expected, slopes = of_xplique(task, outputs, targets)
    for framework in ("numpy", "tensorflow", "torch"):
        backend = load_backend(framework)
        x = backend.asarray(outputs)
        scores = backend.to_numpy(score(backend, x, backend.asarray(targets)))
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)
        assert scores.std() > 0.01
        if framework != "torch":
            continue
        x.requires_grad_()
        score(backend, x, torch.tensor(targets)).sum().backward()
        assert relative_error(x.grad.numpy(), slopes) < 1e-3


@pytest.mark.usefixtures("_eagerly")
def test_one_box_stands_alone_and_an_image_without_boxes_scores_zero():
    backend, score = load_backend("torch"), of_outputs(get_operator("object detection"))
    outputs, targets = boxes(4, 5, seed=0), boxes(4, 2, seed=1)[:, 0]
    outputs[2] = 0
    expected = of_xplique("object detection", outputs, targets)[0]
    x = torch.tensor(outputs, requires_grad=True)
    scores = score(backend, x, torch.tensor(targets))
    np.testing.assert_allclose(scores.detach(), expected, rtol=1e-4)
    assert scores[2] == 0
    scores.sum().backward()
    assert torch.isfinite(x.grad).all()


TASKS = {"object detection": boxes(3, 2, seed=1), "semantic segmentation": ZONES}


@pytest.mark.usefixtures("_eagerly")
@pytest.mark.parametrize("task", TASKS)
def test_modules_are_scored_natively_as_by_xplique_in_keras_and_through_its_wrapper(task):
    make = detectors if task == "object detection" else segmenters
    models, x, y = make(SHAPE), noise(3, *SHAPE), TASKS[task]
    wrapped = TorchWrapper(models["torch"], "cpu")
    operator = get_operator(task)
    expected = operator(models["tensorflow"], tf.constant(x), tf.constant(y)).numpy()
    assert expected.std() > 1e-3
    if task == "object detection":  # the wrapper turns no outputs
        through = operator(wrapped, tf.constant(x), tf.constant(y)).numpy()
        np.testing.assert_allclose(through, expected, rtol=1e-4)
    for model in (*models.values(), wrapped):
        asked = Model(model, task)
        turned = channels_first if asked.framework == "torch" else np.asarray
        targets = turned(y) if task == "semantic segmentation" else y
        scores = asked.scores(asked.native(turned(x)), asked.native(targets))
        np.testing.assert_allclose(asked.backend.to_numpy(scores), expected, rtol=1e-4)


@pytest.mark.parametrize("task", DETECTION)
def test_boxes_are_explained_alike_in_both_frameworks(task):
    in_keras, in_torch = (
        WaveletSaliency(model, operator=task, level=2)(noise(3, *SHAPE), boxes(3, 2, seed=1))
        for model in detectors(SHAPE).values()
    )
    assert relative_error(in_torch, in_keras) < 1e-3
    assert np.abs(in_keras).max() > 0


def test_boxes_are_explained_without_gradients():
    x = noise(2, *SHAPE)
    y = detectors(SHAPE)["tensorflow"](x).numpy()[:, :1]
    how = {"operator": "object detection", "level": 2, "grid_size": 4, "nb_design": 32}
    in_keras, in_torch = (WCAM(model, **how)(x, y).numpy() for model in detectors(SHAPE).values())
    assert relative_error(in_torch, in_keras) < 1e-2
    assert in_keras.max() > 0


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (boxes(2, 3, 0, classes=5), r"boxes \(N, B, 5 \+ classes\).*\(2?N?.*4, 8\).*10\)"),
        (np.zeros((2, 3, 8)), r"must hold boxes that are not zero; those at \[0, 1\]"),
        (np.ones((2, 3, 1, 8)), "targets of shape"),
        (np.array([1, 2]), "targets of shape"),
    ],
)
def test_what_are_no_boxes_is_refused(targets, told):
    for model in detectors(SHAPE).values():
        explainer = WaveletSaliency(model, operator="object detection")
        with pytest.raises(ValueError, match=told):
            explainer(noise(2, *SHAPE), targets)


def test_a_model_of_many_outputs_names_its_boxes():
    module = detectors(SHAPE)["torch"]

    class Several(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(boxes=module(x), loss=x.sum())

    x, y = channels_first(noise(2, *SHAPE)), boxes(2, 2, seed=1)
    how = {"operator": "object detection", "level": 2, "channels": "first"}
    found = WaveletSaliency(Several().eval(), output="boxes", **how)(x, y)
    np.testing.assert_allclose(found, WaveletSaliency(module, **how)(x, y), rtol=1e-5)
