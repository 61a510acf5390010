"""Trainings that are watched: what is logged, and that nothing of them changes."""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import torch
from PIL import Image

from wam_xplique import WCAM, WaveletGradientInput, WaveletIntegratedGradients
from wam_xplique.analysis import ScaleProfileCallback
from wam_xplique.analysis.callback import picture_coefficients
from wam_xplique.batches import gather

from ..metrics.helpers import noise
from ..plots.helpers import signals_of, volumes_of

SHAPE = (16, 16, 1)
SCALES = ("2-4 px", "1-2 px")
TAGS = tuple(f"scale_importance/{scale}" for scale in SCALES)
X, Y = noise(24, *SHAPE), np.eye(3, dtype=np.float32)[np.arange(24) % 3]
FIXED = noise(5, *SHAPE, seed=1)
LABELS = np.array([0, 1, 2, 0, 1])

quick = functools.partial(WaveletGradientInput, level=2)


def make(eager: bool = True) -> keras.Model:
    """
    A model whose training draws random numbers, and keeps statistics of its batches.

    Of a few steps most of the time is compilation: they are not, where it does not matter.
    """
    keras.utils.set_random_seed(0)
    layers = keras.layers
    then = layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.5), layers.Dense(3)
    model = keras.Sequential([layers.Input(SHAPE), layers.Conv2D(4, 3, activation="relu"), *then])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=eager)
    return model


def fit(model: keras.Model, *callbacks: Any, epochs: int = 2, **options: Any) -> dict[str, Any]:
    """The history of a training."""
    options = {"batch_size": 12, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **options).history


def watched(*args: Any, explainer: Any = quick, **options: Any) -> ScaleProfileCallback:
    data = args or (FIXED, LABELS)
    return ScaleProfileCallback(*data, explainer=explainer, **{"verbose": False, **options})


def check_survived(told: str, caplog: Any, *data: Any, **options: Any) -> None:
    """The training goes on as it would without, and the error is logged once, and kept."""
    caplog.clear()
    plain, seen, callback = make(), make(), watched(*data, **options)
    assert fit(seen, callback) == fit(plain)
    assert all(map(np.array_equal, seen.get_weights(), plain.get_weights()))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name == "wam_xplique.analysis.callback"
    assert told in record.message
    assert str(callback.error) in record.message
    assert callback.seconds is None


@pytest.mark.parametrize("explainer", [quick, None], ids=["gradients", "default"])
def test_training_goes_on_as_it_would_without(explainer, tmp_path):
    plain = make(eager=False)
    expected = fit(plain, epochs=3, validation_data=(X, Y))
    options = {"log_dir": tmp_path / "logs", "csv": tmp_path / "scales.csv"}
    seen = make(eager=False)
    history = fit(seen, watched(explainer=explainer, **options), epochs=3, validation_data=(X, Y))
    assert all(map(np.array_equal, seen.get_weights(), plain.get_weights()))
    assert {key: history[key] for key in expected} == expected


class Inference(tf.Module):
    """A model as it is after training."""

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model

    def __call__(self, x: Any) -> Any:
        return self.model(x, training=False)


of_cells = {"grid_size": 4, "nb_design": 4, "partition": "band", "confidence": None}


@pytest.mark.parametrize(
    "explainer",
    [
        quick,
        functools.partial(WaveletIntegratedGradients, level=2, steps=5),
        functools.partial(WCAM, level=2, **of_cells),
    ],
    ids=["GradientInput", "IntegratedGradients", "WCAM"],
)
def test_the_weights_of_each_epoch_are_explained_as_at_inference(explainer):
    """Against a fresh explainer of a copy that has the weights of the epoch."""
    weights, model, note = [], make(eager=False), keras.callbacks.Callback()
    note.on_epoch_end = lambda epoch, logs: weights.append(model.get_weights())
    history = fit(model, note, watched(explainer=explainer), epochs=3)
    logged = np.array([history[tag] for tag in TAGS]).T
    for found, of_epoch in zip(logged, weights, strict=True):
        copy = make()
        copy.set_weights(of_epoch)
        explanation = explainer(Inference(copy)).explain_wavelet(FIXED, np.eye(3)[LABELS])
        expected = explanation.scale_importance().mean(axis=0)[1:]
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.abs(np.diff(logged, axis=0)).max(axis=1).min() > 1e-4
    np.testing.assert_allclose(logged.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [(1, 2, [0, 1]), (2, 3, [0, 2]), (3, 5, [0, 3, 4]), (7, 1, [0])],
)
def test_every_few_epochs_are_explained_and_the_last(every, epochs, expected, tmp_path):
    history = fit(make(), watched(every=every, csv=tmp_path / "s.csv"), epochs=epochs)
    table = pd.read_csv(tmp_path / "s.csv")
    assert list(table.epoch) == expected
    assert len(history["loss"]) == epochs
    assert list(table["1-2 px"]) == pytest.approx(history[TAGS[1]])


def test_a_csv_file_goes_on_where_training_is_resumed_and_another_is_left_alone(tmp_path, caplog):
    path = tmp_path / "scales.csv"
    model, callback = make(), watched(csv=path)
    first = fit(model, callback, epochs=2)
    second = fit(model, callback, epochs=4, initial_epoch=2)
    third = fit(model, watched(csv=str(path)), epochs=5, initial_epoch=4)
    table = pd.read_csv(path)
    assert list(table) == ["epoch", *SCALES]
    assert list(table.epoch) == [0, 1, 2, 3, 4]
    for scale, tag in zip(SCALES, TAGS, strict=True):
        assert list(table[scale]) == pytest.approx(first[tag] + second[tag] + third[tag])
    path.write_text("epoch,loss\n0,1.5\n")
    check_survived("has the columns ['epoch', 'loss'], and not", caplog, csv=path)
    assert path.read_text() == "epoch,loss\n0,1.5\n"


def test_the_callbacks_that_follow_see_the_shares(tmp_path):
    path, seen = tmp_path / "log.csv", []
    later = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append({**logs}))
    history = fit(make(), watched(), keras.callbacks.CSVLogger(path), later, epochs=2)
    for tag in TAGS:
        assert [logs[tag] for logs in seen] == history[tag]
        assert list(pd.read_csv(path)[tag]) == pytest.approx(history[tag])


def test_the_approximation_is_logged_where_it_takes_part():
    history = fit(make(), watched(explainer=functools.partial(quick, include_approximation=True)))
    tags = [tag for tag in history if tag.startswith("scale_importance/")]
    assert tags == ["scale_importance/> 4 px", *TAGS]
    assert np.sum([history[tag] for tag in tags], axis=0) == pytest.approx(1)


def summaries(folder: Path) -> dict[tuple[str, int], Any]:
    """What the files of events hold, by tag and step."""
    found = {}
    for file in sorted(folder.glob("events.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag, event.step] = tf.make_ndarray(value.tensor)
    return found


def test_tensorboard_gets_scalars_and_mosaics(tmp_path):
    history = fit(make(), watched(every=2, log_dir=tmp_path), epochs=3)
    found = summaries(tmp_path)
    assert set(found) == {(t, e) for t in (*TAGS, "wavelet coefficients") for e in (0, 2)}
    for tag in TAGS:
        assert [float(found[tag, step]) for step in (0, 2)] == pytest.approx(history[tag])
    pictures = [found["wavelet coefficients", step] for step in (0, 2)]
    for _, _, *encoded in pictures:
        first, *others = [tf.io.decode_png(one).numpy() for one in encoded]
        assert len(others) == 2
        assert all(one.std() > 20 and not np.array_equal(one, first) for one in others)
    assert pictures[0][2] != pictures[1][2]


def test_the_picture_is_the_mosaic_of_the_explanation():
    explanation = quick(make()).explain_wavelet(FIXED, np.eye(3)[LABELS])
    pixels = picture_coefficients(explanation, 1)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (352, 352, 3))
    picture = Image.fromarray(pixels).convert("L").crop((6, 6, 346, 346))
    shown = np.array(picture.resize((16, 16), Image.Resampling.BOX))[8:]  # of one scale of colours
    mosaic = np.abs(explanation.mosaic()[1, 8:, :, 0])
    assert np.corrcoef(shown.ravel(), mosaic.ravel())[0, 1] > 0.95
    for others in (signals_of((32, 2)), volumes_of()):
        assert picture_coefficients(others, 1).std() > 5


@pytest.mark.parametrize("count", [5, 3])
def test_the_batch_may_be_the_beginning_of_what_holds_batches(count):
    callback = watched([(FIXED[:4], LABELS[:4]), (FIXED[4:], LABELS[4:])], count=count)
    callback.set_model(make())
    callback.on_train_begin()
    tensors = torch.utils.data.TensorDataset(torch.tensor(FIXED), torch.tensor(LABELS))
    loader = torch.utils.data.DataLoader(tensors, batch_size=3)
    for inputs, targets in (callback._batch, gather(loader, None, count)):
        np.testing.assert_array_equal(inputs, FIXED[:count])
        np.testing.assert_array_equal(targets, LABELS[:count])


def test_data_that_end_early_are_told(caplog):
    for data in ((FIXED, LABELS), (tf.data.Dataset.from_tensor_slices((FIXED, LABELS)),)):
        check_survived("ended early: 6 inputs are needed, got 5", caplog, *data, count=6)


def test_the_batch_stays_the_same_from_one_training_to_the_next():
    """A dataset that is shuffled anew whenever it is read."""
    dataset = tf.data.Dataset.from_tensor_slices((X, np.arange(24) % 3)).shuffle(24).batch(4)
    callback, model = watched(dataset, count=4), make()
    model.optimizer.learning_rate = 0.0
    model.layers[1].momentum = 1.0
    shares = [fit(model, callback, epochs=2)[TAGS[0]] for _ in range(2)]
    assert np.ravel(shares) == pytest.approx(shares[0][0])


def test_predicted_targets_follow_the_model():
    model = make()
    history = fit(model, watched(FIXED, "predicted"), epochs=3)
    predicted = np.eye(3, dtype=np.float32)[model.predict(FIXED, verbose=0).argmax(axis=1)]
    found = quick(model).explain_wavelet(FIXED, predicted).scale_importance()
    assert history[TAGS[1]][-1] == pytest.approx(found[:, -1].mean(), rel=1e-4)


def test_inputs_without_importance_are_told_and_left_out():
    x = FIXED.copy()
    x[1] = 0
    with pytest.warns(UserWarning, match="In 1 of 5 inputs nothing has importance"):
        history = fit(make(), watched(x, LABELS), epochs=1)
    assert history[TAGS[0]][0] + history[TAGS[1]][0] == pytest.approx(1)
    with pytest.warns(UserWarning, match="In 5 of 5 inputs"):
        history = fit(make(), watched(0 * x, LABELS), epochs=1)
    assert TAGS[0] not in history


def test_the_cost_is_printed_once(capsys):
    callback, model = watched(verbose=True), make()
    for _ in range(2):
        fit(model, callback, epochs=2)
    (line,) = capsys.readouterr().out.splitlines()
    name = "ScaleProfileCallback: WaveletGradientInput of 5 inputs takes"
    assert re.fullmatch(rf"{name} [\d.]+ s each time, [\d.]+% of an epoch(; every=.*)?\.", line)
    fit(make(), watched(), epochs=1)
    assert not capsys.readouterr().out


class Clock:
    """Time passes in epochs, and while something is explained."""

    now, epoch, explanation = 0.0, 2.0, 0.3

    def perf_counter(self) -> float:
        return self.now

    def tick(self, epoch: int, logs: Any) -> None:
        self.now += self.epoch

    def __call__(self, model: Any) -> WaveletGradientInput:
        explainer = quick(model)
        explain = explainer.explain_wavelet

        def slow(*args: Any) -> Any:
            self.now += self.explanation
            return explain(*args)

        vars(explainer)["explain_wavelet"] = slow
        return explainer


@pytest.mark.parametrize(
    ("every", "explanation", "told"),
    [
        (1, 0.3, "0.3 s each time, 15.0% of an epoch; every=3 makes that 5.0% of the training."),
        (2, 0.5, "0.5 s each time, 25.0% of an epoch; every=5 makes that 5.0% of the training."),
        (3, 0.3, "0.3 s each time, 15.0% of an epoch."),
        (1, 0.01, "0.01 s each time, 0.5% of an epoch."),
    ],
)
def test_the_cost_is_told_beside_an_epoch_and_what_makes_it_small(
    every, explanation, told, monkeypatch, capsys
):
    clock = Clock()
    clock.explanation = explanation
    monkeypatch.setattr("wam_xplique.analysis.callback.time", clock)
    tick = keras.callbacks.LambdaCallback(on_epoch_end=clock.tick)
    callback = watched(every=every, explainer=clock, verbose=True)
    fit(make(), tick, callback, epochs=5)
    assert capsys.readouterr().out.endswith(f"takes {told}\n")
    assert callback.seconds == pytest.approx(explanation)


def test_an_error_in_the_middle_ends_the_explanations_of_one_training(tmp_path, caplog):
    path, model = tmp_path / "scales.csv", make()
    callback = watched(csv=path)
    breaks = keras.callbacks.Callback()
    breaks.on_epoch_end = lambda epoch, logs: epoch == 1 and (path.unlink(), path.mkdir())
    history = fit(model, breaks, callback, epochs=4)
    assert len(history["loss"]) == 4
    assert isinstance(callback.error, IsADirectoryError)
    assert len(caplog.records) == 1
    path.rmdir()
    fit(model, callback, epochs=2)
    assert callback.error is None
    assert len(pd.read_csv(path)) == 2


def test_an_interrupt_is_no_error():
    def interrupted(model: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(make(), watched(explainer=interrupted))


def test_four_steps_tell_the_shares_and_warn_of_no_integral(recwarn):
    model, callback = make(), watched(explainer=None)
    history = fit(model, callback)
    expected = WaveletIntegratedGradients(model, steps=64).explain_wavelet(FIXED, LABELS)
    shares = expected.scale_importance().mean(axis=0)
    found = [history[f"scale_importance/{scale}"][-1] for scale in expected.scales[1:]]
    np.testing.assert_allclose(found, shares[1:], atol=0.01)
    assert not [w for w in recwarn if "converged" in str(w.message)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be an integer of at least 1"),
        ({"count": 0}, ValueError, "count must be None or an integer"),
        ({"inputs": [(FIXED, LABELS)]}, ValueError, "count must be given where inputs are no"),
        ({"explainer": 3}, TypeError, "explainer must be a class of explainers"),
    ],
)
def test_bad_arguments_are_named_at_once(options, error, message):
    with pytest.raises(error, match=message):
        ScaleProfileCallback(**{"inputs": FIXED, "targets": LABELS, **options})


@pytest.mark.parametrize(
    ("data", "explainer", "message"),
    [
        ((FIXED,), quick, "targets must be given"),
        ((FIXED, LABELS[:4]), quick, "one for each of the 5 inputs"),
        ((FIXED, LABELS + 1), quick, "labels from 0 to 2"),
        ((noise(5, 8, 8, 1), LABELS), quick, "do not fit the model"),
        ((FIXED, LABELS), functools.partial(quick, level=9), "level=9 does not fit"),
    ],
    ids=range(5),
)
def test_what_does_not_fit_the_model_is_told(data, explainer, message, caplog):
    check_survived(message, caplog, *data, explainer=explainer)
