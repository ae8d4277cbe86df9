"""Things to sell: real rows in the shop that the test has entered."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update

from commerce.catalog.models import Product, Variant
from commerce.catalog.search import index_products
from commerce.db import atomic, db
from commerce.inventory.adjustments import change_on_hand, set_initial_stock
from commerce.inventory.models import StockItem


@dataclass(frozen=True)
class Sold:
    """A product with one variant, as ids and words."""

    variant_id: uuid.UUID
    product_id: uuid.UUID
    sku: str
    title: str
    path: str
    price: int


@atomic
def make_product(
    title: str = "Green tea",
    *,
    price: int = 1000,
    stock: int = 10,
    sku: str = "",
    weight: int = 100,
    tax_class: str = "standard",
    options: dict[str, str] | None = None,
    compare_at: int | None = None,
    requires_shipping: bool = True,
) -> Sold:
    """Put a product with one variant on the shelf; `price` is minor units, `weight` grams of one unit."""
    slug = title.lower().replace(" ", "-")
    product = Product(slug=slug, title=title, option_names=list(options or {}))
    variant = Variant(
        sku=sku or slug.upper(),
        price=price,
        weight_grams=weight,
        tax_class=tax_class,
        option_values=list((options or {}).values()),
        compare_at=compare_at,
        requires_shipping=requires_shipping,
    )
    product.variants.append(variant)
    db.session.add(product)
    db.session.flush()
    set_initial_stock({variant.id: stock}, cause="opening", actor="test", reference="test")
    index_products([product.id])
    return Sold(variant.id, product.id, variant.sku, title, f"/products/{slug}", price)


@atomic
def set_price(sold: Sold, price: int) -> None:
    """Change a price, as staff would."""
    db.session.execute(update(Variant).where(Variant.id == sold.variant_id).values(price=price))


@atomic
def stop_selling(sold: Sold) -> None:
    """Take a product off the shelf."""
    db.session.execute(update(Product).where(Product.id == sold.product_id).values(status="archived"))


@atomic
def change_stock(sold: Sold, delta: int) -> None:
    """Receive or lose units."""
    stock_id = db.session.scalars(select(StockItem.id).where(StockItem.variant_id == sold.variant_id)).one()
    change_on_hand(stock_id, delta, cause="counted", actor="test")


@atomic
def allow_backorder(sold: Sold, limit: int, ships_from: date | None = None) -> None:
    """Let so many units be promised beyond the stock at each location, expected on a day."""
    db.session.execute(
        update(StockItem).where(StockItem.variant_id == sold.variant_id).values(backorder_limit=limit)
    )
    db.session.execute(update(Variant).where(Variant.id == sold.variant_id).values(ships_from=ships_from))


def counters(sold: Sold) -> tuple[int, int]:
    """Return (on hand, reserved) over all locations."""
    rows = db.session.execute(
        select(StockItem.on_hand, StockItem.reserved).where(StockItem.variant_id == sold.variant_id)
    ).all()
    db.session.close()
    return sum(row[0] for row in rows), sum(row[1] for row in rows)
