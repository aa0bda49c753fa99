"""Tables of placement. `inventory.capacity` is kept beside what it follows from: the claim compares with it in SQL,
and both engines must round it alike."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table

from skyloom.db import metadata

resource_provider = Table(
    "resource_provider",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("generation", Integer, nullable=False),
)

inventory = Table(
    "inventory",
    metadata,
    Column("provider_id", String(36), ForeignKey("resource_provider.id"), primary_key=True),
    Column("resource_class", String(255), primary_key=True),
    Column("total", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    Column("allocation_ratio", Float, nullable=False),
    Column("min_unit", Integer, nullable=False),
    Column("max_unit", Integer, nullable=False),
    Column("step_size", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    CheckConstraint("used >= 0", name="used_not_negative"),
)

allocation = Table(
    "allocation",
    metadata,
    Column("consumer_id", String(36), primary_key=True),
    Column("resource_class", String(255), primary_key=True),
    Column("provider_id", String(36), ForeignKey("resource_provider.id"), nullable=False),
    Column("used", Integer, nullable=False),
    Column("project_id", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Index("ix_allocation_provider_id", "provider_id"),
)
