"""Drive the system's headless Chromium with selenium, for browser tests and screenshots."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

# With these options the browser connects to no server by itself, and also runs in a container.
BROWSER_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)
WAIT_SECONDS = 30
# This script marks the element <main> of the old page. A new <main> has no mark, even if a script replaced only <main>.
MARK_PAGE = "document.querySelector('main').isOld = true"
IS_NEW = "return document.readyState === 'complete' && !document.querySelector('main')?.isOld"


def missing_program() -> str:
    """Return a text that names the missing programs; it is empty if none is missing."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return (
        f"{' and '.join(missing)} not found: install the Debian packages chromium and chromium-driver"
        if missing
        else ""
    )


@contextmanager
def open_browser(
    width: int = 1280, height: int = 900, dark: bool = False, javascript: bool = True
) -> Iterator[Chrome]:
    """Open a browser with an empty profile for the `with` block; width and height of its viewport are in CSS pixels."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        driver = Chrome(_options(profile, javascript), ChromeService(shutil.which("chromedriver")))
        try:
            driver.set_page_load_timeout(WAIT_SECONDS)
            resize(driver, width, height)
            set_colours(driver, dark)
            yield driver
        finally:
            driver.quit()


def _options(profile: str, javascript: bool) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*BROWSER_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def resize(driver: Chrome, width: int, height: int) -> None:
    """Set the size of the viewport in CSS pixels; it may be smaller than a desktop window can be."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def set_colours(driver: Chrome, dark: bool) -> None:
    """Make the browser prefer dark or light colours."""
    feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def prefer_language(driver: Chrome, language: str) -> None:
    """Make the browser prefer a language, such as `de`."""
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})


def follow_link(driver: Chrome, element: WebElement) -> None:
    """Click a link to another page, and wait until that page is there."""
    with wait_for_new_page(driver):
        element.click()


@contextmanager
def wait_for_new_page(driver: Chrome) -> Iterator[None]:
    """Wait, at the end of the block, until the browser shows the page to which the block led.

    A mark tells the old page from the new one. selenium's `staleness_of` cannot replace the mark, because chromedriver
    sometimes fails if it is asked for an old element while the page changes.
    """
    driver.execute_script(MARK_PAGE)
    yield
    WebDriverWait(driver, WAIT_SECONDS).until(lambda _: driver.execute_script(IS_NEW))


def save_page(driver: Chrome, path: Path) -> None:
    """Save a picture of the whole page, even if it is longer than the window."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return innerWidth")
    resize(driver, width, height)
    driver.save_screenshot(str(path))
