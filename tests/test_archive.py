"""Files are written whole or not at all, and what is read is what was written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from wam_xplique import WaveletExplanation
from wam_xplique.archive import atomic_path, read_json, write_json, write_table, write_text
from wam_xplique.backends import wavedecn
from wam_xplique.fourier import FourierExplanation

NAME = "_a$b$ \udce9=1"
"""A name with a formula's signs, an underscore first, and a byte that is no UTF-8."""


def explanation(**changes) -> WaveletExplanation:
    x = np.random.default_rng(0).standard_normal((2, 8, 8)).astype(np.float32)
    coefficients = wavedecn(x, "haar", "periodization", 2, (1, 2))
    made = WaveletExplanation(coefficients, "haar", "periodization", (2, 8, 8, 3), 2)
    return replace(made, **changes)


def test_what_stops_halfway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fill_the_disk() -> None:
        with atomic_path(path) as file:
            file.write_text("ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_written_as_it_is_or_escaped(tmp_path):
    write_text(tmp_path / "page.md", NAME)
    assert (tmp_path / "page.md").read_text("utf-8") == r"_a$b$ \udce9=1"


def test_links_stay_and_lead_to_the_new_file(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_path(link) as file:
        file.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("dangling", [True, False])
def test_nothing_is_overwritten_without_force(dangling, tmp_path):
    path, target = tmp_path / "file.txt", tmp_path / "elsewhere.txt"
    path.symlink_to(target) if dangling else path.write_text("old")
    with pytest.raises(FileExistsError, match=r"file\.txt is there already"):
        write_text(path, "new", force=False)
    assert dangling or path.read_text() == "old"
    assert not target.exists()


def test_a_damaged_file_of_json_is_told(tmp_path):
    write_json(tmp_path / "some.json", {NAME: [NAME, "ä", None]})
    assert read_json(tmp_path / "some.json") == {NAME: [NAME, "ä", None]}
    (tmp_path / "some.json").write_text('{"a": [1,')
    with pytest.raises(ValueError, match=r"some\.json is damaged.*remove it"):
        read_json(tmp_path / "some.json")


def test_tables_hold_text_and_no_formulas(tmp_path):
    names = ["=1+1", "+1", "-1", "@x", "\tx", "a=b", "_$5_^", 'ä,"b"']
    write_table(tmp_path / "t.csv", pd.DataFrame({"=name": names, "x": -1.5}))
    found = pd.read_csv(tmp_path / "t.csv")
    assert found["'=name"].tolist() == [*(f"'{name}" for name in names[:5]), *names[5:]]
    assert (found["x"] == -1.5).all()


def test_damaged_archives_are_told(tmp_path):
    explanation().save(tmp_path / "good.npz")
    content, generator = (tmp_path / "good.npz").read_bytes(), np.random.default_rng(0)
    path = tmp_path / "bad.npz"
    for _ in range(500):
        damaged = bytearray(content)
        for place in generator.integers(len(damaged), size=generator.integers(1, 4)):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged[: generator.integers(1, len(damaged) + 1)])
        try:
            found = WaveletExplanation.load(path)
        except ValueError as error:
            told = "bad.npz does not hold a WaveletExplanation: "
            assert told in str(error)  # noqa: PT017 - some damage is to what tells nothing
        else:
            np.testing.assert_array_equal(found.mosaic(), explanation().mosaic())


FOREIGN = {
    "text": lambda path: path.write_text("not an archive"),
    "nothing": lambda path: path.write_bytes(b""),
    "an array": lambda path: path.with_suffix(".npy").rename(path),
    "other arrays": lambda path: np.savez(path, weights=np.ones(3)),
    "a header of nothing": lambda path: np.savez(path, header="{}", approximation=np.ones((1, 2))),
    "a header of text": lambda path: np.savez(path, header="hello", approximation=np.ones((1, 2))),
    "a header without end": lambda path: np.savez(path, header="{", radii=np.ones(3)),
    "a header alone": lambda path: np.savez(path, header='{"input_shape": [1, 8], "ndim": 1}'),
    "objects": lambda path: np.savez(path, header=np.array([{}]), approximation=np.ones((1, 2))),
    "code": lambda path: np.savez(path, header=np.array([print], object), radii=np.ones(1)),
}


@pytest.mark.parametrize("kind", [WaveletExplanation, FourierExplanation])
@pytest.mark.parametrize("write", FOREIGN.values(), ids=FOREIGN)
def test_any_other_file_is_refused_with_the_same_words(kind, write, tmp_path):
    np.save(tmp_path / "foreign.npy", np.ones(3))
    write(tmp_path / "foreign.npz")
    with pytest.raises(ValueError, match=rf"foreign\.npz does not hold a {kind.__name__}: .+"):
        kind.load(tmp_path / "foreign.npz")
    with pytest.raises(FileNotFoundError, match="absent"):
        kind.load(tmp_path / "absent")


@pytest.mark.parametrize("name", ["explanation", "explanation.npz", "run.v1", "a.b.npz"])
def test_archives_end_in_npz(name, tmp_path):
    explanation().save(tmp_path / name)
    (file,) = tmp_path.iterdir()
    assert file.name == (name if name.endswith(".npz") else f"{name}.npz")
    loaded = WaveletExplanation.load(tmp_path / name)
    np.testing.assert_array_equal(loaded.mosaic(), explanation().mosaic())


BANDS = explanation().coefficients
CONTRADICTIONS = {
    "count": {"input_shape": (500, 8, 8, 3)},
    "size": {"input_shape": (2, 80, 8, 3)},
    "axes": {"input_shape": (2, 8)},
    "ndim": {"ndim": 5},
    "mode": {"mode": "foo"},
    "wavelet": {"wavelet": "db99"},
    "NaN": {"coefficients": [BANDS[0] * np.nan, *BANDS[1:]]},
    "band": {"coefficients": [*BANDS[:2], {"ad": BANDS[2]["ad"]}]},
    "level": {"coefficients": BANDS[:2]},
    "draws": {"draws": np.ones(3)},
    "standard error": {"standard_error": BANDS[:1]},
}


@pytest.mark.parametrize("changes", CONTRADICTIONS.values(), ids=[*CONTRADICTIONS])
def test_what_contradicts_itself_is_neither_saved_nor_loaded(changes, tmp_path, monkeypatch):
    wrong = explanation(**changes)
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        wrong.save(tmp_path / "wrong.npz")
    monkeypatch.setattr(WaveletExplanation, "check", lambda self: None)
    wrong.save(tmp_path / "wrong.npz")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"wrong\.npz does not hold a WaveletExplanation: .+"):
        WaveletExplanation.load(tmp_path / "wrong.npz")
