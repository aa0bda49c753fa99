"""Errors of placement."""

from skyloom.errors import NotFound


class ProviderUnknown(NotFound):
    code = "placement.provider_unknown"

    def __init__(self, name: str):
        super().__init__(f"No resource provider is called {name}; the host has not announced itself yet.", name=name)
