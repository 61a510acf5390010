"""What a browser makes of a report: clicked and typed at, wide and narrow, and without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from wam_xplique import WaveletGradientInput, WaveletSaliency
from wam_xplique.analysis import Report, report

from ..metrics.helpers import Network, noise

webdriver = pytest.importorskip("selenium.webdriver")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(None in (BROWSER, DRIVER), reason="no chromium, or no chromedriver"),
]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --hide-scrollbars"
)
SHAPE, NAMES = (16, 24, 3), ("cherry", "apple", "banana")
NETWORK, X = Network(SHAPE), noise(3, *SHAPE)
PREDICTED = NETWORK(X).argmax(axis=1)
WRONG = (PREDICTED + np.array([0, 1, 0])) % 3
LAID = """
const side = document.querySelectorAll(`#input-${arguments[0]} .side`)[arguments[1]];
const figures = [...side.querySelectorAll(".map, .left")];
const sourceOf = image => image.getAttribute("href");
return [...side.querySelectorAll(".input .laid")].map(layer => figures
  .find(figure => sourceOf(figure.querySelector("image")) === sourceOf(layer))
  .querySelector("strong").textContent);
"""


class Browser:
    """A page in Chromium, and what is done there."""

    def __init__(self, driver: Any):
        self.driver = driver

    def open(self, page: Report, folder: Any, width: int = 1280) -> Browser:
        path = page.save(folder / "report.html", force=True)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(path.as_uri())
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def find(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def click(self, selector: str) -> None:
        (element, *_) = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def choose(self, selector: str, value: str) -> None:
        self.run(
            "[0, arguments[0].value = arguments[1], ['input', 'change'].forEach(kind => "
            "arguments[0].dispatchEvent(new Event(kind)))]",
            self.find(selector)[0],
            value,
        )

    def shown(self) -> list[str]:
        """The names of the inputs that are shown, as they follow each other; twice the same."""
        links = [e.text for e in self.find(".inputs tbody a") if e.is_displayed()]
        assert links == [e.text for e in self.find("article h2") if e.is_displayed()]
        return links

    def laid(self, article: int, side: int = 0) -> list[str]:
        """What is laid over the picture of an input, as titles of the figures it is from."""
        return self.driver.execute_script(LAID, article, side)


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., Browser]]:
    """A function that starts a browser, without JavaScript where that is asked for."""
    drivers = []

    def begin(**preferences: Any) -> Browser:
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for flag in FLAGS.split():
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
        options.add_experimental_option("prefs", preferences)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        drivers.append(driver)
        return Browser(driver)

    yield begin
    for driver in drivers:
        driver.quit()


@pytest.fixture(scope="module")
def browser(start) -> Browser:
    return start()


@pytest.fixture(scope="module")
def pages() -> dict[str, Report]:
    """Reports on the same images by two methods, and on sounds."""
    model = NETWORK.model("tensorflow")

    def made(explainer: Any) -> Report:
        return report(model, X, WRONG, explainer=explainer, names=NAMES)

    one, other = map(made, (WaveletGradientInput(model, level=2), WaveletSaliency(model, level=1)))
    sounds, network = noise(2, 4000, 1), Network((4000, 1)).model("tensorflow")
    heard = report(network, sounds, sample_rate=8000, explainer=WaveletGradientInput(network))
    return {"images": one, "compared": one.beside(other), "sounds": heard}


def test_inputs_are_sorted_and_filtered(browser, pages, tmp_path):
    browser.open(pages["images"], tmp_path)
    assert browser.shown() == list(NAMES)
    browser.choose("#sort", "name")
    assert browser.shown() == ["apple", "banana", "cherry"]
    browser.choose("#sort", "2")
    shares = pages["images"].explanation.scale_importance()[:, 2]
    assert browser.shown() == [NAMES[i] for i in np.argsort(-shares)]
    browser.choose("#show", "wrong")
    assert browser.shown() == ["apple"]
    browser.choose("#show", "")
    browser.choose("#sort", "number")
    browser.find("#find")[0].send_keys("AN")
    assert browser.shown() == ["banana"]
    assert browser.find("#count")[0].text == "1 of 3"


def test_scales_are_laid_over_the_input_and_taken_away(browser, pages, tmp_path):
    browser.open(pages["images"], tmp_path)
    assert browser.laid(0) == ["All scales of details"]
    browser.click("#input-0 .scales tr[data-level='2'] button")
    assert browser.laid(0) == ["1-2 px"]
    assert browser.find("#input-0 .input strong")[0].text == "Input, map of 1-2 px"
    assert browser.laid(1) == ["All scales of details"]
    browser.choose("#input-0 .slide input", "0")
    assert browser.laid(0) == ["only > 4 px", "1-2 px"]
    browser.choose("#input-0 .slide input", "2")
    browser.click("#input-0 .scales tr[data-level='2'] button")
    assert browser.laid(0) == ["All scales of details"]
    over = browser.find("#input-0 .input .over")[0]
    seen = "getComputedStyle(arguments[0]).display"
    browser.find("#input-0 .slide input")[0].send_keys("o")  # which moves no slider
    assert browser.run(seen, over) == "none"
    browser.click("#overlay")
    assert browser.run(seen, over) != "none"


def test_keys_go_from_input_to_input_and_make_it_dark(browser, pages, tmp_path):
    browser.open(pages["images"], tmp_path)
    focused = "document.activeElement.id"
    for key, expected in (("j", 0), ("j", 1), ("\ue014", 2), ("j", 2), ("k", 1), ("\ue012", 0)):
        browser.press(key)  # the others are arrows
        assert browser.run(focused) == f"input-{expected}"
    browser.find("#find")[0].send_keys("jd")  # typed there, these are letters
    assert browser.run(focused) == "find"
    color = "getComputedStyle(document.body).backgroundColor"
    assert browser.run(color) == "rgb(255, 255, 255)"
    browser.run("document.activeElement.blur()")
    browser.press("d")
    assert browser.run(color) == "rgb(23, 21, 26)"
    assert browser.find("#dark")[0].get_attribute("aria-pressed") == "true"


def test_what_is_compared_stands_side_by_side_and_shows_the_same_scale(browser, pages, tmp_path):
    browser.open(pages["compared"], tmp_path)
    left, right = (e.rect for e in browser.find("#input-0 .side"))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    browser.click("#input-0 .side:last-child tr[data-level='1'] button")
    assert browser.laid(0, 0) == browser.laid(0, 1) == ["1-2 px"]
    browser.choose("#input-0 .side:last-child .slide input", "0")
    assert browser.laid(0, 0) == ["down to 2-4 px", "1-2 px"]
    assert browser.laid(0, 1) == ["only > 2 px", "1-2 px"]
    browser.click("#input-0 .side tr[data-level='1'] button")  # a scale that the other has not
    assert browser.laid(0, 0)[1:] == ["2-4 px"]
    titles = [e.text for e in browser.find("#input-0 .input strong")]
    assert titles == ["Input, down to 2-4 px, map of 2-4 px", "Input, only > 2 px"]
    browser.choose("#show", "differ")  # two methods explain the same predictions
    assert browser.shown() == []


def test_sounds_can_be_played(browser, pages, tmp_path):
    browser.open(pages["sounds"], tmp_path)
    assert browser.laid(0) == ["All scales"]
    browser.run("new Promise(done => setTimeout(done, 300))")
    durations = browser.run("[...document.querySelectorAll('audio')].map(a => a.duration)")
    assert len(durations) >= 4
    assert durations == pytest.approx([0.5] * len(durations), abs=0.01)


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("kind", ["images", "compared", "sounds"])
def test_a_page_fits_any_width_and_asks_for_nothing(browser, pages, kind, width, tmp_path):
    browser.open(pages[kind], tmp_path, width)
    root = "document.documentElement"
    assert browser.run(f"{root}.clientWidth") == width
    assert browser.run(f"{root}.scrollWidth") <= width
    columns = "getComputedStyle(document.querySelector('.sheet')).gridTemplateColumns.split(' ')"
    assert len(browser.run(columns)) == (1 if width == 400 else 2)
    asked = "performance.getEntriesByType('resource').map(e => e.name)"
    assert [name for name in browser.run(asked) if not name.startswith("data:")] == []
    pictures = browser.run("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert pictures
    assert all(pictures)
    assert browser.driver.get_log("browser") == []  # no error, and nothing refused by the policy


def test_the_policy_lets_no_other_script_run(browser, pages, tmp_path):
    path = pages["images"].save(tmp_path / "report.html")
    nasty = "<script>document.title = 'run'</script><img src='x' onerror='document.title = 1'>"
    path.write_text(path.read_text("utf-8").replace("</main>", f"{nasty}</main>"), "utf-8")
    browser.driver.get(path.as_uri())
    assert browser.driver.title == "Wavelet report"
    assert "Content Security Policy" in str(browser.driver.get_log("browser"))


def test_without_javascript_all_is_there(start, pages, tmp_path):
    plain = start(**{"profile.managed_default_content_settings.javascript": 2})
    plain.open(pages["images"], tmp_path)
    assert plain.shown() == list(NAMES)
    assert not plain.find("html.live")
    assert not plain.find(".tools")[0].is_displayed()
    figures = plain.find("#input-0 figure:not(.left)")
    assert len(figures) == 6
    assert all(figure.is_displayed() for figure in figures)
    assert plain.find("#input-0 .aside summary")[0].is_displayed()
