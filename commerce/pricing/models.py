"""Tax rates of a shop."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce.db import Base, TenantRow


class TaxRate(TenantRow, Base):
    """The rate for one country and tax class, in millionths (190000 is 19 %). `country` '*' is everywhere else."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "country", "tax_class"),
        CheckConstraint("rate_ppm BETWEEN 0 AND 1000000", name="rate_ppm"),
    )

    country: Mapped[str] = mapped_column(String(2))
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    rate_ppm: Mapped[int]
    label: Mapped[str]
