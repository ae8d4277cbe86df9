"""The shop with one of its guards taken away, for controls: `python -m tests.faults.unguarded stock|pages`.

A test that finds nothing proves something only if it finds this.
"""

import sys

from flask.cli import main as flask
from sqlalchemy import update

import app
from commerce.inventory import services as inventory
from commerce.inventory.models import StockItem


def unguard_stock() -> None:
    """Let a reservation count itself without looking whether there are units, nor taking them."""
    counter = StockItem.__table__.c.version
    inventory._TAKE = update(StockItem.__table__).where(inventory._ROW).values(version=counter + 1)


def unguard_pages() -> None:
    """Keep pages for strangers whatever is committed."""
    app.database_state = lambda _connection: (0, 0)


if __name__ == "__main__":
    {"stock": unguard_stock, "pages": unguard_pages}[sys.argv[1]]()
    sys.argv = ["flask", "--app", "app", "serve"]
    flask()
