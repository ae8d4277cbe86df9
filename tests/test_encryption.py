"""What is sealed can be opened by its keys only."""

import pytest

from commerce.encryption import DecryptionError, Seal

OLD, NEW = "an old key of the installation, long enough", "the present key of the installation, long enough"


def test_what_was_sealed_comes_back() -> None:
    sealed = Seal([NEW]).close("sk_live_é")
    assert "sk_live" not in sealed
    assert Seal([NEW]).open(sealed) == "sk_live_é"


def test_a_former_key_still_opens() -> None:
    sealed = Seal([OLD]).close("whsec")
    assert Seal([NEW, OLD]).open(sealed) == "whsec"


@pytest.mark.parametrize("change", [lambda text: text[:-4] + "AAAA", lambda _text: "", lambda _text: "é"])
def test_a_changed_text_is_refused(change: object) -> None:
    sealed = Seal([NEW]).close("secret")
    with pytest.raises(DecryptionError):
        Seal([NEW]).open(change(sealed))  # type: ignore[operator]


def test_another_key_is_refused() -> None:
    with pytest.raises(DecryptionError, match="SECRET_KEY"):
        Seal([NEW]).open(Seal([OLD]).close("secret"))
