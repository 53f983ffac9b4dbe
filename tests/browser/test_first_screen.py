"""Test that what matters fits one screen, on a phone and a desktop, in both languages (PAGE.md)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver import Chrome

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from tests.browser.steps import by_id, choose, find, submit, wait_for
from tools.chromium import resize

pytestmark = pytest.mark.browser

SCREENS = {"phone": (390, 844), "desktop": (1440, 900)}
MOST_WORDS = 250
MOST_ACTIONS = 6
# Each part of a first screen, by the place where it ends.
ENDS = """
    const ends = {};
    for (const [name, selector] of Object.entries(arguments[0])) {
        ends[name] = document.querySelector(selector)?.getBoundingClientRect().bottom;
    }
    return ends;
"""
WORDS = "return document.body.innerText.split(/\\s+/).filter(Boolean).length"
PARTS = {"status": ".status h1", "action": ".step > summary", "sooner": ".sooner", "photo": ".analysed img"}
COUNT = {"count": ".share"}
REMEDY = {"reason and remedy": "#caution"}


def answer(example: str, dermatoscope: str) -> Callable[[Chrome, Path], int]:
    """Return a reader's steps from the form to an answer, which return the number of actions."""

    def act(driver: Chrome, _folder: Path) -> int:
        choose(driver, str(EXAMPLES_FOLDER / EXAMPLES[example].file))
        by_id(driver, dermatoscope).click()
        by_id(driver, "changing-no").click()
        submit(driver)
        return 4

    return act


def refuse(driver: Chrome, folder: Path) -> int:
    """Send a picture of noise, which is no lesion."""
    Image.effect_noise((400, 400), 90).convert("RGB").save(folder / "noise.png")
    choose(driver, str(folder / "noise.png"))
    submit(driver)
    return 2


STATES = {
    "higher_concern": (answer("melanoma", "dermatoscope"), PARTS | COUNT),
    "no_cancer_class": (answer("nevus", "dermatoscope"), PARTS | COUNT),
    "uncertain": (answer("nevus", "dermatoscope-no"), PARTS | COUNT),
    "refused": (refuse, PARTS | REMEDY),
}


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", STATES)
def test_the_first_screen_of_each_status(shared_browser, counted, tmp_path, state, language):
    act, parts = STATES[state]
    resize(shared_browser, *SCREENS["phone"])
    shared_browser.get(f"{counted.url}/?lang={language}")
    assert act(shared_browser, tmp_path) <= MOST_ACTIONS
    assert find(shared_browser, f".status-{state}")
    for width, height in SCREENS.values():
        resize(shared_browser, width, height)
        shared_browser.execute_script("scrollTo(0, 0)")
        ends = shared_browser.execute_script(ENDS, parts)
        assert {name: end for name, end in ends.items() if end is None or end > height} == {}
        assert shared_browser.execute_script(WORDS) <= MOST_WORDS


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_form_begins_with_the_photo_and_its_button_is_on_the_desktops_first_screen(
    shared_browser, counted, language
):
    shared_browser.get(f"{counted.url}/?lang={language}")
    wait_for(shared_browser, lambda _: find(shared_browser, "[data-figures]").is_displayed())
    parts = {"field": "#photo", "button": "form[data-analyse] button[type=submit]"}
    resize(shared_browser, *SCREENS["phone"])
    assert shared_browser.execute_script(ENDS, parts)["field"] <= 844
    resize(shared_browser, *SCREENS["desktop"])
    assert shared_browser.execute_script(ENDS, parts)["button"] <= 900
