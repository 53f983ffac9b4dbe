"""Test the page in a browser: by mouse, by keyboard, without JavaScript, large and small, light and dark."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.browser.steps import (
    PHOTO,
    by_id,
    choose,
    complain,
    crop,
    fill_in,
    find,
    probabilities,
    refuse,
    run_javascript_snippet,
    snippet,
    status,
    submit,
    unfold,
    wait_for,
)
from tests.dicom_files import dicom
from tools.chromium import follow_link, prefer_language, resize, set_colours, wait_for_new_page

pytestmark = pytest.mark.browser


def assert_answered(driver: Chrome) -> None:
    assert status(driver) == "higher_concern"
    assert driver.title.startswith("Higher concern")
    assert len(probabilities(driver)) == 7
    assert sum(probabilities(driver)) == pytest.approx(1, abs=1e-6)
    unfold(driver)
    values = [value.text for value in driver.find_elements(By.CSS_SELECTOR, ".given dd")]
    assert values[:4] == ["yes", "50 years", "female", "arm or hand"]
    assert_maps_can_be_chosen(driver)


def assert_maps_can_be_chosen(driver: Chrome) -> None:
    for code in ("NV", "MEL"):
        find(driver, f"label[for=map-{code}]").click()
        visible_maps = [
            element for element in driver.find_elements(By.CLASS_NAME, "map") if element.is_displayed()
        ]
        assert [
            element.find_element(By.TAG_NAME, "figcaption").get_attribute("data-map")
            for element in visible_maps
        ] == [code]


@pytest.mark.parametrize(("width", "dark"), [(320, True), (1440, False)])
def test_form_to_answer_by_mouse(browser, width, dark):
    resize(browser, width, 900)
    set_colours(browser, dark)
    fill_in(browser)
    assert_answered(browser)


@pytest.mark.parametrize(("width", "dark"), [(320, True), (1440, False)])
def test_form_to_answer_without_javascript(browser_without_javascript, width, dark):
    resize(browser_without_javascript, width, 900)
    set_colours(browser_without_javascript, dark)
    fill_in(browser_without_javascript)
    assert_answered(browser_without_javascript)


@pytest.mark.parametrize(("width", "dark"), [(320, True), (1440, False)])
def test_form_to_answer_by_keyboard_alone(browser, width, dark):
    resize(browser, width, 900)
    set_colours(browser, dark)
    # A file dialog is not part of the page: the photo is given to the field, all else is typed.
    choose(browser)
    press(browser, *[Keys.TAB] * 6)  # skip link, site, how well it works, limits, privacy, language
    press(browser, Keys.TAB)  # photo
    press(browser, Keys.TAB)
    assert focused(browser).get_attribute("class") == "frame"
    press(browser, "-", Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert crop(browser) == pytest.approx([0.1, 0.1, 0.9])
    press(browser, Keys.HOME)
    assert crop(browser) == []
    press(browser, *[Keys.TAB] * 7)  # the buttons of the frame
    press(browser, Keys.TAB, Keys.ARROW_DOWN)  # dermatoscope: from "not known" round to "yes"
    press(browser, Keys.TAB, Keys.ARROW_UP)  # changing: from "not known" to "no"
    press(browser, Keys.TAB, "50")
    press(browser, Keys.TAB, Keys.ARROW_DOWN)  # sex: round to "female"
    press(browser, Keys.TAB, "arm")
    press(browser, Keys.TAB, Keys.TAB)  # the body and the choice of a model stay folded
    press(browser, Keys.TAB)
    with wait_for_new_page(browser):
        press(browser, Keys.ENTER)
    assert focused(browser).get_attribute("id") == "status"  # the status is what a screen reader says first
    assert focused(browser).get_attribute("aria-describedby") == "caution"  # and with it what limits it
    press(browser, Keys.TAB)
    assert focused(browser).tag_name == "summary"
    press(browser, Keys.ENTER)
    assert "Whom to see" in find(browser, ".step").text
    assert_answered(browser)


@pytest.fixture(params=[("en", 390, False), ("en", 1440, True), ("de", 390, True), ("de", 1440, False)])
def seen_by(request, browser):
    """The browser with a language, a width and light or dark colours."""
    language, width, dark = request.param
    resize(browser, width, 844)
    set_colours(browser, dark)
    prefer_language(browser, language)
    yield browser
    prefer_language(browser, "en")


def test_examples_and_known_photos_by_keyboard_alone(seen_by):
    browser = seen_by
    browser.get(f"{browser.current_url}examples")
    tab_to(browser, ".gallery button")
    with wait_for_new_page(browser):
        press(browser, Keys.ENTER)
    assert focused(browser).get_attribute("id") == "status"
    known = find(browser, ".neighbours details")
    was_open = known.get_attribute("open")
    tab_to(browser, ".neighbours summary")
    press(browser, Keys.ENTER)
    assert known.get_attribute("open") != was_open


def test_the_links_of_the_page_for_programs_are_reached_by_keyboard(seen_by):
    browser = seen_by
    browser.get(f"{browser.current_url}api")
    for stop in browser.find_elements(By.CSS_SELECTOR, "a[href], button, summary")[:30]:
        press(browser, Keys.TAB)
        assert focused(browser) == stop


def tab_to(driver: Chrome, selector: str) -> None:
    """Press Tab until an element has the focus."""
    target = find(driver, selector)
    stops = len(driver.find_elements(By.CSS_SELECTOR, "a[href], button, input, select, summary, [tabindex]"))
    for _ in range(stops):
        press(driver, Keys.TAB)
        if focused(driver) == target:
            return
    pytest.fail(f"Tab does not reach {selector}")


def press(driver: Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(driver).send_keys(key).perform()
        if key == Keys.TAB:
            assert driver.execute_script(FOCUS_IS_SEEN), focused(driver).get_attribute("outerHTML")


def focused(driver: Chrome):
    return driver.switch_to.active_element


# 2.4.7 and 2.4.11: the focus has a ring, and what has it lies inside the window.
FOCUS_IS_SEEN = """
    const box = document.activeElement.getBoundingClientRect();
    return getComputedStyle(document.activeElement).outlineStyle !== "none"
        && box.bottom > 0 && box.top < innerHeight;
"""


@pytest.mark.parametrize(("name", "label"), [("melanoma", "a melanoma"), ("nevus", "a mole")])
def test_example_is_tried_with_one_click(browser, name, label):
    follow_link(browser, find(browser, f'.example input[value="{name}"] ~ button'))
    assert label in find(browser, ".analysed figcaption").text
    assert len(probabilities(browser)) == 7


def test_photo_in_the_answer_is_shown(browser):
    fill_in(browser)
    image = find(browser, ".analysed img")
    assert browser.execute_script("return arguments[0].naturalWidth", image) == 512


def test_opacity_of_the_map_follows_the_slider(browser):
    fill_in(browser)
    unfold(browser)
    heat = find(browser, "#map-MEL + label + .map .heat img")
    assert heat.value_of_css_property("opacity") == "0.8"
    by_id(browser, "strength").send_keys(Keys.HOME)
    assert heat.value_of_css_property("opacity") == "0"


def test_error_summary_has_the_focus_and_leads_to_the_field(browser):
    by_id(browser, "age").send_keys("350")
    submit(browser)
    assert browser.title.startswith("Error: ")
    assert focused(browser).get_attribute("class") == "errors"
    find(browser, '.errors a[href="#age"]').click()
    assert focused(browser).get_attribute("id") == "age"
    assert by_id(browser, "age").get_attribute("value") == "350"


def test_refusal_has_no_probabilities_and_the_focus(browser):
    refuse(browser)
    assert focused(browser).text == "Not usable as a lesion photo"
    assert probabilities(browser) == []


def test_photo_and_square_survive_an_error_where_javascript_runs(browser):
    choose(browser)
    find(browser, "[data-move=smaller]").click()
    before = crop(browser)
    by_id(browser, "age").send_keys("350")
    submit(browser)
    assert "Choose the photo again" not in find(browser, ".errors").text
    wait_for(browser, lambda _: find(browser, "[data-preview]").is_displayed())
    assert crop(browser) == before
    by_id(browser, "age").clear()
    submit(browser)
    assert status(browser) == "higher_concern"


def test_without_javascript_the_page_says_to_choose_the_photo_again(browser_without_javascript):
    driver = browser_without_javascript
    by_id(driver, "photo").send_keys(PHOTO)
    by_id(driver, "age").send_keys("350")
    submit(driver)
    assert "Choose the photo again" in find(driver, ".errors").text
    assert by_id(driver, "age").get_attribute("value") == "350"


def test_without_javascript_nothing_is_shown_that_needs_it(browser_without_javascript):
    driver = browser_without_javascript
    hidden = "[data-preview], [data-figures], [data-with-drop], [data-sending], .camera"
    assert not any(element.is_displayed() for element in driver.find_elements(By.CSS_SELECTOR, hidden))
    fill_in(driver)
    assert not any(
        element.is_displayed()
        for element in driver.find_elements(By.CSS_SELECTOR, "[data-strength], [data-back]")
    )


def test_the_way_back_from_the_answer_leads_to_the_filled_in_form(browser):
    fill_in(browser)
    find(browser, "[data-back]").click()
    wait_for(browser, lambda _: browser.find_elements(By.ID, "photo"))
    assert by_id(browser, "age").get_attribute("value") == "50"
    assert browser.title.startswith("Analyse")
    assert find(browser, "[data-preview]").is_displayed()
    by_id(browser, "dermatoscope-no").click()
    submit(browser)
    assert "not taken through a dermatoscope" in find(browser, ".caution").text
    browser.back()
    wait_for(browser, lambda _: browser.find_elements(By.ID, "photo"))
    browser.forward()
    wait_for(browser, lambda _: browser.find_elements(By.ID, "status"))


def test_frame_is_moved_and_sized_by_mouse(browser):
    choose(browser)
    for _ in range(4):
        find(browser, "[data-move=smaller]").click()
    assert crop(browser) == pytest.approx([0.2, 0.2, 0.6])
    width = find(browser, "[data-picture]").size["width"]
    frame, grip = find(browser, "[data-frame]"), find(browser, "[data-grip]")
    ActionChains(browser).drag_and_drop_by_offset(frame, round(width / 10), round(-width / 10)).perform()
    assert crop(browser) == pytest.approx([0.3, 0.1, 0.6], abs=0.01)
    ActionChains(browser).drag_and_drop_by_offset(frame, 2 * width, 0).perform()
    assert crop(browser) == pytest.approx([0.4, 0.1, 0.6], abs=0.01)  # it stays inside the photo
    ActionChains(browser).drag_and_drop_by_offset(grip, round(-width / 10), round(-width / 10)).perform()
    assert crop(browser) == pytest.approx([0.4, 0.1, 0.5], abs=0.01)


def test_frame_is_moved_and_zoomed_by_touch(browser):
    choose(browser)
    for _ in range(4):
        find(browser, "[data-move=smaller]").click()
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", find(browser, "[data-frame]"))
    box = find(browser, "[data-picture]").rect
    top = box["y"] - browser.execute_script("return scrollY")
    at = lambda x, y: {"x": box["x"] + x * box["width"], "y": top + y * box["height"]}  # noqa: E731
    touch(browser, [[at(0.5, 0.5)], [at(0.6, 0.45)], [at(0.6, 0.4)]])
    assert crop(browser) == pytest.approx([0.3, 0.1, 0.6], abs=0.02)
    apart, together = ((0.4, 0.8), (0.5, 0.7))
    fingers = [[at(x, 0.4) | {"id": index} for index, x in enumerate(xs)] for xs in (apart, together)]
    touch(browser, fingers)
    assert crop(browser)[2] == pytest.approx(0.3, abs=0.02)


def touch(driver: Chrome, moves: list[list[dict[str, float]]]) -> None:
    """Put fingers down, move them and lift them."""
    for kind, points in zip(["touchStart", *["touchMove"] * (len(moves) - 1)], moves, strict=True):
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_frame_is_moved_by_buttons_and_said_in_words(browser):
    choose(browser)
    words = find(browser, "[data-frame-words]")
    assert words.text == "The middle square is analysed."
    for way in ("smaller", "left", "up"):
        find(browser, f"[data-move={way}]").click()
    assert crop(browser) == pytest.approx([0, 0, 0.9])
    assert (
        words.text
        == "The square is as wide as 90 % of the photo's shorter side. It starts 0 % from the left and 0 % from the top."
    )
    find(browser, "[data-move=middle]").click()
    assert crop(browser) == []


def test_the_square_is_what_is_analysed(browser):
    """A corner of the photo gives another answer than its middle, and no error."""
    choose(browser)
    for way in ["smaller"] * 5 + ["left"] * 5 + ["up"] * 5:
        find(browser, f"[data-move={way}]").click()
    submit(browser)
    corner = probabilities(browser)
    find(browser, "[data-back]").click()
    wait_for(browser, lambda _: browser.find_elements(By.ID, "photo"))
    find(browser, "[data-move=middle]").click()
    submit(browser)
    assert probabilities(browser) != corner


@pytest.mark.parametrize(("way", "colour"), [("up", "red"), ("down", "green")])
def test_the_square_of_a_photo_that_lies_on_its_side_is_that_of_the_upright_one(
    browser, tmp_path, way, colour
):
    """Stored lying, shown upright by its EXIF: red above green."""
    lying = Image.new("RGB", (200, 100), "lime")
    lying.paste("red", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    lying.save(tmp_path / "lying.jpg", exif=exif)
    choose(browser, str(tmp_path / "lying.jpg"))
    for _ in range(10):
        find(browser, f"[data-move={way}]").click()
    assert crop(browser) == pytest.approx([0, 0 if way == "up" else 0.5, 1])
    submit(browser)
    cells = browser.find_elements(By.CSS_SELECTOR, ".classes [data-value]")
    likeliest = max(cells, key=lambda cell: float(cell.get_attribute("data-value")))
    assert likeliest.get_attribute("data-name") == {"red": "MEL", "green": "NV"}[colour]


GIVE = """
    const [kind, name] = arguments;
    const bytes = await (await fetch(name)).blob();
    const files = new DataTransfer();
    files.items.add(new File([bytes], "spot.jpg", {type: "image/jpeg"}));
    if (kind === "paste") {
        document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: files, bubbles: true}));
    } else {
        const zone = document.querySelector("[data-drop]");
        zone.dispatchEvent(new DragEvent("dragover", {dataTransfer: files, bubbles: true, cancelable: true}));
        zone.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
    }
"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_is_dropped_or_pasted(browser, kind):
    browser.execute_script(GIVE, kind, find(browser, ".example img").get_attribute("src"))
    wait_for(browser, lambda _: find(browser, "[data-preview]").is_displayed())
    submit(browser)
    assert status(browser) == "higher_concern"


def test_the_camera_is_offered_where_there_is_no_mouse(browser):
    camera = by_id(browser, "camera")
    assert (camera.get_attribute("capture"), camera.is_displayed()) == ("environment", False)
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        assert camera.is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    choose(browser)
    camera.send_keys(PHOTO)
    assert by_id(browser, "photo").get_attribute("value") == ""  # one photo at a time
    submit(browser)
    assert status(browser) == "higher_concern"


def test_a_photo_that_is_chosen_before_the_scripts_have_their_words_is_shown(browser, site):
    """The German words come by a request of their own, which the load of the page does not wait for."""
    slow = {"offline": False, "latency": 1000, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        browser.get(f"{site.url}/?lang=de")
        choose(browser)
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow | {"latency": 0})
        browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})


def test_the_body_sets_the_select_and_shows_what_is_selected(browser):
    unfold(browser)
    find(browser, '[data-site="hand"]').click()
    assert by_id(browser, "site").get_attribute("value") == "hand"
    Select(by_id(browser, "site")).select_by_value("back")
    marked = browser.find_elements(By.CSS_SELECTOR, ".part.chosen")
    assert {element.get_attribute("data-site") for element in marked} == {"back"}


def test_every_place_on_the_body_is_in_the_select(browser):
    offered = {option.get_attribute("value") for option in Select(by_id(browser, "site")).options}
    drawn = {
        element.get_attribute("data-site")
        for element in browser.find_elements(By.CSS_SELECTOR, "[data-site]")
    }
    assert drawn <= offered


def test_a_file_that_is_too_large_is_never_sent(browser, tmp_path):
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(21 * 1024 * 1024))
    by_id(browser, "photo").send_keys(str(large))
    wait_for(browser, lambda _: "at most 20 MB" in find(browser, "[data-photo-words]").text)
    browser.execute_script(COUNT_SENT)
    find(browser, "form[data-analyse] button[type=submit]").click()
    wait_for(browser, lambda _: browser.find_elements(By.CLASS_NAME, "errors"))
    assert "at most 20 MB" in find(browser, ".errors").text
    assert browser.execute_script("return window.sent") == 0


COUNT_SENT = "window.sent = 0; XMLHttpRequest.prototype.send = () => { window.sent += 1; };"


def test_a_form_is_sent_once_and_can_be_cancelled(browser):
    choose(browser)
    browser.execute_script(COUNT_SENT)
    browser.execute_script("""
        const form = document.querySelector("form[data-analyse]");
        form.requestSubmit();
        form.requestSubmit();
    """)
    wait_for(browser, lambda _: browser.execute_script("return window.sent"))
    assert browser.execute_script("return window.sent") == 1
    assert find(browser, "[data-progress]").text == "Uploading the photo…"
    find(browser, "[data-cancel]").click()
    assert find(browser, "[data-progress]").text == ""
    assert not find(browser, "[data-cancel]").is_displayed()
    find(browser, "form[data-analyse] button[type=submit]").click()
    wait_for(browser, lambda _: browser.execute_script("return window.sent") == 2)


FORM_BYTES = 2_000  # of the other fields and the boundaries


def twelve_megapixels(folder: Path) -> str:
    """Write a photo of 4000 x 3000 pixels, the example enlarged, with the noise of a camera."""
    photo = Image.open(PHOTO).convert("RGB").resize((4000, 3000))
    noise = Image.effect_noise((4000, 3000), 12).convert("RGB")
    Image.blend(photo, noise, 0.1).save(folder / "camera.jpg", quality=92)
    return str(folder / "camera.jpg")


def sent_bytes(driver: Chrome) -> list[int]:
    """Return the lengths of the bodies that the page posted, as their headers say."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    headers = [
        message["params"]["headers"]
        for message in messages
        if message["method"] == "Network.requestWillBeSentExtraInfo"
    ]
    return [int(fields["Content-Length"]) for fields in headers if "Content-Length" in fields]


def test_a_dicom_file_is_drawn_by_the_server(browser, tmp_path):
    pixels = np.zeros((60, 90, 3), np.uint8)
    pixels[:, :45, 0] = 255
    (tmp_path / "spot.dcm").write_bytes(dicom(pixels))
    choose(browser, str(tmp_path / "spot.dcm"))
    assert browser.execute_script("return document.querySelector('[data-picture]').naturalWidth") == 90
    find(browser, "[data-move=left]").click()
    assert crop(browser) == pytest.approx([0.133333, 0, 1], abs=0.001)
    submit(browser)
    assert status(browser) == "higher_concern"


def test_a_slow_upload_of_a_large_photo_shows_its_progress_and_few_bytes_are_sent(browser, tmp_path):
    choose(browser, twelve_megapixels(tmp_path))
    browser.execute_script("""
        window.seen = [];
        const note = () => window.seen.push([
            document.querySelector("[data-progress]")?.textContent,
            document.querySelector("[data-sending] progress")?.value,
        ]);
        new MutationObserver(note).observe(document.body, {subtree: true, childList: true, attributes: true});
    """)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_500_000 / 8}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        submit(browser)
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    assert max(sent_bytes(browser)) < 200_000 + FORM_BYTES
    seen = browser.execute_script("return window.seen")
    words = [word for word, _ in seen if word]
    assert list(dict.fromkeys(words)) == ["Uploading the photo…", "Analysing the photo…"]
    assert any(value and 0 < value < 100 for _, value in seen)


def test_no_answer_in_time_is_said_and_everything_is_still_there(browser):
    complain(browser)
    assert "No answer came in time" in find(browser, ".errors").text
    assert focused(browser).get_attribute("class") == "errors"
    assert browser.title.startswith("Error: ")
    assert find(browser, "[data-preview]").is_displayed()
    assert find(browser, "form[data-analyse] button[type=submit]").get_attribute("aria-disabled") is None


def test_no_connection_is_said(browser):
    choose(browser)
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        find(browser, "form[data-analyse] button[type=submit]").click()
        wait_for(browser, lambda _: browser.find_elements(By.CLASS_NAME, "errors"))
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline | {"offline": False})
    assert "there is no connection" in find(browser, ".errors").text


def test_the_javascript_of_the_api_page_gives_the_answer_beside_it(browser):
    browser.get(f"{browser.current_url}api")
    assert json.loads(run_javascript_snippet(browser)) == json.loads(snippet(browser, "answer"))
