"""Hashes are argon2id with our settings, and a flood of sign-ins finds only two of them being computed."""

import threading
import time

import pytest

from commerce.accounts import passwords
from commerce.errors import InvalidValue


def test_a_hash_knows_its_password_and_no_other() -> None:
    stored = passwords.hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify_password(stored, "correct horse battery")
    assert not passwords.verify_password(stored, "correct horse batterie")
    assert not passwords.verify_password("not a hash", "correct horse battery")


def test_the_same_letters_from_another_keyboard_are_the_same_password() -> None:
    assert passwords.verify_password(passwords.hash_password("Zoe\u0308 trinkt Tee"), "Zo\u00eb trinkt Tee")


def test_nobodys_hash_costs_what_a_real_one_costs() -> None:
    assert not passwords.is_outdated(passwords.NOBODY)
    assert not passwords.verify_password(passwords.NOBODY, "")


def test_at_most_two_hashes_are_computed_at_once(monkeypatch) -> None:
    running, most, lock = 0, 0, threading.Lock()

    class SlowHasher:
        def hash(self, _password: str) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1
            return "hash"

    monkeypatch.setattr(passwords, "_hasher", SlowHasher())
    threads = [threading.Thread(target=passwords.hash_password, args=("password",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "PASSWORD1234",
        "passwordpassword",
        "123456789012",
        "qwertyuiop12",
        "aaaaaaaaaaaaaaaa",
        "administrator1",
        "olivia@shop.test",
        "Alice's Tea1",
        "short",
        "x" * 1025,
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        passwords.judge_password(password, minimum=12, about=("olivia@shop.test", "Olivia", "Alice's Tea"))
    assert refused.value.field == "password"


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "x7#kQ9!mTz2p", "ein langes Wort im Wald", "茶を飲みながら本を読む午後"],
)
def test_a_strong_password_needs_no_particular_characters(password: str) -> None:
    passwords.judge_password(password, minimum=12, about=("Alice's Tea",))


def test_the_longest_password_is_judged_in_a_moment() -> None:
    began = time.monotonic()
    passwords.judge_password("".join(chr(33 + i * i % 89) for i in range(1024)), minimum=12)
    assert time.monotonic() - began < 5
