"""The demo's classifiers of every kind of data, and the spectrograms before them."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique import WaveletSaliency
from wam_xplique.demo import networks
from wam_xplique.demo.data import SAMPLE_RATE, crops, shapes, sounds
from wam_xplique.demo.pipeline import accuracy, outputs

LENGTH = 4000
WAVES, CLASSES = sounds(2, seed=0, duration=LENGTH / SAMPLE_RATE)
INPUTS = {
    "waveforms": (WAVES[..., np.newaxis], CLASSES),
    "images": crops("left", 2, seed=0),
    "volumes": shapes(2, seed=0, size=16),
}
TRAINERS = {"Keras": networks.train_keras, "PyTorch": networks.train_torch}
each_framework = pytest.mark.parametrize("framework", TRAINERS)


def made(model: keras.Model | torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """What a front end makes of waveforms, or a classifier of spectrograms, as they are."""
    if isinstance(model, keras.Model):
        return np.array(model(x))
    with torch.no_grad():
        return model(torch.tensor(x)).numpy()


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [
        *((kind, None) for kind in INPUTS),
        ("waveforms", networks.WAVEFORMS),
        ("images", networks.SPECTROGRAMS),
    ],
)
def test_one_builder_serves_inputs_of_every_kind_and_size_in_both_frameworks(
    kind, architecture, one_epoch
):
    x, y = INPUTS[kind]
    model, module = (train(x, y, architecture=architecture) for train in TRAINERS.values())
    larger = np.concatenate([x, x], axis=1)
    assert outputs(model, larger).shape == outputs(module, larger).shape == y.shape
    assert model.count_params() == sum(p.numel() for p in module.parameters())
    assert not module.training
    names = [type(part).__name__ for part in (*model.layers, *module)]
    maxima = sum("GlobalMax" in name or "AdaptiveMax" in name for name in names)
    assert maxima == 2 * (architecture is not None)
    assert names.count("Rescaling") == 2 * (architecture is networks.WAVEFORMS)


@each_framework
@pytest.mark.parametrize("kind", INPUTS)
def test_a_seed_determines_the_network(framework, kind, one_epoch):
    x, y = INPUTS[kind]
    one, again, other = (outputs(TRAINERS[framework](x, y, seed), x) for seed in (0, 0, 1))
    np.testing.assert_allclose(again, one, rtol=1e-4, atol=1e-5)
    assert not np.allclose(other, one, atol=1e-3)


@each_framework
def test_networks_for_waveforms_learn_the_same_at_any_level(framework, one_epoch):
    x, y = INPUTS["waveforms"]
    loud, quiet = (
        outputs(TRAINERS[framework](gain * x, y, architecture=networks.WAVEFORMS), gain * x)
        for gain in (1, np.float32(0.01))
    )
    np.testing.assert_allclose(quiet, loud, rtol=1e-2, atol=1e-3)
    assert networks._gain(np.zeros((2, 5, 1))) == 1  # silence


def test_places_among_the_mel_bands_are_where_the_filters_peak():
    frequencies = np.linspace(100, 3800, 50)
    filters = networks._mel_filters(2000, 8000)  # a frequency each 4 Hz
    nearest = filters[:, np.round(frequencies / 4).astype(int)].argmax(0)
    places = networks.mel_places(frequencies, 8000)
    np.testing.assert_allclose(places, nearest, atol=0.6)
    assert (np.diff(places) > 0).all()
    np.testing.assert_allclose(networks.mel_places([20, 4000], 8000), [-1, networks.MEL_BANDS])


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (WAVES, CLASSES, r"inputs must be waveforms .*\(8, 4000\)"),
        (np.zeros((2, 3, 3, 3, 3, 1)), CLASSES[:2], r"inputs must be .*\(2, 3, 3, 3, 3, 1\)"),
        (WAVES[..., np.newaxis], CLASSES[:5], r"labels must be .*\(8, classes\), got .*\(5, 4\)"),
        (WAVES[..., np.newaxis], CLASSES[:, 0], r"labels must be one-hot.*\(8,\)"),
    ],
)
def test_what_does_not_fit_is_refused(inputs, labels, message):
    for train in TRAINERS.values():
        with pytest.raises(ValueError, match=message):
            train(inputs, labels)
    for train in (networks.train_mel_keras, networks.train_mel_torch):
        with pytest.raises(ValueError, match=r"waveforms must have shape .*, got \(8, 4000, 1"):
            train(WAVES[..., np.newaxis], CLASSES)


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_spectrograms_are_those_of_keras_in_bels_above_silence(rate):
    waves, _ = sounds(1, seed=0, duration=0.5, sample_rate=rate)
    layer = keras.layers.MelSpectrogram(
        fft_length=2 * round(0.016 * rate),
        sequence_stride=round(0.008 * rate),
        sampling_rate=rate,
        num_mel_bins=32,
        min_freq=20.0,
        min_power=1e-4,
        top_db=math.inf,
    )
    expected = (np.array(layer(waves)) + 40) / 10
    front_ends = (networks.mel_keras(rate), networks.mel_torch(rate))
    in_keras, in_torch = (made(front_end, waves) for front_end in front_ends)
    assert in_keras.shape == (4, *expected.shape[1:], 1)
    assert in_torch.shape == (4, 1, *expected.shape[1:])
    np.testing.assert_allclose(in_keras[..., 0], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(in_torch[:, 0], expected, rtol=1e-3, atol=1e-3)
    assert expected.max() > 4


def test_spectrograms_do_not_depend_on_their_batch_and_silence_is_zero():
    batch = np.stack([0.01 * WAVES[0], 1e5 * WAVES[1], np.zeros(LENGTH, np.float32)])
    channels = batch[:, np.newaxis]  # which are no matter to PyTorch's
    np.testing.assert_array_equal(*(made(networks.mel_torch(), x) for x in (batch, channels)))
    for front_end in (networks.mel_keras(), networks.mel_torch()):
        whole, alone = made(front_end, batch), made(front_end, batch[:1])
        np.testing.assert_allclose(whole[:1], alone, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(whole[2], 0, atol=1e-5)


def test_gradients_through_silence_are_finite():
    x = np.concatenate([WAVES[:2], np.zeros((2, LENGTH), np.float32)], axis=1)
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        total = tf.reduce_sum(networks.mel_keras()(inputs))
    tensor = torch.tensor(x, requires_grad=True)
    networks.mel_torch()(tensor).sum().backward()
    for gradient in (tape.gradient(total, inputs).numpy(), tensor.grad.numpy()):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


def test_mel_models_are_a_front_end_and_a_classifier(one_epoch):
    model = networks.train_mel_keras(WAVES, CLASSES)
    module = networks.train_mel_torch(WAVES, CLASSES)
    assert not module.training
    for whole, (front_end, classifier) in ((model, model.layers), (module, module)):
        parts = made(classifier, made(front_end, WAVES))
        np.testing.assert_allclose(parts, made(whole, WAVES), rtol=1e-5)
    # The explainers take the two parts as they are.
    front_end, classifier = model.layers
    inner = WaveletSaliency(classifier, front_end=front_end).explain_wavelet(WAVES[:2], CLASSES[:2])
    whole = WaveletSaliency(model).explain_wavelet(WAVES[:2], CLASSES[:2])
    np.testing.assert_allclose(inner.mosaic(), whole.mosaic(), rtol=1e-3, atol=1e-6)
    explainer = WaveletSaliency(module[1], front_end=module[0])
    x, y = torch.tensor(WAVES[:2]), torch.tensor(CLASSES[:2])
    assert explainer.explain_wavelet(x, y).front_end.shape == (2, 1, 32, 63)


def test_networks_learn_the_textures():
    for train in TRAINERS.values():
        model = train(*crops("left", 60, seed=0))
        assert accuracy(model, *crops("right", 30, seed=1)) > 0.9


@pytest.mark.parametrize("kind", ["raw", "mel"])
def test_networks_learn_the_sounds(kind):
    (x, y), (v, w) = (sounds(n, seed, duration=0.5) for n, seed in ((60, 0), (40, 1)))
    if kind == "mel":
        model = networks.train_mel_keras(x, y)
    else:
        model = networks.train_keras(x[..., np.newaxis], y, architecture=networks.WAVEFORMS)
        v = v[..., np.newaxis]
    assert accuracy(model, v, w) > 0.9


def test_the_network_of_volumes_learns_shapes():
    """Two of the classes, which are learned sooner than all four."""
    (x, y), (v, w) = (shapes(n, seed, size=24) for n, seed in ((60, 0), (20, 1)))
    model = networks.train_keras(x[::2], y[::2, ::2])
    assert accuracy(model, v[::2], w[::2, ::2]) > 0.9
