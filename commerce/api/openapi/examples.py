"""Examples for the document: what the models say of themselves, put together; what they leave out is made up."""

from __future__ import annotations

from typing import Any

UUID = "0198c0de-0000-7000-8000-000000000001"
MOMENT = "2026-01-15T10:30:00.000Z"
USUAL: dict[str, Any] = {
    "address": "100-0001 Tokyo",
    "actorName": "My program",
    "city": "Tokyo",
    "country": "JP",
    "currency": "USD",
    "customerId": "CUST-001",
    "email": "alice@example.com",
    "label": "Shipping",
    "nextCursor": None,
    "paymentMethod": "bank_transfer",
    "paymentStatus": "pending",
    "postalCode": "100-0001",
    "productCode": "PRD-001",
    "shippingMethod": "parcel",
    "sourceType": "shipping",
    "status": "pending",
    "street": "123 Main St",
    "title": "Wireless Mouse",
    "warehouseCode": "MAIN",
}
"""What a field of this name usually holds, where its own schema names no example."""
BY_FORMAT = {"uuid": UUID, "date-time": MOMENT, "date": "2026-01-15", "uri": "https://example.com/"}


class Examples:
    """Makes an example of any schema of a document."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def sent(self, schema: dict[str, Any]) -> Any:
        """Return what a program would send: what is needed, and what its author gave an example of."""
        return self._of(schema, "", whole=False)

    def answered(self, schema: dict[str, Any]) -> Any:
        """Return what is answered: every field."""
        return self._of(schema, "", whole=True)

    def _of(self, schema: dict[str, Any], name: str, *, whole: bool) -> Any:
        if "$ref" in schema:
            named = self._schemas[schema["$ref"].rpartition("/")[2]]
            return self._of({**named, **{k: v for k, v in schema.items() if k != "$ref"}}, name, whole=whole)
        if schema.get("examples"):
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, whole=whole)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._choose(choices, name, whole=whole)
        if "enum" in schema:
            return USUAL[name] if USUAL.get(name) in schema["enum"] else schema["enum"][0]
        if schema.get("type") == "array":
            rows = [self._of(schema.get("items", {}), "", whole=whole)]
            return rows * max(1, schema.get("minItems", 1))
        return _plain(schema, name)

    def _choose(self, choices: list[dict[str, Any]], name: str, *, whole: bool) -> Any:
        if any(each.get("type") == "null" for each in choices) and USUAL.get(name, "") is None:
            return None
        first = next((each for each in choices if each.get("type") != "null"), {"type": "null"})
        return self._of(first, name, whole=whole)

    def _object(self, schema: dict[str, Any], *, whole: bool) -> Any:
        needed = schema.get("required", [])
        return {
            name: self._of(each, name, whole=whole)
            for name, each in schema.get("properties", {}).items()
            if whole or name in needed or each.get("examples")
        }


def _plain(schema: dict[str, Any], name: str) -> Any:
    kind = schema.get("type")
    if kind == "string" and schema.get("format") in BY_FORMAT:
        return BY_FORMAT[schema["format"]]
    if USUAL.get(name) is not None and isinstance(USUAL[name], str) and kind == "string":
        return USUAL[name]
    if schema.get("default") is not None:
        return schema["default"]
    if kind == "integer":
        return schema.get("minimum", 1)
    return {"string": "", "number": 29.99, "boolean": True, "null": None}.get(str(kind))
