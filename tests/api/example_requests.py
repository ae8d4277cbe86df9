"""Requests with the examples of the OpenAPI document, each sent as it stands once what it needs is there."""

from typing import Any

from tests.factories.api_clients import Program, new_key
from tests.factories.pricing import rules_of_now
from tests.factories.shop import make_product
from tests.fakes.stripe import running_stripe
from tests.payments.orders import accept_stripe, buy

CODE = "PRD-001"


class ExampleRequests:
    """The bodies of the document, and what has to be there before each can be sent."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._document: Any = program.get("/api/openapi.json").json
        self.sent: set[tuple[str, str]] = set()

    def wanted(self) -> set[tuple[str, str]]:
        """Return method and path of each operation that takes a body."""
        return {
            (method.upper(), path)
            for path, operations in self._document["paths"].items()
            for method, described in operations.items()
            if "requestBody" in described
        }

    def send(self, method: str, path: str, *, version: int | None = None, **parts: Any) -> Any:
        """Send the example of an operation; it must be taken. A version is the one that was seen, so it is not kept."""
        body = self._body(method, path)
        if version is not None:
            body |= {"version": version}
        self.sent.add((method, path))
        answer = self.program.call(method, path.format(**parts), body, Idempotency_Key=new_key())
        assert answer.status_code in (200, 201), f"{method} {path}: {body} -> {answer.text}"
        return answer.json

    def _body(self, method: str, path: str) -> Any:
        described = self._document["paths"][path][method.lower()]
        return described["requestBody"]["content"]["application/json"]["example"]

    def order(self, *statuses: str) -> str:
        """Place the example of an order, take it to a status, and return its code."""
        code: str = self.send("POST", "/api/orders")["code"]
        for status in statuses:
            answer = self.program.patch(f"/api/orders/{code}/status", {"status": status})
            assert answer.status_code == 200, answer.text
        return code

    def coloured_product(self) -> str:
        """Make a product of which an example adds another colour, and return its code."""
        blue = {"sku": "PRD-002-BLUE", "price": 29.99, "options": {"Colour": "blue"}}
        made = self.program.post("/api/products", {"name": "Coloured Mouse", "variants": [blue]})
        assert made.status_code == 201, made.text
        return str(made.json["code"])

    def known_code(self) -> None:
        """Make the coupon code that an example enters."""
        body = self._body("POST", "/api/coupons") | {"code": "WELCOME10"}
        assert self.program.post("/api/coupons", body).status_code == 201


def send_every_example(program: Program) -> ExampleRequests:
    """Send the example of every operation that takes a body, in an order in which each succeeds."""
    examples = ExampleRequests(program)
    of_products(examples)
    for send in (of_orders, of_authorized_payments, of_carts_and_coupons, of_webhooks, of_variants):
        send(examples)
    return examples


def of_products(examples: ExampleRequests) -> None:
    examples.send("POST", "/api/products")
    examples.send("PATCH", "/api/inventory/{product_code}", product_code=CODE)
    examples.send("POST", "/api/inventory/{product_code}/movements", product_code=CODE)
    examples.send("PATCH", "/api/products/{code}", code=CODE)


def of_variants(examples: ExampleRequests) -> None:
    examples.send("PATCH", "/api/variants/{sku}", sku=CODE)
    picture = examples.send("POST", "/api/products/{code}/pictures", code=CODE)
    version = examples.program.get(f"/api/products/{CODE}").json["version"]
    path = "/api/products/{code}/pictures/{picture_id}"
    examples.send("PATCH", path, code=CODE, picture_id=picture["id"], version=version)
    examples.send("POST", "/api/products/{code}/variants", code=examples.coloured_product())


def of_orders(examples: ExampleRequests) -> None:
    order = "/api/orders/{code}"
    examples.send("POST", "/api/commerce/checkout")
    examples.send("PATCH", f"{order}/status", code=examples.order())
    examples.send("POST", f"{order}/payments", code=examples.order())
    examples.send("POST", f"{order}/refunds", code=examples.order("paid"))
    examples.send("POST", f"{order}/shipments", code=examples.order("paid", "processing"))
    delivered = examples.order("paid", "processing", "shipped", "delivered")
    examples.send("POST", f"{order}/returns", code=delivered)
    examples.send("POST", f"{order}/returns/{{number}}/decision", code=delivered, number=1)


def of_authorized_payments(examples: ExampleRequests) -> None:
    payment = "/api/orders/{code}/payments/{payment_id}"
    tea = make_product("Tea by card", sku="CARD-TEA", price=1000, stock=10)
    with running_stripe() as fake:
        accept_stripe(examples.program.app, fake)
        with rules_of_now():
            for action in ("capture", "void"):
                bought = buy(tea)
                fake.authorize(bought.session)
                path = f"{payment}/{action}"
                examples.send("POST", path, code=bought.order.code, payment_id=bought.payment_id)


def of_carts_and_coupons(examples: ExampleRequests) -> None:
    cart = "/api/carts/{cart_id}"
    made = examples.send("POST", "/api/coupons")
    examples.send("PATCH", "/api/coupons/{code}", code=made["code"], version=made["version"])
    with_code = examples.send("POST", "/api/carts")["cartId"]
    line = examples.send("POST", f"{cart}/lines", cart_id=with_code)["items"][0]["lineId"]
    examples.send("PATCH", f"{cart}/lines/{{line_id}}", cart_id=with_code, line_id=line)
    examples.known_code()
    examples.send("POST", f"{cart}/coupons", cart_id=with_code)
    ordered = examples.send("POST", "/api/carts")["cartId"]
    examples.send("POST", f"{cart}/lines", cart_id=ordered)
    shown = examples.send("PUT", f"{cart}/details", cart_id=ordered)
    examples.send("POST", f"{cart}/checkout", cart_id=ordered, version=shown["version"])


def of_webhooks(examples: ExampleRequests) -> None:
    made = examples.send("POST", "/api/webhook-endpoints")
    examples.send(
        "PATCH", "/api/webhook-endpoints/{endpoint_id}", endpoint_id=made["id"], version=made["version"]
    )
