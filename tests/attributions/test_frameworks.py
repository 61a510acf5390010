"""The same explanation whatever the framework; PyTorch models natively, and left as found."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from scipy.stats import spearmanr
from torch import nn
from xplique.wrappers import TorchWrapper

from wam_xplique.attributions import WaveletIntegratedGradients, WaveletSaliency, WaveletSmoothGrad
from wam_xplique.backends.tensorflow_backend import TensorFlowBackend
from wam_xplique.backends.torch_backend import TorchBackend

from ..conftest import SIZE, ChannelsLastFlatten, channels_first
from .helpers import EXPLAINERS, each_explainer, explanation_error, quick, relative_error


def wrap(module: nn.Module) -> TorchWrapper:
    with pytest.warns(UserWarning, match="eagerly"):
        return TorchWrapper(module, "cpu")


@pytest.fixture
def same_noise(monkeypatch):
    """Let both backends draw the same noise; return the draws' seeds."""
    seeds = []

    def draw(shape, seed):
        seeds.append(tuple(seed))
        return np.random.default_rng(list(seed)).standard_normal(shape).astype(np.float32)

    def tensorflow_normal(self, shape, seed, like):
        return tf.cast(draw(tuple(shape), seed), like.dtype)

    def torch_normal(self, shape, seed, like):
        n, channels, *space = shape
        noise = np.moveaxis(draw((n, *space, channels), seed), -1, 1)
        return torch.tensor(np.ascontiguousarray(noise), dtype=like.dtype)

    monkeypatch.setattr(TensorFlowBackend, "normal", tensorflow_normal)
    monkeypatch.setattr(TorchBackend, "normal", torch_normal)
    return seeds


@each_explainer
@pytest.mark.parametrize(
    ("wavelet", "mode", "level"), [("haar", "periodization", 3), ("db3", "symmetric", 2)]
)
def test_keras_and_pytorch_explain_the_same_weights_alike(
    cls, wavelet, mode, level, keras_model, torch_model, images, targets, same_noise
):
    arguments = {
        "wavelet": wavelet,
        "mode": mode,
        "level": level,
        "include_approximation": True,
        "batch_size": 8,
        **quick(cls),
    }
    in_keras = cls(keras_model, **arguments).explain_wavelet(images, targets)
    in_torch = cls(torch_model, **arguments).explain_wavelet(
        channels_first(images), torch.tensor(targets)
    )

    assert explanation_error(in_torch, in_keras) <= 1e-4
    assert in_torch.input_shape == in_keras.input_shape == images.shape
    assert relative_error(in_torch.pixels(), in_keras.pixels()) <= 1e-4
    if "nb_samples" in arguments:
        assert len(set(same_noise)) == arguments["nb_samples"]
        assert len(same_noise) >= 2 * arguments["nb_samples"]


@each_explainer
def test_a_torch_wrapper_gives_what_the_bare_module_gives(cls, torch_model, images, targets):
    bare = cls(torch_model, **quick(cls))(channels_first(images), torch.tensor(targets))
    wrapped = cls(wrap(torch_model), **quick(cls))(images, targets)
    assert isinstance(wrapped, tf.Tensor)
    np.testing.assert_array_equal(wrapped.numpy(), bare.numpy().transpose(0, 2, 3, 1))


def test_a_torch_wrapper_runs_natively(torch_model, images, targets, monkeypatch):
    def through_numpy(*_):
        raise AssertionError("the wrapper's own call was used")

    monkeypatch.setattr(TorchWrapper, "np_img_to_torch", through_numpy)
    WaveletSmoothGrad(wrap(torch_model), nb_samples=2)(images, targets)


def test_a_torch_wrapper_with_an_operator_in_tensorflow_agrees_with_the_module(
    torch_model, images, targets
):
    def squared(model, x, y):
        return tf.reduce_sum(model(x) ** 2 * y, -1)

    def squared_in_torch(model, x, y):
        return (model(x) ** 2 * y).sum(-1)

    wrapped = WaveletSaliency(wrap(torch_model), operator=squared)(images, targets)
    bare = WaveletSaliency(torch_model, operator=squared_in_torch)(images, targets)
    assert relative_error(wrapped, bare) <= 1e-5


@each_explainer
@pytest.mark.parametrize("kind", ["numpy", "tensor", "list", "torch_wrapper", "torch_module"])
def test_channels_last_inputs_give_a_tensorflow_map(
    cls, kind, keras_model, torch_model, images, targets
):
    model = {"torch_module": torch_model}.get(kind, keras_model)
    model = wrap(torch_model) if kind == "torch_wrapper" else model
    inputs = {"tensor": tf.constant(images), "list": images.tolist()}.get(kind, images)
    answer = cls(model, **quick(cls))(inputs, targets)
    assert isinstance(answer, tf.Tensor)
    assert answer.shape == (4, SIZE, SIZE, 1)
    assert answer.dtype == tf.float32
    assert np.isfinite(answer).all()


@each_explainer
@pytest.mark.parametrize("targets_are", ["numpy", "torch", "tensorflow"])
def test_pytorch_tensors_give_pytorch_tensors_channels_first(
    cls, targets_are, torch_model, images, targets
):
    kinds = {"numpy": targets, "torch": torch.tensor(targets), "tensorflow": tf.constant(targets)}
    answer = cls(torch_model, **quick(cls))(channels_first(images), kinds[targets_are])
    assert isinstance(answer, torch.Tensor)
    assert answer.shape == (4, 1, SIZE, SIZE)
    assert answer.dtype == torch.float32
    assert not answer.requires_grad
    last = cls(torch_model, **quick(cls))(images, targets)
    np.testing.assert_array_equal(answer.numpy(), last.numpy().transpose(0, 3, 1, 2))


def test_without_a_reducer_the_channels_come_back_where_they_were(torch_model, images, targets):
    explainer = WaveletSaliency(torch_model, reducer=None)
    assert explainer(channels_first(images), targets).shape == (4, 3, SIZE, SIZE)
    assert explainer(images, targets).shape == images.shape


@each_explainer
def test_a_module_is_left_as_it_was_found(cls, torch_model, images, targets):
    module = copy.deepcopy(torch_model)
    module[0].weight.requires_grad_(False)
    module[2].weight.grad = torch.ones_like(module[2].weight)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    wanted = {name: p.requires_grad for name, p in module.named_parameters()}
    flags = [m.training for m in module.modules()]
    x = channels_first(images).requires_grad_()
    original = x.detach().clone()

    cls(module, **quick(cls))(x, torch.tensor(targets))

    for name, parameter in module.named_parameters():
        assert parameter.requires_grad is wanted[name]
        torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=0)
        assert parameter.grad is None or name == "2.weight"
    assert (module[2].weight.grad == 1).all()
    assert [m.training for m in module.modules()] == flags
    assert x.requires_grad
    assert x.grad is None
    torch.testing.assert_close(x.detach(), original, rtol=0, atol=0)


def test_the_inputs_are_left_as_they_were_found(keras_model, images, targets):
    before = images.copy(), targets.copy()
    for cls in EXPLAINERS:
        cls(keras_model, **quick(cls))(images, targets)
    np.testing.assert_array_equal(images, before[0])
    np.testing.assert_array_equal(targets, before[1])


def test_only_gradients_of_the_input_are_computed(torch_model, images, targets):
    asked = []
    handle = torch_model[2].weight.register_hook(asked.append)
    try:
        WaveletSaliency(torch_model)(images, targets)
    finally:
        handle.remove()
    assert not asked


def test_explaining_works_under_no_grad(torch_model, images, targets):
    expected = WaveletSaliency(torch_model)(images, targets)
    with torch.no_grad():
        actual = WaveletSaliency(torch_model)(images, targets)
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(actual, expected)


def test_a_layer_in_training_mode_is_named(torch_model):
    module = nn.Sequential(copy.deepcopy(torch_model), nn.Dropout())
    module[0].eval()
    module.training = False
    with pytest.raises(ValueError, match="but 1 is in training mode"):
        WaveletSaliency(module)


def test_a_model_put_into_training_mode_later_is_refused(torch_model, images, targets):
    module = copy.deepcopy(torch_model)
    explainer = WaveletSaliency(module)
    module.train()
    with pytest.raises(ValueError, match="evaluation mode"):
        explainer(images, targets)


def test_autocast_of_the_caller_is_respected(torch_model, images, targets):
    computed_in = []

    def note(module, inputs, output):
        computed_in.append(output.dtype)

    explainer = WaveletSmoothGrad(torch_model, nb_samples=8, include_approximation=True)
    expected = explainer(images, targets).numpy()
    handle = torch_model[0].register_forward_hook(note)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            actual = explainer(images, targets).numpy()
    finally:
        handle.remove()

    assert computed_in
    assert set(computed_in) == {torch.bfloat16}
    assert actual.dtype == np.float32
    for i in range(len(images)):
        assert spearmanr(actual[i].ravel(), expected[i].ravel()).statistic >= 0.99


@each_explainer
def test_a_module_of_double_precision_computes_in_double_precision(
    cls, torch_model, images, targets
):
    module = copy.deepcopy(torch_model).double()
    single = cls(torch_model, **quick(cls))
    double = cls(module, **quick(cls))
    answer = double(channels_first(images).double(), torch.tensor(targets))
    assert answer.dtype == torch.float64
    if "nb_samples" not in quick(cls):  # float64 noise is not float32 noise
        expected = single(channels_first(images), torch.tensor(targets))
        assert relative_error(answer, expected) <= 1e-4


def test_inputs_take_the_precision_of_the_module(torch_model, images, targets):
    module = copy.deepcopy(torch_model).double()
    for x in (images, channels_first(images), channels_first(images).half()):
        assert np.asarray(WaveletSaliency(module)(x, targets)).dtype == np.float64
    x = channels_first(images).double()
    assert WaveletSaliency(torch_model)(x, targets).dtype == torch.float32


def test_a_module_of_bfloat16_is_explained(torch_model, images, targets):
    module = copy.deepcopy(torch_model).bfloat16()
    answer = WaveletIntegratedGradients(module, steps=8)(channels_first(images), targets)
    expected = WaveletIntegratedGradients(torch_model, steps=8)(channels_first(images), targets)
    assert answer.shape == expected.shape
    assert spearmanr(answer.float().ravel(), expected.ravel()).statistic >= 0.9


class Energies(nn.Module):
    """Mean squares of thirds of the image: a model with no parameters."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = ChannelsLastFlatten()(x)
        return torch.stack([(third**2).mean(-1) for third in flat.chunk(3, -1)], -1)


def test_a_module_without_parameters_is_explained(images, targets):
    answer = WaveletSaliency(Energies().eval())(channels_first(images), targets)
    assert answer.shape == (4, 1, SIZE, SIZE)
    upper, lower = answer[0, 0, : SIZE // 4], answer[0, 0, -SIZE // 4 :]
    assert upper.sum() > 0
    assert lower.sum() == 0  # the first class sees the upper third only


def test_a_frozen_module_is_explained(torch_model, images, targets):
    module = copy.deepcopy(torch_model).requires_grad_(False)
    actual = WaveletSaliency(module)(images, targets)
    np.testing.assert_array_equal(actual, WaveletSaliency(torch_model)(images, targets))


def test_images_of_integers_in_pytorch_are_read_as_floats(torch_model, images, targets):
    x = (channels_first(images) * 255).to(torch.uint8)
    actual = WaveletSaliency(torch_model)(x, targets)
    torch.testing.assert_close(actual, WaveletSaliency(torch_model)(x.float(), targets))


def test_non_contiguous_tensors_are_explained(torch_model, images, targets):
    x = torch.tensor(images).permute(0, 3, 1, 2)
    assert not x.is_contiguous()
    expected = WaveletSaliency(torch_model)(x.contiguous(), targets)
    torch.testing.assert_close(WaveletSaliency(torch_model)(x, targets), expected)


@pytest.mark.filterwarnings("error")
def test_tensors_of_tensorflow_go_into_a_module_without_a_warning(torch_model, images, targets):
    torch.set_warn_always(True)
    try:
        WaveletSaliency(torch_model)(tf.constant(images), tf.constant(targets))
    finally:
        torch.set_warn_always(False)


class Viewing(nn.Module):
    """A model that insists on contiguous tensors, as older ones do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.linear = nn.Linear(4 * 30 * 30, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.conv(x).view(len(x), -1))


def test_a_module_that_views_its_tensors_is_given_contiguous_ones(images, targets):
    torch.manual_seed(0)
    model = Viewing().eval()
    x = channels_first(images).requires_grad_()
    (gradient,) = torch.autograd.grad((model(x) * torch.tensor(targets)).sum(), x)
    options = {"level": 1, "reducer": None, "include_approximation": True}
    explanation = WaveletSaliency(model, **options).explain_wavelet(images, targets)
    expected = pywt.wavedecn(gradient.numpy(), "haar", "periodization", 1, axes=(2, 3))
    actual = np.moveaxis(explanation.coefficients[1]["dd"], -1, 1)
    np.testing.assert_allclose(actual, np.abs(expected[1]["dd"]), rtol=1e-4, atol=1e-7)


def test_other_errors_of_a_module_are_its_own(images, targets):
    class Broken(Viewing):
        def forward(self, x):
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        WaveletSaliency(Broken().eval())(images, targets)
