"""SAML 2.0 by pysaml2 and xmlsec1: this cloud as a service provider, and as an identity provider for other clouds.

pysaml2 knows the words, the schema and the signatures; what makes a response acceptable is decided here, from the
cloud's clock, and anything that is not needed is refused.
"""

from skyloom.identity.drivers.saml.federation import SamlFederation
from skyloom.identity.drivers.saml.identity_provider import SamlIdentityProvider
from skyloom.identity.drivers.saml.service_provider import SamlServiceProvider

__all__ = ["SamlFederation", "SamlIdentityProvider", "SamlServiceProvider"]
