"""Passwords as argon2id hashes, never more than two computed at once in a process."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from commerce.errors import Busy, InvalidValue

MAX_LENGTH = 1024
"""Longer passwords are refused unread: hashing must not be a way to keep the server busy."""

MIN_OF_STAFF = 12
"""Staff and operators; owners in production have a second factor beside it."""
MIN_OF_MEMBERS = 8
"""Shoppers. NIST SP 800-63B-4 asks for 15 where a password is all there is; OWASP ASVS 5.0 (6.2.1) for 8. A shopper who
is made to invent 15 letters orders as a guest, and an account here holds addresses and orders, never a way to pay. What
a long password would hold off is held off by refusing those that are guessed first, and by the pauses after wrong ones.
"""
_JUDGED = 40
"""Characters that are looked at for how easily they are guessed: more could only make it harder, and take time."""
_TOO_EASY = 1
"""zxcvbn's scores 0 and 1: guessed within a million tries (passwords of many people, words, rows of keys, dates)."""

# OWASP's smallest argon2id setting: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
# Each hash takes 19 MiB and some 50 ms of a core; a flood of sign-ins may not take the shop's memory and time.
_slots = BoundedSemaphore(2)
_WAIT_SECONDS = 5.0

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$LiWAdAgP/vM2qiDd+vpo4g$utpdPwvs70GgKxdi4Mciq6amBCEt+p9XwPqS08v6Sa8"
"""The hash of a random text that nobody kept: what an unknown email address is checked against."""


def _plain(password: str) -> str:
    """The same letters typed on another keyboard are the same password (NFKC, as NIST SP 800-63B advises)."""
    return unicodedata.normalize("NFKC", password)


def _enter() -> None:
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise Busy("sign_in_busy")


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


def judge_password(password: str, *, minimum: int, about: Iterable[str] = ()) -> None:
    """Raise InvalidValue for a new password that is too short, too long, or among those that are guessed first.

    `about` are words that an attacker tries first: the names of the person and of the shop, the address.
    """
    if not minimum <= len(password) <= MAX_LENGTH:
        raise InvalidValue("password", "password_length", minimum=minimum, maximum=MAX_LENGTH)
    # A megabyte of words that only a new password needs.
    from zxcvbn import zxcvbn

    words = [part for text in about for part in (text, *text.replace("@", " ").split()) if len(part) > 2]
    if zxcvbn(_plain(password)[:_JUDGED], user_inputs=words)["score"] <= _TOO_EASY:
        raise InvalidValue(
            "password",
            "password_too_weak",
        )


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with other settings than those of today."""
    return _hasher.check_needs_rehash(stored)
