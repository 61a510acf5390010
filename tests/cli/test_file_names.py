"""Which files are meant, what is made of them is called, and that nothing is overwritten."""

from __future__ import annotations

import pytest

from wam_xplique.cli.file_names import KNOWN, check_free, expand, names_of


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree of empty files, which is where we are."""
    for name in (
        "a.png",
        "B.JPG",
        "notes.txt",
        "sounds/c.wav",
        "sounds/deep/d.npz",
        "sounds/.hidden/e.png",
        "out/f.png",
        "[odd].png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a.png"], ["a.png"]),
        (["B.JPG", "a.png"], ["B.JPG", "a.png"]),
        (["sounds"], ["sounds/c.wav", "sounds/deep/d.npz"]),
        (["*.png"], ["[odd].png", "a.png"]),
        (["**/*.n*z"], ["sounds/deep/d.npz"]),
        (["a.png", "*.png", "./a.png", "sounds/../a.png"], ["a.png", "[odd].png"]),
        (["[odd].png"], ["[odd].png"]),
        (["."], ["B.JPG", "[odd].png", "a.png", "sounds/c.wav", "sounds/deep/d.npz"]),
    ],
)
def test_files_folders_and_patterns_each_file_once(given, expected, tree):
    paths, problems = expand(given, tree / "out")
    assert [path.as_posix() for path in paths] == expected
    assert problems == {}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("nothing.png", "there is no such file"),
        ("notes.txt", "expected images, sounds or arrays (.bmp"),
        ("empty", "there are no images, sounds or arrays"),
        ("out", "there are no images, sounds or arrays"),
        ("*.gif", "there are no images, sounds or arrays"),
    ],
)
def test_what_is_wrong_is_told_beside_what_is_not(given, problem, tree):
    paths, problems = expand(["a.png", given], tree / "out")
    assert [path.name for path in paths] == ["a.png"]
    assert list(problems) == [given]
    assert problems[given].startswith(problem)


def test_no_two_files_have_the_same_name(tmp_path):
    names = ("x/cat.png", "y/cat.png", "y/cat.jpg", "y/Cat.wav", "z/y_cat.png", "cat_2.npz", "cat")
    paths = [tmp_path / name for name in names]
    made = names_of(paths)
    assert list(made) == paths
    assert [*made.values()][:3] == ["cat", "y_cat", "cat_2"]
    assert len({name.lower() for name in made.values()}) == len(paths)


def test_nothing_is_overwritten_unless_by_force_and_an_input_never(tmp_path):
    there, free = tmp_path / "there.npz", tmp_path / "free.npz"
    there.touch()
    (tmp_path / "x").mkdir()
    check_free([free], force=False)
    check_free([there], force=True)
    with pytest.raises(FileExistsError, match=r"there.npz is there already; --force overwrites"):
        check_free([free, there], force=False)
    with pytest.raises(FileExistsError, match=r"there.npz and 1 more"):
        check_free([there, tmp_path], force=False)
    for force in (False, True):
        with pytest.raises(FileExistsError, match=r"there.npz is an input; take another"):
            check_free([tmp_path / "x" / ".." / "there.npz"], force, [there])


def test_the_kinds_of_files_are_apart():
    assert len(set(KNOWN)) == len(KNOWN)
    assert all(suffix == suffix.lower() for suffix in KNOWN)
