"""What POST /v3/auth/tokens is sent: the methods with their proofs, and the scope."""

from typing import Any, Literal

import msgspec


class DomainRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class UserRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None
    password: str | None = None


class PasswordMethod(msgspec.Struct, frozen=True):
    user: UserRef


class TokenMethod(msgspec.Struct, frozen=True):
    id: str


class TotpUser(msgspec.Struct, frozen=True):
    passcode: str
    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class TotpMethod(msgspec.Struct, frozen=True):
    user: TotpUser


class ApplicationCredentialMethod(msgspec.Struct, frozen=True):
    secret: str
    id: str | None = None
    name: str | None = None
    user: UserRef | None = None


class MappedMethod(msgspec.Struct, frozen=True):
    """A token of a federated user, whom it proves again; what the body says of its provider is not looked at."""

    id: str


WITH_PROOF = ("password", "token", "totp", "application_credential", "mapped")
"""The methods whose proof stands in the body, under their own name."""


class Identity(msgspec.Struct, frozen=True):
    """The proof of each method that is named is there, so that none is looked at where one is missing."""

    methods: list[str]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None
    totp: TotpMethod | None = None
    application_credential: ApplicationCredentialMethod | None = None
    mapped: MappedMethod | None = None

    def __post_init__(self) -> None:
        for method in WITH_PROOF:
            if method in self.methods and getattr(self, method) is None:
                raise ValueError(f"it names the method {method} and has no '{method}'")


class ProjectRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class TrustRef(msgspec.Struct, frozen=True):
    id: str


class Scope(msgspec.Struct, frozen=True):
    """One of them, no more. `unscoped` is how old clients write the word."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: dict[str, bool] | None = None
    trust: TrustRef | None = msgspec.field(default=None, name="OS-TRUST:trust")
    unscoped: dict[str, Any] | None = None


class AuthRequest(msgspec.Struct, frozen=True):
    """The `auth` object of POST /v3/auth/tokens. `scope` may be the word "unscoped"."""

    identity: Identity
    scope: Scope | Literal["unscoped"] | None = None
