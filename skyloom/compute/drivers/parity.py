"""What each hypervisor can do, as a table for the documentation, drawn from what the drivers declare."""

from collections.abc import Mapping

CAPABILITIES = {
    "guests": "runs real guests",
    "power": "start and stop, asking the guest first",
    "soft_reboot": "reboot by asking the guest first",
    "console_output": "serial console output",
    "config_drive": "config drive",
}
"""Each name that a driver may declare, in the order of the table."""


def render_parity(declared: Mapping[str, frozenset[str]]) -> str:
    """A Markdown table: a row a capability, a column a driver. `declared`: driver's name -> its capabilities."""
    unknown = frozenset().union(*declared.values()) - CAPABILITIES.keys()
    if unknown:
        raise ValueError(f"capabilities without a description: {', '.join(sorted(unknown))}")
    rows = [["capability", *declared], ["---", *("---" for _ in declared)]]
    for name, description in CAPABILITIES.items():
        rows.append([description, *("yes" if name in has else "no" for has in declared.values())])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
