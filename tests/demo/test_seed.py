"""The demo shops are founded as a whole or not at all, as far as a person who waits can tell."""

from pathlib import Path

import pytest
from flask import Flask

from commerce.demo import seed
from commerce.tenants.queries import list_shops


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_stops_the_drawing_finds_an_empty_installation(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def draw_and_stop(spec: seed.DemoShop, *_: object) -> tuple[dict[seed.DemoPicture, bytes], bytes]:
        seen.append(spec.code)
        if len(seen) == len(seed.SHOPS):
            raise KeyboardInterrupt
        return dict.fromkeys(seed._pictures(spec), b""), b""

    monkeypatch.setattr(seed, "_draw", draw_and_stop)
    with app.app_context():
        with pytest.raises(KeyboardInterrupt):
            seed.seed_demo(tmp_path)
        assert list_shops() == []
    assert seen == [shop.code for shop in seed.SHOPS]
