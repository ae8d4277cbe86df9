"""What a shop writes in its emails instead of our words."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantOwned


class MailText(TenantOwned, Base):
    """A shop's own words for one email in one language; '' where ours stay.

    `opening` stands in place of our first sentence, or before it where that says a fact such as an amount; `closing`
    stands at the end. Both are plain text, and all three may name variables such as {code}.
    """

    __tablename__ = "mail_texts"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    mail: Mapped[str] = mapped_column(String(40), primary_key=True)
    language: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), default="")
    opening: Mapped[str] = mapped_column(Text, default="")
    closing: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}
