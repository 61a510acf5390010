"""Small tensors: threads that wait for one another would cost ten times the work."""

from __future__ import annotations

import pytest

from ..conftest import FRAMEWORKS


@pytest.fixture(autouse=True)
def _one_thread():
    if "torch" not in FRAMEWORKS:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
