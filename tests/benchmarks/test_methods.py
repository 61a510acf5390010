"""Contenders that know nothing of a model."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.methods import Blind


@pytest.mark.parametrize(("shape", "ndim"), [((512,), 1), ((16, 24), 2), ((16, 24, 1), 2)])
def test_the_largest_coefficients_have_the_energy_of_the_input(shape, ndim):
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    explanation = Blind(np.abs, ndim, "db2", 2).explain_wavelet(x)
    assert explanation.level == 2
    assert explanation.coefficients[0].ndim == 1 + ndim
    np.testing.assert_allclose(np.square(explanation.mosaic()).sum(), np.square(x).sum(), rtol=1e-4)
