"""The time zone that a new shop begins with, from its country."""

from __future__ import annotations

import zoneinfo

from babel.core import get_global

# Countries with several zones in CLDR's list, each with that of its seat of government; the owner can choose another.
_SEVERAL = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Pohnpei",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Hebron",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
}


def time_zone_of(country: str) -> str:
    """Return the time zone of a country's only zone, or of its seat of government; UTC where there is neither.

    Zones by country are those of CLDR.
    """
    zones = get_global("territory_zones").get(country, [])
    zone = _SEVERAL.get(country) or (zones[0] if len(zones) == 1 else "UTC")
    return zone if zone in zoneinfo.available_timezones() else "UTC"
