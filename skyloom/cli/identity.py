"""`skyloom identity`: what an operator does with the identity service from the machine that it runs on."""

import argparse
import json
from typing import TYPE_CHECKING

from skyloom.cli.options import add_state, home_of

if TYPE_CHECKING:
    from skyloom.wire.offline import KeyState


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("identity", help="token keys")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    rotate = verbs.add_parser(
        "rotate-keys",
        help="sign tokens by a new key from now on; those that live stay good",
        description="Make a new key for each token format in use. Running processes take it up by themselves; older "
        "keys are kept as long as a token that they signed can count, then forgotten.",
    )
    add_state(rotate)
    rotate.add_argument("--json", action="store_true")
    rotate.set_defaults(run=rotate_keys)


def rotate_keys(arguments: argparse.Namespace) -> int:
    from skyloom.wire.offline import opened

    with opened(home_of(arguments)) as cloud:
        keys = cloud.token_keys().rotate()
    if arguments.json:
        print(json.dumps({"keys": [_shown(key) for key in keys]}))
    else:
        for key in keys:
            until = "signs" if key.readable_until is None else f"read until {key.readable_until:%Y-%m-%d %H:%M:%S} UTC"
            print(f"key {key.id:<6} {key.kind:<8} made {key.created_at:%Y-%m-%d %H:%M:%S} UTC  {until}")
    return 0


def _shown(key: "KeyState") -> dict[str, object]:
    return {
        "id": key.id,
        "format": key.kind,
        "signs": key.readable_until is None,
        "created_at": key.created_at.isoformat(),
        "readable_until": None if key.readable_until is None else key.readable_until.isoformat(),
    }
