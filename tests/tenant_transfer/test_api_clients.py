"""Programs move with their shop, without their keys: what they were answered and how far they have read goes along."""

import zipfile
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from commerce import encryption
from commerce.accounts import api_clients
from commerce.accounts.sessions import token_hash
from commerce.api.models import IdempotencyKey
from commerce.db import db
from commerce.events.models import Event, EventFeed
from commerce.tenant_transfer.export_shop import export_to_file
from commerce.tenant_transfer.import_shop import import_shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.tenant_transfer.installations import ANSWER, PASSPHRASE, THERE, at, found, let_a_program_in, media


def test_programs_go_along_without_their_keys_and_ask_on_where_they_were(
    installations: tuple[Flask, Flask], tmp_path: Path
) -> None:
    old, new = installations
    files = {"": tmp_path / "plain.zip", PASSPHRASE: tmp_path / "sealed.zip"}
    with at(old):
        shop = found("tea")
        with shop_scope(shop):
            make_order((make_product(stock=5), 1))
            token = let_a_program_in()
            assert api_clients.authenticate_key(token)
        done = [export_to_file(shop, file, media(old), passphrase=word) for word, file in files.items()]
        assert [each.keys_left for each in done] == [1, 1]
        assert [each.secrets_left for each in done] == [0, 0], (
            "an answer that stays behind is no secret to enter"
        )
        assert [each.rows["idempotency_keys"] for each in done] == [0, 1]
        for file in files.values():
            with zipfile.ZipFile(file) as archive:
                said = b"".join(archive.read(name) for name in archive.namelist())
            assert ANSWER.encode() not in said
            assert token_hash(token).encode() not in said
    with at(new, THERE):
        moved = import_shop(files[PASSPHRASE], media(new), passphrase=PASSPHRASE).shop
        with shop_scope(moved):
            (client,) = api_clients.list_clients()
            assert client.name == "Books"
            assert api_clients.keys_of([client.id]) == {client.id: []}
            assert api_clients.authenticate_key(token) is None
            answer = db.session.scalars(select(IdempotencyKey)).one()
            assert (answer.client_id, encryption.seal().open(answer.sealed_outcome)) == (client.id, ANSWER)
            feed = db.session.scalars(select(EventFeed)).one()
            positions = db.session.scalars(select(Event.position).order_by(Event.id)).all()
            assert positions == [*range(1, feed.position + 1), None]
