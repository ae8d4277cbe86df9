"""Seal what must be readable again, such as a gateway's key or a webhook's secret, before it goes into the database.

Fernet (AES-128-CBC with HMAC-SHA-256) under a key derived from SECRET_KEY by HKDF (RFC 5869). What was sealed under a
key of SECRET_KEY_FALLBACKS can still be opened, so the key can be changed without losing anything.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class DecryptionError(ValueError):
    """The text was sealed under a key that is no longer known, or changed since."""


class Seal:
    """Seals and opens short texts; `keys` are the present secret key and then the former ones."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._boxes = MultiFernet([Fernet(_derive(key)) for key in keys])

    def close(self, text: str) -> str:
        """Return `text` sealed under the present key."""
        return self._boxes.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what was sealed. Raises CannotOpen."""
        try:
            return self._boxes.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise DecryptionError("a stored secret cannot be opened: was SECRET_KEY changed?") from error

    def renew(self, sealed: str) -> str:
        """Return the same sealed under the present key. Raises CannotOpen."""
        try:
            return self._boxes.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise DecryptionError("a stored secret cannot be opened: was SECRET_KEY changed?") from error


def _derive(key: str) -> bytes:
    made = HKDF(SHA256(), 32, salt=None, info=b"lockstep: secrets at rest").derive(key.encode())
    return base64.urlsafe_b64encode(made)


_seal: list[Seal] = []


def configure_encryption(keys: Sequence[str]) -> None:
    """Use these keys from now on, the present one first; called once by `create_app`."""
    _seal[:] = [Seal(keys)]


def seal() -> Seal:
    """Return the installation's seal. Raises RuntimeError before `configure`."""
    if not _seal:
        raise RuntimeError("sealing was used before create_app")
    return _seal[0]
