"""``wam-xplique explain`` and ``profile`` with ``--workers``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq
import pytest

from wam_xplique import WaveletIntegratedGradients
from wam_xplique.analysis import ScaleProfile
from wam_xplique.loading.model_files import without_softmax
from wam_xplique.scale_out import cluster

from .conftest import FEW
from .test_profile import expected_shares

LEVEL = ("--level", 2)


@pytest.fixture(scope="module")
def local() -> Iterator[None]:
    """A cluster of this machine, which the commands find."""
    pytest.importorskip("ray")
    with cluster.running(workers=2):
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("local")
def test_a_profile_by_workers_is_that_of_one_process(
    photos, model_files, network, pixels, tells, tmp_path
):
    out = tmp_path / "out"
    command = ["profile", photos, "--model", model_files["keras"], "--out", out, *LEVEL, *FEW]
    told = tells(*command, "--workers", 2, fails=True)
    assert told.count("broken.jpg: network: ValueError") == 1
    assert "network (WaveletIntegratedGradients, inputs: 3): > 4 px left out, 2-4 px " in told
    explainer = WaveletIntegratedGradients(without_softmax(network), steps=2, level=2)
    shares = expected_shares(explainer, network, pixels.astype(np.float32) / 255)
    profile = ScaleProfile.load(out / "network.npz")
    np.testing.assert_allclose(profile.mean, shares.mean(0), atol=1e-6)
    np.testing.assert_allclose(profile.std, shares.std(0, ddof=1), atol=1e-6)

    (part,) = (out / "network").glob("part-*")
    written = part.stat().st_mtime_ns

    def stop() -> None:
        """All is as if it had been stopped."""
        for file in out.glob("*.*"):
            file.unlink()

    stop()
    tells(*command, "--workers", 2, fails=True)
    assert (out / "network.npz").exists()
    assert part.stat().st_mtime_ns == written
    stop()
    told = tells(*command, "--workers", 2, "--weights", "none", fails=True)
    assert "holds rows made otherwise: weights='imagenet' there, 'none' here" in told


@pytest.mark.slow
@pytest.mark.usefixtures("local")
def test_rows_of_files_by_workers(photos, model_files, network, pixels, tells, tmp_path):
    out = tmp_path / "out"
    command = ["explain", photos, "--model", model_files["keras"], "--out", out, *LEVEL, *FEW]
    told = tells(*command, "--workers", 1, "--target", 1, fails=True)
    assert "broken.jpg: network: ValueError" in told
    (part,) = out.glob("part-*")
    rows = {row["id"]: row for row in pq.read_table(part).to_pylist()}
    x = pixels.astype(np.float32) / 255
    explainer = WaveletIntegratedGradients(without_softmax(network), steps=2, level=2)
    maps = explainer.explain_wavelet(x, np.ones(3, int)).pixels()
    for name, one in zip(("a.png", "b.png", "deep/a.png"), maps, strict=True):
        row = rows[str(photos / name)]
        found = np.reshape(row["pixels"], row["pixels_shape"]) * row["pixels_scale"]
        np.testing.assert_allclose(found, one, atol=2e-3 * np.abs(maps).max())


def test_wrong_numbers_of_workers_are_refused(photos, model_files, tells, tmp_path):
    given = [photos, "--model", model_files["keras"], "--out", tmp_path / "out", "--workers", 0]
    for command in ("profile", "explain"):
        assert "--workers must be" in tells(command, *given, fails=True)
