"""Carriers that people know by name, and where each shows how far a parcel is."""

from __future__ import annotations

import re
from urllib.parse import quote

CARRIERS = {
    "Australia Post": "https://auspost.com.au/mypost/track/details/{code}",
    "Canada Post": "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={code}",
    "Chunghwa Post": "https://postserv.post.gov.tw/pstmail/main_mail.html?targetTxn=EB500100&mailno={code}",
    "DHL": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={code}",
    "Deutsche Post DHL": "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={code}",
    "DPD": "https://tracking.dpd.de/status/en_US/parcel/{code}",
    "FedEx": "https://www.fedex.com/fedextrack/?trknbr={code}",
    "GLS": "https://gls-group.com/EU/en/parcel-tracking?match={code}",
    "Hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{code}",
    "Japan Post": "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={code}&locale=en",
    "La Poste": "https://www.laposte.fr/outils/suivre-vos-envois?code={code}",
    "Österreichische Post": "https://www.post.at/en/s/shipment-search?snr={code}",
    "PostNL": "https://postnl.nl/tracktrace/?B={code}",
    "PostNord": "https://tracking.postnord.com/en/tracking?id={code}",
    "Royal Mail": "https://www.royalmail.com/track-your-item#/tracking-results/{code}",
    "Sagawa": "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={code}",
    "Swiss Post": "https://service.post.ch/ekp-web/ui/entry/search/{code}",
    "UPS": "https://www.ups.com/track?loc=en_US&tracknum={code}",
    "USPS": "https://tools.usps.com/go/TrackConfirmAction?tLabels={code}",
    "Yamato": "https://toi.kuronekoyamato.co.jp/cgi-bin/tneko?number00=1&number01={code}",
}
"""Name -> the address that shows a parcel, with its `{code}`."""

_PLAIN = re.compile(r"[^\W_]+")


def _plain(name: str) -> str:
    return "".join(_PLAIN.findall(name)).casefold()


_BY_PLAIN_NAME = {_plain(name): address for name, address in CARRIERS.items()}


def tracking_url(carrier: str, tracking_code: str) -> str:
    """Return where a parcel can be followed, or '' when the carrier is none of ours or there is no code.

    Capitals, spaces and signs in the carrier's name do not matter; the code is quoted, whatever it holds.
    """
    address = _BY_PLAIN_NAME.get(_plain(carrier), "")
    code = "".join(tracking_code.split())
    return address.format(code=quote(code, safe="")) if address and code else ""
