"""Test the answers that readers keep in their own browser."""

import json
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.browser.steps import by_id, fill_in, find, probabilities, unfold, wait_for

pytestmark = pytest.mark.browser

STORED = """
    const [done] = arguments;
    const request = indexedDB.open("skin-lesion-classifier", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("answers", {keyPath: "id"});
    request.onsuccess = () => {
        const all = request.result.transaction("answers").objectStore("answers").getAll();
        all.onsuccess = () => { request.result.close(); done(all.result); };
    };
"""
AGE = """
    const [months, done] = arguments;
    const request = indexedDB.open("skin-lesion-classifier", 1);
    request.onsuccess = () => {
        const transaction = request.result.transaction("answers", "readwrite");
        const store = transaction.objectStore("answers");
        const all = store.getAll();
        all.onsuccess = () => {
            const [one] = all.result;
            const date = new Date();
            date.setMonth(date.getMonth() - months);
            store.put({...one, id: `older-${months}`, date: date.toISOString()});
        };
        transaction.oncomplete = () => { request.result.close(); done(); };
    };
"""


@pytest.fixture
def empty(browser: Chrome) -> Chrome:
    """Return a browser without kept answers."""
    browser.execute_async_script("""
        const [done] = arguments;
        const request = indexedDB.deleteDatabase("skin-lesion-classifier");
        request.onsuccess = request.onerror = request.onblocked = () => done();
    """)
    browser.get(browser.current_url)
    return browser


def stored(driver: Chrome) -> list[dict]:
    return driver.execute_async_script(STORED)


def offered(driver: Chrome):
    """Return the offer to keep the answer to a complete form."""
    fill_in(driver)
    unfold(driver)
    return wait_for(driver, lambda _: find(driver, "[data-keep]:not([hidden])"))


def keep(driver: Chrome) -> None:
    press(driver, offered(driver))


def press(driver: Chrome, box) -> None:
    box.find_element(By.TAG_NAME, "button").click()
    wait_for(
        driver, lambda _: "Kept in this browser" in box.find_element(By.CSS_SELECTOR, "[role=status]").text
    )


def open_history(driver: Chrome, site) -> None:
    driver.get(site.url + "/history")
    wait_for(driver, lambda _: find(driver, "[data-words]").text)


def test_nothing_is_kept_unless_it_is_asked_for(empty):
    fill_in(empty)
    assert stored(empty) == []


def test_an_answer_is_kept_without_names_and_with_a_small_photo(empty):
    keep(empty)
    (kept,) = stored(empty)
    assert set(kept) == {"id", "date", "spot", "site", "status", "cancer", "probabilities", "model", "photo"}
    assert kept["spot"] == 1
    assert sorted(kept["probabilities"].values()) == sorted(probabilities(empty))
    assert kept["photo"].startswith("data:image/jpeg;base64,")
    size = empty.execute_script("return document.querySelector('.analysed img').naturalWidth")
    assert size == 512


def test_answers_kept_from_two_tabs_are_of_two_spots(empty, site):
    """Both tabs were opened before an answer was kept."""
    first = empty.current_window_handle
    box = offered(empty)
    empty.switch_to.new_window("tab")
    empty.get(site.url)
    keep(empty)
    empty.close()
    empty.switch_to.window(first)
    press(empty, box)
    assert "as spot 2" in box.text
    assert sorted(entry["spot"] for entry in stored(empty)) == [1, 2]


def test_the_focus_moves_to_what_was_done(empty):
    keep(empty)
    focused = empty.switch_to.active_element
    assert focused.text == "Kept in this browser as spot 1."
    assert focused.get_attribute("role") == "status"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "One answer is kept in this browser."),
        ("de", "In diesem Browser wird eine Antwort aufbewahrt."),
    ],
)
def test_one_answer_is_counted_in_words(empty, site, language, words):
    keep(empty)
    empty.get(f"{site.url}/history?lang={language}")
    status = find(empty, "[data-history] [data-words]")
    wait_for(empty, lambda _: status.text)
    assert status.text == words


def test_the_history_compares_two_dates_of_a_spot_and_forgets_after_twelve_months(empty, site):
    keep(empty)
    for months in (3, 13):
        empty.execute_async_script(AGE, months)
    open_history(empty, site)
    assert "2 answers" in find(empty, "[data-words]").text
    pair = empty.find_elements(By.CSS_SELECTOR, ".pair figcaption")
    assert len(pair) == 2
    times = [entry.find_element(By.TAG_NAME, "time").get_attribute("datetime") for entry in pair]
    assert times[0] < times[1]  # the earlier date first
    assert {entry["id"] for entry in stored(empty)} >= {"older-3"}
    assert "older-13" not in {entry["id"] for entry in stored(empty)}
    Select(by_id(empty, "later-1")).select_by_index(1)
    pair = empty.find_elements(By.CSS_SELECTOR, ".pair figcaption")
    assert pair[0].text == pair[1].text


def test_one_button_clears_it_and_one_exports_it(empty, site, tmp_path: Path):
    keep(empty)
    open_history(empty, site)
    empty.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    find(empty, "[data-export]").click()
    file = tmp_path / "skin-spots.json"
    wait_for(empty, lambda _: file.exists())
    assert json.loads(file.read_text()) == {"format": 1, "answers": stored(empty)}
    find(empty, "[data-clear]").click()
    wait_for(empty, lambda _: "No answer" in find(empty, "[data-words]").text)
    assert stored(empty) == []
    assert not find(empty, "[data-clear]").is_displayed()


def test_an_export_is_read_again_and_nothing_else(empty, site, tmp_path: Path):
    keep(empty)
    (kept,) = stored(empty)
    export, other = tmp_path / "skin-spots.json", tmp_path / "other.json"
    export.write_text(json.dumps({"format": 1, "answers": [kept, kept | {"id": "second", "spot": 2}]}))
    other.write_text(
        json.dumps({"format": 1, "answers": [kept | {"photo": "https://elsewhere.example/a.jpg"}]})
    )
    open_history(empty, site)
    by_id(empty, "import").send_keys(str(other))
    wait_for(empty, lambda _: "not saved by this page" in find(empty, "[data-words]").text)
    assert stored(empty) == [kept]
    by_id(empty, "import").send_keys(str(export))
    wait_for(empty, lambda _: "2 answers" in find(empty, "[data-words]").text)
    assert sorted(entry["id"] for entry in stored(empty)) == sorted([kept["id"], "second"])
    assert len(empty.find_elements(By.CSS_SELECTOR, ".kept img")) == 2


def test_a_spot_of_another_browser_is_not_mixed_with_one_of_this_browser(empty, site, tmp_path: Path):
    """Both browsers number their spots from 1. An answer in common says which spots are the same."""
    keep(empty)
    (kept,) = stored(empty)
    export = tmp_path / "skin-spots.json"
    for ids, spots in ((["one"], [1, 2]), (["one", "two"], [1, 2, 2])):  # "two" is of the same spot as "one"
        words = f"{len(spots)} answers"
        export.write_text(json.dumps({"format": 1, "answers": [kept | {"id": name} for name in ids]}))
        open_history(empty, site)
        by_id(empty, "import").send_keys(str(export))
        wait_for(empty, lambda _, words=words: words in find(empty, "[data-words]").text)
        assert sorted(entry["spot"] for entry in stored(empty)) == spots
    assert {entry["id"]: entry["spot"] for entry in stored(empty)} == {kept["id"]: 1, "one": 2, "two": 2}


def test_times_are_those_of_the_reader(empty, site):
    """Three hours behind UTC."""
    empty.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "America/Bahia"})
    try:
        keep(empty)
        open_history(empty, site)
        time = find(empty, ".kept time")
        hour = (int(time.get_attribute("datetime")[11:13]) - 3) % 12 or 12
        assert f" {hour}:" in time.text
    finally:
        empty.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def test_it_says_who_sees_it(empty, site):
    assert "Everyone who uses this browser can see it" in offered(empty).text
    open_history(empty, site)
    assert "Everyone who uses this browser can see them" in find(empty, "main").text


def test_without_javascript_the_page_says_what_it_needs(browser_without_javascript, site):
    browser_without_javascript.get(site.url + "/history")
    assert "needs JavaScript" in find(browser_without_javascript, "main").text
