"""Files as inputs of a classifier: images, sounds and arrays, in the shape that it takes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from wam_xplique.cli.input_files import Inputs, read_files, read_inputs
from wam_xplique.cli.options import Options
from wam_xplique.loading.classifiers import PREPROCESSING, Classifier, load_model
from wam_xplique.loading.preprocessing import Preprocess

from .conftest import SIZE


def archive(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


ARCHIVE = archive(x=np.random.default_rng(0).random(1000))


def keras_like(shape: tuple[int | None, ...] | None, classes: int = 2) -> Classifier:
    """A classifier of arrays (N, ...) of any shape, which tells of `shape`."""

    def model(x: np.ndarray) -> np.ndarray:
        flat = np.asarray(x).reshape(len(x), -1)
        return np.stack([flat.mean(1)] * classes, 1)

    return Classifier("model", model, model, shape, False, PREPROCESSING[Preprocess.unit])


def torch_like(module: nn.Module, shape: tuple[int | None, ...] | None = None) -> Classifier:
    prepare = PREPROCESSING[Preprocess.unit]
    return Classifier("module", module.eval(), module, shape, True, prepare)


def convolutions(ndim: int, channels: int) -> nn.Module:
    """A classifier of inputs of any size with some channels."""
    convolution, pooling = (getattr(nn, f"{name}{ndim}d") for name in ("Conv", "AdaptiveAvgPool"))
    return nn.Sequential(convolution(channels, 4, 3), pooling(1), nn.Flatten(), nn.Linear(4, 2))


def read(path: Path, model: Classifier | tuple[int | None, ...] | None, **options) -> Inputs:
    """A file as a classifier takes it, or one of arrays of some shape."""
    classifier = model if isinstance(model, Classifier) else keras_like(model)
    return read_inputs(path, classifier, Options(**options))


@pytest.fixture
def gradient(tmp_path):
    """A picture (24, 40) whose red rises downwards, and its green to the right."""
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[..., 0] = 10 * np.arange(24)[:, np.newaxis]
    pixels[..., 1] = 6 * np.arange(40)
    Image.fromarray(pixels).save(tmp_path / "gradient.png")
    return tmp_path / "gradient.png", pixels


def test_images_take_the_size_of_the_model(gradient):
    path, pixels = gradient
    inputs = read(path, (12, 20, 3), size=7)
    assert inputs.x.shape == inputs.shown.shape == (1, 12, 20, 3)
    halves = pixels.reshape(12, 2, 20, 2, 3).mean((1, 3))
    np.testing.assert_allclose(inputs.shown[0], halves, atol=2)
    np.testing.assert_allclose(inputs.x, inputs.shown / 255, rtol=1e-6)
    assert (inputs.x.dtype, inputs.ndim, inputs.sample_rate) == (np.float32, 2, None)
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(read(path, (24, 40)).shown[0], grey)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((None, None, 3), None, (24, 40, 3)),
        ((None, None, 3), 9, (9, 9, 3)),  # of its middle
        ((12, None, 3), 9, (12, 9, 3)),
        ((None, None, 1), None, (24, 40, 1)),
        ((None, None, None), None, (24, 40, 3)),
        ((24, 40), None, (24, 40)),
        (None, 8, (8, 8, 3)),
    ],
)
def test_what_the_model_leaves_open_is_the_images_or_the_users(shape, size, expected, gradient):
    assert read(gradient[0], shape, size=size).x.shape == (1, *expected)


def test_the_middle_of_an_image_is_seen_in_its_own_proportions(gradient):
    path, pixels = gradient
    inputs = read(path, (12, 12, 3))
    middle = pixels[:, 8:32].reshape(12, 2, 12, 2, 3).mean((1, 3))
    np.testing.assert_allclose(inputs.shown[0], middle, atol=2)
    np.testing.assert_array_equal(inputs.photograph.pixels, pixels)
    assert inputs.photograph.box == (8, 0, 32, 24)
    assert inputs.sized == "the middle of images is seen, at 12×12"
    assert read(path, (48, 20, 3)).photograph.box == (15, 0, 25, 24)


@pytest.mark.parametrize(("classes", "size", "expected"), [(1000, None, 224), (1000, 64, 64)])
def test_a_model_of_imagenets_classes_that_tells_no_size_sees_224_pixels(
    classes, size, expected, gradient
):
    inputs = read(gradient[0], keras_like((None, None, 3), classes), size=size)
    assert inputs.x.shape == (1, expected, expected, 3)
    assert inputs.guessed == (size is None)
    assert ("assumed" in inputs.sized) == (size is None)


def test_a_size_that_nothing_tells_is_warned_of(gradient, recwarn):
    module = torch_like(convolutions(2, 3))
    assert read(gradient[0], module).x.shape == (1, 3, 24, 40)
    assert "Nothing tells which size" in str(recwarn.pop(UserWarning).message)
    read(gradient[0], module, size=20)
    read(gradient[0], (24, 40, 3))
    assert not recwarn.list


@pytest.mark.parametrize("channels", [3, 1])
def test_pytorch_takes_channels_first_and_tells_by_itself_how_many(channels, gradient):
    path, pixels = gradient
    module = convolutions(2, channels)
    for classifier in (torch_like(module), torch_like(module, (channels, None, None))):
        inputs = read(path, classifier)
        assert inputs.x.shape == (1, channels, 24, 40)
        assert inputs.shown.shape == (1, 24, 40, channels)
        with torch.no_grad():
            np.testing.assert_allclose(inputs.outputs, module(inputs.x), rtol=1e-5)
    if channels == 3:
        np.testing.assert_array_equal(inputs.x[0, 1] * 255, pixels[..., 1])


def test_photographs_are_turned_as_the_camera_says(gradient, tmp_path):
    _, pixels = gradient
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    inputs = read(tmp_path / "turned.png", (None, None, 3))
    np.testing.assert_array_equal(inputs.shown[0], np.rot90(pixels, -1))


@pytest.fixture
def chirp(tmp_path):
    """A second of stereo sound at 4000 Hz, whose mean is known."""
    soundfile = pytest.importorskip("soundfile")
    time = np.arange(4000) / 4000
    left, right = 0.5 * np.sin(2 * np.pi * 40 * time), 0.1 * np.cos(2 * np.pi * 90 * time)
    soundfile.write(tmp_path / "chirp.wav", np.stack([left, right], 1), 4000, "FLOAT")
    return tmp_path / "chirp.wav", ((left + right) / 2).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((None,), (4000,)),
        ((None, 1), (4000, 1)),
        ((1000,), (1000,)),
        ((5000, 1), (5000, 1)),
        (None, (4000, 1)),
    ],
)
def test_sounds_are_mixed_down_and_cut_or_filled_up(shape, expected, chirp):
    path, mean = chirp
    inputs = read(path, shape)
    assert inputs.x.shape == (1, *expected)
    length = min(4000, expected[0])
    np.testing.assert_allclose(inputs.x.ravel()[:length], mean[:length], atol=1e-6)
    assert not inputs.x.ravel()[length:].any()
    assert (inputs.ndim, inputs.sample_rate) == (1, 4000)


def test_sounds_are_resampled(chirp):
    path, mean = chirp
    inputs = read(path, (None,), sample_rate=8000)
    assert (inputs.x.shape, inputs.sample_rate) == ((1, 8000), 8000)
    np.testing.assert_allclose(inputs.x[0, 200:-200:2], mean[100:-100], atol=2e-3)


def test_sounds_for_pytorch_with_a_channel_and_without(chirp):
    path, _ = chirp
    for shape, length in ((None, 4000), ((1, None), 4000), ((1, 500), 500)):
        inputs = read(path, torch_like(convolutions(1, 1), shape))
        assert (inputs.x.shape, inputs.shown.shape) == ((1, 1, length), (1, length, 1))

    class Flat(nn.Module):
        """Takes (N, T) alone."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            batch, _ = x.shape
            return x.reshape(batch, 2, -1).mean(-1)

    inputs = read(path, torch_like(Flat()))
    assert inputs.x.shape == inputs.shown.shape == (1, 4000)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("count", [None, 1, 3])
def test_an_array_is_one_input_or_several(suffix, count, tmp_path):
    x = np.random.default_rng(0).random(((count,) if count else ()) + (6, 5, 2))
    path = tmp_path / f"x{suffix}"
    np.save(path, x) if suffix == ".npy" else np.savez(path, x=x, y=np.arange(3))
    inputs = read(path, (6, None, 2))
    np.testing.assert_array_equal(inputs.x, x.reshape(-1, 6, 5, 2).astype(np.float32))
    assert inputs.shown.shape == inputs.x.shape
    assert inputs.outputs.shape == (count or 1, 2)
    assert inputs.drawn(0).shape == (6, 5)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("count", [None, 3])
def test_arrays_for_pytorch_have_their_channels_first(ndim, count, tmp_path):
    sizes = (9, 8, 7)[:ndim]
    x = np.random.default_rng(0).random(((count,) if count else ()) + (2, *sizes), np.float32)
    np.save(tmp_path / "x.npy", x)
    for shape in (None, (2, *sizes)):
        inputs = read(tmp_path / "x.npy", torch_like(convolutions(ndim, 2), shape))
        np.testing.assert_array_equal(inputs.x, x.reshape(-1, 2, *sizes))
        np.testing.assert_array_equal(inputs.shown, np.moveaxis(inputs.x.numpy(), 1, -1))
        assert inputs.ndim == ndim


def test_arrays_without_channels_need_their_number_of_axes(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((6, 5)))
    assert read(tmp_path / "x.npy", (6, 5)).ndim == 1
    inputs = read(tmp_path / "x.npy", (6, 5), ndim=2)
    assert (inputs.ndim, inputs.shown.shape) == (2, (1, 6, 5))
    np.save(tmp_path / "x.npy", np.zeros((2,) * 6))
    with pytest.raises(ValueError, match=r"got shape \(2, 2, 2, 2, 2, 2\)"):
        read(tmp_path / "x.npy", None)


@pytest.mark.parametrize(
    ("arrays", "key", "found"),
    [
        ({"x": 1, "inputs": 2}, None, 1),
        ({"inputs": 2, "other": 3}, None, 2),
        ({"arr_0": 2, "other": 3}, None, 2),
        ({"other": 3}, None, 3),
        ({"x": 1, "other": 3}, "other", 3),
    ],
)
def test_the_array_in_an_archive(arrays, key, found, tmp_path):
    np.savez(tmp_path / "x.npz", **{name: np.full(4, value) for name, value in arrays.items()})
    inputs = read(tmp_path / "x.npz", (4,), key=key)
    np.testing.assert_array_equal(inputs.x, np.full((1, 4), found))


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        ({"a": np.zeros(4), "b": np.zeros(4)}, None, r"it holds \['a', 'b'\]; --key names"),
        ({"x": np.zeros(4)}, "y", r"expected one of \('y',\)"),
        ({"x": np.zeros((3, 5))}, None, r"shape \(3, 5\); the model takes .* \(4\), one or"),
        ({"x": np.array(["text"])}, None, "must hold real numbers, got dtype <U4"),
        ({"x": np.array([{}], object)}, None, "allow_pickle=False"),
        ({"x": np.zeros(4, complex)}, None, "must hold real numbers"),
        ({"x": np.array([1, np.nan, 1, 1])}, None, "finite"),
        (b"no archive", None, "it cannot be read as an array"),
        (ARCHIVE[:3000], None, "it cannot be read as an array"),
        (ARCHIVE[:200] + bytes(100) + ARCHIVE[300:], None, "it cannot be read as an array"),
    ],
)
def test_arrays_that_do_not_fit_are_told(content, key, message, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content if isinstance(content, bytes) else archive(**content))
    with pytest.raises(ValueError, match=message):
        read(path, (4,), key=key)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("gradient.png", (24, 40, 4), r"an image does not fit the model, .* \(24, 40, 4\)"),
        ("gradient.png", (4000,), r"an image does not fit the model, .* \(4000\)"),
        ("chirp.wav", (24, 40, 3), r"a sound does not fit the model, .* \(24, 40, 3\)"),
        ("chirp.wav", (None, 2), r"a sound does not fit the model, .* \(any, 2\)"),
    ],
)
def test_files_of_another_kind_than_the_model_takes_are_told(
    name, shape, message, gradient, chirp, tmp_path
):
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name, shape)


@pytest.mark.parametrize("kind", ["TorchScript", "torch.export", "SavedModel"])
def test_what_the_framework_does_not_take_is_told(kind, model_files, gradient, tmp_path):
    path, _ = gradient
    classifier = load_model(model_files[kind], trust=True)
    if kind == "TorchScript":  # it does not tell its size
        with pytest.raises(
            ValueError, match=r"not take inputs of shape \(1, 3, 24, 40\): .*--size"
        ):
            read(path, classifier)
        assert read(path, classifier, size=SIZE).x.shape == (1, 3, SIZE, SIZE)
    np.save(tmp_path / "x.npy", np.zeros((5, 5)))
    with pytest.raises(ValueError, match=r"inputs of shape"):
        read(tmp_path / "x.npy", classifier)


def test_outputs_that_are_no_classes_are_told(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    for model in (lambda x: np.zeros((len(x), 2, 2)), lambda x: np.full((len(x), 2), np.nan)):
        classifier = Classifier("model", model, model, (4, 4), False, lambda x: x)
        with pytest.raises(ValueError, match=r"outputs of shape \(1, 2, 2\)|NaN or infinite"):
            read(tmp_path / "x.npy", classifier)


def test_files_that_fail_are_left_out_and_told(tmp_path):
    for name, size in (("a", 4), ("b", 5), ("c", 4)):
        np.save(tmp_path / f"{name}.npy", np.zeros(size))
    paths, problems = sorted(tmp_path.iterdir()), {}

    def use(path, inputs):
        if path == paths[2]:
            raise KeyError("the third")
        return inputs.x.shape

    found = list(read_files(paths, keras_like((4,)), Options(), problems, use))
    assert found == [(paths[0], (1, 4))]
    assert [*problems] == [str(path) for path in paths[1:]]
    assert problems[str(paths[2])] == "model: 'the third'"
