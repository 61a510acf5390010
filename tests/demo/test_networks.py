"""The demo's classifiers of every kind of data, and the spectrograms before them."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique import WaveletSaliency
from wam_xplique.demo import data, networks, shapes, sounds

LENGTH = 4000
WAVES, CLASSES = sounds.sounds(2, seed=0, duration=LENGTH / sounds.SAMPLE_RATE)
INPUTS = {
    "waveforms": (WAVES[..., np.newaxis], CLASSES),
    "images": data.crops("left", 2, seed=0),
    "volumes": shapes.shapes(2, seed=0, size=16),
}
ARCHITECTURES = {"waveforms": networks.WAVEFORMS, "images": networks.SPECTROGRAMS}
each_kind = pytest.mark.parametrize("kind", INPUTS)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 1)


def channels_first(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.moveaxis(x, -1, 1).copy())


def scores(model: torch.nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(x).numpy()


def accuracy(found: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(found.argmax(-1) == labels.argmax(-1)))


@each_kind
def test_one_builder_serves_every_kind_of_input_and_a_seed_determines_it(kind, quick):
    x, y = INPUTS[kind]
    models = [networks.train_keras(x, y, seed) for seed in (0, 0, 1)]
    modules = [networks.train_torch(x, y, seed) for seed in (0, 0, 1)]
    larger = np.concatenate([x, x], axis=1)
    assert models[0](larger).shape == scores(modules[0], channels_first(larger)).shape == y.shape
    assert models[0].count_params() == sum(p.numel() for p in modules[0].parameters())
    assert not modules[0].training
    for one, again, other in (
        [np.array(model(x)) for model in models],
        [scores(module, channels_first(x)) for module in modules],
    ):
        assert one.shape == y.shape
        np.testing.assert_allclose(again, one, rtol=1e-4, atol=1e-5)
        assert not np.allclose(other, one, atol=1e-3)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_networks_for_sounds_are_the_same_in_both_frameworks_and_take_any_length(kind, quick):
    (x, y), architecture = INPUTS[kind], ARCHITECTURES[kind]
    model = networks.train_keras(x, y, architecture=architecture)
    module = networks.train_torch(x, y, architecture=architecture)
    longer = np.concatenate([x, x], axis=1)
    assert model(longer).shape == scores(module, channels_first(longer)).shape == y.shape
    assert model.count_params() == sum(p.numel() for p in module.parameters())
    names = [type(part).__name__ for part in (*model.layers, *module)]
    assert sum("GlobalMax" in name or "AdaptiveMax" in name for name in names) == 2
    assert names.count("Rescaling") == 2 * architecture.rescale


@pytest.mark.parametrize("train", [networks.train_keras, networks.train_torch])
def test_networks_for_waveforms_learn_the_same_at_any_level(train, quick):
    x, y = INPUTS["waveforms"]
    loud, quiet = (train(g * x, y, architecture=networks.WAVEFORMS) for g in (1, 0.01))
    if train is networks.train_torch:
        found, expected = scores(quiet, channels_first(0.01 * x)), scores(loud, channels_first(x))
    else:
        found, expected = quiet(0.01 * x), loud(x)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)


def test_silence_is_not_rescaled():
    assert networks._gain(np.zeros((2, 5, 1))) == 1


def test_places_among_the_mel_bands_are_where_the_filters_peak():
    frequencies = np.linspace(100, 3800, 50)
    filters = networks._mel_filters(2000, 8000)  # a frequency each 4 Hz
    nearest = filters[:, np.round(frequencies / 4).astype(int)].argmax(0)
    places = networks.mel_places(frequencies, 8000)
    np.testing.assert_allclose(places, nearest, atol=0.6)
    assert (np.diff(places) > 0).all()
    np.testing.assert_allclose(networks.mel_places([20, 4000], 8000), [-1, networks.MEL_BANDS])


@pytest.mark.parametrize("train", [networks.train_keras, networks.train_torch])
@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (WAVES, CLASSES, r"inputs must be waveforms .*\(8, 4000\)"),
        (np.zeros((2, 3, 3, 3, 3, 1)), CLASSES[:2], r"inputs must be .*\(2, 3, 3, 3, 3, 1\)"),
        (WAVES[..., np.newaxis], CLASSES[:5], r"labels must be .*\(8, classes\), got .*\(5, 4\)"),
        (WAVES[..., np.newaxis], CLASSES[:, 0], r"labels must be one-hot.*\(8,\)"),
    ],
)
def test_what_does_not_fit_is_refused(train, inputs, labels, message):
    with pytest.raises(ValueError, match=message):
        train(inputs, labels)


@pytest.mark.parametrize("train", [networks.train_mel_keras, networks.train_mel_torch])
def test_spectrograms_are_made_of_waveforms_without_channels(train):
    with pytest.raises(ValueError, match=r"waveforms must have shape \(N, T\), got \(8, 4000, 1\)"):
        train(WAVES[..., np.newaxis], CLASSES)


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_spectrograms_are_those_of_keras_in_bels_above_silence(rate):
    waves, _ = sounds.sounds(1, seed=0, duration=0.5, sample_rate=rate)
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
    in_keras = np.array(networks.mel_keras(rate)(waves))
    in_torch = scores(networks.mel_torch(rate), torch.tensor(waves))
    assert in_keras.shape == (4, *expected.shape[1:], 1)
    assert in_torch.shape == (4, 1, *expected.shape[1:])
    np.testing.assert_allclose(in_keras[..., 0], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(in_torch[:, 0], expected, rtol=1e-3, atol=1e-3)
    assert expected.max() > 4


def test_a_channel_of_waveforms_is_no_matter_to_spectrograms_in_torch():
    module, x = networks.mel_torch(), torch.tensor(WAVES)
    np.testing.assert_array_equal(scores(module, x), scores(module, x[:, np.newaxis]))


def test_spectrograms_do_not_depend_on_their_batch_and_silence_is_zero():
    batch = np.stack([0.01 * WAVES[0], 1e5 * WAVES[1], np.zeros(LENGTH, np.float32)])
    model, module = networks.mel_keras(), networks.mel_torch()
    for whole, alone in (
        (np.array(model(batch)), np.array(model(batch[:1]))),
        (scores(module, torch.tensor(batch)), scores(module, torch.tensor(batch[:1]))),
    ):
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


def test_mel_models_are_a_front_end_and_a_classifier(quick):
    model = networks.train_mel_keras(WAVES, CLASSES)
    module = networks.train_mel_torch(WAVES, CLASSES)
    front_end, classifier = model.layers
    np.testing.assert_allclose(classifier(front_end(WAVES)), model(WAVES), rtol=1e-5)
    assert not module.training
    x = torch.tensor(WAVES)
    np.testing.assert_array_equal(scores(module[1], module[0](x)), scores(module, x))
    # The explainers take the two parts as they are.
    inner = WaveletSaliency(classifier, front_end=front_end).explain_wavelet(WAVES[:2], CLASSES[:2])
    whole = WaveletSaliency(model).explain_wavelet(WAVES[:2], CLASSES[:2])
    np.testing.assert_allclose(inner.mosaic(), whole.mosaic(), rtol=1e-3, atol=1e-6)
    explainer = WaveletSaliency(module[1], front_end=module[0])
    y = torch.tensor(CLASSES[:2])
    assert explainer.explain_wavelet(x[:2], y).front_end.shape == (2, 1, 32, 63)


@pytest.mark.parametrize("kind", ["raw", "mel"])
def test_networks_learn_the_sounds(kind):
    x, y = sounds.sounds(60, seed=0, duration=0.5)
    v, w = sounds.sounds(40, seed=1, duration=0.5)
    if kind == "mel":
        model = networks.train_mel_keras(x, y)
    else:
        model = networks.train_keras(x[..., np.newaxis], y, architecture=networks.WAVEFORMS)
        v = v[..., np.newaxis]
    assert accuracy(model.predict(v, verbose=0), w) > 0.9


def blobs_and_plates(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two of the classes, which are learned sooner than all four."""
    volumes, labels = shapes.shapes(count, seed, size=24)
    return volumes[::2], labels[::2, ::2]


def test_the_network_of_volumes_learns_shapes():
    model = networks.train_keras(*blobs_and_plates(60, seed=0))
    x, y = blobs_and_plates(20, seed=1)
    assert accuracy(model.predict(x, verbose=0), y) > 0.9
