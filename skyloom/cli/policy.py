"""`skyloom policy`: who may do what here, and why."""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from skyloom.cli.options import add_state, home_of

if TYPE_CHECKING:
    from skyloom.wire.explained import Explained

REFUSED = 3


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("policy", help="who may do what, and why")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    why = verbs.add_parser(
        "explain",
        help="tell whether a user may do an action, by which rule, and what of it holds",
        description="Ends with 0 when the action is allowed, with 3 when it is not. Policy files count as they are.",
    )
    add_state(why)
    why.add_argument("--user", required=True, metavar="USER", help="id or name")
    why.add_argument("--action", required=True, metavar="ACTION", help="such as identity:create_user")
    scope = why.add_mutually_exclusive_group()
    scope.add_argument("--project", metavar="PROJECT", help="the token's scope: id or name of a project")
    scope.add_argument("--domain", metavar="DOMAIN", help="the token's scope: id or name of a domain")
    scope.add_argument("--system", action="store_true", help="the token's scope: the system")
    why.add_argument("--in-domain", default="default", metavar="DOMAIN", help="of the names of user and project")
    why.add_argument(
        "--target",
        action="append",
        default=[],
        type=_pair,
        metavar="KEY=VALUE",
        help="an attribute of the thing, as the rule names it: target.user.domain_id=default",
    )
    why.add_argument("--json", action="store_true")
    why.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from skyloom.wire.explained import Question
    from skyloom.wire.offline import opened

    question = Question(
        user=arguments.user,
        action=arguments.action,
        project=arguments.project,
        domain=arguments.domain,
        system=arguments.system,
        of_domain=arguments.in_domain,
        target=dict(arguments.target),
    )
    with opened(home_of(arguments)) as cloud:
        found = cloud.explain(question)
    if arguments.json:
        print(json.dumps(_shown(found, question.action)))
    else:
        _print(found, question.action)
    return 0 if found.allowed else REFUSED


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key, value


def _shown(found: "Explained", action: str) -> Mapping[str, object]:
    return {
        "allowed": found.allowed,
        "action": action,
        "user": {"id": found.user.id, "name": found.user.name, "enabled": found.user.enabled},
        "scope": found.scope,
        "rule": found.rule,
        "origin": found.origin,
        "roles": [{"id": role.id, "name": role.name, "ways": list(role.ways)} for role in found.roles],
        "missing": [list(way) for way in found.missing],
        "checks": found.checks.shown(),
    }


def _print(found: "Explained", action: str) -> None:
    word = "may" if found.allowed else "may not"
    print(f"{found.user.name} ({found.user.id}) {word} do {action} with a token of {found.scope}.")
    if not found.user.enabled:
        print("The user is disabled and gets no token.")
    print(f"\nrule ({found.origin}): {found.rule or '@'}")
    for line in found.checks.lines():
        print(f"  {line}")
    print("\nroles there:" if found.roles else "\nThe user has no role there.")
    for role in found.roles:
        print(f"  {role.name:12} {'; '.join(role.ways)}")
    if found.missing:
        print("\nany of these would do:")
        for way in found.missing:
            print(f"  {' and '.join(way)}")
