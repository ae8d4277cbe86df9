"""Secrets on the way: opened with this installation's key and sealed again under a passphrase, or left behind."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from commerce.encryption import DecryptionError, Seal, seal
from commerce.errors import Rejected
from commerce.tenant_transfer.tables import NOTHING_WITHOUT, SEALED
from commerce.webhooks.signing import new_webhook_secret

MIN_PASSPHRASE, MAX_PASSPHRASE = 12, 128


@dataclass(slots=True)
class Carrier:
    """Takes the sealed columns of rows out of one installation and into another. `box` is None without a passphrase.

    `left` counts the secrets that were left behind.
    """

    box: Seal | None
    left: int = 0

    def pack(self, table: str, row: dict[str, Any]) -> bool:
        """Seal a row's secrets under the passphrase; without one, or when they cannot be opened, leave them behind.

        Return whether the row goes along: not when it is nothing without them, and then nobody misses them either.
        """
        for column in SEALED.get(table, ()):
            if not row[column]:
                continue
            try:
                row[column] = self.box.close(seal().open(row[column])) if self.box else None
            except DecryptionError:
                row[column] = None
            if row[column] is None and table in NOTHING_WITHOUT:
                return False
            self.left += row[column] is None
        return True

    def unpack(self, table: str, row: dict[str, Any]) -> None:
        """Seal a row's secrets under this installation's key; switch off what cannot work without them.

        Raises Rejected when the passphrase is another one.
        """
        if table not in SEALED:
            return
        lost = [column for column in SEALED[table] if row[column] is None]
        for column in SEALED[table]:
            if row[column]:
                row[column] = seal().close(self._open(row[column]))
        if table == "staff_members":
            if row["totp_secret"] is None:
                row["totp_since"] = None
        elif lost:
            self.left += len(lost)
            _SWITCH_OFF[table](row)

    def _open(self, sealed: str) -> str:
        if self.box is None:
            raise Rejected("passphrase_required")
        try:
            return self.box.open(sealed)
        except DecryptionError as error:
            raise Rejected("passphrase_wrong") from error


def _without_keys(row: dict[str, Any]) -> None:
    row.update(sealed_secrets="", enabled=False)


def _without_signature(row: dict[str, Any]) -> None:
    if row["sealed_secret"] is None:
        row["sealed_secret"] = seal().close(new_webhook_secret())
        row.update(
            state="disabled",
            disabled_reason="Moved without its secret: make a new one and tell the receiver.",
        )
    row["sealed_previous"] = row["sealed_previous"] or ""


_SWITCH_OFF = {"payment_methods": _without_keys, "webhook_endpoints": _without_signature}


def carrier(passphrase: str, salt: bytes) -> Carrier:
    """Return the carrier for a passphrase ('' for none). Raises Rejected for one that is too short or too long."""
    if not passphrase:
        return Carrier(None)
    if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
        raise Rejected("passphrase_length", minimum=MIN_PASSPHRASE, maximum=MAX_PASSPHRASE)
    # scrypt with 32 MiB: whoever gets the file has to pay for each guess.
    key = Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
    return Carrier(Seal([base64.b64encode(key).decode()]))
