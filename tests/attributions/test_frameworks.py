"""PyTorch models run natively, and are left as found; what comes back is what was given."""

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

from ..conftest import SIZE
from ..modules import ChannelsLastFlatten, TorchModule, channels_first
from .helpers import each_explainer, quick, relative_error, squared


def wrap(module: nn.Module) -> TorchWrapper:
    with pytest.warns(UserWarning, match="eagerly"):
        return TorchWrapper(module, "cpu")


@each_explainer
def test_a_torch_wrapper_runs_natively_and_gives_what_the_bare_module_gives(
    cls, torch_model, images, targets, monkeypatch
):
    def through_numpy(*_):
        raise AssertionError("the wrapper's own call was used")

    monkeypatch.setattr(TorchWrapper, "np_img_to_torch", through_numpy)
    bare = cls(torch_model, **quick(cls))(channels_first(images), torch.tensor(targets))
    wrapped = cls(wrap(torch_model), **quick(cls))(images, targets)
    assert isinstance(wrapped, tf.Tensor)
    np.testing.assert_array_equal(wrapped.numpy(), bare.numpy().transpose(0, 2, 3, 1))


def test_a_torch_wrapper_with_an_operator_in_tensorflow_agrees_with_the_module(
    torch_model, images, targets
):
    wrapped, bare = (
        WaveletSaliency(model, operator=squared)(images, targets)
        for model in (wrap(torch_model), torch_model)
    )
    assert relative_error(wrapped, bare) <= 1e-5


def test_pytorch_tensors_give_pytorch_tensors_channels_first(torch_model, images, targets):
    explainer = WaveletSaliency(torch_model)
    last = explainer(images, targets)
    assert isinstance(last, tf.Tensor)
    for y in (targets, torch.tensor(targets), tf.constant(targets)):
        answer = explainer(channels_first(images), y)
        assert isinstance(answer, torch.Tensor)
        assert answer.dtype == torch.float32
        assert not answer.requires_grad
        np.testing.assert_array_equal(answer.numpy(), last.numpy().transpose(0, 3, 1, 2))
    kept = WaveletSaliency(torch_model, reducer=None)
    assert kept(channels_first(images), targets).shape == (4, 3, SIZE, SIZE)
    assert kept(images, targets).shape == images.shape


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


def test_only_gradients_of_the_input_are_computed_under_no_grad_too(torch_model, images, targets):
    asked = []
    handle = torch_model[2].weight.register_hook(asked.append)
    try:
        expected = WaveletSaliency(torch_model)(images, targets)
    finally:
        handle.remove()
    assert not asked
    with torch.no_grad():
        actual = WaveletSaliency(torch_model)(images, targets)
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(actual, expected)
    frozen = copy.deepcopy(torch_model).requires_grad_(False)
    np.testing.assert_array_equal(WaveletSaliency(frozen)(images, targets), expected)


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

    assert set(computed_in) == {torch.bfloat16}
    assert actual.dtype == np.float32
    for i in range(len(images)):
        assert spearmanr(actual[i].ravel(), expected[i].ravel()).statistic >= 0.99


@each_explainer
def test_a_module_of_double_precision_computes_in_double_precision(
    cls, torch_model, images, targets
):
    module = copy.deepcopy(torch_model).double()
    answer = cls(module, **quick(cls))(channels_first(images).double(), torch.tensor(targets))
    assert answer.dtype == torch.float64
    if "nb_samples" not in quick(cls):  # float64 noise is not float32 noise
        single = cls(torch_model, **quick(cls))
        expected = single(channels_first(images), torch.tensor(targets))
        assert relative_error(answer, expected) <= 1e-4


def test_inputs_take_the_precision_of_the_module(torch_model, images, targets):
    x = channels_first(images)
    for given in (images, x, x.half()):
        double = WaveletSaliency(copy.deepcopy(torch_model).double())
        assert np.asarray(double(given, targets)).dtype == np.float64
    assert WaveletSaliency(torch_model)(x.double(), targets).dtype == torch.float32
    module = copy.deepcopy(torch_model).bfloat16()
    answer = WaveletIntegratedGradients(module, steps=8)(x, targets)
    expected = WaveletIntegratedGradients(torch_model, steps=8)(x, targets)
    assert answer.shape == expected.shape
    assert spearmanr(answer.float().ravel(), expected.ravel()).statistic >= 0.9


def test_a_module_without_parameters_is_explained(images, targets):
    def energies(x: torch.Tensor) -> torch.Tensor:
        """Mean squares of thirds of the image."""
        thirds = ChannelsLastFlatten()(x).chunk(3, -1)
        return torch.stack([(third**2).mean(-1) for third in thirds], -1)

    answer = WaveletSaliency(TorchModule(energies).eval())(channels_first(images), targets)
    assert answer.shape == (4, 1, SIZE, SIZE)
    upper, lower = answer[0, 0, : SIZE // 4], answer[0, 0, -SIZE // 4 :]
    assert upper.sum() > 0
    assert lower.sum() == 0  # the first class sees the upper third only


def test_tensors_of_integers_and_those_not_contiguous_are_explained(torch_model, images, targets):
    explainer = WaveletSaliency(torch_model)
    whole = (channels_first(images) * 255).to(torch.uint8)
    torch.testing.assert_close(explainer(whole, targets), explainer(whole.float(), targets))
    x = torch.tensor(images).permute(0, 3, 1, 2)
    assert not x.is_contiguous()
    torch.testing.assert_close(explainer(x, targets), explainer(x.contiguous(), targets))


@pytest.mark.filterwarnings("error")
def test_tensors_of_tensorflow_go_into_a_module_without_a_warning(torch_model, images, targets):
    torch.set_warn_always(True)
    try:
        WaveletSaliency(torch_model)(tf.constant(images), tf.constant(targets))
    finally:
        torch.set_warn_always(False)


def test_a_module_that_views_its_tensors_is_given_contiguous_ones(images, targets):
    torch.manual_seed(0)
    viewed = TorchModule(lambda x: x.view(len(x), -1))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), viewed, nn.Linear(4 * 30 * 30, 3)).eval()
    x = channels_first(images).requires_grad_()
    (gradient,) = torch.autograd.grad((model(x) * torch.tensor(targets)).sum(), x)
    options = {"level": 1, "reducer": None, "include_approximation": True}
    explanation = WaveletSaliency(model, **options).explain_wavelet(images, targets)
    expected = pywt.wavedecn(gradient.numpy(), "haar", "periodization", 1, axes=(2, 3))
    actual = np.moveaxis(explanation.coefficients[1]["dd"], -1, 1)
    np.testing.assert_allclose(actual, np.abs(expected[1]["dd"]), rtol=1e-4, atol=1e-7)


def test_other_errors_of_a_module_are_its_own(images, targets):
    def broken(x):
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        WaveletSaliency(TorchModule(broken).eval())(images, targets)
