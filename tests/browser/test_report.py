"""Test the printed answer and the printed visit: their pages, their text and all inputs; and the csv of a visit."""

import base64
import csv
import re
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from tests.browser.steps import PHOTO, by_id, fill_in, find, probabilities, submit, unfold, wait_for
from tests.browser.test_first_screen import STATES
from tools.chromium import follow_link

pytestmark = pytest.mark.browser


def pages(driver: Chrome) -> int:
    """Return the number of paper pages of the current page."""
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", base64.b64decode(printed["data"])))


def emulate_print(driver: Chrome, on: bool) -> None:
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print" if on else ""})


# The text on paper that is smaller than 9 pt, which is 12 px.
SMALL_TEXT = """
    return [...document.querySelectorAll("body *")]
        .filter((element) => element.checkVisibility() && !element.closest(".hidden"))
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
        .filter((element) => parseFloat(getComputedStyle(element).fontSize) < 12)
        .map((element) => element.outerHTML.slice(0, 80));
"""


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_answer_is_at_most_two_pages_of_nine_points(browser, site, language):
    browser.get(f"{site.url}/?lang={language}")
    follow_link(browser, browser.find_element(By.CSS_SELECTOR, ".example button"))
    assert pages(browser) <= 2
    emulate_print(browser, on=True)
    try:
        assert browser.execute_script(SMALL_TEXT) == []
    finally:
        emulate_print(browser, on=False)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", STATES)
def test_each_status_of_a_real_bundle_is_at_most_two_pages(
    shared_browser, counted, tmp_path, state, language
):
    act, _ = STATES[state]
    shared_browser.get(f"{counted.url}/?lang={language}")
    act(shared_browser, tmp_path)
    assert find(shared_browser, f".status-{state}")
    assert pages(shared_browser) <= 2
    unfold(shared_browser)
    assert pages(shared_browser) <= 2


def test_what_is_printed_is_what_the_answer_says(browser):
    """The paper has the same numbers, date, number of the report, inputs, limits and version."""
    fill_in(browser)
    numbers_on_screen = probabilities(browser)
    unfold(browser)
    emulate_print(browser, on=True)
    try:
        visible = [
            float(element.get_attribute("data-value"))
            for element in browser.find_elements(By.CSS_SELECTOR, ".classes [data-value]")
            if element.is_displayed()
        ]
        text = browser.find_element(By.TAG_NAME, "main").text
        buttons = [
            element
            for element in browser.find_elements(By.CSS_SELECTOR, "button, .places")
            if element.is_displayed()
        ]
    finally:
        emulate_print(browser, on=False)
    assert visible == numbers_on_screen
    assert buttons == []
    for words in (
        "Number of this report",
        "50 years",
        "female",
        "arm or hand",
        "Limits",
        "version 1.0",
    ):
        assert words in text


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_visit_of_twelve_is_at_most_three_pages(browser, site, language):
    browser.get(f"{site.url}/visit?lang={language}")
    by_id(browser, "several").send_keys("\n".join([PHOTO] * 12))
    submit_visit(browser)
    assert len(browser.find_elements(By.CSS_SELECTOR, ".spot img")) == 12
    assert pages(browser) <= 3
    assert browser.find_element(By.CSS_SELECTOR, "[data-label]").text == Path(PHOTO).name


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_visit_of_twelve_with_a_real_bundle_is_at_most_three_pages(
    shared_browser, counted, tmp_path, language
):
    """The eight examples, three of them again, and a file that is no photo."""
    (tmp_path / "no photo.jpg").write_text("no photo")
    files = [EXAMPLES_FOLDER / example.file for example in EXAMPLES.values()]
    shared_browser.get(f"{counted.url}/visit?lang={language}")
    several = [*files, *files[:3], tmp_path / "no photo.jpg"]
    by_id(shared_browser, "several").send_keys("\n".join(map(str, several)))
    submit_visit(shared_browser)
    assert len(shared_browser.find_elements(By.CSS_SELECTOR, ".spot")) == 12
    assert pages(shared_browser) <= 3


def test_the_sheet_is_saved_as_csv_with_the_names_of_the_files(browser, site, tmp_path):
    (tmp_path / "no photo.jpg").write_text("no photo")
    browser.get(f"{site.url}/visit")
    by_id(browser, "several").send_keys(f"{PHOTO}\n{tmp_path / 'no photo.jpg'}\n{PHOTO}")
    submit_visit(browser)
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    browser.find_element(By.CSS_SELECTOR, "[data-csv]").click()
    wait_for(browser, lambda _: (tmp_path / "spots.csv").exists())
    header, *rows = csv.reader((tmp_path / "spots.csv").read_text().splitlines())
    assert header == ["photo", "rank", "status", "cancer_probability", "reasons"]
    assert [row[:3] for row in rows] == [
        [Path(PHOTO).name, "1", "higher_concern"],
        ["no photo.jpg", "", "refused"],
        [Path(PHOTO).name, "2", "higher_concern"],
    ]


def submit_visit(driver: Chrome) -> None:
    follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form[data-analyse] button[type=submit]"))


def test_the_print_button_is_there_where_scripts_run(browser, browser_without_javascript):
    fill_in(browser)
    unfold(browser)
    assert browser.find_element(By.CSS_SELECTOR, "[data-print]").is_displayed()
    by_id(browser_without_javascript, "photo").send_keys(PHOTO)
    submit(browser_without_javascript)
    unfold(browser_without_javascript)
    assert not browser_without_javascript.find_element(By.CSS_SELECTOR, "[data-print]").is_displayed()
