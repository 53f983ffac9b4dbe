"""Take the pictures in README and docs: `python -m tools.screenshots docs/screenshots [STATE ...]`.

The tool runs the app with the default bundle and sends it example photos (ISIC 2017, CC-0). STATES lists the states of
the app that are shown, each in all languages, for desktop and phone, in light and dark. If the command names states,
only their pictures are renewed. The environment variables BUNDLES and BUNDLE choose another bundle, as for the app.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from app.http.languages import LANGUAGES
from data_modelling.datasets.data_location import find_dataset_folder
from data_modelling.datasets.registry import data_set
from tools import chromium
from tools.serving import run_app

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}  # CSS pixels
SCHEMES = ("light", "dark")
TALLEST = 16_383  # pixels; a WebP cannot be higher, so a longer page is cut
QUALITY = 60  # quality of the saved picture, low to keep the file small


def main(arguments: list[str]) -> int:
    """Write the pictures to a folder. If no state is named, the pictures replace the whole folder."""
    if not arguments or not set(arguments[1:]) <= set(STATES):
        print(f"Usage: python -m tools.screenshots FOLDER [{'|'.join(STATES)} ...]", file=sys.stderr)
        return 2
    if chromium.missing_program():
        print(f"{chromium.missing_program()}.", file=sys.stderr)
        return 2
    folder, states = Path(arguments[0]), arguments[1:] or list(STATES)
    with TemporaryDirectory() as temporary:
        pictures = Path(temporary, "pictures")
        pictures.mkdir()
        take_pictures(states, pictures, Path(temporary, "log"))
        if not arguments[1:] and folder.exists():
            shutil.rmtree(folder)  # only now, so that a run that fails loses no picture
        shutil.copytree(pictures, folder, dirs_exist_ok=True)
    return 0


def take_pictures(states: Sequence[str], folder: Path, log: Path) -> None:
    """Write the pictures of some states in all languages to `folder`. log: the file for the app's log."""
    with run_app(log, {}) as app, chromium.open_browser() as driver:
        for language in LANGUAGES:
            chromium.prefer_language(driver, language)
            for state in states:
                chromium.resize(driver, *SIZES["desktop"])
                driver.get(app.url)
                STATES[state](driver)
                save_all(driver, folder, f"{state}-{language}")


UNFOLD = "document.querySelectorAll('main details').forEach((one) => { one.open = true; })"


def fill_form(driver: Chrome, file: Path, example: str = "melanoma", *answers: str) -> None:
    """Fill in the form with a photo, the details of an example, and the radio buttons with the ids `answers`."""
    details = EXAMPLES[example].details
    driver.find_element(By.ID, "photo").send_keys(str(file))
    for answer in answers or ("dermatoscope", "changing-no"):
        driver.find_element(By.ID, answer).click()
    driver.find_element(By.ID, "age").send_keys(f"{details.age:g}")
    driver.find_element(By.ID, "sex" if details.sex == "female" else "sex-male").click()
    Select(driver.find_element(By.ID, "site")).select_by_value(str(details.site))


def show_form(driver: Chrome) -> None:
    """Show the form with a photo and a smaller crop."""
    fill_form(driver, EXAMPLES_FOLDER / EXAMPLES["melanoma"].file)
    smaller_button = WebDriverWait(driver, chromium.WAIT_SECONDS).until(
        lambda _: driver.find_element(By.CSS_SELECTOR, "[data-preview]:not([hidden]) [data-move=smaller]")
    )
    smaller_button.click()
    smaller_button.click()


def show_answer(driver: Chrome) -> None:
    """Show the answer for the example of a melanoma."""
    chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, ".example button"))


def show_refusal(driver: Chrome) -> None:
    """Show the refusal of a photo whose file is cut off in the middle."""
    whole = (EXAMPLES_FOLDER / EXAMPLES["melanoma"].file).read_bytes()
    with TemporaryDirectory() as folder:
        broken = Path(folder, "photo.jpg")
        broken.write_bytes(whole[: len(whole) // 2])
        fill_form(driver, broken)
        chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_nevus(*answers: str) -> Callable[[Chrome], None]:
    """Return a function that shows the app's answer for the example of a nevus. answers: see fill_form."""

    def show(driver: Chrome) -> None:
        fill_form(driver, EXAMPLES_FOLDER / EXAMPLES["nevus"].file, "nevus", *answers)
        chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))

    return show


def show_all_clear(driver: Chrome) -> None:
    """Show "No cancer class stands out" for a nevus of ISIC 2017 (must be downloaded); no example gets this status."""
    record = data_set("isic2017")
    folder = find_dataset_folder(None, record.folder, *record.markers)
    fill_form(driver, folder / "images" / "ISIC_0000218.jpg", "nevus")
    chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_unfolded(driver: Chrome) -> None:
    """Show the answer with all folded parts open."""
    show_answer(driver)
    driver.execute_script(UNFOLD)


def show_errors(driver: Chrome) -> None:
    """Show the form with two faults: no photo, and an age of 350."""
    driver.find_element(By.ID, "age").send_keys("350")
    chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_foreign(driver: Chrome) -> None:
    """Show the refusal of a picture without a lesion: a drawn chessboard."""
    with TemporaryDirectory() as folder:
        board = Path(folder, "board.png")
        squares = Image.new("1", (8, 8))
        squares.putdata([(row + column) % 2 for row in range(8) for column in range(8)])
        squares.resize((512, 512), Image.Resampling.NEAREST).convert("RGB").save(board)
        fill_form(driver, board)
        chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_visit(driver: Chrome) -> None:
    """Show the ranked answers of a visit with three photos: nevus, melanoma, and the nevus again."""
    driver.get(driver.current_url + "visit")
    for number, name in enumerate(("nevus", "melanoma", "nevus"), 1):
        driver.find_element(By.ID, f"photo-{number}").send_keys(str(EXAMPLES_FOLDER / EXAMPLES[name].file))
    driver.find_element(By.ID, "dermatoscope").click()
    chromium.follow_link(driver, driver.find_element(By.CSS_SELECTOR, "form button[type=submit]"))


def show_history(driver: Chrome) -> None:
    """Keep two answers for one spot in the browser, and show the page with this history."""
    start = driver.current_url
    wait = WebDriverWait(driver, chromium.WAIT_SECONDS)
    for number in range(2):
        driver.get(start)
        show_unfolded(driver)
        wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "[data-keep]").is_displayed())
        Select(driver.find_element(By.ID, "keep-spot")).select_by_index(number)
        driver.find_element(By.CSS_SELECTOR, "[data-keep] button").click()
        wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "[data-keep] [role=status]").text)
    driver.get(start + "history")
    wait.until(lambda _: driver.find_element(By.CSS_SELECTOR, "[data-history]").is_displayed())


def show_page(path: str) -> Callable[[Chrome], None]:
    """Return a function that shows the page `path`, such as model, and waits until its pictures are loaded."""

    def show(driver: Chrome) -> None:
        driver.get(driver.current_url + path)
        driver.execute_script("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
        WebDriverWait(driver, chromium.WAIT_SECONDS).until(
            lambda _: driver.execute_script("return [...document.images].every((one) => one.complete)")
        )

    return show


PAGES = ("model", "diagnoses", "limits", "privacy", "about", "api", "examples")
STATES: dict[str, Callable[[Chrome], None]] = {
    "start": lambda _driver: None,
    "form": show_form,
    "errors": show_errors,
    "answer": show_answer,
    "unfolded": show_unfolded,
    "nevus": show_nevus(),
    "all_clear": show_all_clear,
    "uncertain": show_nevus("dermatoscope-no"),
    "changing": show_nevus("dermatoscope", "changing"),
    "refusal": show_refusal,
    "foreign": show_foreign,
    "visit": show_visit,
    "history": show_history,
    "visit_form": show_page("visit"),
    **{path: show_page(path) for path in PAGES},
}


def save_all(driver: Chrome, folder: Path, name: str) -> None:
    """Save pictures of the current state in all SIZES and SCHEMES."""
    for size, edges in SIZES.items():
        for scheme in SCHEMES:
            chromium.resize(driver, *edges)
            chromium.set_colours(driver, scheme == "dark")
            picture = folder / f"{name}-{size}-{scheme}.png"
            chromium.save_page(driver, picture)
            image = Image.open(picture).convert("RGB")
            image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
            image.save(picture.with_suffix(".webp"), quality=QUALITY)
            picture.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
