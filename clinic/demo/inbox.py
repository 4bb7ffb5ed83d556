"""Messages from the contact form, in each state."""

from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth import get_user_model

from clinic import clock
from clinic.models import ContactMessage


class Letter(NamedTuple):
    days_ago: float
    name: str
    email: str
    subject: str
    message: str
    phone: str = ""
    best_time: str = ""
    answer: str = ""
    state: str = "new"


LETTERS = (
    Letter(
        0.2,
        "Ottilie Brackwater",
        "ottilie@example.org",
        "Can I bring my dog?",
        "She is an assistance dog and very quiet.\n\nI would come on a Tuesday.",
    ),
    Letter(
        0.9,
        "Ferris Holmdale",
        "ferris@example.org",
        "Which of your people speaks Polish?",
        "It is for my mother, who is 79. She can climb a few steps if there is a rail.",
        "+447700900091",
        "after 5",
    ),
    Letter(
        1.6,
        "Null",
        "null@example.org",
        "undefined",
        "This is my real name. Your last form said that it is empty. Please tell me that this "
        "one works. 🙂",
    ),
    Letter(
        4,
        "Gethin Marrowby",
        "gethin@example.org",
        "Do you do home visits?",
        "I have not been able to drive since my knee was done.",
        "+441174960310",
        "mornings",
        "Dear Gethin,\n\nI am sorry, we do not. The bus stops across the road from Quayside and "
        "there is no step.\n\nDesmond, front desk",
        "answered",
    ),
    Letter(
        9,
        "Yolanda Pettifer-Wynne",
        "yolanda@example.org",
        "A receipt for my insurer",
        "Could I have a receipt for my three visits in the spring, please?",
        answer="Dear Yolanda,\n\nIt is in the post. Please check that your insurer covers the "
        "rest before you book more.\n\nDesmond, front desk",
        state="answered",
    ),
    Letter(
        12,
        "Best SEO Ranking",
        "first.page@example.org",
        "Your site could be number one!!!",
        "We looked at your site and found 47 errors. Reply today for a free report.",
        state="closed",
    ),
    Letter(
        16,
        "Aurelio Stride",
        "aurelio@example.org",
        "Thank you",
        "Please tell Ash that I walked up to the bridge and back. First time since March.",
        answer="We did, and you made their week.",
        state="closed",
    ),
)


def build() -> None:
    """Write the messages, counted back from now; the answers are reception's."""
    now = clock.now()
    desk = get_user_model().objects.filter(username="reception").first()
    for letter in LETTERS:
        received = now - timedelta(days=letter.days_ago)
        row = ContactMessage.objects.create(
            name=letter.name,
            email=letter.email,
            phone=letter.phone,
            subject=letter.subject,
            message=letter.message,
            reply_by="phone" if letter.phone else "mail",
            best_time=letter.best_time,
            state=letter.state,
            answer=letter.answer,
            answered_at=received + timedelta(hours=7) if letter.answer else None,
            answered_by=desk if letter.answer else None,
        )
        ContactMessage.objects.filter(pk=row.pk).update(created_at=received)
