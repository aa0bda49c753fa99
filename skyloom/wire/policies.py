"""The policy of a whole cloud: the defaults of all domains, and the operator's files in its folder."""

import msgspec

from skyloom import identity, image
from skyloom.access import Policy
from skyloom.access.policy_files import PolicyFiles, PolicyState
from skyloom.compute.policy import RULES as COMPUTE_RULES
from skyloom.home import Home, write_whole
from skyloom.network.policy import RULES as NETWORK_RULES


def default_policy() -> Policy:
    return Policy([identity.RULES, image.RULES, NETWORK_RULES, COMPUTE_RULES])


def loaded_files(home: Home, policy: Policy, is_kept: bool = False) -> PolicyFiles:
    """The files of the folder, in force; raises PolicyFileInvalid. `is_kept`: what becomes of them is written down for
    `skyloom status`."""

    def keep(state: PolicyState) -> None:
        if not is_kept:
            return
        if state == PolicyState():
            home.policy_state.unlink(missing_ok=True)
        else:
            write_whole(home.policy_state, msgspec.json.encode(state), 0o600)

    files = PolicyFiles(home.folder / "policy", policy, keep)
    files.load()
    return files
