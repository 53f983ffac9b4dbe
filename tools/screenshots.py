"""The pictures in README and docs: `python -m tools.screenshots docs/screenshots`.

Serves the default bundle, goes through the page's states with the example photos (ISIC 2017, CC-0), at
desktop and phone width, light and dark; of all but the three states of MAIN only two of these four. BUNDLES and BUNDLE choose another bundle, as for the app.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from app.examples import EXAMPLES, FOLDER
from tools.chromium import WAIT_SECONDS, chromium, follow, missing, resize, save_page, set_colours
from tools.serving import served

SIZES = {"desktop": (1280, 900), "phone": (360, 740)}  # CSS pixels
COLOURS = 160  # of the saved picture, which keeps it small
LIGHT, DARK = "light", "dark"
EVERY = tuple((size, colours) for size in SIZES for colours in (LIGHT, DARK))
FEW = (("desktop", LIGHT), ("phone", DARK))
MAIN = ("form", "answer", "refusal")


def main(arguments: list[str]) -> int:
    """Write the pictures into a folder, in place of those that are there."""
    if len(arguments) != 1:
        print("Usage: python -m tools.screenshots FOLDER", file=sys.stderr)
        return 2
    if missing():
        print(f"{missing()}.", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with TemporaryDirectory() as temporary, served(Path(temporary, "log"), {}) as app, chromium() as driver:
        for state, reach in STATES.items():
            driver.get(app.url)
            reach(driver)
            save_all(driver, folder, state)
    return 0


def choose(driver: Chrome, file: Path, example: str = "melanoma", through: str = "dermatoscope") -> None:
    """Give a file to the form, and say all that can be said about it.

    example: whose details are given. through: id of the answer to "was it taken through a dermatoscope?".
    """
    details = EXAMPLES[example].details
    driver.find_element(By.ID, "photo").send_keys(str(file))
    driver.find_element(By.ID, through).click()
    driver.find_element(By.ID, "age").send_keys(f"{details.age:g}")
    driver.find_element(By.ID, "sex" if details.sex == "female" else "sex-male").click()
    Select(driver.find_element(By.ID, "site")).select_by_value(str(details.site))


def show_form(driver: Chrome) -> None:
    """The form with a photo in its frame."""
    choose(driver, FOLDER / EXAMPLES["melanoma"].file)
    frame = WebDriverWait(driver, WAIT_SECONDS).until(
        lambda _: driver.find_element(By.CSS_SELECTOR, "[data-preview]:not([hidden]) [data-move=smaller]")
    )
    frame.click()
    frame.click()


def show_answer(driver: Chrome) -> None:
    """The answer for the example of a melanoma."""
    follow(driver, driver.find_element(By.CSS_SELECTOR, ".example button"))


def show_refusal(driver: Chrome) -> None:
    """The same photo, broken off in the middle."""
    whole = (FOLDER / EXAMPLES["melanoma"].file).read_bytes()
    with TemporaryDirectory() as folder:
        broken = Path(folder, "photo.jpg")
        broken.write_bytes(whole[: len(whole) // 2])
        choose(driver, broken)
        follow(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_uncertain(driver: Chrome) -> None:
    """The answer for the example of a nevus, said to be taken without a dermatoscope."""
    choose(driver, FOLDER / EXAMPLES["nevus"].file, "nevus", "dermatoscope-no")
    follow(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_foreign(driver: Chrome) -> None:
    """The refusal of a picture that is no photo of a lesion: a drawn chequerboard."""
    with TemporaryDirectory() as folder:
        board = Path(folder, "board.png")
        squares = Image.new("1", (8, 8))
        squares.putdata([(row + column) % 2 for row in range(8) for column in range(8)])
        squares.resize((512, 512), Image.Resampling.NEAREST).convert("RGB").save(board)
        choose(driver, board)
        follow(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_visit(driver: Chrome) -> None:
    """Both examples and one of them again, ranked."""
    driver.get(driver.current_url + "visit")
    for number, name in enumerate(("nevus", "melanoma", "nevus"), 1):
        driver.find_element(By.ID, f"photo-{number}").send_keys(str(FOLDER / EXAMPLES[name].file))
    driver.find_element(By.ID, "dermatoscope").click()
    follow(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_history(driver: Chrome) -> None:
    """Two answers of one spot, kept in this browser."""
    start = driver.current_url
    wait = WebDriverWait(driver, WAIT_SECONDS)
    for kept in range(2):
        driver.get(start)
        show_answer(driver)
        wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "[data-keep]").is_displayed())
        Select(driver.find_element(By.ID, "keep-spot")).select_by_index(kept)
        driver.find_element(By.CSS_SELECTOR, "[data-keep] button").click()
        wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "[data-keep] [role=status]").text)
    driver.get(start + "history")
    wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "[data-history]").is_displayed())


def show_german(driver: Chrome) -> None:
    """The answer in the other language."""
    driver.get(driver.current_url + "?lang=de")
    show_answer(driver)


def show_page(path: str) -> Callable[[Chrome], None]:
    """A page that needs nothing but its address; its pictures are there before it is photographed."""

    def show(driver: Chrome) -> None:
        driver.get(driver.current_url + path)
        driver.execute_script("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
        WebDriverWait(driver, WAIT_SECONDS).until(
            lambda _: driver.execute_script("return [...document.images].every((one) => one.complete)")
        )

    return show


PAGES = ("model", "diagnoses", "limits", "privacy", "about", "api")
STATES: dict[str, Callable[[Chrome], None]] = {
    "form": show_form,
    "answer": show_answer,
    "refusal": show_refusal,
    "uncertain": show_uncertain,
    "foreign": show_foreign,
    "german": show_german,
    "visit": show_visit,
    "history": show_history,
    **{path: show_page(path) for path in PAGES},
}


def save_all(driver: Chrome, folder: Path, state: str) -> None:
    """The state at hand in its sizes and colour schemes."""
    for size, colours in EVERY if state in MAIN else FEW:
        resize(driver, *SIZES[size])
        set_colours(driver, colours == DARK)
        path = folder / f"{state}-{size}-{colours}.png"
        save_page(driver, path)
        Image.open(path).convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
