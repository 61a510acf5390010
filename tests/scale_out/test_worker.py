"""Rows of a batch, what fails among them, what is written, and what goes on."""

from __future__ import annotations

import ast
import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image

from wam_xplique import (
    WaveletIntegratedGradients,
    WaveletSaliency,
    WaveletSmoothGrad,
    scale_out,
)
from wam_xplique.analysis import scale_profile
from wam_xplique.coefficients import flatten
from wam_xplique.scale_out import cluster
from wam_xplique.scale_out import parts as parts_module
from wam_xplique.scale_out.parts import Parts, are_in, digests
from wam_xplique.scale_out.rows import Asked, as_input
from wam_xplique.scale_out.running import Run
from wam_xplique.scale_out.worker import MOST_DEATHS, Worker

from .helpers import SIZE, images, make, make_for_photographs, network, shares, written

COUNT = 6


def batch(inputs: Any, **more: Any) -> dict[str, Any]:
    return {"id": np.arange(len(inputs)), "input": inputs, **more}


def worker(tmp_path: Path, made: Any = make, path: Path | None = None, **asked: Any) -> Worker:
    (tmp_path / "marks").mkdir(exist_ok=True)
    return Worker(made, None, Asked(**asked), path and str(path), str(tmp_path / "marks"))


def told(tmp_path: Path, given: dict[str, Any], made: Any = make, **asked: Any) -> list[dict]:
    return worker(tmp_path, made, **asked)(given).to_pylist()


def started(folder: Path) -> Path:
    Parts(folder).start({})
    return folder


def test_rows_tell_what_the_explainer_tells(tmp_path):
    x = images(COUNT)
    labels = np.array([0, 1, 2, 0, 1, 2])
    explainer = WaveletIntegratedGradients(network(), steps=4, level=2, channels="first")
    for targets, y in (
        ({}, None),
        ({"target": labels}, labels),
        ({"target": np.eye(3)[labels]}, labels),
    ):
        rows = told(tmp_path, batch(x, **targets), lambda: explainer)
        outputs = network()(torch.from_numpy(x)).detach().numpy()
        y = outputs.argmax(1) if y is None else y
        expected = explainer.explain_wavelet(x, y)
        bands = expected.band_importance()
        assert [row["id"] for row in rows] == list(range(COUNT))
        assert [row["prediction"] for row in rows] == outputs.argmax(1).tolist()
        for name, values in (
            ("score", outputs[np.arange(COUNT), y]),
            ("scale_importance", expected.scale_importance()),
            ("band_importance", np.stack([*bands.values()], -1)),
            ("convergence_delta", expected.convergence_delta),
        ):
            np.testing.assert_allclose([row[name] for row in rows], values, rtol=1e-4, atol=1e-6)
        assert rows[0]["scales"] == expected.scales
        assert [tuple(band) for band in rows[0]["bands"]] == [*bands]
        assert {row["error"] for row in rows} == {None}


def test_intervals_coefficients_and_maps(tmp_path):
    x = images(2)
    explainer = WaveletSmoothGrad(network(), nb_samples=4, level=2, channels="first")
    rows = told(tmp_path, batch(x), pickle.dumps(explainer), keep=0.1, pixels=True)
    expected = explainer.explain_wavelet(x, [row["prediction"] for row in rows])
    intervals = [row["scale_interval"] for row in rows]
    np.testing.assert_allclose(intervals, expected.scale_interval(), rtol=1e-5)
    flat = np.concatenate([b.reshape(2, -1) for b in flatten(expected.coefficients).values()], 1)
    for row, z, pixels in zip(rows, flat, expected.pixels(), strict=True):
        assert set(row["kept"]) == {*np.argsort(-np.abs(z))[: len(row["kept"])]}
        assert len(row["kept"]) == round(0.1 * z.size)
        np.testing.assert_allclose(row["coefficients"], z[row["kept"]], rtol=1e-6)
        found = np.reshape(row["pixels"], row["pixels_shape"]) * row["pixels_scale"]
        np.testing.assert_allclose(found, pixels, atol=1e-3 * pixels.max())


def test_a_row_that_fails_is_told_and_the_others_go_on(tmp_path):
    x = images(COUNT)
    given = [*x]
    given[1] = np.full_like(x[1], np.nan)
    given[3] = x[3, :2]  # has too few channels
    given[4] = str(tmp_path / "missing.png")
    inputs = np.empty(COUNT, object)
    inputs[:] = given
    rows = told(tmp_path, batch(inputs))
    errors = [row["error"] for row in rows]
    assert [error is None for error in errors] == [True, False, True, False, False, True]
    assert "finite" in errors[1]
    assert errors[3].startswith("ValueError")
    assert errors[4].startswith("FileNotFoundError")
    good = [0, 2, 5]
    found = [rows[place]["scale_importance"] for place in good]
    np.testing.assert_allclose(found, shares(x)[good], rtol=1e-5)
    assert rows[1]["scale_importance"] is None


def test_what_rows_hold_becomes_an_array(tmp_path):
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    lists = np.empty(4, object)
    lists[:] = [np.array([*row], object) for row in pixels.astype(object)]
    for value in (
        str(tmp_path / "a.png"),
        (tmp_path / "a.png").read_bytes(),
        pixels,
        pixels.tolist(),
        lists,
    ):
        found = as_input(value)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, pixels)


class Counted:
    """An explainer that tells how many inputs it got, and dies over too many."""

    def __init__(self, most: int = 100, deadly: float | None = None):
        self.inner, self.seen, self.most, self.deadly = make(), [], most, deadly
        self.model = self.inner.model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)

    def explain_wavelet(self, x: Any, y: Any) -> Any:
        self.seen.append(len(x))
        if len(x) > self.most or (self.deadly is not None and (x[:, 0, 0, 0] == self.deadly).any()):
            raise KilledError
        return self.inner.explain_wavelet(x, y)


class KilledError(BaseException):
    """The end of a process, which nothing in it sees."""


def test_what_is_written_is_not_made_again(tmp_path):
    x, folder = images(8), tmp_path / "out"
    first = Counted()
    assert worker(tmp_path, first, started(folder))(batch(x[:5])).to_pylist() == [
        {"rows": 5, "failed": 0}
    ]
    again = Counted()
    here = worker(tmp_path, again, started(folder))
    here(batch(x[:5]))
    assert again.seen == []
    summary = here(batch(x)).to_pylist()  # cut otherwise, some done
    assert summary == [{"rows": 8, "failed": 0}]
    assert again.seen == [3]
    rows = written(folder)
    assert sorted(pd.read_parquet(folder)["id"]) == sorted(rows) == list(range(8))
    found = [rows[place]["scale_importance"] for place in range(8)]
    np.testing.assert_allclose(found, shares(x), rtol=1e-5)


def test_a_part_is_whole_or_not_there(tmp_path, monkeypatch):
    folder, x = started(tmp_path / "out"), images(4)
    write = parts_module.pq.write_table

    def half(table: pa.Table, file: Path) -> None:
        write(table, file)
        file.write_bytes(file.read_bytes()[:100])
        raise KilledError

    monkeypatch.setattr(parts_module.pq, "write_table", half)
    with pytest.raises(KilledError):
        worker(tmp_path, make, folder)(batch(x))
    monkeypatch.undo()
    assert written(folder) == {}
    worker(tmp_path, make, started(folder))(batch(x))
    assert sorted(written(folder)) == [0, 1, 2, 3]


def test_other_rows_are_not_mixed_in(tmp_path):
    folder = started(tmp_path / "out")
    worker(tmp_path, make, folder)(batch(images(2)))
    other = worker(tmp_path, make().__class__(network(), level=1, channels="first"), folder)
    with pytest.raises(ValueError, match="level=2 there, 1 here"):
        other(batch(images(2)))


@pytest.mark.parametrize("writes", [True, False])
def test_a_batch_over_which_a_process_died_is_halved(tmp_path, writes):
    x, seen, deaths = images(8), [], 0
    folder = started(tmp_path / "out") if writes else None
    while True:
        here = Counted(most=2)
        try:
            found = worker(tmp_path, here, folder)(batch(x))
            break
        except KilledError:
            deaths += 1
        finally:
            seen += here.seen
    assert deaths <= 4
    assert max(seen) == 8
    rows = written(folder) if folder else {row["id"]: row for row in found.to_pylist()}
    assert sorted(rows) == list(range(8))
    assert {row["error"] for row in rows.values()} == {None}
    assert not [*(tmp_path / "marks").iterdir()]


def test_a_row_that_kills_every_process_is_told(tmp_path):
    x, folder = images(4), started(tmp_path / "out")
    for _ in range(20):
        try:
            worker(tmp_path, Counted(deadly=float(x[2, 0, 0, 0])), folder)(batch(x))
            break
        except KilledError:
            continue
    rows = written(folder)
    assert sorted(rows) == [0, 1, 2, 3]
    errors = {place: row["error"] for place, row in rows.items() if row["error"]}
    assert [*errors] == [2]
    assert f"{MOST_DEATHS} times" in errors[2]


def test_ids_are_found_among_those_that_are_done():
    ids = [f"folder/{number}.png" for number in range(1000)]
    done = np.unique(digests(ids[::3]))
    assert are_in(ids, done).tolist() == [number % 3 == 0 for number in range(1000)]
    assert not are_in(ids, done[:0]).any()


def test_what_a_function_makes_of_an_input_may_be_anything(tmp_path):
    rows = told(tmp_path, batch(images(2)), lambda: (make(), lambda x: "no array"))
    assert all(row["error"].startswith("AttributeError") for row in rows)


def test_a_model_of_one_output_predicts_no_class(tmp_path):
    one = torch.nn.Sequential(network(), torch.nn.Linear(3, 1)).eval()
    explainer = WaveletSaliency(one, level=2, channels="first")
    x, labels = images(2), np.array([0, 1])
    rows = told(tmp_path, batch(x, target=labels), explainer)
    scores = one(torch.from_numpy(x)).detach().numpy()[:, 0] * [-1, 1]
    np.testing.assert_allclose([row["score"] for row in rows], scores, rtol=1e-4)
    assert [row["prediction"] for row in rows] == [None, None]


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Workers in this process, one after the other, each for a few rows."""

    def tables(run: Run, dataset: np.ndarray, path: Any, verbose: bool) -> Iterator[pa.Table]:
        order = np.random.default_rng(0).permutation(len(dataset))
        for some in np.array_split(order, 4):
            yield worker(tmp_path, run.make_explainer)({"id": some, "input": dataset[some]})

    monkeypatch.setattr(Run, "tables", tables)
    monkeypatch.setattr(cluster, "running", lambda **_: contextlib.nullcontext())


@pytest.mark.usefixtures("here")
def test_profiles_are_those_of_a_single_process():
    x = images(10)
    fine = WaveletSaliency(network(), wavelet="db2", level=2, channels="first")
    expected = scale_profile(make(), x, "predicted")
    found = scale_out.profile_dataset(x, make)
    for name in ("mean", "std", "band_mean", "band_std"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6)
    of = ("scales", "bands", "count", "empty", "method", "wavelet")
    assert [getattr(found, name) for name in of] == [getattr(expected, name) for name in of]
    several = scale_out.profile_dataset(x, {"a": make, "b": lambda: make()})
    assert [*several.profiles] == ["a", "b"]
    with pytest.raises(ValueError, match="two or more by names"):
        scale_out.profile_dataset(x, {"a": make})
    with pytest.raises(ValueError, match="same scales, orientations and wavelet"):
        scale_out.profile_dataset(x, {"a": make, "b": fine})


@pytest.mark.usefixtures("here")
def test_a_profile_tells_of_rows_that_failed():
    x = images(10)
    x[3] = np.nan
    with pytest.warns(UserWarning, match=r"1 rows could not be explained.*finite"):
        found = scale_out.profile_dataset(x, make)
    expected = scale_profile(make(), np.delete(x, 3, 0), "predicted")
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-6)
    with pytest.raises(ValueError, match=r"2 rows could not be explained.*finite"):
        scale_out.profile_dataset(np.full_like(x[:2], np.nan), make)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"make_explainer": make().__class__}, TypeError, "make_explainer"),
        ({"make_explainer": 3}, TypeError, "make_explainer"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"concurrency": (2, 0)}, ValueError, "concurrency"),
        ({"num_gpus": -1}, ValueError, "num_gpus"),
        ({"asked": Asked(keep=2)}, ValueError, "keep"),
    ],
)
def test_wrong_arguments_are_refused(given, error, told):
    with pytest.raises(error, match=told):
        Run(**{"make_explainer": make, **given})


def test_a_folder_that_not_all_see_is_refused(tmp_path):
    with pytest.raises(ValueError, match="path must be a folder that all machines see"):
        Parts("s3://bucket/rows")
    (tmp_path / "out").mkdir()
    elsewhere = worker(tmp_path, make, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="this machine does not see"):
        elsewhere(batch(images(2)))


def test_columns_that_lack_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"columns id and input.*\['image'\]"):
        worker(tmp_path)({"image": images(2)})


def test_ray_is_imported_only_where_it_is_used():
    for file in Path(scale_out.__file__).parent.glob("*.py"):
        for node in ast.parse(file.read_text("utf-8")).body:
            names = [a.name for a in getattr(node, "names", [])] + [getattr(node, "module", "")]
            assert not [name for name in names if name and name.split(".")[0] == "ray"]


def test_inputs_of_files_are_prepared(tmp_path):
    Image.fromarray(np.zeros((SIZE, SIZE, 3), np.uint8)).save(tmp_path / "a.png")
    (row,) = told(tmp_path, batch(np.array([str(tmp_path / "a.png")])), make_for_photographs)
    expected = shares(np.zeros((1, 3, SIZE, SIZE), np.float32))[0]
    np.testing.assert_allclose(row["scale_importance"], expected, rtol=1e-5)
