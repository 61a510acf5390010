"""The transforms: laws that all keep, and independent references for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_xplique.coefficients import flatten, map_bands
from wam_xplique.transforms import DWT, ConstantQ, Packets, Stationary, Steerable

FRAMES = [
    (Stationary("haar", 2), 1),
    (Stationary("db4", 3), 2),
    (Stationary("db2", 1), 3),
    (Steerable(2, 4), 2),
    (Steerable(1, 1), 2),
    (Steerable(2, 5), 3),
    (ConstantQ(3, 12), 1),
    (ConstantQ(2, 5, analytic=True), 1),
    (ConstantQ(2, 12, sample_rate=8000.0), 1),
]
ALL = [*FRAMES, (Packets("db2", 2), 1), (Packets("haar", 2), 2)]
SHAPES = {1: (2, 41), 2: (2, 17, 22), 3: (1, 9, 8, 11)}


def name(case):
    transform, ndim = case
    return f"{type(transform).__name__}-{ndim}D"


def at(case, axes=None):
    """The transform of a case, and the shape of inputs for it."""
    transform, ndim = case
    return replace(transform, axes=tuple(range(1, ndim + 1))), SHAPES[ndim]


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def inner(a, b):
    pairs = zip(flatten(a).values(), flatten(b).values(), strict=True)
    return sum(float(np.vdot(x, y)) for x, y in pairs)


@pytest.mark.parametrize("case", ALL, ids=name)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_laws_of_linear_transforms(case, seed):
    transform, shape = at(case)
    x, g = random(shape, seed), random(shape, seed + 1)
    z = transform.forward(x)
    other = map_bands(lambda band: random(band.shape, seed), z)
    np.testing.assert_allclose(transform.inverse(z, shape), x, atol=1e-12)
    both = transform.forward(2 * x - g)
    expected = map_bands(lambda a, b: 2 * a - b, z, transform.forward(g))
    for a, b in zip(flatten(both).values(), flatten(expected).values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    pulled = inner(other, transform.pullback(g))
    np.testing.assert_allclose(pulled, np.vdot(transform.inverse(other, shape), g), atol=1e-10)


@pytest.mark.parametrize("case", FRAMES, ids=name)
def test_a_frame_keeps_energy_and_moves_with_the_input(case):
    transform, shape = at(case)
    x = random(shape)
    z = transform.forward(x)
    np.testing.assert_allclose(inner(z, z), np.vdot(x, x), rtol=1e-12)
    moved = transform.forward(np.roll(x, 3, 1))
    for a, b in zip(flatten(moved).values(), flatten(z).values(), strict=True):
        np.testing.assert_allclose(a, np.roll(b, 3, 1), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("framework", [torch.tensor, tf.constant], ids=["torch", "tensorflow"])
@pytest.mark.parametrize("case", ALL, ids=name)
def test_the_frameworks_agree(case, framework, dtype):
    transform, shape = at(case)
    x = random(shape)
    assert all(b.dtype == dtype for b in flatten(transform.forward(x.astype(dtype))).values())
    tensor = framework(x.astype(dtype))
    found, tolerance = transform.forward(tensor), 1e-5 if dtype == "float32" else 1e-12
    for a, b in zip(flatten(found).values(), flatten(transform.forward(x)).values(), strict=True):
        assert dtype in str(a.dtype)
        np.testing.assert_allclose(a, b, atol=tolerance)
    np.testing.assert_allclose(transform.inverse(found, shape), x, atol=tolerance)
    if case in FRAMES:
        np.testing.assert_allclose(inner(found, found), np.vdot(x, x), rtol=tolerance)


FEW = [
    (Stationary("haar", 1), 1),
    (Steerable(1, 2), 2),
    (ConstantQ(2, 5, analytic=True), 1),
    (Packets("haar", 1), 1),
]


@pytest.mark.parametrize("case", FEW, ids=name)
def test_torch_compile_traces_them_as_one_graph(case):
    transform, shape = at(case)
    compiled = torch.compile(
        lambda x: transform.inverse(transform.forward(x), x.shape), backend="eager", fullgraph=True
    )
    for sizes in (shape, (*shape[:-1], shape[-1] + 2)):
        x = torch.tensor(random(sizes))
        np.testing.assert_allclose(compiled(x), x, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["haar", "db4", "coif1"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_stationary_is_that_of_pywavelets(wavelet, ndim):
    shape, axes = (2, *[16, 8, 24][:ndim]), tuple(range(1, ndim + 1))
    x = random(shape)
    found = Stationary(wavelet, 2, axes).forward(x)
    theirs = pywt.swtn(x, wavelet, 2, 0, axes, True, norm=True)
    for a, b in zip(flatten(found).values(), flatten(theirs).values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_packets_are_those_of_pywavelets_by_frequency():
    x = random((2, 64))
    nodes = pywt.WaveletPacket(x, "db4", "periodization", 3, axis=1).get_level(3, "freq")
    low, bands = Packets("db4", 3, (1,)).forward(x)
    for node, band in zip(nodes, [low, *bands.values()], strict=True):
        np.testing.assert_allclose(band, node.data, atol=1e-12)


@pytest.mark.parametrize(
    ("transform", "sizes", "message"),
    [
        (Stationary("haar", 4), (8, 16), r"level=4 does not fit inputs of size \(8, 16\); .* is 3"),
        (Stationary("haar", 2.0), (8,), "level=2.0 does not fit"),
        (Steerable(3), (8, 8), r"level=3 does not fit .* the highest possible is 2, the lowest 1"),
        (Steerable(), (64,), "Steerable is for images and volumes, not for 1 axes"),
        (Steerable(1, 33), (64, 64), "orientations must be from 1 to 32, got 33"),
        (ConstantQ(6), (64,), r"octaves=6 does not fit .* the highest possible is 5"),
        (ConstantQ(), (64, 64), "ConstantQ is for signals, not for 2 axes"),
        (ConstantQ(2, 0), (64,), "bins_per_octave must be from 1 to 96, got 0"),
        (ConstantQ(2, analytic="yes"), (64,), "analytic must be True or False, got 'yes'"),
        (ConstantQ(2, sample_rate=-1), (64,), "sample_rate must be a positive number, got -1"),
        (Packets("haar", 4), (8,), r"level=4 does not fit .* the highest possible is 3"),
        (Packets("haar", 1), (8, 8, 8), "Packets are for signals and images, not for volumes"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(transform, sizes, message):
    with pytest.raises(ValueError, match=message):
        transform.over(tuple(range(len(sizes)))).check(sizes)
    with pytest.raises(ValueError, match="axes must be given to use"):
        transform.check(sizes)


@pytest.mark.parametrize("kind", [Stationary, Packets])
def test_a_wavelet_is_known_by_its_name_however_it_is_given(kind):
    db2 = pywt.Wavelet("db2")
    assert kind(db2) == kind("db2")
    assert kind(db2.filter_bank) == kind([*db2.filter_bank])
    with pytest.raises(TypeError, match="wavelet must be a name"):
        kind(5)


def test_scales_are_sizes_of_details_or_pitches_in_plain_numbers():
    """Half a period, as those of the DWT, whose finest level holds periods of 2 to 4 samples."""
    assert Packets(level=3).scales(2) == ["> 8 px", "1-8 px"]
    assert ConstantQ(10).scales(1)[:2] == ["> 2050 samples", "1080-2050 samples"]  # periods
    assert ConstantQ(1, sample_rate=44100.0).scales(1) == ["< 10550 Hz", "10550-19910 Hz"]
    assert Steerable(8).scales(2)[:2] == ["> 360 px", "180-360 px"]


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("direction", [0, 30, 60, 90, 120, 150])
def test_a_grating_is_in_the_band_of_its_direction_and_level(level, direction):
    angle, wavelength = np.deg2rad(direction), 2 ** (level + 1)
    rows, columns = np.mgrid[:128, :128]
    way = columns * np.cos(angle) + rows * np.sin(angle)
    x = np.cos(2 * np.pi * way / wavelength)[np.newaxis]
    found = flatten(Steerable(3, 6, (1, 2)).forward(x))
    energy = {key: float((band**2).sum()) for key, band in found.items()}
    assert max(energy, key=energy.get) == f"{4 - level}.{direction}°"


@pytest.mark.parametrize("analytic", [False, True])
@pytest.mark.parametrize("note", [220.0, 440 * 2 ** (1 / 12), 987.77, 1760.0])
def test_a_tone_is_in_the_band_of_its_note(note, analytic):
    transform = ConstantQ(6, 12, analytic, 8000.0, (1,))
    x = np.sin(2 * np.pi * note * np.arange(8000) / 8000)[np.newaxis]
    found = flatten(transform.forward(x))
    energy = {key: float((band**2).sum()) for key, band in found.items()}
    best = max(energy, key=energy.get).partition(".")[2]
    assert float(best.split(" Hz")[0]) == pytest.approx(note, rel=0.002)
    if analytic:  # the magnitude of a steady tone is steady: it has no phase
        re, im = (
            next(b for k, b in found.items() if k.endswith(best[:-2] + p)) for p in ("re", "im")
        )
        np.testing.assert_allclose(
            np.hypot(re, im)[0, 2000:6000], np.hypot(re, im).max(), rtol=0.05
        )


@pytest.mark.parametrize(
    "transform",
    [
        DWT("db8", 4),
        Stationary("db8", 4),
        ConstantQ(octaves=4, bins_per_octave=3),
        ConstantQ(octaves=4, analytic=True, sample_rate=8000.0),
        Packets("db8", 3),
    ],
    ids=str,
)
def test_a_tone_is_loudest_in_the_band_that_tells_its_frequency(transform):
    of_levels, time = transform.frequencies(), np.arange(1024)
    shapes = transform.over((0,)).shapes((1024,))
    assert [len(ends) for ends in of_levels] == [1, *map(len, shapes[1:])]
    ends = np.concatenate(of_levels)
    for low, high in ends[2::3]:
        tone = np.exp(2j * np.pi * (low + high) / 2 * time)
        analyses = [flatten(transform.over((0,)).forward(x)) for x in (tone.real, tone.imag)]
        energy = sum(np.array([(b**2).sum() for b in found.values()]) for found in analyses)
        assert ends[energy.argmax()].tolist() == [low, high]
