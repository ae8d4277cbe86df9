"""Files that were uploaded to be imported, and how far each import got."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantOwned, TenantRow


class FileImport(TenantRow, Base):
    """An uploaded file on its way into the shop.

    checking (a dry run) -> checked -> importing -> done; failed when the file as a whole cannot be read, withdrawn when
    somebody stopped it. `options` say how to read it, `header` has its headings and first row, `preview` and `result`
    are reports, `error` is a reason with its facts. `products_done` counts the products of the file that are finished,
    refused ones too. Whoever runs it holds `claim` until `claimed_until` and has begun `tries` times without progress.
    `version` is that of the options.
    """

    __tablename__ = "file_imports"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        CheckConstraint(
            "status IN ('checked', 'checking', 'importing', 'done', 'failed', 'withdrawn')", name="status"
        ),
        Index("ix_file_imports_waiting", "status", "claimed_until"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), default="checking")
    file_name: Mapped[str]
    size: Mapped[int]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    header: Mapped[dict[str, Any]] = mapped_column(default=dict)
    preview: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    products_done: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str] = mapped_column(String(40), default="")
    claimed_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class FileImportChunk(TenantOwned, Base):
    """A piece of an uploaded file; all pieces go once the import is over."""

    __tablename__ = "file_import_chunks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "import_id"], ["file_imports.tenant_id", "file_imports.id"], ondelete="CASCADE"
        ),
    )

    import_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class FileImportPart(TenantOwned, Base):
    """What came of some rows of a file, written in the transaction that took them in."""

    __tablename__ = "file_import_parts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "import_id"], ["file_imports.tenant_id", "file_imports.id"], ondelete="CASCADE"
        ),
    )

    import_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    report: Mapped[dict[str, Any]]
