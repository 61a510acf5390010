"""Time series from .ts files."""

import numpy as np
import pytest

from wam_xplique.datasets import time_series

HEADER = "# words\n@problemName mine\n@timeStamps false\n@classLabel true up down\n@data\n"


@pytest.mark.parametrize(
    ("name", "train", "test", "shape", "classes"),
    [
        ("GunPoint", 50, 150, (150,), 2),
        ("ItalyPowerDemand", 67, 1029, (24,), 2),
        ("OSULeaf", 200, 242, (427,), 6),
        ("ACSF1", 100, 100, (1460,), 10),
        ("BasicMotions", 40, 40, (100, 6), 4),
    ],
)
def test_carried_sets_are_as_the_archive_describes_them(name, train, test, shape, classes):
    for split, count in (("train", train), ("test", test)):
        series = time_series(name, split)
        assert series.values.shape == (count, *shape)
        assert series.values.dtype == np.float32
        assert sorted(set(series.labels)) == list(range(classes)) == list(range(len(series.names)))


def test_the_first_values_and_labels_of_gunpoint():
    series = time_series("GunPoint")
    np.testing.assert_allclose(series.values[0, :3], [-0.6478854, -0.64199155, -0.63818632])
    assert np.bincount(series.labels).tolist() == [24, 26]


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.ts"
    path.write_text(HEADER + "1,2,3:4,5,6:down\n\n7,8,9:10,11,12:up\n")
    series = time_series(path)
    assert series.values.tolist() == [[[1, 4], [2, 5], [3, 6]], [[7, 10], [8, 11], [9, 12]]]
    assert series.labels.tolist() == [1, 0]
    assert series.names == ("up", "down")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "holds no series"),
        (HEADER + "1,2:up\n1,2,3:down\n", r"line 7: .*of one length.*\(1, 2\) for the first"),
        (HEADER + "1,2:up\n1,?:down\n", "line 7: the values must be numbers"),
        (HEADER + "1,NaN:up\n", "line 6: the values must be finite"),
        (HEADER + "1,2:3:up\n", "line 6: the values must be numbers, as many"),
        (HEADER + "up\n", "line 6: the values must be finite"),
        (HEADER + "1,2:left\n", "line 6: the class must be one of .*'up', 'down'.* got 'left'"),
        ("1,2:up\n", "line 1: @data must stand before"),
        ("@timeStamps true\n@data\n", "line 1: series with time stamps"),
        ("@classLabel false\n@data\n1,2\n", "line 2: the classes must be named"),
        ("@classLabel true up up\n@data\n1,2:up\n", "the classes must be named, .* each once"),
        (HEADER + "1,1e300:up\n", "line 6: the values must be finite"),
    ],
)
def test_broken_files_tell_what_is_broken(tmp_path, text, message):
    path = tmp_path / "broken.ts"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"broken\.ts.*{message}"):
        time_series(path)


def test_names_that_are_not_utf_8_can_be_read(tmp_path):
    text = "# été\n@classLabel true été\n@data\n1,2:été\n"
    (tmp_path / "old.ts").write_bytes(text.encode("latin-1"))
    assert time_series(tmp_path / "old.ts").names == (r"\xe9t\xe9",)


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"data sets carried, .*'GunPoint'.*got 'GunPiont'"):
        time_series("GunPiont")
    with pytest.raises(ValueError, match="split must be one of"):
        time_series("GunPoint", "validation")
    with pytest.raises(FileNotFoundError, match=r"none\.ts is no file"):
        time_series(tmp_path / "none.ts")
