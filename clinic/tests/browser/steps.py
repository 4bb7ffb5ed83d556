"""What a person does in several journeys."""

from datetime import UTC, date, datetime, timedelta

from playwright.sync_api import Page

TREATMENT = "massage-60"


def days_ahead(days: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=days)


def choose_a_start(page: Page, treatment: str = TREATMENT, *, after_days: int = 3) -> str:
    """From the calendar to the first start on the first free day after some days; its name."""
    page.goto(f"/book/{treatment}/?date={days_ahead(after_days)}")
    for _month in range(3):
        for link in page.locator("table.calendar a").all():
            day = date.fromisoformat((link.get_attribute("href") or "").split("date=")[1][:10])
            if day > days_ahead(after_days):
                link.click()
                start = page.locator("a.start").first
                name = start.inner_text().split()[0]
                start.click()
                return name
        page.get_by_role("link", name="Later").first.click()
    raise AssertionError("nothing is free in three months")


def choose(page: Page, name: str, value: str) -> None:
    """Click the words of a radio button, as people do."""
    radio = page.locator(f"input[name='{name}'][value='{value}']")
    page.locator(f"label[for='{radio.get_attribute('id')}']").click()


def answer_the_gate(page: Page, **answers: str) -> None:
    """No to every question, unless an answer is given by the question's code."""
    for radio in page.locator("input[type=radio][value=no]").all():
        code = (radio.get_attribute("name") or "").removeprefix("gate-")
        name, value = radio.get_attribute("name"), answers.get(code, "no")
        choose(page, name or "", value)
    page.locator("main form button[type=submit]").last.click()


def fill_in(page: Page, name: str, mail: str) -> None:
    """The details form, up to its button."""
    page.get_by_label("Name of the patient").fill(name)
    page.get_by_label("Mail address").fill(mail)
    page.get_by_label("Phone", exact=False).first.fill("0117 496 0155")
    choose(page, "of_age", "yes")
    for radio in page.locator("input[type=radio][value=no][name^=answer-]").all():
        choose(page, radio.get_attribute("name") or "", "no")


def book(page: Page, name: str, mail: str, **choice: int) -> str:
    """The whole way to a booked appointment; its address."""
    choose_a_start(page, after_days=choice.get("after_days", 3))
    answer_the_gate(page)
    fill_in(page, name, mail)
    page.get_by_role("button", name="Book this appointment").last.click()
    page.wait_for_url("**/appointments/**")
    return page.url


def sign_in(page: Page, username: str) -> None:
    page.goto("/login/")
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill("tidewell-demo")
    page.locator("main button[type=submit]").click()
