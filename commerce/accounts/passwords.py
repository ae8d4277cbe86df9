"""Passwords as argon2id hashes, never more than two computed at once in a process."""

from __future__ import annotations

import unicodedata
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from commerce.errors import Busy

MAX_LENGTH = 1024
"""Longer passwords are refused unread: hashing must not be a way to keep the server busy."""

# OWASP's smallest argon2id setting: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
# Each hash takes 19 MiB and some 50 ms of a core; a flood of sign-ins may not take the shop's memory and time.
_slots = BoundedSemaphore(2)
_WAIT_SECONDS = 5.0

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$LiWAdAgP/vM2qiDd+vpo4g$utpdPwvs70GgKxdi4Mciq6amBCEt+p9XwPqS08v6Sa8"
"""The hash of a random text that nobody kept: what an unknown e-mail address is checked against."""


def _plain(password: str) -> str:
    """The same letters typed on another keyboard are the same password (NFKC, as NIST SP 800-63B advises)."""
    return unicodedata.normalize("NFKC", password)


def _enter() -> None:
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise Busy("Many people are signing in right now. Please try again in a moment.")


def hash_password(password: str) -> str:
    """Return the argon2id hash of `password`, with its salt and settings inside. Raises Busy."""
    _enter()
    try:
        return _hasher.hash(_plain(password))
    finally:
        _slots.release()


def verify_password(stored: str, password: str) -> bool:
    """Tell whether `password` is the one behind the hash `stored`. Raises Busy."""
    _enter()
    try:
        return _hasher.verify(stored, _plain(password)[:MAX_LENGTH])
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _slots.release()


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with other settings than those of today."""
    return _hasher.check_needs_rehash(stored)
