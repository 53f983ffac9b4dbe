"""The system's Chromium, headless, driven by selenium, for browser tests and screenshots."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

# A browser that calls nobody by itself, keeps nothing, and runs in a container too.
FLAGS = (
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
# Each page has a main part of its own, whether the browser loaded it or a script put it in place.
MARK = "document.querySelector('main').isOld = true"
IS_NEW = "return document.readyState === 'complete' && !document.querySelector('main')?.isOld"


def missing() -> str:
    """Which program is absent, in words; empty when both are there."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return (
        f"{' and '.join(absent)} not found: install the Debian packages chromium and chromium-driver"
        if absent
        else ""
    )


@contextmanager
def chromium(
    width: int = 1280, height: int = 900, dark: bool = False, javascript: bool = True
) -> Iterator[Chrome]:
    """A fresh browser with a window of that many CSS pixels inside."""
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
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def resize(driver: Chrome, width: int, height: int) -> None:
    """The size of the page's viewport, which a window of a desktop cannot make as small as a phone's."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def set_colours(driver: Chrome, dark: bool) -> None:
    """Prefer dark or light."""
    feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def follow(driver: Chrome, element: WebElement) -> None:
    """Click what leads to another page, and wait until that page is there."""
    with new_page(driver):
        element.click()


@contextmanager
def new_page(driver: Chrome) -> Iterator[None]:
    """After the block, wait until the page that it led to is there.

    Told apart by a mark on the old one: to ask whether an element of the old page is stale is a race that
    chromedriver now and then loses with an error of its own.
    """
    driver.execute_script(MARK)
    yield
    WebDriverWait(driver, WAIT_SECONDS).until(lambda _: driver.execute_script(IS_NEW))


def save_page(driver: Chrome, path: Path) -> None:
    """A picture of the whole page, however long."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return innerWidth")
    resize(driver, width, height)
    driver.save_screenshot(str(path))
