"""The profile of a data set, against NumPy, SciPy and PyWavelets on all of it at once."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pywt
import tensorflow as tf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wam_xplique import WCAM, WaveletExplanation, WaveletGradientInput
from wam_xplique.analysis import ProfileComparison, ScaleProfile, compare_profiles, scale_profile
from wam_xplique.analysis.profile import Kind, Moments, PartialProfile

from ..metrics.helpers import Network, each_framework, noise
from ..metrics.helpers import given as given_to

COUNT = 11
SHAPE = (8, 12, 3)
LABELS = np.arange(COUNT) % 3
CLASSES = np.eye(3, dtype=np.float32)[LABELS]


class Transform:
    """An explainer whose explanation is the transform of the inputs, and nothing of the model."""

    def __init__(self, level: int = 2):
        self.level, self.model = level, lambda x: np.zeros((len(x), 3))

    def explain_wavelet(self, inputs: Any, targets: Any) -> WaveletExplanation:
        x = np.asarray(inputs)
        first, *details = bands_of(x, self.level)
        ndim = len(next(iter(first)))
        z = [*first.values(), *details]
        return WaveletExplanation(z, "haar", "periodization", x.shape, ndim)


def bands_of(x: np.ndarray, level: int = 2) -> list[dict[str, np.ndarray]]:
    """The bands of the approximation and of each level, by PyWavelets."""
    ndim = max(1, x.ndim - 2)
    first, *details = pywt.wavedecn(x, "haar", "periodization", level, range(1, 1 + ndim))
    return [{"a" * ndim: first}, *details]


def columns_of(x: np.ndarray) -> np.ndarray:
    """The shares (N, level + 1 + B) of the scales and of the bands in each input's magnitudes."""
    levels = [[np.abs(band).reshape(len(x), -1) for band in b.values()] for b in bands_of(x)]
    sums = [np.stack([band.sum(axis=1) for band in level], axis=1) for level in levels]
    scales = np.stack([bands.sum(axis=1) for bands in sums], axis=1)
    return np.hstack([scales, *sums]) / scales.sum(axis=1, keepdims=True)


def moments_of(profile: ScaleProfile) -> np.ndarray:
    """Means and deviations (2, level + 1 + B)."""
    return np.hstack([[profile.mean, profile.std], [profile.band_mean, profile.band_std]])


def pairs(*sizes: int, shape: tuple[int, ...] = SHAPE) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = noise(sum(sizes), *shape), np.arange(sum(sizes)) % 3
    ends = np.cumsum(sizes)[:-1]
    return list(zip(np.split(x, ends), np.split(y, ends), strict=True))


@pytest.mark.parametrize("shape", [(24,), (24, 2), (8, 12, 3), (8, 4, 8, 1)], ids=str)
def test_means_and_deviations_are_those_of_all_inputs_at_once(shape):
    x = noise(COUNT, *shape)
    profile = scale_profile(Transform(), x, LABELS)
    (mean, std), expected = moments_of(profile), columns_of(x)
    np.testing.assert_allclose(mean, expected.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, expected.std(axis=0, ddof=1), rtol=1e-5)
    keys = [(index, key) for index, bands in enumerate(bands_of(x)) for key in bands]
    unit = "px" if len(shape) > 2 else "samples"
    assert profile.scales == (f"> 4 {unit}", f"2-4 {unit}", f"1-2 {unit}")
    assert profile.bands == tuple((profile.scales[index], key) for index, key in keys)
    assert (profile.count, profile.empty) == (COUNT, 0)
    assert (profile.method, profile.wavelet) == ("Transform", "haar")


def test_intervals_are_students_of_shares():
    x = noise(COUNT, *SHAPE)
    profile = scale_profile(Transform(), x, LABELS, confidence=0.9)
    expected = stats.ttest_1samp(columns_of(x), 0).confidence_interval(0.9)
    found = np.concatenate([profile.interval, profile.band_interval])
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-5)
    profile = scale_profile(Transform(), x[:2], LABELS[:2], confidence=0.9999)
    assert (profile.interval.min(), profile.interval.max()) == (0, 1)


def test_one_input_tells_nothing_of_the_others():
    profile = scale_profile(Transform(), noise(1, *SHAPE), LABELS[:1])
    assert np.isnan(profile.std).all()
    np.testing.assert_array_equal(profile.interval, [[0, 1]] * 3)
    assert not profile.to_dataframe()[["mean", "low", "high"]].isna().any().any()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.floats(-1e6, 1e6))
def test_running_moments_do_not_depend_on_the_batches(sizes, offset):
    rows = offset + np.random.default_rng(0).standard_normal((sum(sizes), 3))
    moments = Moments()
    for part in np.split(rows, np.cumsum(sizes)[:-1]):
        moments.add(part)
    assert moments.count == len(rows)
    if len(rows) > 1:
        np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(moments.std, rows.std(axis=0, ddof=1), rtol=1e-6)


def sources(x: np.ndarray, y: np.ndarray) -> dict[str, tuple[Any, Any]]:
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    specs = tuple(tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in (x, y))
    generated = tf.data.Dataset.from_generator(
        lambda: iter([(x[:3], y[:3]), (x[3:], y[3:])]), output_signature=specs
    )
    return {
        "arrays": (x, y),
        "tensors": (tf.constant(x), tf.constant(y)),
        "dataset": (dataset, None),
        "batches of a dataset": (dataset.batch(4), None),
        "mapped batches": (dataset.batch(4).map(lambda x, y: (x, y)).prefetch(1), None),
        "generated batches": (generated, None),
        "with weights": (tf.data.Dataset.from_tensor_slices((x, y, y)).batch(3), None),
        "iterable": ([(x[:2], y[:2]), [x[2:], y[2:]]], None),
        "generator": (((x[i : i + 5], y[i : i + 5]) for i in range(0, len(x), 5)), None),
    }


def check_moments(profile: ScaleProfile, explanation: WaveletExplanation) -> None:
    expected = explanation.scale_importance()
    np.testing.assert_allclose(profile.mean, expected.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(profile.std, expected.std(axis=0, ddof=1), rtol=1e-4, atol=1e-7)
    assert profile.count == COUNT


each_kind = pytest.mark.parametrize("targets", [LABELS, CLASSES], ids=["labels", "one-hot"])


@each_kind
@pytest.mark.parametrize("source", sources(np.zeros((1, 1)), np.zeros(1)))
def test_all_sources_of_the_same_data_have_the_same_profile(source, targets):
    x = noise(COUNT, *SHAPE)
    explainer = WaveletGradientInput(Network(SHAPE).model("tensorflow"), level=2, batch_size=4)
    profile = scale_profile(explainer, *sources(x, targets)[source])
    check_moments(profile, explainer.explain_wavelet(x, CLASSES))


@each_kind
def test_a_dataloader_has_the_profile_of_its_tensors(targets):
    x = given_to(noise(COUNT, *SHAPE), "torch")
    explainer = WaveletGradientInput(Network(SHAPE).model("torch"), level=2)
    tensors = x, torch.tensor(targets)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=4)
    expected = explainer.explain_wavelet(x, CLASSES)
    for profile in (scale_profile(explainer, loader), scale_profile(explainer, *tensors)):
        check_moments(profile, expected)


@each_framework
@pytest.mark.parametrize("shape", [(24,), (24, 2), (8, 12, 3), (4, 8, 4, 2)], ids=str)
def test_predicted_targets_are_the_classes_that_the_model_predicts(framework, shape):
    """Whatever the data hold."""
    x, network = noise(COUNT, *shape), Network(shape)
    predicted = network(x).argmax(axis=1)
    assert len(set(predicted)) > 1
    how = {"level": 2, "partition": "scale", "confidence": None, "batch_size": 64}
    explainer = WCAM(network.model(framework), 4, 4, **how)
    data, wrong = given_to(x, framework), (predicted + 1) % 3
    expected = scale_profile(explainer, data, np.eye(3, dtype=np.float32)[predicted])
    other = scale_profile(explainer, data, wrong)
    assert np.nanmax(np.abs(expected.mean - other.mean)) > 1e-3
    batches = [(data[:4], wrong[:4]), (data[4:], wrong[4:])]
    for source in (data, batches, [data[:4], data[4:]]):
        profile = scale_profile(explainer, source, "predicted")
        np.testing.assert_allclose(profile.mean, expected.mean, rtol=1e-6)


@pytest.mark.parametrize("front_end", [None, lambda x: tf.reshape(x, (-1, 4, 6, 1))])
def test_a_dataset_may_hold_inputs_alone_or_what_a_front_end_takes(front_end):
    """Batched or not; with the front end they are signals, of which the model takes images."""
    x, network = noise(COUNT, *((4, 6, 1) if front_end is None else (24,))), Network((4, 6, 1))
    explainer = WaveletGradientInput(network.model("tensorflow"), level=1, front_end=front_end)
    predicted = network(x).argmax(axis=1)
    expected = scale_profile(explainer, x, predicted)
    alone, both = map(tf.data.Dataset.from_tensor_slices, (x, (x, predicted)))
    sources = [(one, "predicted") for one in (x, alone, alone.batch(3))]
    for data, targets in [*sources, (both, None), (both.batch(2), None)]:
        profile = scale_profile(explainer, data, targets)
        np.testing.assert_allclose(profile.mean, expected.mean, rtol=1e-6)


def test_nothing_that_was_explained_is_kept():
    """Of a hundred batches and explanations, one or two are alive at any time."""
    alive: dict[str, list[weakref.ref]] = {"explanation": [], "batch": []}
    most = 0

    def note(kind, thing):
        nonlocal most
        alive[kind] = [ref for ref in alive[kind] if ref() is not None] + [weakref.ref(thing)]
        most = max(most, len(alive[kind]))
        return thing

    class Spied(Transform):
        def explain_wavelet(self, inputs, targets):
            return note("explanation", super().explain_wavelet(inputs, targets))

    def stream():
        for seed in range(100):
            yield note("batch", noise(3, *SHAPE, seed=seed)), np.zeros(3, int)

    assert scale_profile(Spied(), stream()).count == 300
    assert most <= 2


@pytest.mark.parametrize(("count", "asked"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_no_batch_is_asked_for_beyond_the_count(count, asked):
    batches, taken = pairs(4, 4, 4), []
    stream = (taken.append(batch) or batch for batch in batches)
    profile = scale_profile(Transform(), stream, count=count)
    assert (profile.count, len(taken)) == (count, asked)
    x = np.concatenate([x for x, _ in batches])[:count]
    np.testing.assert_allclose(profile.mean, columns_of(x).mean(axis=0)[:3], rtol=1e-6)


@pytest.mark.parametrize("source", ["arrays", "dataset"])
def test_data_that_end_early_are_told_and_their_profile_kept(source):
    data = sources(noise(COUNT, *SHAPE), LABELS)[source]
    with pytest.warns(UserWarning, match=rf"after {COUNT} of 20 inputs"):
        assert scale_profile(Transform(), *data, count=20).count == COUNT


def test_inputs_without_importance_are_told_and_left_out():
    x = noise(COUNT, *SHAPE)
    x[[2, 7]] = 0
    with pytest.warns(UserWarning, match="In 2 of 11 inputs nothing has importance"):
        profile = scale_profile(Transform(), x, LABELS)
    assert (profile.count, profile.empty) == (9, 2)
    rest = np.delete(x, [2, 7], axis=0)
    np.testing.assert_allclose(profile.mean, columns_of(rest).mean(axis=0)[:3], rtol=1e-6)
    with pytest.raises(ValueError, match="None of the 11 inputs has any importance"):
        scale_profile(Transform(), 0 * x, LABELS)


def test_the_progress_is_shown_if_asked_for(capsys):
    for verbose in (False, True):
        scale_profile(Transform(), noise(COUNT, *SHAPE), LABELS, verbose=verbose)
        assert ("profile: 100%" in capsys.readouterr().err) == verbose


@pytest.mark.parametrize(
    ("data", "targets", "options", "message"),
    [
        (noise(4, *SHAPE), None, {}, "targets must be given"),
        (noise(4, *SHAPE), LABELS, {}, "one for each of the 4 inputs"),
        (noise(4, *SHAPE), "predict", {}, "targets must be classes or 'predicted'"),
        (noise(3, *SHAPE), [0, 1, 3], {}, "labels from 0 to 2.*got labels from 0 to 3"),
        (noise(3, *SHAPE), [0, 1, -1], {}, "labels from 0 to 2.*got labels from -1"),
        (pairs(3), LABELS, {}, "targets must be None or 'predicted' where the data hold"),
        ([noise(3, *SHAPE)], None, {}, r"data must hold batches \(inputs, targets\)"),
        ([({"x": 1}, 2)], None, {}, r"data must hold batches \(inputs, targets\)"),
        ([(noise(3, *SHAPE), LABELS)], None, {}, "as many targets as inputs"),
        ([(noise(*SHAPE), LABELS[0])], None, {}, "as many targets as inputs"),
        (noise(4, *SHAPE), LABELS[:4], {"count": 0}, "count must be None or an integer"),
        (noise(4, *SHAPE), LABELS[:4], {"confidence": None}, "confidence must be"),
        ([], None, {}, "data must not be empty"),
        (tf.data.Dataset.from_tensor_slices(([], [])).batch(2), None, {}, "must not be empty"),
    ],
    ids=range(14),
)
def test_bad_arguments_are_named(data, targets, options, message):
    with pytest.raises(ValueError, match=message):
        scale_profile(Transform(), data, targets, **options)


def test_what_is_no_explainer_no_data_or_no_classifier_is_refused():
    with pytest.raises(TypeError, match="explainer must be an explainer in the wavelet domain"):
        scale_profile(len, noise(3, *SHAPE), LABELS[:3])
    with pytest.raises(TypeError, match="data must be an array"):
        scale_profile(Transform(), 3)
    explainer = Transform()
    explainer.model = lambda x: np.zeros((len(x), 1))
    with pytest.raises(ValueError, match="at least two classes to predict"):
        scale_profile(explainer, noise(3, *SHAPE), "predicted")


@pytest.fixture(scope="module")
def profile() -> ScaleProfile:
    return scale_profile(Transform(), noise(COUNT, *SHAPE), LABELS, name="noise <1>")


def test_the_table_has_a_row_for_each_scale_and_band(profile):
    table = profile.to_dataframe()
    assert list(table) == ["scale", "orientation", "mean", "std", "low", "high", "count"]
    whole = table[table.orientation == "all"]
    assert tuple(whole.scale) == profile.scales
    np.testing.assert_array_equal(whole["mean"], profile.mean)
    np.testing.assert_array_equal(whole[["low", "high"]], profile.interval)
    rest = table[table.orientation != "all"]
    assert tuple(zip(rest.scale, rest.orientation, strict=True)) == profile.bands
    np.testing.assert_array_equal(rest["std"], profile.band_std)
    sums = rest.groupby("scale")["mean"].sum()
    np.testing.assert_allclose(sums[list(profile.scales)], profile.mean)


@pytest.mark.parametrize("name", ["noise", None])
def test_a_profile_comes_back_from_its_file_and_from_no_other(profile, name, tmp_path):
    profile = replace(profile, name=name)
    profile.save(tmp_path / "reference")
    loaded = ScaleProfile.load(tmp_path / "reference.npz")
    for key, value in vars(profile).items():
        np.testing.assert_array_equal(getattr(loaded, key), value)
    assert loaded.bands == profile.bands
    Transform().explain_wavelet(noise(2, *SHAPE), LABELS[:2]).save(tmp_path / "explanation")
    for cls, other in ((WaveletExplanation, "reference"), (ScaleProfile, "explanation")):
        with pytest.raises(ValueError, match=f"does not hold a {cls.__name__}"):
            cls.load(tmp_path / other)


def test_the_bars_are_as_high_as_the_means_and_stacked_by_orientation(profile):
    (ax,) = profile.plot().axes
    tops = {}
    for bar in ax.patches:
        place = round(bar.get_x() + bar.get_width() / 2)
        tops[place] = max(tops.get(place, 0), bar.get_y() + bar.get_height())
    np.testing.assert_allclose([tops[place] for place in range(3)], profile.mean)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(profile.scales)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["diagonals", "horizontal edges", "vertical edges", "approximation"]
    (whiskers,) = [c for c in ax.collections if len(c.get_segments()) == 3]
    ends = np.array(whiskers.get_segments())[..., 1]
    np.testing.assert_allclose(np.sort(ends, axis=1), profile.interval)
    assert "noise <1>" in ax.get_title()


def test_an_approximation_that_takes_no_part_is_not_drawn(profile):
    mean, bands = profile.mean.copy(), profile.band_mean.copy()
    mean[0] = bands[0] = np.nan
    (ax,) = replace(profile, mean=mean, band_mean=bands).plot().axes
    assert [label.get_text() for label in ax.get_xticklabels()] == list(profile.scales[1:])


@pytest.mark.parametrize("shape", [(24,), (8, 4, 8, 1)], ids=["1D", "3D"])
def test_profiles_of_signals_and_of_volumes_are_drawn(shape):
    profile = scale_profile(Transform(), noise(1, *shape), LABELS[:1])
    (ax,) = profile.plot().axes
    assert len(ax.patches) == (3 if len(shape) == 1 else 1 + 2 * 7)


@pytest.fixture(scope="module")
def other() -> tuple[np.ndarray, ScaleProfile]:
    x = np.cumsum(noise(7, *SHAPE, seed=1), axis=2)
    return x, scale_profile(Transform(), x, LABELS[:7], name="smooth")


def test_the_difference_has_welchs_interval(profile, other):
    table = compare_profiles(profile, other[1]).to_dataframe()
    assert list(table.model.unique()) == ["noise <1>", "smooth"]
    columns = ["difference", "difference_low", "difference_high"]
    assert table[table.model == "noise <1>"][columns].isna().all().all()
    found = table[table.model == "smooth"][columns].to_numpy()
    a, b = columns_of(noise(COUNT, *SHAPE)), columns_of(other[0])
    result = stats.ttest_ind(b, a, equal_var=False)
    np.testing.assert_allclose(found[:, 0], b.mean(axis=0) - a.mean(axis=0), rtol=1e-4, atol=1e-7)
    expected = np.stack(result.confidence_interval(0.95), axis=1)
    np.testing.assert_allclose(found[:, 1:], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_shares_that_never_vary_differ_without_a_doubt(profile):
    same = replace(profile, std=np.zeros(3), band_std=np.zeros(len(profile.bands)))
    moved = replace(same, mean=profile.mean[::-1].copy())
    table = compare_profiles({"a": same, "b": moved}).to_dataframe()
    found = table[(table.model == "b") & (table.orientation == "all")]
    np.testing.assert_array_equal(found.difference_low, found.difference)
    np.testing.assert_array_equal(found.difference_high, found.difference)


def test_one_input_leaves_the_difference_open(profile):
    one = scale_profile(Transform(), noise(1, *SHAPE), LABELS[:1], name="one")
    table = compare_profiles(profile, one).to_dataframe().query("model == 'one'")
    assert (set(table.difference_low), set(table.difference_high)) == ({-1.0}, {1.0})


def test_a_comparison_draws_a_group_of_bars_for_each_scale(profile, other):
    comparison = compare_profiles({"_x$": profile, "y": other[1], "z": profile})
    assert isinstance(comparison, ProfileComparison)
    (ax,) = comparison.plot().axes
    heights = [[bar.get_height() for bar in group] for group in ax.containers[::2]]
    np.testing.assert_allclose(heights, [profile.mean, other[1].mean, profile.mean])
    places = sorted(bar.get_x() for bar in ax.patches)
    assert np.diff(places).min() > 0.2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["_x$", "y", "z"]


def test_profiles_that_do_not_fit_are_not_compared(profile):
    x = noise(3, *SHAPE)
    deeper = scale_profile(Transform(level=1), x, LABELS[:3], name="deeper")
    wavelet = replace(profile, wavelet="db2", name="db2")
    for profiles, told in (
        ((profile, deeper), r"'noise <1>' has .* of 'haar', but 'deeper' has"),
        ((profile, wavelet), r"but 'db2' has .* of 'db2'"),
        ((profile,), "two or more of different names"),
        ((profile, profile), "two or more of different names"),
        ((profile, replace(profile, name=None)), "profiles must have names"),
    ):
        with pytest.raises(ValueError, match=told):
            compare_profiles(*profiles)
    with pytest.raises(TypeError, match="must be ScaleProfiles, got a str"):
        compare_profiles(profile, "other")


def test_parts_of_a_profile_are_merged_in_any_order():
    generator = np.random.default_rng(0)
    kind = Kind(("> 2 px", "1-2 px"), (("> 2 px", "a"), ("1-2 px", "d")), "m", "haar")
    shares = generator.random((50, 4)) * (generator.random(50) > 0.2)[:, np.newaxis]
    important = shares[shares.any(axis=1)]
    for seed in range(5):
        order = np.random.default_rng(seed)
        cuts = np.sort(order.integers(0, 50, 7))
        parts = []
        for rows in np.split(shares[order.permutation(50)], cuts):
            parts.append(PartialProfile())
            parts[-1].add(rows, kind)
        whole = PartialProfile()
        for part in parts:
            whole.merge(part)
        with pytest.warns(UserWarning, match="nothing has importance"):
            found = whole.profile(0.95, None)
        assert found.count == len(important)
        mean, std = np.hstack([[found.mean, found.std], [found.band_mean, found.band_std]])
        np.testing.assert_allclose(mean, important.mean(0), atol=1e-12)
        np.testing.assert_allclose(std, important.std(0, ddof=1), atol=1e-12)
