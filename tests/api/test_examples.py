"""Every example of a request in the OpenAPI document works as it stands."""

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.api.example_requests import send_every_example
from tests.factories.api_clients import make_program

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_example_request_of_the_document_succeeds(app: Flask, in_shop: Shop) -> None:
    examples = send_every_example(make_program(app))
    assert examples.sent == examples.wanted()
