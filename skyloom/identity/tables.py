"""The identity service's tables. A domain is a project with `is_domain`; "" stands where Keystone's API shows null and
a unique key needs a value."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

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
    Index("ix_project_parent_id", "parent_id", "name"),
    Index("ix_project_name", "name", "id"),
)
project_tag = Table(
    "project_tag",
    metadata,
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("name", NAME, primary_key=True),
    Index("ix_project_tag_name", "name", "project_id"),
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
    Column("password_chosen_at", Timestamp),
    Column("created_at", Timestamp),
    Column("last_active_at", Timestamp),
    Column("options", Json, nullable=False),
    Column("is_federated", Boolean, nullable=False, default=False),
    Column("extra", Json, nullable=False),
    # an identity provider names its users as it likes, also two of them alike
    Index(
        "ux_user_domain_id_name",
        "domain_id",
        "name",
        unique=True,
        sqlite_where=text("is_federated = 0"),
        postgresql_where=text("NOT is_federated"),
    ),
    Index("ix_user_domain_id", "domain_id", "name", "id"),
    Index("ix_user_name", "name", "id"),
)
password_history = Table(
    "password_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Index("ix_password_history_user_id", "user_id"),
)
failed_log_in = Table(
    "failed_log_in",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE")),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Timestamp, nullable=False),
    Index("ix_failed_log_in_user_id", "user_id"),
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
    Index("ix_group_name", "name", "id"),
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
    Column("implied_role_id", ID, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True, index=True),
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
    Index("ix_assignment_target", "target_id", "target_kind"),
    Index("ix_assignment_role_id", "role_id"),
)
region = Table(
    "region",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("description", Text, nullable=False),
    Column("parent_region_id", String(255), ForeignKey("region.id"), index=True),
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
    Column("region_id", String(255), ForeignKey("region.id"), index=True),
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
policy_association = Table(
    "policy_association",
    metadata,
    Column("place", String(400), primary_key=True),
    Column("policy_id", ID, ForeignKey("policy.id", ondelete="CASCADE"), nullable=False),
    Column("endpoint_id", ID, ForeignKey("endpoint.id", ondelete="CASCADE")),
    Column("service_id", ID, ForeignKey("service.id", ondelete="CASCADE")),
    Column("region_id", String(255), ForeignKey("region.id", ondelete="CASCADE"), index=True),
    Index("ix_policy_association_policy_id", "policy_id"),
    Index("ix_policy_association_endpoint_id", "endpoint_id"),
    Index("ix_policy_association_service_id", "service_id"),
)
credential = Table(
    "credential",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID),
    Column("type", String(255), nullable=False),
    Column("sealed_blob", LargeBinary, nullable=False),
    Column("used_step", Integer),
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
request_token = Table(
    "request_token",
    metadata,
    Column("id", ID, primary_key=True),
    Column("consumer_id", ID, ForeignKey("consumer.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("sealed_verifier", LargeBinary),
    Column("authorizing_user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), index=True),
    Column("role_ids", Json, nullable=False),
    Column("expires_at", Timestamp),
    Index("ix_request_token_consumer_id", "consumer_id"),
    Index("ix_request_token_expires_at", "expires_at"),
)
access_token = Table(
    "access_token",
    metadata,
    Column("id", ID, primary_key=True),
    Column("consumer_id", ID, ForeignKey("consumer.id", ondelete="CASCADE"), nullable=False),
    Column("authorizing_user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("role_ids", Json, nullable=False),
    Column("expires_at", Timestamp),
    Index("ix_access_token_consumer_id", "consumer_id"),
    Index("ix_access_token_authorizing_user_id", "authorizing_user_id"),
)
oauth_nonce = Table(
    "oauth_nonce",
    metadata,
    Column("consumer_id", ID, ForeignKey("consumer.id", ondelete="CASCADE"), primary_key=True),
    Column("token", ID, primary_key=True),
    Column("nonce", NAME, primary_key=True),
    Column("signed_at", Timestamp, primary_key=True),
    Index("ix_oauth_nonce_signed_at", "signed_at"),
)
application_credential = Table(
    "application_credential",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True),
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
    Column("access_rule_id", ID, ForeignKey("access_rule.id", ondelete="CASCADE"), primary_key=True, index=True),
)
trust = Table(
    "trust",
    metadata,
    Column("id", ID, primary_key=True),
    Column("trustor_user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("trustee_user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), index=True),
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
    Index("ix_domain_option_option", "option", "group"),
)
endpoint_group = Table(
    "endpoint_group",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False),
    Column("description", Text),
    Column("filters", Json, nullable=False),
    Column("extra", Json, nullable=False),
    Index("ix_endpoint_group_name", "name", "id"),
)
project_endpoint = Table(
    "project_endpoint",
    metadata,
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("endpoint_id", ID, ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True, index=True),
)
project_endpoint_group = Table(
    "project_endpoint_group",
    metadata,
    Column("project_id", ID, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("endpoint_group_id", ID, ForeignKey("endpoint_group.id", ondelete="CASCADE"), primary_key=True, index=True),
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
    Index("ix_limit_project_id", "project_id"),
    Index("ix_limit_domain_id", "domain_id"),
)
identity_provider = Table(
    "identity_provider",
    metadata,
    Column("id", ID, primary_key=True),
    Column("domain_id", ID, ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text),
    Column("authorization_ttl", Integer),
    Index("ix_identity_provider_domain_id", "domain_id"),
)
remote_id = Table(
    "remote_id",
    metadata,
    Column("remote_id", NAME, primary_key=True),
    Column("idp_id", ID, ForeignKey("identity_provider.id", ondelete="CASCADE"), nullable=False),
    Index("ix_remote_id_idp_id", "idp_id"),
)
mapping = Table(
    "mapping",
    metadata,
    Column("id", ID, primary_key=True),
    Column("rules", Json, nullable=False),
    Column("schema_version", String(5), nullable=False),
)
federation_protocol = Table(
    "federation_protocol",
    metadata,
    Column("idp_id", ID, ForeignKey("identity_provider.id", ondelete="CASCADE"), primary_key=True),
    Column("id", ID, primary_key=True),
    Column("mapping_id", ID, nullable=False),
    Column("remote_id_attribute", NAME),
    Column("driver", String(64)),
    Column("options", Json, nullable=False),
    Column("sealed_secrets", LargeBinary),
)
service_provider = Table(
    "service_provider",
    metadata,
    Column("id", ID, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("description", Text),
    Column("auth_url", Text, nullable=False),
    Column("sp_url", Text, nullable=False),
    Column("relay_state_prefix", Text, nullable=False),
)
federated_user = Table(
    "federated_user",
    metadata,
    Column("idp_id", ID, primary_key=True),
    Column("protocol_id", ID, primary_key=True),
    Column("unique_id", NAME, primary_key=True),
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    ForeignKeyConstraint(
        ("idp_id", "protocol_id"), ("federation_protocol.idp_id", "federation_protocol.id"), ondelete="CASCADE"
    ),
    Index("ix_federated_user_user_id", "user_id"),
    Index("ix_federated_user_unique_id", "unique_id"),
)
federated_membership = Table(
    "federated_membership",
    metadata,
    Column("user_id", ID, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ID, ForeignKey("group.id", ondelete="CASCADE"), primary_key=True),
    Column("idp_id", ID, ForeignKey("identity_provider.id", ondelete="CASCADE"), primary_key=True),
    Column("expires_at", Timestamp, nullable=False),
    Index("ix_federated_membership_group_id", "group_id"),
    Index("ix_federated_membership_idp_id", "idp_id"),
)
used_once = Table(
    "used_once",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("expires_at", Timestamp, nullable=False),
    Index("ix_used_once_expires_at", "expires_at"),
)
revocation_event = Table(
    "revocation_event",
    metadata,
    Column("id", Integer, primary_key=True),
    *[
        Column(name, ID)
        for name in ("user_id", "role_id", "domain_id", "project_id", "trust_id", "consumer_id", "access_token_id")
    ],
    Column("audit_id", String(32)),
    Column("audit_chain_id", String(32)),
    Column("issued_before", Timestamp, nullable=False),
    Column("revoked_at", Timestamp, nullable=False),
    Index("ix_revocation_event_audit_id", "audit_id"),
    Index("ix_revocation_event_audit_chain_id", "audit_chain_id"),
    Index("ix_revocation_event_revoked_at", "revoked_at"),
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
identity_change = Table(
    "identity_change",
    metadata,
    Column("generation", Integer, primary_key=True),
    Column("thing", ID, primary_key=True),
)
saml_key = Table(
    "saml_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)
identity_generation = Table(
    "identity_generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
)
