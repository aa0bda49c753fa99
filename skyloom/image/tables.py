"""The image service's tables."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from skyloom.db import Timestamp, metadata

ID = String(36)
image = Table(
    "image",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(255)),
    Column("owner", String(64)),
    Column("status", String(16), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("disk_format", String(16)),
    Column("container_format", String(16)),
    Column("min_disk_gib", Integer, nullable=False),
    Column("min_ram_mib", Integer, nullable=False),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    Column("checksum", String(32)),
    Column("hash_value", String(128)),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    # While an upload runs: who uploads, and until when it is believed to live.
    Column("upload_id", String(36)),
    Column("upload_until", Timestamp),
    Index("ix_image_owner_created_at", "owner", "created_at"),
    Index("ix_image_visibility_created_at", "visibility", "created_at"),
)
image_property = Table(
    "image_property",
    metadata,
    Column("image_id", ID, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
)
image_tag = Table(
    "image_tag",
    metadata,
    Column("image_id", ID, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
)
image_member = Table(
    "image_member",
    metadata,
    Column("image_id", ID, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("member_id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Index("ix_image_member_member_id", "member_id"),
)
