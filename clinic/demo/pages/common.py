"""Questions that every therapy asks, and needs that many treatments share."""

from ..shapes import NeedData, QuestionData

PREGNANT = QuestionData("pregnancy", "Are you pregnant, or could you be?")


def whole_visit(minutes: int, pool: str, clean_up: int = 0) -> tuple[NeedData, ...]:
    """The practitioner from start to end, and one room with its clean-up."""
    return (NeedData("", 0, minutes), NeedData(pool, 0, minutes + clean_up))
