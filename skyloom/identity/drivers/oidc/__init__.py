"""OpenID Connect: access tokens that clients bring, and the way of a browser to its provider and back."""

from skyloom.identity.drivers.oidc.driver import OidcDriver

__all__ = ["OidcDriver"]
