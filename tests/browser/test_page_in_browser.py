"""The page as somebody meets it: by mouse, by keyboard, without JavaScript, on a small screen."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tools.chromium import follow, new_page, resize, set_colours

pytestmark = pytest.mark.browser

PHOTO = str(Path(__file__).parents[2] / "app" / "static" / "examples" / "ISIC_0010034.jpg")


def by_id(driver: Chrome, name: str):
    return driver.find_element(By.ID, name)


def submit(driver: Chrome) -> None:
    follow(driver, driver.find_element(By.CSS_SELECTOR, "form[data-analyse] button"))


def status(driver: Chrome) -> str | None:
    return by_id(driver, "status").get_attribute("data-status")


def probabilities(driver: Chrome) -> list[float]:
    return [
        float(cell.get_attribute("data-value"))
        for cell in driver.find_elements(By.CSS_SELECTOR, "tbody [data-value]")
    ]


def fill_in(driver: Chrome) -> None:
    by_id(driver, "photo").send_keys(PHOTO)
    by_id(driver, "dermatoscope").click()
    by_id(driver, "age").send_keys("50")
    by_id(driver, "sex").click()
    Select(by_id(driver, "site")).select_by_visible_text("Arm")
    submit(driver)


def assert_answered(driver: Chrome) -> None:
    assert status(driver) == "higher_concern"
    assert driver.title.startswith("Higher concern")
    assert len(probabilities(driver)) == 7
    assert sum(probabilities(driver)) == pytest.approx(1, abs=1e-6)
    values = [value.text for value in driver.find_elements(By.TAG_NAME, "dd")]
    assert values[:4] == ["yes", "50 years", "female", "arm or hand"]


def test_form_to_answer_by_mouse(browser):
    fill_in(browser)
    assert_answered(browser)


def test_form_to_answer_without_javascript(browser_without_javascript):
    fill_in(browser_without_javascript)
    assert_answered(browser_without_javascript)


def test_form_to_answer_by_keyboard_alone(browser):
    # A file dialog is not part of the page: the photo is given to the field, all else is typed.
    by_id(browser, "photo").send_keys(PHOTO)
    keys = ActionChains(browser)
    keys.send_keys(Keys.TAB)  # skip link
    keys.send_keys(Keys.TAB, Keys.TAB)  # site, photo
    keys.send_keys(Keys.TAB, Keys.ARROW_DOWN)  # dermatoscope: from "not known" round to "yes"
    keys.send_keys(Keys.TAB, "50")
    keys.send_keys(Keys.TAB, Keys.ARROW_DOWN)  # sex: round to "female"
    keys.send_keys(Keys.TAB, "arm")
    keys.send_keys(Keys.TAB, Keys.ENTER)
    with new_page(browser):
        keys.perform()
    assert_answered(browser)


@pytest.mark.parametrize(("name", "label"), [("melanoma", "a melanoma"), ("nevus", "a mole")])
def test_example_is_tried_with_one_click(browser, name, label):
    follow(browser, browser.find_element(By.CSS_SELECTOR, f'.example input[value="{name}"] ~ button'))
    assert label in browser.find_element(By.TAG_NAME, "figcaption").text
    assert len(probabilities(browser)) == 7


def test_photo_in_the_answer_is_shown(browser):
    fill_in(browser)
    image = browser.find_element(By.CSS_SELECTOR, ".analysed img")
    assert browser.execute_script("return arguments[0].naturalWidth", image) == 512


def test_error_summary_has_the_focus_and_leads_to_the_field(browser):
    by_id(browser, "age").send_keys("350")
    submit(browser)
    assert browser.title.startswith("Error: ")
    assert browser.switch_to.active_element.get_attribute("class") == "errors"
    browser.find_element(By.CSS_SELECTOR, '.errors a[href="#age"]').click()
    assert browser.switch_to.active_element.get_attribute("id") == "age"
    assert by_id(browser, "age").get_attribute("value") == "350"


def test_refusal_has_no_probabilities(browser, not_a_photo):
    by_id(browser, "photo").send_keys(str(not_a_photo))
    submit(browser)
    assert "This photo was not analysed" in browser.find_element(By.CLASS_NAME, "errors").text
    assert probabilities(browser) == []


def test_a_form_is_sent_once(browser):
    sent = browser.execute_script("""
        const form = document.querySelector("form[data-analyse]");
        let sent = 0;
        form.addEventListener("submit", (event) => {
            if (!event.defaultPrevented) sent += 1;
            event.preventDefault();
        });
        form.requestSubmit();
        form.requestSubmit();
        return [sent, form.querySelector("[data-progress]").textContent];
    """)
    assert sent == [1, "Analysing the photo…"]


@pytest.fixture
def any_size(browser):
    """The browser, at its own size and in light again afterwards."""
    yield browser
    resize(browser, 1280, 900)
    set_colours(browser, dark=False)


@pytest.mark.parametrize("width", [320, 360, 768, 1440])
@pytest.mark.parametrize("state", ["form", "answer", "errors"])
def test_no_width_needs_sideways_scrolling(any_size, width, state):
    resize(any_size, width, 700)
    reach(any_size, state)
    wide = any_size.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("state", ["form", "answer", "errors"])
def test_text_has_enough_contrast(any_size, dark, state):
    set_colours(any_size, dark)
    reach(any_size, state)
    weak = [entry for entry in any_size.execute_script(CONTRASTS) if entry["ratio"] < 4.5]
    assert weak == []


@pytest.mark.parametrize("state", ["form", "answer", "errors"])
def test_targets_are_large_enough(any_size, state):
    resize(any_size, 320, 700)
    reach(any_size, state)
    small = any_size.execute_script("""
        return [...document.querySelectorAll("a:not(.skip), button, input:not([type=hidden]), select")]
            .filter((target) => target.getBoundingClientRect().height < 24)
            .map((target) => target.outerHTML);
    """)
    assert small == []


def reach(driver: Chrome, state: str) -> None:
    if state == "answer":
        fill_in(driver)
    elif state == "errors":
        submit(driver)


# The contrast of every element's own text with the first opaque background behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const pixel = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([red, green, blue]) => [red, green, blue]
        .map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
    const background = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = pixel(getComputedStyle(at).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return pixel("Canvas");
    };
    return [...document.body.querySelectorAll("*")]
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
        .map((element) => {
            const pair = [pixel(getComputedStyle(element).color), background(element)].map(luminance);
            const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
            return {text: element.textContent.trim().slice(0, 40), ratio};
        });
"""


def test_nothing_is_fetched_from_elsewhere_and_the_console_stays_empty(browser, site):
    browser.get(site.url)
    fill_in(browser)
    follow(browser, browser.find_element(By.CLASS_NAME, "again"))
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    assert {urlsplit(url).netloc for url in requested(browser)} == {urlsplit(site.url).netloc}
    assert browser.get_cookies() == []


def requested(driver: Chrome) -> list[str]:
    """Every address that the pages asked for; data: is no request."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith("data:")]
