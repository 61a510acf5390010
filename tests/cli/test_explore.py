"""The explorer: what it answers, and its page in a real browser."""

from __future__ import annotations

import importlib.util
import io
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from wam_xplique import WaveletExplanation
from wam_xplique.cli import explore
from wam_xplique.cli.options import Options
from wam_xplique.datasets import save_wav

RATE = 8000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> tuple[Any, bytes]:
    """A classifier of sounds, and a sound."""
    folder = tmp_path_factory.mktemp("sounds")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    path = folder / "sounds.keras"
    keras.Sequential(
        [
            keras.Input((None, 1)),
            layers.Conv1D(4, 9, 2, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ]
    ).save(path)
    save_wav(folder / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 4096), RATE)
    return Options(trust=True).load(str(path)), (folder / "a.wav").read_bytes()


def test_the_important_part_of_each_scale_is_heard_in_its_band(sounds):
    classifier, data = sounds
    options = Options(wavelet="db8", level=4, trust=True)
    answer = explore.explain_file("a.wav", data, classifier, options, "1")
    assert answer.told.startswith("class 1 (")
    assert answer.told.endswith("WaveletIntegratedGradients")
    assert answer.sample_rate == RATE
    assert list(answer.sounds) == ["2-4 kHz", "1-2 kHz", "0.5-1 kHz", "250-500 Hz"]
    for level, samples in zip((1, 2, 3, 4), answer.sounds.values(), strict=True):
        power = np.abs(np.fft.rfft(samples)) ** 2
        hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
        band = (hertz >= RATE / 2 ** (level + 1) * 0.9) & (hertz <= RATE / 2**level * 1.1)
        assert power[band].sum() > 0.7 * power.sum()
        assert np.abs(samples.astype(int)).max() == 32767


def test_all_scales_of_all_coefficients_are_the_sound(monkeypatch):
    monkeypatch.setattr(explore, "HEARD", 1.0)
    x = np.random.default_rng(0).standard_normal((1, 64)).astype(np.float32)
    ones = [np.ones((1, 16)), {"d": np.ones((1, 16))}, {"d": np.ones((1, 32))}]
    explanation = WaveletExplanation(ones, "db2", "periodization", (1, 64), 1)
    parts = np.stack([samples for _, samples in explore.heard(explanation, x)]).astype(float)
    weights = np.linalg.lstsq(parts.T, x[0], rcond=None)[0]
    np.testing.assert_allclose(weights @ parts, x[0], atol=1e-3)


def png(size: int = 16) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"transform": "steerable"}, "WaveletIntegratedGradients"),
        ({"method": "wcam", "parameters": ["grid_size=4", "nb_design=4"]}, "WCAM"),
        ({"method": "fam", "parameters": ["grid_size=4", "nb_design=4"]}, "FAM"),
    ],
)
@pytest.mark.filterwarnings("ignore:The indices of inputs")
def test_images_are_drawn_by_all_kinds_of_methods(how, told, model_files):
    classifier = Options(trust=True).load(model_files["keras"])
    answer = explore.explain_file("a.png", png(), classifier, Options(**how))
    assert answer.told.endswith(told)
    assert np.asarray(Image.open(io.BytesIO(answer.picture))).std() > 5
    assert not answer.sounds


def test_the_page_begins_with_what_the_command_line_tells(sounds):
    pytest.importorskip("panel")
    classifier, _ = sounds
    told = {"method": "WCAM", "transform": "constant-q,octaves=4", "level": 12}
    widgets = explore.page(classifier, Options(**told))[1]
    values = {widget.name: getattr(widget, "value", None) for widget in widgets}
    assert {name: values[name] for name in told} == {**told, "level": "12"}


def test_series_that_are_no_sounds_are_not_played(sounds):
    classifier, _ = sounds
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).standard_normal((1, 64, 1)))
    options = Options(parameters=["steps=4"])
    assert not explore.explain_file("a.npy", file.getvalue(), classifier, options).sounds


def test_without_panel_the_extra_is_named(model_files, tells, monkeypatch):
    monkeypatch.setitem(sys.modules, "panel", None)
    assert "wam-xplique[explore]" in tells("explore", "--model", model_files["keras"], fails=True)


def test_what_no_method_takes_is_told_before_the_page(tells):
    pytest.importorskip("panel")
    told = tells("explore", "--model", "no.keras", "--method", "gradcam", "--no-show", fails=True)
    assert "--method 'gradcam' is unknown" in told


# --- in a browser ----------------------------------------------------------------------------

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
missing = [name for name in ("panel", "selenium") if importlib.util.find_spec(name) is None]
missing += [name for name, found in (("chromium", CHROMIUM), ("its driver", DRIVER)) if not found]

ALL = """
const found = [], look = (node) => {
  for (const element of node.querySelectorAll('*')) {
    if (element.matches(arguments[0])) found.push(element);
    if (element.shadowRoot) look(element.shadowRoot);
  }
};
look(document);
return found;
"""


@pytest.fixture
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def address(model_files) -> Iterator[str]:
    """Where the page is served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "wam_xplique", "explore", "--model", model_files["keras"], "--no-show"]
    command += ["--port", str(port), "--set", "steps=4", "--trust"]
    process = subprocess.Popen([sys.executable, *command], cwd=Path(__file__).parents[2])
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def until(found: Any, seconds: float = 40) -> Any:
    """What is found, as soon as it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := found():
                return answer
        except Exception as error:  # of a page that is not there yet
            last = error
        time.sleep(0.2)
    raise AssertionError(f"not there after {seconds} s: {locals().get('last')}")


@pytest.mark.slow
@pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")
def test_a_file_is_explained_in_a_browser_and_all_comes_from_this_machine(
    address, browser, tmp_path
):
    from selenium.webdriver.support.ui import Select

    until(lambda: browser.get(address) or True)
    field = until(lambda: browser.execute_script(ALL, "input[type=file]"))[0]
    (tmp_path / "a.png").write_bytes(png())
    field.send_keys(str(tmp_path / "a.png"))

    def picture() -> Any:
        found = browser.execute_script(ALL, "img[src^='data:image/png'], img[src^='blob:']")
        return [image for image in found if image.size["width"] > 300]

    until(picture)
    texts = [e.get_property("textContent") for e in browser.execute_script(ALL, "pre")]
    assert any(text.endswith("WaveletIntegratedGradients") for text in texts)
    before = picture()[0].get_property("src")
    choices = browser.execute_script(ALL, "select")
    method = next(c for c in choices if "saliency" in c.get_property("textContent"))
    Select(method).select_by_visible_text("saliency")
    button = next(b for b in browser.execute_script(ALL, "button") if "explain" in b.text)
    button.click()
    until(lambda: picture() and picture()[0].get_property("src") != before)
    names = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    names = [n for n in browser.execute_script(names) if not n.startswith(("data:", "blob:"))]
    assert names
    assert all(name.startswith(address) for name in names)
