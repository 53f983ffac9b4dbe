"""Every state of the page against axe-core, at three widths, light and dark; and what axe-core does not look at."""

import zipfile

import pytest
from selenium.webdriver import Chrome

from tests.browser.steps import STATES, WIDTHS, WITHOUT_JAVASCRIPT
from tests.conftest import skip_unless_ci
from tools.chromium import resize, set_colours
from tools.packages import AXE, NotFetched, fetched

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
RUN = """
    const [rules, done] = arguments;
    axe.run(document, {runOnly: {type: "tag", values: rules}}).then((result) => done({
        passes: result.passes.length,
        faults: [...result.violations, ...result.incomplete].map(
            (one) => [one.id, ...one.nodes.map((node) => `${node.target}: ${node.failureSummary}`)]),
    }));
"""


@pytest.fixture(scope="session")
def axe() -> str:
    try:
        wheel = fetched(AXE)
    except NotFetched as error:
        skip_unless_ci(str(error))
    with zipfile.ZipFile(wheel) as files:
        return files.read("axe_playwright_python/axe.min.js").decode()


def assert_clean(driver: Chrome, axe: str) -> None:
    """Violations, and what axe-core could not decide, are both none."""
    driver.execute_script(axe)
    for width in WIDTHS:
        resize(driver, width, 900)
        for dark in (False, True):
            set_colours(driver, dark)
            found = driver.execute_async_script(RUN, RULES)
            assert found["faults"] == [], (width, dark)
            assert found["passes"] > 20


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(browser, axe, state):
    STATES[state](browser)
    assert_clean(browser, axe)


@pytest.mark.parametrize("state", [state for state in STATES if state != "photo chosen"])
def test_axe_finds_nothing_in_german(browser, site, axe, state):
    choose_german(browser, True)
    try:
        browser.get(site.url)
        STATES[state](browser)
        assert browser.execute_script("return document.documentElement.lang") == "de"
        assert_clean(browser, axe)
    finally:
        choose_german(browser, False)


def choose_german(driver: Chrome, on: bool) -> None:
    """What the browser says that its reader prefers."""
    driver.execute_cdp_cmd("Network.enable", {})
    headers = {"Accept-Language": "de"} if on else {}
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})


@pytest.mark.parametrize("state", WITHOUT_JAVASCRIPT)
def test_axe_finds_nothing_in_pages_that_the_server_made(browser, axe, state):
    """As somebody without JavaScript gets them; axe-core needs some, so only the page's own is kept away."""
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*.js*"]})
    try:
        browser.refresh()
        STATES[state](browser)
        assert_clean(browser, axe)
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


@pytest.mark.parametrize("width", [*WIDTHS, 360])
@pytest.mark.parametrize("state", STATES)
def test_no_width_needs_sideways_scrolling(browser, width, state):
    """1.4.10 Reflow: 320 px is also what is left of 1280 px at a zoom of 400 %."""
    resize(browser, width, 700)
    STATES[state](browser)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("state", ["form", "refusal", "answer"])
def test_wider_text_spacing_cuts_nothing_off(browser, state):
    """1.4.12 Text spacing."""
    resize(browser, 320, 700)
    STATES[state](browser)
    browser.execute_script("""
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
            word-spacing: .16em !important; } p { margin-bottom: 2em !important; }`);
        document.adoptedStyleSheets = [sheet];
    """)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 320
    assert browser.execute_script(CUT_OFF) == []


# Elements with text of their own that is wider or higher than the box that hides what does not fit.
CUT_OFF = """
    return [...document.querySelectorAll("main *")]
        .filter((element) => getComputedStyle(element).overflow !== "visible" && !element.closest(".hidden, .stage"))
        .filter((element) => !["SELECT", "INPUT", "svg", "THEAD"].includes(element.tagName))
        .filter((element) => element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1)
        .map((element) => element.outerHTML.slice(0, 80));
"""


@pytest.mark.parametrize("state", STATES)
def test_targets_are_large_enough(browser, state):
    """2.5.8 Target size: 24 px; the body figure is left out, since the select above it does the same."""
    resize(browser, 320, 700)
    STATES[state](browser)
    small = browser.execute_script("""
        return [...document.querySelectorAll("a:not(.skip), button, input:not([type=hidden]), select")]
            .filter((target) => target.checkVisibility())
            .filter((target) => target.getBoundingClientRect().height < 24)
            .map((target) => target.outerHTML);
    """)
    assert small == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("state", STATES)
def test_the_border_of_every_control_can_be_seen(browser, dark, state):
    """1.4.11 Non-text contrast, which axe-core does not measure: 3 to 1 against what is around."""
    set_colours(browser, dark)
    STATES[state](browser)
    weak = [one for one in browser.execute_script(BORDERS) if one["ratio"] < 3]
    assert weak == []


BORDERS = """
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
    const around = (element) => {
        for (let at = element.parentElement; at; at = at.parentElement) {
            const colour = pixel(getComputedStyle(at).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return pixel("Canvas");
    };
    return [...document.querySelectorAll("input[type=text], input[type=file], select, button")]
        .filter((control) => control.checkVisibility())
        .map((control) => {
            const style = getComputedStyle(control);
            const border = pixel(style.borderTopColor);
            const edge = border[3] === 255 ? border : pixel(style.backgroundColor);
            const pair = [edge, around(control)].map(luminance);
            return {control: control.outerHTML.slice(0, 60), ratio: (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)};
        });
"""


def test_the_language_and_the_title_are_said(browser):
    titles = set()
    for state in ("form", "errors", "refusal", "answer"):
        browser.get(browser.current_url)
        STATES[state](browser)
        assert browser.execute_script("return document.documentElement.lang") == "en"
        titles.add(browser.title)
    assert len(titles) == 4
    assert sum(title.startswith("Error: ") for title in titles) == 2
