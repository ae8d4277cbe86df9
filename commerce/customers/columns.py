"""Headings of files of customers."""

from __future__ import annotations

from collections.abc import Mapping

ADDRESS_HEADINGS: Mapping[str, str] = {
    "Company": "company_name",
    "Street": "street_address",
    "District": "city_area",
    "City": "city",
    "State": "country_area",
    "Postal code": "postal_code",
    "Sorting code": "sorting_code",
    "Country": "country_code",
}
"""Heading -> field of an address."""
