"""The mail folder in the browser: while DEBUG is on, and never otherwise."""

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection

from clinic import devmail

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings):
    settings.DEBUG = True
    return settings.MAIL_DIR


def post(folder, subject="Your visit", html="<p style='color:red'>See you <script>x</script></p>"):
    backend = "django.core.mail.backends.filebased.EmailBackend"
    connection = get_connection(backend, file_path=str(folder))
    message = EmailMultiAlternatives(
        subject, "See you.\nhttp://localhost/x", "clinic@example.org", ["pat@example.org"]
    )
    message.attach_alternative(html, "text/html")
    message.attach("appointment.ics", "BEGIN:VCALENDAR", "text/calendar; method=REQUEST")
    message.connection = connection
    message.send()


def test_it_lists_newest_first(client, folder):
    post(folder, "First of all")
    post(folder, "Second of all")
    page = client.get("/dev/mail/").content.decode()
    assert "First of all" in page
    assert "Second of all" in page
    assert "pat@example.org" in page


def test_an_empty_folder_is_a_page_too(client, folder):
    assert client.get("/dev/mail/").status_code == 200


def test_one_message_shows_text_and_links(client, folder):
    post(folder)
    letter = devmail.newest()[0]
    page = client.get(f"/dev/mail/{letter.file}/0/").content.decode()
    assert "See you." in page
    assert 'href="http://localhost/x"' in page
    assert f"/dev/mail/{letter.file}/0/html/" in page
    assert "appointment.ics" in page


def test_the_html_runs_nothing_and_loads_nothing(client, folder):
    post(folder)
    letter = devmail.newest()[0]
    response = client.get(f"/dev/mail/{letter.file}/0/html/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy


def test_an_attachment_is_downloaded(client, folder):
    post(folder)
    letter = devmail.newest()[0]
    response = client.get(f"/dev/mail/{letter.file}/0/0/")
    assert response["Content-Disposition"] == 'attachment; filename="appointment.ics"'
    assert response["Content-Type"].startswith("text/calendar")
    assert response.content.startswith(b"BEGIN:VCALENDAR")


def test_several_messages_in_one_file_are_told_apart(client, folder):
    backend = "django.core.mail.backends.filebased.EmailBackend"
    with get_connection(backend, file_path=str(folder)) as connection:
        for n in range(3):
            EmailMultiAlternatives(
                f"Number {n}", "x", "a@example.org", ["b@example.org"], connection=connection
            ).send()
    assert [letter.subject for letter in devmail.newest()] == ["Number 2", "Number 1", "Number 0"]


@pytest.mark.parametrize(
    "path",
    [
        "nothing.log/0/",
        "..%2fclinic.sqlite3/0/",
        "%2e%2e/0/",
        "nothing.log/99999999999999999999/",
        "nothing.log/0/html/",
        "nothing.log/0/7/",
    ],
)
def test_what_is_not_a_message_is_not_found(client, folder, path):
    post(folder)
    assert client.get(f"/dev/mail/{path}").status_code == 404


def test_numbers_past_the_end_are_not_found(client, folder):
    post(folder)
    letter = devmail.newest()[0]
    assert client.get(f"/dev/mail/{letter.file}/1/").status_code == 404
    assert client.get(f"/dev/mail/{letter.file}/0/9/").status_code == 404


def test_the_list_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(devmail, "NEWEST", 2)
    for n in range(4):
        post(folder, f"Number {n}")
    assert len({letter.file for letter in devmail.newest()}) <= 2


def test_without_debug_there_is_no_such_page(client, settings):
    settings.DEBUG = False
    post(settings.MAIL_DIR)
    file = devmail.newest()[0].file
    for path in ("", f"{file}/0/", f"{file}/0/html/", f"{file}/0/0/"):
        assert client.get(f"/dev/mail/{path}").status_code == 404
