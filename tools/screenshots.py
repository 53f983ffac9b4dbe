"""The pictures in README and docs: `python -m tools.screenshots docs/screenshots`.

Serves the default bundle, goes through the page's states with the example photos (ISIC 2017, CC-0), at
desktop and phone width, light and dark. BUNDLES and BUNDLE choose another bundle, as for the app.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tools.chromium import chromium, follow, missing, resize, save_page, set_colours
from tools.serving import served

SIZES = {"desktop": (1280, 900), "phone": (360, 740)}  # CSS pixels
COLOURS = 256  # of the saved picture, which keeps it small


def main(arguments: list[str]) -> int:
    """Write the pictures into a folder."""
    if len(arguments) != 1:
        print("Usage: python -m tools.screenshots FOLDER", file=sys.stderr)
        return 2
    if missing():
        print(f"{missing()}.", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary, served(Path(temporary, "log"), {}) as app, chromium() as driver:
        for state, reach in STATES.items():
            driver.get(app.url)
            reach(driver)
            save_all(driver, folder, state)
    return 0


def show_answer(driver: Chrome) -> None:
    """The answer for the example of a melanoma."""
    follow(driver, driver.find_element(By.CSS_SELECTOR, ".example button"))


def show_errors(driver: Chrome) -> None:
    """A form without a photo and with an age that nobody has."""
    driver.find_element(By.ID, "age").send_keys("350")
    follow(driver, driver.find_element(By.CSS_SELECTOR, "form button"))


def show_refusal(driver: Chrome) -> None:
    """A file that is no photo: this one."""
    driver.find_element(By.ID, "photo").send_keys(str(Path(__file__).resolve()))
    follow(driver, driver.find_element(By.CSS_SELECTOR, "form button"))


STATES: dict[str, Callable[[Chrome], None]] = {
    "form": lambda _driver: None,
    "answer": show_answer,
    "errors": show_errors,
    "refusal": show_refusal,
}


def save_all(driver: Chrome, folder: Path, state: str) -> None:
    """The state at hand in every size and both colour schemes."""
    for size, (width, height) in SIZES.items():
        for colours in ("light", "dark"):
            resize(driver, width, height)
            set_colours(driver, colours == "dark")
            path = folder / f"{state}-{size}-{colours}.png"
            save_page(driver, path)
            Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
