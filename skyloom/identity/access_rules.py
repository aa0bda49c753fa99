"""Whether an application credential's access rules name a request."""

import re
from collections.abc import Sequence
from functools import lru_cache

from skyloom.identity.model import AccessRule

OTHER_NAMES = {
    "volume": {"volume", "volumev3", "block-storage"},
    "share": {"share", "sharev2", "shared-file-system"},
    "object-store": {"object-store"},
    "loadbalancer": {"load-balancer"},
    "secret": {"key-manager"},
}
"""Service types by the word under which the API stands on the common port, where they are not the word itself."""
WILD = re.compile(r"\*\*|\*|\{[^/{}]*\}")


def allows(rules: Sequence[AccessRule], method: str, path: str) -> bool:
    """`path` begins with the word of the API, as /compute/v2.1/servers."""
    word, _, rest = path.strip("/").partition("/")
    services = OTHER_NAMES.get(word, {word})
    return any(
        rule.service in services and rule.method == method and _pattern(rule.path).fullmatch(f"/{rest}")
        for rule in rules
    )


@lru_cache(maxsize=1000)
def _pattern(path: str) -> re.Pattern[str]:
    parts, at = [], 0
    for found in WILD.finditer(path):
        parts += [re.escape(path[at : found.start()]), ".*" if found[0] == "**" else "[^/]+"]
        at = found.end()
    return re.compile("".join(parts) + re.escape(path[at:]).removesuffix("/"))
