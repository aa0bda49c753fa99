"""The identity service's tables. A domain is a project with `is_domain`; "" stands where Keystone's API shows null and
a unique key needs a value."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from skyloom.db import Json, Timestamp, metadata

ID = String(64)
NAME = String(255)

project = Table(
    "project",
    metadata,
    Column("id", ID, primary_key=True),
    Column("domain_id", ID, nullable=False),
    Column("parent_id", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("is_domain", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("options", Json, nullable=False),
    Column("extra", Json, nullable=False),
    UniqueConstraint("domain_id", "name"),
    Index("ix_project_parent_id", "parent_id"),
)
project_tag = Table(
    "project_tag",
    metadata,
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("name", NAME, primary_key=True),
)
user = Table(
    "user",
    metadata,
    Column("id", ID, primary_key=True),
    Column("domain_id", ID, ForeignKey("project.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("default_project_id", ID),
    Column("password_hash", String(255)),
    Column("password_expires_at", Timestamp),
    Column("tokens_not_before", Timestamp),
    Column("options", Json, nullable=False),
    Column("extra", Json, nullable=False),
    UniqueConstraint("domain_id", "name"),
)
group = Table(
    "group",
    metadata,
    Column("id", ID, primary_key=True),
    Column("domain_id", ID, ForeignKey("project.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("description", Text, nullable=False),
    Column("extra", Json, nullable=False),
    UniqueConstraint("domain_id", "name"),
)
membership = Table(
    "membership",
    metadata,
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ID, ForeignKey("group.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_membership_group_id", "group_id"),
)
id_mapping = Table(
    "id_mapping",
    metadata,
    Column("public_id", ID, primary_key=True),
    Column("domain_id", ID, ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(5), nullable=False),
    Column("local_id", NAME, nullable=False),
    UniqueConstraint("domain_id", "kind", "local_id"),
)
role = Table(
    "role",
    metadata,
    Column("id", ID, primary_key=True),
    Column("domain_id", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("description", Text),
    Column("options", Json, nullable=False),
    Column("extra", Json, nullable=False),
    UniqueConstraint("domain_id", "name"),
)
implied_role = Table(
    "implied_role",
    metadata,
    Column("prior_role_id", ID, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
    Column("implied_role_id", ID, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)
assignment = Table(
    "assignment",
    metadata,
    Column("actor_kind", String(5), primary_key=True),
    Column("actor_id", ID, primary_key=True),
    Column("target_kind", String(7), primary_key=True),
    Column("target_id", ID, primary_key=True),
    Column("role_id", ID, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
    Column("inherited", Boolean, primary_key=True),
    Index("ix_assignment_target", "target_kind", "target_id"),
    Index("ix_assignment_role_id", "role_id"),
)
region = Table(
    "region",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("description", Text, nullable=False),
    Column("parent_region_id", String(255), ForeignKey("region.id")),
    Column("extra", Json, nullable=False),
)
service = Table(
    "service",
    metadata,
    Column("id", ID, primary_key=True),
    Column("type", String(255), nullable=False),
    Column("name", NAME, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text),
    Column("extra", Json, nullable=False),
)
endpoint = Table(
    "endpoint",
    metadata,
    Column("id", ID, primary_key=True),
    Column("service_id", ID, ForeignKey("service.id", ondelete="CASCADE"), nullable=False),
    Column("interface", String(8), nullable=False),
    Column("region_id", String(255), ForeignKey("region.id")),
    Column("url", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("extra", Json, nullable=False),
    Index("ix_endpoint_service_id", "service_id"),
)
policy = Table(
    "policy",
    metadata,
    Column("id", ID, primary_key=True),
    Column("type", String(255), nullable=False),
    Column("blob", Json, nullable=False),
    Column("extra", Json, nullable=False),
)
credential = Table(
    "credential",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID),
    Column("type", String(255), nullable=False),
    Column("sealed_blob", LargeBinary, nullable=False),
    Column("extra", Json, nullable=False),
    Index("ix_credential_user_id", "user_id"),
)
consumer = Table(
    "consumer",
    metadata,
    Column("id", ID, primary_key=True),
    Column("description", Text),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("extra", Json, nullable=False),
)
application_credential = Table(
    "application_credential",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("description", Text, nullable=False),
    Column("secret_hash", String(255), nullable=False),
    Column("role_ids", Json, nullable=False),
    Column("unrestricted", Boolean, nullable=False),
    Column("has_access_rules", Boolean, nullable=False),
    Column("expires_at", Timestamp),
    UniqueConstraint("user_id", "name"),
)
access_rule = Table(
    "access_rule",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("service", NAME, nullable=False),
    Column("method", String(16), nullable=False),
    Column("path", String(128), nullable=False),
    UniqueConstraint("user_id", "service", "method", "path"),
)
application_credential_access_rule = Table(
    "application_credential_access_rule",
    metadata,
    Column(
        "application_credential_id",
        ID,
        ForeignKey("application_credential.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("access_rule_id", ID, ForeignKey("access_rule.id", ondelete="CASCADE"), primary_key=True),
)
trust = Table(
    "trust",
    metadata,
    Column("id", ID, primary_key=True),
    Column("trustor_user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("trustee_user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE")),
    Column("impersonation", Boolean, nullable=False),
    Column("role_ids", Json, nullable=False),
    Column("expires_at", Timestamp),
    Column("remaining_uses", Integer),
    Column("redelegation_count", Integer, nullable=False),
    Column("redelegated_trust_id", ID, ForeignKey("trust.id", ondelete="CASCADE")),
    Index("ix_trust_trustor_user_id", "trustor_user_id"),
    Index("ix_trust_trustee_user_id", "trustee_user_id"),
    Index("ix_trust_redelegated_trust_id", "redelegated_trust_id"),
)
domain_option = Table(
    "domain_option",
    metadata,
    Column("domain_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("group", NAME, primary_key=True),
    Column("option", NAME, primary_key=True),
    Column("value", Json),
    Column("sealed_value", LargeBinary),
)
endpoint_group = Table(
    "endpoint_group",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False),
    Column("description", Text),
    Column("filters", Json, nullable=False),
    Column("extra", Json, nullable=False),
)
project_endpoint = Table(
    "project_endpoint",
    metadata,
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("endpoint_id", ID, ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True),
)
project_endpoint_group = Table(
    "project_endpoint_group",
    metadata,
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("endpoint_group_id", ID, ForeignKey("endpoint_group.id", ondelete="CASCADE"), primary_key=True),
)
registered_limit = Table(
    "registered_limit",
    metadata,
    Column("id", ID, primary_key=True),
    Column("service_id", ID, ForeignKey("service.id", ondelete="CASCADE"), nullable=False),
    Column("region_id", String(255), nullable=False),
    Column("resource_name", NAME, nullable=False),
    Column("default_limit", Integer, nullable=False),
    Column("description", Text),
    Column("extra", Json, nullable=False),
    UniqueConstraint("service_id", "region_id", "resource_name"),
)
limit = Table(
    "limit",
    metadata,
    Column("id", ID, primary_key=True),
    Column("service_id", ID, ForeignKey("service.id", ondelete="CASCADE"), nullable=False),
    Column("region_id", String(255), nullable=False),
    Column("project_id", ID, nullable=False),
    Column("domain_id", ID, nullable=False),
    Column("resource_name", NAME, nullable=False),
    Column("resource_limit", Integer, nullable=False),
    Column("description", Text),
    Column("extra", Json, nullable=False),
    UniqueConstraint("service_id", "region_id", "project_id", "domain_id", "resource_name"),
)
revoked_token = Table(
    "revoked_token",
    metadata,
    Column("audit_id", String(32), primary_key=True),
    Column("expires_at", Timestamp, nullable=False),
)
signing_key = Table(
    "signing_key",
    metadata,
    Column("id", Integer, primary_key=True),
    # a token's format: fernet or jws
    Column("kind", String(16), nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    # since then a newer one signs
    Column("retired_at", Timestamp),
    # of the tokens that any process may have signed by it
    Column("longest_life_s", Integer, nullable=False),
)
identity_generation = Table(
    "identity_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
)
