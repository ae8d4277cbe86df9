"""Carriers that people know: a parcel's page at the carrier, by a link that leads nowhere else."""

from urllib.parse import urlsplit

import pytest

from commerce.shipping.carriers import CARRIERS, tracking_url


@pytest.mark.parametrize("name", CARRIERS)
def test_every_carrier_has_a_page_over_https(name: str) -> None:
    url = tracking_url(name, "1Z 999")
    parts = urlsplit(url)
    assert (parts.scheme, url.count("1Z999"), "{" in url) == ("https", 1, False)
    assert parts.hostname == urlsplit(CARRIERS[name]).hostname


@pytest.mark.parametrize("written", ["dhl", " DHL ", "D.H.L.", "d h l"])
def test_a_carrier_is_known_however_it_is_written(written: str) -> None:
    assert tracking_url(written, "1") == tracking_url("DHL", "1")


@pytest.mark.parametrize(("carrier", "code"), [("Royal Snail", "1"), ("", "1"), ("DHL", ""), ("DHL", "  ")])
def test_no_link_where_nothing_is_known(carrier: str, code: str) -> None:
    assert tracking_url(carrier, code) == ""


@pytest.mark.parametrize("code", ['"><script>', "../../evil", "a&b=c#d", "日本", "{0}"])
def test_a_code_cannot_leave_its_place_in_the_address(code: str) -> None:
    url = tracking_url("UPS", code)
    assert url.startswith("https://www.ups.com/track?loc=en_US&tracknum=")
    assert set(url.rpartition("=")[2]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%._-~"
    )
