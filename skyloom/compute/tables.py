"""Tables of compute. What is searched by has a column; what is only shown is one JSON document a column."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from skyloom.compute.model import Fault, FlavorShape, ImageFacts
from skyloom.db import Json, Timestamp, metadata

server = Table(
    "server",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("vm_state", String(16), nullable=False),
    Column("task_state", String(32)),
    Column("power_state", Integer, nullable=False),
    Column("host", String(255)),
    Column("image_id", String(36)),
    Column("flavor_id", String(255), nullable=False),
    Column("flavor", Json(FlavorShape), nullable=False),
    Column("image", Json(ImageFacts)),
    Column("hostname", String(255), nullable=False),
    Column("description", String(255)),
    Column("availability_zone", String(255)),
    Column("key_name", String(255)),
    Column("public_key", Text),
    Column("user_data", Text),
    Column("config_drive", Boolean, nullable=False),
    Column("access_ip_v4", String(39)),
    Column("access_ip_v6", String(39)),
    Column("disk_config", String(8), nullable=False),
    Column("metadata", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("locked_reason", String(255)),
    Column("group_id", String(36)),
    Column("reservation_id", String(16), nullable=False),
    Column("launch_index", Integer, nullable=False),
    Column("fault", Json(Fault)),
    Column("generation", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("launched_at", Timestamp),
    Column("terminated_at", Timestamp),
    Column("deleted_at", Timestamp),
    Index("ix_server_listing", "project_id", "deleted_at", "created_at", "id"),
    Index("ix_server_everyone", "deleted_at", "created_at", "id"),
    Index("ix_server_host", "deleted_at", "host"),
    Index("ix_server_group_id", "group_id"),
)

flavor = Table(
    "flavor",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("vcpus", Integer, nullable=False),
    Column("memory_mib", Integer, nullable=False),
    Column("disk_gib", Integer, nullable=False),
    Column("ephemeral_gib", Integer, nullable=False),
    Column("swap_mib", Integer, nullable=False),
    Column("rxtx_factor", Float, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("description", Text),
    Column("extra_specs", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

flavor_access = Table(
    "flavor_access",
    metadata,
    Column("flavor_id", String(255), primary_key=True),
    Column("project_id", String(255), primary_key=True),
)

keypair = Table(
    "keypair",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("fingerprint", String(255), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    UniqueConstraint("user_id", "name"),
)

host = Table(
    "compute_host",
    metadata,
    Column("id", String(36), nullable=False, unique=True),
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("availability_zone", String(255), nullable=False),
    Column("hypervisor_type", String(64), nullable=False),
    Column("hypervisor_version", Integer, nullable=False),
    Column("cpu_arch", String(32), nullable=False),
    Column("vcpus", Integer, nullable=False),
    Column("memory_mib", Integer, nullable=False),
    Column("disk_gib", Integer, nullable=False),
    Column("address", String(39), nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("disabled_reason", String(255)),
    Column("is_forced_down", Boolean, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

compute_quota = Table(
    "compute_quota",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("hard_limit", Integer, nullable=False),
)

compute_usage = Table(
    "compute_usage",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("instances", Integer, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("ram", Integer, nullable=False),
)

server_group = Table(
    "server_group",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("policy", String(32), nullable=False),
    Column("rules", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("ix_server_group_project_id", "project_id"),
)
