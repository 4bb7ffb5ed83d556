"""The OpenAPI document: Ninja's, corrected where it says less or other than what is answered."""

from collections.abc import Callable
from typing import Any

from ninja import NinjaAPI
from ninja.operation import Operation

CACHING = {
    "ETag": {
        "description": "Of the content. Send it back in If-None-Match: a 304 says nothing changed.",
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "How long the answer may be kept.",
        "schema": {"type": "string"},
    },
}
RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 3600},
    }
}
CREATED = {
    "Location": {
        "description": "Where the appointment can be seen, as this API.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
REPLAYED = {
    "Idempotency-Replayed": {
        "description": "`true` where this key had been answered before: nothing was done again.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "description": "The ETag of the answer you have.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "1 to 255 printable characters of your choice. The same key and body book once "
    "and are answered alike, so trying again is safe.",
    "schema": {
        "type": "string",
        "maxLength": 255,
        # What isprintable() says of what a header can hold.
        "pattern": r"^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u00ff]*$",
    },
    "example": "b1f6a0c2-5d0e-4a53-9a36-0d3c2f6f3f1e",
}

_OF_IT = {"token": "$response.body#/token"}
# What can be done next with an answer, for whoever reads the document by program.
LINKS = {
    ("book", 201): {
        verb: {"operationId": verb, "parameters": _OF_IT}
        for verb in ("see", "cancel", "reschedule")
    },
    ("see", 200): {
        verb: {"operationId": verb, "parameters": _OF_IT} for verb in ("cancel", "reschedule")
    },
    ("reschedule", 200): {
        verb: {"operationId": verb, "parameters": _OF_IT} for verb in ("see", "cancel")
    },
    ("cancel", 200): {"see": {"operationId": "see", "parameters": _OF_IT}},
}


class DocumentedAPI(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The call's own name, which generated clients use: `book`, not where its code stands."""
        view: Callable[..., Any] = operation.view_func
        return view.__name__

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """With problem documents under their own media type, headers, links, and parameters'
        examples as values.
        """
        document = super().get_openapi_schema(**kwargs)
        for path in document["paths"].values():
            for operation in path.values():
                for parameter in operation["parameters"]:
                    examples = parameter.pop("examples", None)
                    if examples:
                        parameter["example"] = examples[0]
                for status, answer in operation["responses"].items():
                    _complete(operation, int(status), answer)
        return document


def _complete(operation: dict[str, Any], status: int, answer: dict[str, Any]) -> None:
    """Say of one answer what Ninja does not know: its media type, headers and links."""
    content = answer.get("content", {})
    if status >= 400 and "application/json" in content:
        content["application/problem+json"] = content.pop("application/json")
    headers: dict[str, Any] = {}
    takes = {parameter["name"] for parameter in operation["parameters"]}
    if status == 429:
        headers |= RETRY_AFTER
    if status == 200 and "If-None-Match" in takes:
        headers |= CACHING
    if status in (200, 201) and "Idempotency-Key" in takes:
        headers |= {name: {**header, "required": False} for name, header in REPLAYED.items()}
    if status == 201:
        headers |= CREATED
    if headers:
        answer["headers"] = headers
    links = LINKS.get((operation["operationId"], status))
    if links:
        answer["links"] = links
