"""Former addresses of the shop and where they lead now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow

MAX_PATH = 1000


class Redirect(TenantRow, Base):
    """A path at which nothing is any more, such as '/categories/tea', and the path or address that it leads to.

    Former addresses of products are `catalog.models.ProductRedirect`: those follow a product wherever it goes.
    """

    __tablename__ = "redirects"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "path"),
    )

    path: Mapped[str] = mapped_column(String(MAX_PATH))
    target: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}
