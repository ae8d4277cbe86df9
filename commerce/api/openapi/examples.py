"""Examples for the OpenAPI document: those of the models, completed with typical values."""

from __future__ import annotations

from typing import Any

UUID = "0198c0de-0000-7000-8000-000000000001"
MOMENT = "2026-01-15T10:30:00.000Z"
TYPICAL_VALUES: dict[str, Any] = {
    "address": "100-0001 Tokyo",
    "actorName": "Warehouse app",
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
"""Field name -> value in examples, where the schema of the field has no example."""
BY_FORMAT = {"uuid": UUID, "date-time": MOMENT, "date": "2026-01-15", "uri": "https://example.com/"}


class Examples:
    """Builds an example of any schema of a document."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def request(self, schema: dict[str, Any]) -> Any:
        """Return an example of a request: the required fields, and those whose schema has an example."""
        return self._build(schema, "", complete=False)

    def response(self, schema: dict[str, Any]) -> Any:
        """Return an example of a response, with every field."""
        return self._build(schema, "", complete=True)

    def _build(self, schema: dict[str, Any], name: str, *, complete: bool) -> Any:
        if "$ref" in schema:
            schema = {**self._schemas[schema["$ref"].rpartition("/")[2]], **schema}
            del schema["$ref"]
        if schema.get("examples"):
            return schema["examples"][0]
        if choices := schema.get("anyOf"):
            if {"type": "null"} in choices and TYPICAL_VALUES.get(name, "") is None:
                return None
            return self._build(choices[0], name, complete=complete)
        if schema.get("type") == "object":
            required = schema.get("required", [])
            return {
                field: self._build(each, field, complete=complete)
                for field, each in schema.get("properties", {}).items()
                if complete or field in required or each.get("examples")
            }
        if schema.get("type") == "array":
            row = self._build(schema.get("items", {}), "", complete=complete)
            return [row] * max(1, schema.get("minItems", 1))
        return _scalar(schema, name)


def _scalar(schema: dict[str, Any], name: str) -> Any:
    kind, usual = schema.get("type"), TYPICAL_VALUES.get(name)
    if "enum" in schema:
        return usual if usual in schema["enum"] else schema["enum"][0]
    if schema.get("format") in BY_FORMAT:
        return BY_FORMAT[schema["format"]]
    if usual is not None and kind == "string":
        return usual
    if schema.get("default") is not None:
        return schema["default"]
    if kind == "integer":
        return schema.get("minimum", 1)
    return {"string": "", "number": 29.99, "boolean": True}.get(str(kind))
