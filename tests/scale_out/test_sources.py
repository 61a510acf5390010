"""What can only be gone through has places once it is written."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import torch

from wam_xplique.scale_out.sources import Indexed, Written, source_of

COUNT = 70
X = np.random.default_rng(0).random((COUNT, 4, 5, 3), np.float32)
Y = np.arange(COUNT) % 3


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(zip(torch.from_numpy(X), torch.from_numpy(Y), strict=True))


TENSORS = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
SETS = {
    "tf.data": tf.data.Dataset.from_tensor_slices((X, Y)),
    "tf.data, batched": tf.data.Dataset.from_tensor_slices((X, Y)).batch(16),
    "DataLoader": torch.utils.data.DataLoader(TENSORS, batch_size=16),
    "IterableDataset": Stream(),
    "batches": [(X[:30], Y[:30]), (X[30:], Y[30:])].__iter__(),
    "tf.data of inputs": tf.data.Dataset.from_tensor_slices(X),
    "batches of inputs": iter([X[:30], X[30:]]),
}


@pytest.mark.parametrize("name", SETS)
def test_each_row_is_at_its_place(name, tmp_path):
    found = Written(SETS[name], tmp_path)
    assert len(found) == COUNT
    for place in (0, 15, 16, 29, 30, 69):
        x, y = Indexed(found)(place)
        np.testing.assert_array_equal(x, X[place])
        assert y == (None if name.endswith("of inputs") else Y[place])
        assert torch.is_tensor(x) == (name in ("DataLoader", "IterableDataset"))


def test_rows_of_pytorch_are_read_where_they_are():
    x, y = Indexed(TENSORS)(3)
    assert (x.numpy() == X[3]).all()
    assert y == Y[3]
    assert Indexed(X)(3)[1] is None


def test_what_holds_no_rows_is_refused(tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(TypeError, match="dataset must be"):
        source_of({"x": X}, 8, tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        source_of(tmp_path / "none", 8, tmp_path)
    with pytest.raises(ValueError, match="no images or sounds"):
        source_of(tmp_path, 8, tmp_path)
