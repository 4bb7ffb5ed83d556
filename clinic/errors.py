"""The base of every refusal that a person gets to read."""

from django.utils.functional import Promise


class Refused(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """The site says no, and can say why.

    `code` is for machines (stable, snake_case), `sentence` for people (translated, in words a
    patient understands), `field` names the input it belongs beside, `status` is the HTTP
    status a page or the API answers with.
    """

    code = "refused"
    status = 422

    def __init__(self, sentence: str | Promise, *, code: str = "", field: str | None = None):
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        if code:
            self.code = code
