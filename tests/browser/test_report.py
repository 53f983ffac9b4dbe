"""An answer on paper: one page a photo, with all that it is based on."""

import base64
import re

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.steps import PHOTO, by_id, fill_in, probabilities, submit
from tools.chromium import follow

pytestmark = pytest.mark.browser


def pages(driver: Chrome) -> int:
    """How many pages the page at hand has on paper."""
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", base64.b64decode(printed["data"])))


def emulate_print(driver: Chrome, on: bool) -> None:
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print" if on else ""})


def test_an_answer_is_one_page(browser):
    fill_in(browser)
    assert pages(browser) == 1


def test_what_is_printed_is_what_the_answer_says(browser):
    """The same numbers, the date, the number of the report, the inputs, the limits, the version."""
    fill_in(browser)
    shown = probabilities(browser)
    emulate_print(browser, on=True)
    try:
        visible = [
            float(one.get_attribute("data-value"))
            for one in browser.find_elements(By.CSS_SELECTOR, ".classes [data-value]")
            if one.is_displayed()
        ]
        text = browser.find_element(By.TAG_NAME, "main").text
        buttons = [one for one in browser.find_elements(By.CSS_SELECTOR, "button, nav") if one.is_displayed()]
    finally:
        emulate_print(browser, on=False)
    assert visible == shown
    assert buttons == []
    for words in (
        "Number of this report",
        "UTC",
        "50 years",
        "female",
        "arm or hand",
        "Limits",
        "version 1.0",
    ):
        assert words in text


def test_a_visit_is_one_page_a_photo_and_one_for_the_rest(browser, site):
    browser.get(site.url + "/visit")
    for number in (1, 2):
        by_id(browser, f"photo-{number}").send_keys(PHOTO)
    submit_visit(browser)
    assert pages(browser) == 3


def submit_visit(driver: Chrome) -> None:
    follow(driver, driver.find_element(By.CSS_SELECTOR, "form[data-analyse] button[type=submit]"))


def test_the_print_button_is_there_where_scripts_run(browser, browser_without_javascript):
    fill_in(browser)
    assert browser.find_element(By.CSS_SELECTOR, "[data-print]").is_displayed()
    by_id(browser_without_javascript, "photo").send_keys(PHOTO)
    submit(browser_without_javascript)
    assert not browser_without_javascript.find_element(By.CSS_SELECTOR, "[data-print]").is_displayed()
