"""The OpenAPI document: Ninja's, corrected where it says less or other than what is answered."""

from typing import Any

from ninja import NinjaAPI

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
    "schema": {"type": "string", "maxLength": 255},
    "example": "b1f6a0c2-5d0e-4a53-9a36-0d3c2f6f3f1e",
}


class DocumentedAPI(NinjaAPI):
    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """With problem documents under their own media type, and parameters' examples as values."""
        document = super().get_openapi_schema(**kwargs)
        for path in document["paths"].values():
            for operation in path.values():
                for parameter in operation["parameters"]:
                    examples = parameter.pop("examples", None)
                    if examples:
                        parameter["example"] = examples[0]
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        content = answer["content"]
                        content["application/problem+json"] = content.pop("application/json")
                    if int(status) == 200 and "304" in map(str, operation["responses"]):
                        answer["headers"] = CACHING
        return document
