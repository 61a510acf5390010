"""Models as people have them: each is explained rightly, or refused with the reason."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from torch import nn
from xplique.attributions.global_sensitivity_analysis import HommaEstimator
from xplique.commons.operators import predictions_operator
from xplique.wrappers import TorchWrapper

from wam_xplique import (
    FAM,
    WCAM,
    WaveletExplanation,
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
)
from wam_xplique.analysis import ScaleProfileCallback, minimal_images, scale_profile
from wam_xplique.attributions.samplers import (
    HaltonSequenceRS,
    MonteCarloRS,
    ScrambledSobolSequenceRS,
)
from wam_xplique.metrics import (
    FaithfulnessOnSpectra,
    MatchedFaithfulness,
    WaveletDeletion,
    WaveletInsertion,
    WaveletMuFidelity,
    cascading_randomization,
)
from wam_xplique.metrics.base import WaveletMetric

from .test_in_place import Net

X = np.random.default_rng(0).standard_normal((3, 16, 16, 3)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)
FIRST = torch.tensor(np.moveaxis(X, -1, 1).copy())
CELLS = {"grid_size": 4, "nb_design": 8, "level": 2}
METHODS = (WaveletSaliency, partial(WCAM, **CELLS))


def keras_net(last: Any = None, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((16, 16, 3), **options),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation=last),
        ]
    )


def torch_net(wrap: Any = None) -> Net:
    return Net(wrap=wrap).eval()


class TFNet(tf.Module):
    """A network run as `run` says."""

    def __init__(self, run: Any = None):
        super().__init__()
        self.net, self.run = keras_net(), run

    def __call__(self, x: tf.Tensor) -> Any:
        return self.net(x) if self.run is None else self.run(self.net, x)


def agree(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    found, expected = (np.asarray(values, float) for values in (found, expected))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


class Answer(dict):
    __getattr__ = dict.__getitem__


@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda y, x: {"aux": x, "logits": y}, None),
        (lambda y, x: Answer(logits=y, hidden=None), None),
        (lambda y, x: (y,), None),
        (lambda y, x: (x, y), 1),
        (lambda y, x: {"a": x, "b": y}, "b"),
        (lambda y, x: (x, (x, y)), lambda outputs: outputs[1][1]),
    ],
    ids=["dict", "object", "one", "tuple", "key", "function"],
)
def test_one_output_of_several_is_explained(wrap, output):
    for make in METHODS:
        agree(make(torch_net(wrap), output=output)(FIRST, Y), make(torch_net())(FIRST, Y))


@pytest.mark.parametrize("wrap", [lambda y, x: (y, x), lambda y, x: {"a": y, "b": y}])
def test_an_output_is_not_guessed(wrap):
    with pytest.raises(ValueError, match=r"several outputs, .*output= chooses"):
        WaveletSaliency(torch_net(wrap))(FIRST, Y)
    with pytest.raises(ValueError, match="output='c' is not among"):
        WaveletSaliency(torch_net(wrap), output="c")(FIRST, Y)


def test_outputs_of_keras_and_of_modules_are_chosen_by_name():
    plain = keras_net()
    inputs = keras.Input((16, 16, 3))
    named = keras.Model(inputs, {"scores": plain(inputs), "aux": inputs})
    want = WaveletSaliency(plain)(X, Y)
    agree(WaveletSaliency(named, output="scores")(X, Y), want)
    agree(WaveletSaliency(TFNet(lambda net, x: {"aux": x, "logits": net(x)}))(X, Y), want)
    metric = WaveletDeletion(named, X, Y, steps=2, output="scores")
    assert metric(want) == pytest.approx(WaveletDeletion(plain, X, Y, steps=2)(want), rel=1e-4)


def test_callables_may_give_tensors_with_gradients():
    net = torch_net()
    called = WCAM(lambda x: net(torch.tensor(np.moveaxis(x, -1, 1).copy())), **CELLS)
    agree(called(X, Y), WCAM(net, **CELLS)(X, Y), 1e-3)


def test_what_is_made_anew_sees_the_model_as_it_is():
    model, twin = keras_net("softmax"), keras_net("linear")
    compiled = WaveletSaliency(model)
    for _ in range(4):  # often enough to be compiled
        compiled(X, Y)
    old = WaveletSaliency(twin).explain_wavelet(X, Y)
    WCAM(model, **CELLS)(X, Y), WaveletDeletion(model, X, Y, steps=2)(old)
    model.layers[-1].activation = keras.activations.linear
    agree(WaveletSaliency(model)(X, Y), WaveletSaliency(twin)(X, Y))
    agree(WCAM(model, **CELLS)(X, Y), WCAM(twin, **CELLS)(X, Y))
    agree(*(WaveletDeletion(m, X, Y, steps=2)(old) for m in (model, twin)))
    agree(*(minimal_images(m, X, Y, max_steps=3).score for m in (model, twin)))


def test_tensors_without_numbers_of_their_own_are_refused():
    odd = {
        "meta": FIRST.to("meta"),
        "sparse": FIRST.to_sparse(),
        "quantized": torch.quantize_per_tensor(FIRST, 0.1, 0, torch.qint8),
        "nested": torch.nested.nested_tensor(list(FIRST)),
    }
    for kind, tensor in odd.items():
        with pytest.raises(TypeError, match=f"inputs must be a dense tensor, got a {kind} one"):
            WaveletSaliency(torch_net())(tensor, Y)


def read_and_run(net, x):
    """What asks how many inputs there are, and what they hold."""
    flat = tf.reshape(x, (x.shape[0], -1))
    if tf.reduce_sum(flat) > -1e9:
        flat = 2 * flat
    return net(tf.reshape(flat, x.shape))


class KerasNetThatReadsItsInput(keras.Model):
    """Keras lets no compiler see what asks like this."""

    def __init__(self):
        super().__init__()
        self.net = keras_net("linear")

    def call(self, x):
        return read_and_run(self.net, x)


@pytest.mark.parametrize("make", [lambda: TFNet(read_and_run), KerasNetThatReadsItsInput])
def test_models_that_read_what_a_compiler_cannot_tell_are_explained_again_and_again(make):
    explainer = WaveletSaliency(make())
    first = explainer(X, Y)
    for count in (1, 3, 2, 3):
        agree(explainer(X[:count], Y[:count]), first[:count])


def logit_gap(model, x, y):
    return tf.reduce_max(model(x), -1) - tf.reduce_min(model(x), -1)


MAPS = np.random.default_rng(1).random((3, 16, 16))
MADE = {
    "saliency": (WaveletSaliency, {}, lambda e: e(X, Y)),
    "noise": (WaveletSmoothGrad, {"nb_samples": 2, "noise": 0.1}, lambda e: e(X, Y)),
    "wcam": (WCAM, CELLS, lambda e: e(X, Y)),
    "fam": (FAM, {"grid_size": 4}, lambda e: e(X, Y)),
    "insertion": (WaveletInsertion, {"steps": 2}, lambda m: m.evaluate_samples(MAPS)),
    "matched": (MatchedFaithfulness, {"groups": 9}, lambda m: m.evaluate_samples(MAPS)),
}


def made(name: str, model: Any, **options: Any) -> Any:
    cls, few, _ = MADE[name]
    data = {"inputs": X, "targets": Y} if issubclass(cls, WaveletMetric) else {}
    return cls(model, **{**data, **few, **options})


@pytest.mark.filterwarnings("ignore:The indices of inputs")
@pytest.mark.parametrize(
    ("name", "assigned"),
    [
        *[
            (name, assigned)
            for assigned in (
                {"model": keras_net("softmax")},
                {"operator": logit_gap},
                {"output": lambda outputs: outputs[:, ::-1]},
                {"front_end": lambda x: x / 2},
                {"seed": 5},
                {"batch_size": 2},
            )
            for name in MADE
        ],
        *[
            (name, assigned)
            for assigned in (
                {"sampler": MonteCarloRS(3)},
                {"estimator": HommaEstimator()},
                {"nb_design": 16},
            )
            for name in ("wcam", "fam")
        ],
        ("saliency", {"output_layer": "conv", "operator": lambda m, x, y: m(x)[:, 4, 4, 0]}),
        ("wcam", {"wavelet": "db2"}),
        ("noise", {"noise": 0.3}),
        ("insertion", {"baseline_mode": 1.0}),
        ("insertion", {"targets": Y[::-1]}),
        ("insertion", {"inputs": X[::-1]}),
        ("insertion", {"wavelet": "db2"}),
        ("insertion", {"activation": "softmax"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_is_assigned_counts_as_if_it_was_given(name, assigned):
    use, model = MADE[name][2], keras_net()
    given = {"model": model, **assigned}
    one = made(name, model)
    use(one)  # what it keeps of the first use is not kept beyond
    for field, value in reversed(assigned.items()):
        setattr(one, field, value)
    agree(use(one), use(made(name, **given)))


@pytest.mark.parametrize("name", MADE)
def test_what_is_assigned_wrongly_is_refused_as_by_the_constructor(name):
    use, one = MADE[name][2], made(name, torch_net())
    x = use(one)
    bad = {"model": 3, "operator": 3, "seed": -1, "batch_size": 0, "ndim": 7, "channels": "middle"}
    if name in ("wcam", "fam"):
        bad |= {"sampler": "sobol", "estimator": "jansen", "nb_design": 6, "grid_size": 0}
    for field, value in [*bad.items(), ("model", Net().train())]:
        with pytest.raises((ValueError, TypeError)) as refused:
            setattr(one, field, value)
        with pytest.raises((ValueError, TypeError)) as constructed:
            made(name, **{"model": torch_net(), field: value})
        assert str(refused.value) == str(constructed.value)
    agree(use(one), x)  # all is as it was


@pytest.mark.parametrize(
    ("make", "x"), [(keras_net, X), (torch_net, FIRST)], ids=["keras", "torch"]
)
def test_nothing_keeps_a_model_that_is_let_go(make, x):
    model = make()
    known = weakref.ref(model)
    compiled = WaveletIntegratedGradients(model, steps=25)
    for _ in range(2):
        explanation = compiled.explain_wavelet(x, Y)
    explainers = [WaveletSmoothGrad(model, nb_samples=2), WCAM(model, **CELLS), FAM(model, 4)]
    for explainer in explainers:
        explainer(x, Y)
    for metric in (WaveletDeletion, WaveletMuFidelity, MatchedFaithfulness):
        metric(model, x, Y)(explanation)
    minimal_images(model, x, Y, max_steps=5)
    scale_profile(WaveletSaliency(model), x, Y)
    del model, compiled, explainer, explainers
    gc.collect()
    assert known() is None


@pytest.mark.parametrize(
    ("policy", "least"), [("mixed_float16", 0.98), ("mixed_bfloat16", 0.95), ("float64", 0.9999)]
)
def test_keras_models_of_any_precision_are_explained(policy, least):
    keras.config.set_dtype_policy(policy)
    try:
        model = keras_net()
    finally:
        keras.config.set_dtype_policy("float32")
    twin = keras_net()
    twin.set_weights([np.asarray(weight, np.float32) for weight in model.get_weights()])
    found, want = (
        np.asarray(WaveletIntegratedGradients(m, steps=4)(X, Y)).ravel() for m in (model, twin)
    )
    assert np.corrcoef(found, want)[0, 1] >= least
    assert np.isfinite(WaveletDeletion(model, X, Y, steps=2)(found.reshape(3, 16, 16, 1)))
    assert minimal_images(model, X, Y, max_steps=2).score.dtype.itemsize >= 4


@pytest.mark.parametrize("dtype", [tf.float16, tf.float64, tf.uint8], ids=lambda d: d.name)
def test_modules_with_a_signature_get_what_it_says(dtype):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 16, 16, 3), dtype)])
        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.cast(x, tf.float32) ** 2, (1, 2))

    x = np.abs(X) * 50
    assert np.isfinite(WCAM(Module(), **CELLS)(x, Y)).all()
    if dtype is tf.uint8:
        with pytest.raises(ValueError, match="no gradient"):
            WaveletSaliency(Module())(x, Y)
    else:
        assert np.asarray(WaveletSaliency(Module())(x, Y)).any()


@pytest.mark.parametrize("how", ["bfloat16", "float16", "autocast"])
def test_indices_below_the_resolution_of_half_precision_are_told(how):
    x, cells = 0.1 * FIRST + 0.5, {**CELLS, "nb_design": 32}
    want = WCAM(torch_net(), **cells).explain_wavelet(x, Y)
    model = torch_net() if how == "autocast" else torch_net().to(getattr(torch, how))
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        with pytest.warns(UserWarning, match=r"float16.*of its rounding.*Score .* in float32"):
            found = WCAM(model, **cells).explain_wavelet(x, Y)
        with pytest.warns(UserWarning, match=r"computes in b?float16.*what the metric tells apart"):
            WaveletDeletion(model, x, Y)(want)
    pairs = zip(found.sobol.total, want.sobol.total, strict=True)
    with np.errstate(invalid="ignore"):
        correlations = [np.corrcoef(*pair)[0, 1] for pair in pairs]
    assert not min(correlations) > 0.9  # NaN where nothing varies
    with warnings.catch_warnings():  # large differences stand above it
        warnings.filterwarnings("error", ".*of its rounding")
        WCAM(torch_net().half(), **cells)(40 * FIRST, Y)


def test_gradients_that_underflow_are_told():
    model = torch_net().half()
    with torch.no_grad():
        model.body[-1].weight *= 1e-7
    with pytest.warns(UserWarning, match="zero: too small, perhaps, for the half precision"):
        WaveletSaliency(model)(FIRST, Y)


def edges(x: np.ndarray) -> np.ndarray:
    """A callable that can be pickled."""
    axes = (1, 2, 3)
    return np.stack([np.abs(np.diff(x, axis=1)).mean(axes), x.mean(axes), x.std(axes)], 1)


@pytest.mark.parametrize("make", [lambda: WCAM(edges, **CELLS), lambda: FAM(edges, 4, 8)])
def test_threads_share_an_explainer(make):
    want = [np.asarray(make()(X[i : i + 1], Y[i : i + 1])) for i in range(3)]
    for _ in range(5):
        shared = make()
        with ThreadPoolExecutor(8) as pool:
            places = [0, 1, 2] * 4
            found = pool.map(lambda i, e=shared: np.asarray(e(X[i : i + 1], Y[i : i + 1])), places)
            for i, one in zip(places, found, strict=True):
                np.testing.assert_array_equal(one, want[i])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize(
    "make",
    [
        lambda: WCAM(edges, **CELLS),
        lambda: WaveletSmoothGrad(torch_net(), nb_samples=2),
        lambda: WaveletSaliency(keras_net()),
    ],
    ids=["callable", "torch", "keras"],
)
def test_explainers_and_metrics_can_be_copied(make, copied):
    explainer = make()
    want = explainer(X, Y)
    agree(copied(explainer)(X, Y), want)
    metric = WaveletDeletion(explainer.model, X, Y, steps=2)
    score = metric(want)
    assert copied(metric)(want) == pytest.approx(score, rel=1e-5)


def test_channels_are_told_by_the_model():
    want = np.asarray(WaveletSaliency(torch_net())(X, Y))[..., 0]
    agree(np.asarray(WaveletSaliency(torch_net())(FIRST.numpy(), Y))[..., 0], want)
    agree(WaveletSaliency(torch_net())(FIRST, Y)[:, 0], want)
    inputs = keras.Input((3, 16, 16))
    moved = keras.layers.Permute((2, 3, 1))(inputs)
    found = WaveletSaliency(keras.Model(inputs, keras_net()(moved)))(FIRST.numpy(), Y)
    agree(found, WaveletSaliency(keras_net())(X, Y))


@pytest.mark.parametrize("x", [FIRST.numpy(), torch.tensor(X)], ids=["array", "tensor"])
def test_channels_that_nothing_tells_are_asked_for(x):
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3)).eval()
    with pytest.raises(ValueError, match=r'give channels="(first|last)"'):
        WaveletSaliency(model)(x, Y)
    told = "first" if x.shape[1] == 3 else "last"
    assert np.asarray(WaveletSaliency(model, channels=told)(x, Y)).size == 3 * 16 * 16


def test_a_nested_model_is_cut_at_and_within():
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Softmax()(keras_net()(inputs)))
    want, name = WaveletSaliency(keras_net())(X, Y), model.layers[-2].name
    for layer in (-2, name, f"{name}/-1"):
        agree(WaveletSaliency(model, output_layer=layer)(X, Y), want)
    maps = WaveletSaliency(
        model, output_layer=f"{name}/conv", operator=lambda m, x, y: tf.reduce_mean(m(x), (1, 2, 3))
    )
    assert np.asarray(maps(X, Y)).any()


def test_what_cannot_be_cut_says_why():
    model = KerasNetThatReadsItsInput()
    model(X)
    with pytest.raises(ValueError, match="Input does not tell what stands before its layers"):
        WaveletSaliency(model, output_layer=0)
    with pytest.raises(ValueError, match=r"Sequential does not tell.*call it on inputs first"):
        WaveletSaliency(keras.Sequential([keras.layers.Dense(3)]), output_layer=0)
    inputs = keras.Input((16, 16, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same", name="shared")
    pooled = keras.layers.GlobalAveragePooling2D()(shared(shared(inputs)))
    with pytest.warns(UserWarning, match="used 2 times; its last output is taken"):
        WaveletSaliency(keras.Model(inputs, pooled), output_layer="shared")


def test_gradients_are_taken_in_inference_mode_and_behind_layers_in_place():
    model = nn.Sequential(nn.ReLU(inplace=True), torch_net()).eval()
    want = WaveletSaliency(model)(FIRST, Y)
    with torch.inference_mode():
        agree(WaveletSaliency(model)(FIRST.clone(), Y), want)


def test_a_module_that_trains_again_is_refused_and_left_alone():
    model = nn.Sequential(nn.BatchNorm2d(3), torch_net()).eval()
    front = nn.BatchNorm2d(3).eval()
    fronted = WaveletSaliency(torch_net(), front_end=front)
    wrapped = WCAM(TorchWrapper(model, "cpu"), **CELLS, operator=predictions_operator)
    tf.config.run_functions_eagerly(False)  # which a TorchWrapper changes
    spectra = FaithfulnessOnSpectra(torch_net(), FIRST, Y, front_end=front, domain="front_end")
    profiled = WCAM(model, **CELLS)
    uses = [
        *[partial(MADE[name][2], made(name, model)) for name in MADE],
        partial(fronted, FIRST, Y),
        partial(wrapped, X, Y),
        partial(spectra, np.abs(FIRST)),
        partial(scale_profile, profiled, FIRST, Y),
        partial(minimal_images, model, FIRST, Y),
        partial(cascading_randomization, model, WaveletSaliency, FIRST, Y),
    ]
    model.train()
    front.train()
    before = [norm.running_mean.clone() for norm in (model[0], front)]
    for use in uses * 2:
        with pytest.raises(ValueError, match="evaluation mode"):
            use()
    torch.testing.assert_close([model[0].running_mean, front.running_mean], before)


def test_keras_models_are_explained_as_they_infer():
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.RandomFlip(), keras_net()])
    for operator in (None, lambda m, x, y: tf.reduce_sum(m(x) * y, -1)):
        found = WaveletSaliency(model, operator=operator)(X, Y)
        agree(found, WaveletSaliency(keras_net())(X, Y))


def test_a_forward_that_reads_strides_gets_plain_tensors():
    def strided(x: torch.Tensor) -> torch.Tensor:
        return x.as_strided(x.shape, torch.empty(x.shape).stride())

    for make in METHODS:
        agree(make(Net(strided).eval())(FIRST, Y), make(torch_net())(FIRST, Y))


class Flat(Net):
    """It reads memory by itself, which no one tells by a first input that is all alike."""

    def __init__(self):
        super().__init__()
        self.flat = nn.Linear(768, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = torch.as_strided(x, [x.size(0), 768], [768, 1])
        return self.body(x) + self.flat(flat)


def test_memory_that_a_module_reads_is_laid_out_as_it_expects():
    model, x = Flat().eval(), FIRST.clone()
    x[0] = 1.5
    given = x.clone().requires_grad_()
    (model(given) * torch.tensor(Y)).sum().backward()
    want = given.grad.abs().mean(1, keepdim=True)
    batch = torch.export.Dim("batch", min=1, max=4096)
    others = (
        torch.jit.script(model),
        torch.jit.trace(model, x),
        torch.export.export(model, (x,), dynamic_shapes=({0: batch},)).module(),
        torch.compile(model, backend="eager"),
    )
    for one in (model, *others):
        explainer = WaveletSaliency(one, level=0, include_approximation=True)
        agree(explainer(x, Y), want)


def view(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return y + x.view(len(x), -1)[:, :3]


def test_programs_are_explained_and_those_that_do_not_run_are_told_their_module():
    model, batch = torch_net(), torch.export.Dim("batch", min=1, max=4096)
    exported = torch.export.export(model, (FIRST,), dynamic_shapes=({0: batch},))
    fixed = torch.export.export(model, (FIRST[:2],)).module()
    for program, plain in (
        (torch.jit.freeze(torch.jit.trace(model, FIRST)), model),
        (exported.module(), model),
        (fixed, model),
        (torch.compile(torch_net(), backend="eager"), model),
        (torch.compile(torch_net(view), backend="eager"), torch_net(view)),
    ):
        agree(WaveletSaliency(program)(FIRST, Y), WaveletSaliency(plain)(FIRST, Y))
    for cls in (WaveletSaliency, WCAM):
        with pytest.raises(TypeError, match=r"ExportedProgram.*hand in model\.module\(\)"):
            cls(exported)


def alike(cls: type, *arguments: Any) -> Any:
    """An object of a class whose objects are all equal, and have no hash."""
    return type(cls.__name__, (cls,), {"__eq__": lambda self, other: True})(*arguments)


class Times:
    """A front end, or an operator, of any framework."""

    def __init__(self, factor: float):
        self.factor = factor

    def __call__(self, x: Any) -> Any:
        return self.factor * x


class Operator(Times):
    def __call__(self, model: Any, x: Any, y: Any) -> Any:
        total = torch.sum if torch.is_tensor(x) else tf.reduce_sum
        return self.factor * total(model(x) * y, -1)


@pytest.mark.parametrize(
    ("cls", "plain", "x"), [(Net, torch_net, FIRST), (TFNet, keras_net, X)], ids=["torch", "tf"]
)
def test_what_has_no_hash_is_explained_and_never_mixed_up(cls, plain, x):
    model = alike(cls)
    if cls is Net:
        model.eval()
    want = WaveletSaliency(plain()).explain_wavelet(x, Y)
    agree(WaveletSaliency(model)(x, Y), WaveletSaliency(plain())(x, Y))
    agree(WCAM(model, **CELLS)(x, Y), WCAM(plain(), **CELLS)(x, Y))
    for metric in (WaveletDeletion, WaveletMuFidelity, MatchedFaithfulness):
        agree(metric(model, x, Y)(want), metric(plain(), x, Y)(want), 1e-3)
    agree(*(minimal_images(m, x, Y, max_steps=3).score for m in (model, plain())))
    explainer = WaveletSaliency(plain())
    for name, kind in (("front_end", Times), ("operator", Operator)):
        for factor in (1.0, 3.0):
            setattr(explainer, name, alike(kind, factor))
            own = WaveletSaliency(plain(), **{name: kind(factor)})
            agree(explainer(x, Y), own(x, Y))
        setattr(explainer, name, None)


def test_samplers_that_are_equal_are_not_taken_for_each_other():
    explainer = WCAM(edges, sampler=alike(ScrambledSobolSequenceRS), **CELLS)
    explainer(X, Y)
    explainer.sampler = alike(HaltonSequenceRS)
    agree(explainer(X, Y), WCAM(edges, sampler=HaltonSequenceRS(), **CELLS)(X, Y))


def dropped(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(x, 0.5, training=True)


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (dropped, "depend on chance: asked twice"),
        (lambda x: x + 0.1 * torch.randn_like(x), "depend on chance: asked twice"),
        (lambda x: x - 5 * x.mean(0, keepdim=True), "depend on the rest of the batch"),
    ],
    ids=["dropout", "noise", "mean"],
)
@pytest.mark.parametrize("make", METHODS, ids=["saliency", "wcam"])
def test_scores_of_chance_or_of_the_batch_are_told_once(make, move, message):
    explainer = make(Net(move).eval())
    with pytest.warns(UserWarning, match=message):
        explainer(5 * FIRST + torch.arange(3.0).view(3, 1, 1, 1), Y)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The model's scores depend")
        explainer(FIRST, Y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_look_at_steady_scores_is_one_forward_and_draws_nothing(dtype):
    model, rows = torch_net().to(dtype), []
    model.body[-1].register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    explainer = WCAM(model, confidence=None, **CELLS)
    state = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The model's scores depend")
        forwards = explainer.explain_wavelet(FIRST[:1], Y[:1]).sobol.forwards.sum()
    layouts = 2  # in which memory is compared
    halves = dtype is torch.bfloat16
    assert sum(rows) == forwards + 1 + layouts + halves
    torch.testing.assert_close(torch.get_rng_state(), state)


def test_explainers_take_what_holds_inputs_and_targets():
    rows = tf.data.Dataset.from_tensor_slices
    want = WaveletSaliency(keras_net())(X, Y)
    for data in (
        tf.data.Dataset.zip(rows(X).batch(2), rows(Y).batch(2)),
        torch.utils.data.DataLoader(list(zip(X, Y, strict=True)), batch_size=2),
        ((X[i : i + 1], Y[i : i + 1]) for i in range(3)),
    ):
        agree(WaveletSaliency(keras_net())(data), want)
    with pytest.raises(ValueError, match="never ends"):
        WaveletSaliency(keras_net())(rows((X, Y)).repeat())


def test_fixed_batches_are_filled_up():
    for make in METHODS:
        agree(make(keras_net(batch_size=2))(X, Y), make(keras_net())(X, Y))


class Two(Net):
    def forward(self, image: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        return self.body(image) * factor


FACTOR = np.array([[1.0], [2.0], [-3.0]], np.float32)


@pytest.mark.parametrize("named", [False, True])
def test_one_of_several_inputs_is_explained(named):
    inputs = keras.Input((16, 16, 3), name="image"), keras.Input((1,), name="factor")
    outputs = keras.layers.Multiply()([keras_net()(inputs[0]), inputs[1]])
    both = dict(zip(("image", "factor"), inputs, strict=True)) if named else list(inputs)
    models = {"keras": (keras.Model(both, outputs), X), "torch": (Two().eval(), FIRST)}
    alone = {"keras": keras_net(), "torch": torch_net()}
    for kind, (model, x) in models.items():
        given = {"image": x, "factor": FACTOR} if named else (x, FACTOR)
        explained = "image" if named else 0
        for make in METHODS:
            found = np.asarray(make(model, explained=explained)(given, Y))
            for i in range(3):  # a factor scales gradients, and leaves indices as they are
                scale = abs(FACTOR[i, 0]) if make is WaveletSaliency else 1
                agree(found[i : i + 1], scale * make(alone[kind])(x[i : i + 1], Y[i : i + 1]), 1e-3)
        metric = WaveletDeletion(model, given, Y, steps=2, explained=explained)
        maps = np.random.default_rng(0).random((3, 16, 16))
        want = WaveletDeletion(alone[kind], x, Y, steps=2).evaluate_samples(maps)
        agree(metric.evaluate_samples(maps), want * FACTOR[:, 0])
    with pytest.raises(ValueError, match="explained= chooses"):
        WaveletSaliency(models["torch"][0])({"image": FIRST, "factor": FACTOR}, Y)


def test_wavelets_of_ones_own_are_taken_and_kept(tmp_path):
    named = WaveletSaliency(keras_net(), wavelet="db2", level=1).explain_wavelet(X, Y)
    known = pywt.Wavelet("db2")
    for wavelet in (known, pywt.Wavelet("own", filter_bank=known.filter_bank), known.filter_bank):
        found = WaveletSaliency(keras_net(), wavelet=wavelet, level=1).explain_wavelet(X, Y)
        agree(found.coefficients[0], named.coefficients[0])
        agree(found.coefficients[1]["dd"], named.coefficients[1]["dd"])
        found.save(tmp_path / "own.npz")
        loaded = WaveletExplanation.load(tmp_path / "own.npz")
        agree(*(WaveletDeletion(keras_net(), X, Y, steps=2)(e) for e in (loaded, named)))
        assert loaded.wavelet == found.wavelet
        assert found.wavelet == "db2" or wavelet is not known
        agree(loaded.pixels(), named.pixels())
        assert len(repr(found).splitlines()) <= 5


def test_models_of_the_older_keras_are_explained_as_those_of_the_newer():
    import tf_keras

    def make(keras):
        x = keras.Input((16, 16, 3))
        backbone = keras.Sequential(
            [
                keras.layers.Conv2D(4, 3, name="conv"),
                keras.layers.GlobalAveragePooling2D(name="pool"),
            ],
            name="backbone",
        )
        logits = keras.layers.Dense(3, name="logits")(backbone(x))
        return keras.Model(x, keras.layers.Softmax()(keras.layers.Dropout(0.5)(logits)))

    old, new = make(tf_keras), make(keras)
    new.set_weights(old.get_weights())
    for layer, y in ((None, Y), ("logits", np.arange(3)), ("backbone/pool", np.arange(3))):
        agree(*(WaveletSaliency(model, output_layer=layer)(X, y) for model in (old, new)))
    agree(*(WCAM(model, **CELLS)(X, Y) for model in (old, new)))
    runs = [cascading_randomization(model, WaveletSaliency, X, Y) for model in (old, new)]
    assert runs[0].layers == runs[1].layers
    for model in (old, new):
        model.compile("sgd", "categorical_crossentropy")
    callbacks = [ScaleProfileCallback(X, Y, WaveletSaliency, verbose=False) for _ in range(2)]
    logs = [
        model.fit(X, Y, verbose=0, shuffle=False, callbacks=[callback]).history
        for model, callback in zip((old, new), callbacks, strict=True)
    ]
    assert logs[0].keys() == logs[1].keys() > {"scale_importance/1-2 px"}


def test_a_model_that_jax_runs_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for make in (WaveletSaliency, WCAM):
        with pytest.raises(TypeError, match="on jax, which is not supported: set KERAS_BACKEND"):
            make(keras_net())


ON_TORCH = """
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
from wam_xplique import WCAM, WaveletSaliency

layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
model = keras.Sequential([keras.Input((16, 16, 3)), *layers, keras.layers.Softmax()])
x = np.random.default_rng(0).standard_normal((2, 16, 16, 3)).astype(np.float32)
for explainer in (WaveletSaliency(model, output_layer=-2), WCAM(model, 4, 4)):
    maps = np.asarray(explainer(x, [0, 1]))[..., 0]
    assert maps.any()
    np.testing.assert_allclose(explainer(torch.tensor(x), [0, 1])[:, 0], maps, rtol=1e-4, atol=1e-7)
"""


def test_keras_on_pytorch_is_explained():
    run = subprocess.run([sys.executable, "-c", ON_TORCH], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
