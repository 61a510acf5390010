"""On the demo's texture model, wavelets and frequencies tell the same scales (WCAM figure 13)."""

from __future__ import annotations

import numpy as np

from wam_xplique import FAM, WCAM
from wam_xplique.demo import data, networks


def test_levels_of_wcam_and_octaves_of_fam_agree_in_order():
    model = networks.train_keras(*data.crops("left", 60, seed=0))
    x, y = data.crops("right", 4, seed=1)
    wcam = WCAM(model, 16, 16, include_approximation=True, refine=800, confidence=None)
    fam = FAM(model, 16, 16, confidence=None)
    levels = wcam.explain_wavelet(x, y).scale_importance().mean(axis=0)
    octaves = fam.explain_fourier(x, y).octave_importance(3).mean(axis=0)
    np.testing.assert_array_equal(np.argsort(levels), np.argsort(octaves))
