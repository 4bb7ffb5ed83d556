"""Take the README's two pictures of a running demo: `make pictures` while `make demo` runs.

Usage: python bin/take_pictures.py http://localhost:8000
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
BROWSERS = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
# The demo's own logins; `manage.py demo_data --logins` prints them.
USER, PASSWORD = "reception", "tidewell-demo"
TREATMENT = "acupuncture-first-visit"


def person(browser: Browser, address: str, width: int, height: int) -> Page:
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        locale="en-GB",
        timezone_id="Europe/London",
    )
    return context.new_page()


def take(address: str) -> None:
    """Write docs/pictures/booking.png and desk.png."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = next(found for name in BROWSERS if name and (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        phone = person(browser, address, 390, 900)
        phone.goto(f"/book/{TREATMENT}/")
        # The month and, under it, the times of its first day that has any.
        phone.evaluate("scrollTo(0, document.querySelector('main details').offsetTop)")
        phone.screenshot(path=FOLDER / "booking.png")
        desk = person(browser, address, 1280, 800)
        desk.goto("/desk/")
        desk.fill("input[name=username]", USER)
        desk.fill("input[name=password]", PASSWORD)
        desk.locator("main form button[type=submit]").click()
        desk.wait_for_url("**/desk/**")
        desk.screenshot(path=FOLDER / "desk.png")
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1].rstrip("/"))
