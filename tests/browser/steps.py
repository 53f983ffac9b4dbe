"""The steps of a reader on the page, for all browser tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from tools.chromium import WAIT_SECONDS, follow_link

PHOTO = str(Path(__file__).parents[2] / "app" / "static" / "examples" / "ISIC_0009882.jpg")


def by_id(driver: Chrome, name: str):
    return driver.find_element(By.ID, name)


def find(driver: Chrome, selector: str):
    return driver.find_element(By.CSS_SELECTOR, selector)


def wait_for(driver: Chrome, condition: Callable[[Chrome], Any]) -> Any:
    return WebDriverWait(driver, WAIT_SECONDS).until(condition)


def submit(driver: Chrome) -> None:
    follow_link(driver, find(driver, "form[data-analyse] button[type=submit]"))


def status(driver: Chrome) -> str | None:
    return by_id(driver, "status").get_attribute("data-status")


def probabilities(driver: Chrome) -> list[float]:
    return [
        float(cell.get_attribute("data-value"))
        for cell in driver.find_elements(By.CSS_SELECTOR, ".classes [data-value]")
    ]


def choose(driver: Chrome, path: str = PHOTO) -> None:
    """Give a photo to the field and wait until its frame is there."""
    by_id(driver, "photo").send_keys(path)
    wait_for(driver, lambda _: find(driver, "[data-preview]").is_displayed())


def fill_in(driver: Chrome, dermatoscope: str = "dermatoscope") -> None:
    by_id(driver, "photo").send_keys(PHOTO)
    by_id(driver, dermatoscope).click()
    by_id(driver, "age").send_keys("50")
    by_id(driver, "sex").click()
    Select(by_id(driver, "site")).select_by_visible_text("Arm")
    submit(driver)


def unfold(driver: Chrome) -> None:
    """Open all that is folded."""
    driver.execute_script("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")


def crop(driver: Chrome) -> list[float]:
    """Return the three crop fields; they are empty for the middle square."""
    values = [find(driver, f"[name=crop_{name}]").get_attribute("value") for name in ("x", "y", "size")]
    return [float(value) for value in values if value]


def complain(driver: Chrome) -> None:
    """Send the form and get no answer."""
    driver.execute_script(
        "XMLHttpRequest.prototype.send = () => {};"
        "document.querySelector('form[data-analyse]').dataset.patience = '0.2';"
    )
    choose(driver)
    find(driver, "form[data-analyse] button[type=submit]").click()
    wait_for(driver, lambda _: driver.find_elements(By.CLASS_NAME, "errors"))


def answer_of(driver: Chrome, example: str, dermatoscope: str = "dermatoscope") -> None:
    """Send the photo of an example without details."""
    by_id(driver, "photo").send_keys(str(EXAMPLES_FOLDER / EXAMPLES[example].file))
    by_id(driver, dermatoscope).click()
    submit(driver)


def refuse(driver: Chrome) -> None:
    """Send a file that is no photo: this one."""
    by_id(driver, "photo").send_keys(__file__)
    submit(driver)


def open_all(driver: Chrome, path: str) -> None:
    """Open all that can be opened on a page."""
    driver.get(driver.current_url + path)
    unfold(driver)


def compare(driver: Chrome, photos: int) -> None:
    """Send a visit with that many photos."""
    driver.get(driver.current_url + "visit")
    for number in range(1, photos + 1):
        by_id(driver, f"photo-{number}").send_keys(PHOTO)
    submit(driver)


def keep_two(driver: Chrome) -> None:
    """Open the history with two answers of one spot."""
    start = driver.current_url
    for chosen in range(2):
        driver.get(start)
        fill_in(driver)
        unfold(driver)
        wait_for(driver, lambda _: find(driver, "[data-keep]:not([hidden])"))
        Select(by_id(driver, "keep-spot")).select_by_index(chosen)
        find(driver, "[data-keep] button").click()
        wait_for(driver, lambda _: find(driver, "[data-keep] [role=status]").text)
    driver.get(start + "history")
    wait_for(driver, lambda _: find(driver, "[data-history]").is_displayed())


def snippet(driver: Chrome, name: str) -> str:
    """Return the text of a snippet of the page for programs."""
    return find(driver, f"[data-snippet={name}]").get_attribute("textContent") or ""


def run_javascript_snippet(driver: Chrome) -> str:
    """Run the JavaScript of the page for programs on that page; return what it logs."""
    script = f"const console = {{log: done}}; {snippet(driver, 'javascript')}"
    return driver.execute_async_script(
        f"const done = arguments[0]; (async () => {{ {script} }})().catch((error) => done(String(error)));"
    )


STATES: dict[str, Callable[[Chrome], None]] = {
    "form": lambda _driver: None,
    "photo chosen": choose,
    "errors": submit,
    "refusal": refuse,
    "answer": fill_in,
    "answer unfolded": lambda driver: (fill_in(driver), unfold(driver)),
    "all-clear": lambda driver: answer_of(driver, "nevus"),
    "uncertain answer": lambda driver: fill_in(driver, "dermatoscope-no"),
    "no connection": complain,
    "not found": lambda driver: driver.get(driver.current_url + "nothing"),
    "visit": lambda driver: open_all(driver, "visit"),
    "visit errors": lambda driver: compare(driver, 1),
    "visit answer": lambda driver: compare(driver, 3),
    "history": keep_two,
    "api": lambda driver: driver.get(driver.current_url + "api"),
    "examples": lambda driver: driver.get(driver.current_url + "examples"),
    "model": lambda driver: open_all(driver, "model"),
    "diagnoses": lambda driver: driver.get(driver.current_url + "diagnoses"),
    "limits": lambda driver: driver.get(driver.current_url + "limits"),
    "privacy": lambda driver: driver.get(driver.current_url + "privacy"),
    "about": lambda driver: driver.get(driver.current_url + "about"),
}
WITHOUT_JAVASCRIPT = (
    "form",
    "errors",
    "refusal",
    "answer",
    "uncertain answer",
    "visit",
    "visit errors",
    "visit answer",
    "model",
    "api",
    "examples",
)
