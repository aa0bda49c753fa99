"""Every identity command of the unmodified `openstack` client, told as stories over TLS.

A story is a list of lines that one process of the client works off; it starts anew only where a line needs what an
earlier one printed. `test_no_identity_command_is_forgotten` compares what the stories say with what the client offers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_openstack_command import IDENTITY, IDENTITY_MORE, openstack
from tests.parts.whole_cloud import WholeCloud


@dataclass(frozen=True)
class Line:
    """`keep`: the name by which later lines have the printed `key` of it, and with a dot its other values. `tells`:
    what the printed object holds, or a text that stands in the printed list. Names in braces are filled in."""

    words: str
    tells: Mapping[str, Any] | str = field(default_factory=dict)
    keep: str = ""
    key: str = "id"
    lacks: str = ""

    @property
    def prints(self) -> bool:
        return bool(self.keep or self.tells or self.lacks)


def crud(noun: str, name: str, create: str, change: str, tells: Mapping[str, Any], **more: str) -> Sequence[Line]:
    """Create, show, list, set, show. `name` stands for the thing in later lines. `also`: said wherever one is named;
    `key`: of its id."""
    also, one = more.get("also", ""), f"{{{name}}}"
    return (
        Line(f"{noun} create {create}", keep=name, key=more.get("key", "id")),
        Line(f"{noun} show {also} {one}", {more.get("key", "id"): one}),
        Line(f"{noun} list {also}", one),
        Line(f"{noun} set {also} {change} {one}"),
        Line(f"{noun} show {also} {one}", tells),
    )


PLACES = (
    *crud("region", "south", "south", "--description warm", {"description": "warm"}, key="region"),
    Line("region create --parent-region {south} --description deep deep-south", {"parent_region": "{south}"}),
    Line("region list --parent-region {south}", "deep-south"),
    *crud("service", "clock", "--name clock --enable time", "--description ticks --disable", {"description": "ticks"}),
    *crud(
        "endpoint",
        "clock-end",
        "--region {south} --disable clock public http://127.0.0.1:1/%(project_id)s",
        "--url http://127.0.0.1:2/ --enable",
        {"url": "http://127.0.0.1:2/", "enabled": True},
    ),
    Line("endpoint list --service clock --interface public --region {south}", "{clock-end}"),
    Line("endpoint add project {clock-end} {demo}"),
    Line("endpoint list --endpoint {clock-end}", "{demo}"),
    Line("endpoint list --project {demo}", "{clock-end}"),
    Line("endpoint remove project {clock-end} {demo}"),
    *crud(
        "endpoint group",
        "ends",
        "ends {FILTERS}",
        "--name ends --description all --filters {FILTERS}",
        {"description": "all"},
    ),
    Line("endpoint group add project {ends} {demo}"),
    Line("endpoint group list --endpointgroup {ends}", "{demo}"),
    Line("endpoint group list --project {demo}", "{ends}"),
    Line("endpoint group remove project {ends} {demo}"),
    *crud("policy", "rules", "--type application/json {RULES}", "--type text/plain", {"type": "text/plain"}),
    Line("policy list --long", "text/plain"),
    *crud(
        "registered limit",
        "much",
        "--description all --region {south} --service clock --default-limit 10 ticks",
        "--default-limit 20 --description many",
        {"default_limit": 20, "description": "many"},
    ),
    Line("registered limit list --service clock --resource-name ticks --region {south}", "{much}"),
    *crud(
        "limit",
        "less",
        "--project {demo} --region {south} --service clock --resource-limit 5 ticks",
        "--resource-limit 6 --description few",
        {"resource_limit": 6, "description": "few"},
    ),
    Line("limit list --project {demo} --service clock --region {south}", "{less}"),
    Line("limit delete {less}"),
    Line("registered limit delete {much}"),
    Line("policy delete {rules}"),
    Line("endpoint group delete {ends}"),
    Line("endpoint delete {clock-end}"),
    Line("service delete clock"),
    Line("region delete deep-south {south}"),
    Line("region list", lacks="south"),
    Line("catalog list", "keystone"),
    Line("catalog show identity", {"name": "keystone"}),
)
PEOPLE = (
    *crud("domain", "land", "--description flat Łand", "--name oz --description far", {"name": "oz"}),
    Line("project create --domain oz --property colour=green --tag big emerald", keep="city"),
    Line("project create --domain oz --parent {city} --disable tower", keep="tower"),
    Line("project create --domain oz --or-show tower", {"id": "{tower}"}),
    Line("project show --domain oz tower --parents", {"parents": {"{city}": {"{land}": None}}}),
    Line("project show --domain oz emerald --children", {"subtree": {"{tower}": None}}),
    Line("project show {city}", {"name": "emerald", "tags": ["big"]}),
    Line("project list --domain oz --parent {city} --long", "tower"),
    Line("project list --domain oz --tags big", "{city}"),
    Line("project list --domain oz --not-tags big", "{tower}", lacks="{city}"),
    Line("project list --domain oz --disabled", "{tower}", lacks="{city}"),
    Line("project set --tag tall --property height=9 --enable --name high {tower}"),
    Line("project set --remove-tag tall {tower}"),
    Line("project show {tower}", {"name": "high", "height": "9", "tags": [], "enabled": True}),
    Line("user create --domain oz --project {city} --email d@oz.example --password toto --enable Gale", keep="d"),
    Line("user create --domain oz --password toto --or-show Gale", {"id": "{d}"}),
    Line("user set --description girl --ignore-password-expiry --disable-multi-factor-auth {d}"),
    Line("user set --name Dorothy --domain oz --project {tower} --email dorothy@oz.example {d}"),
    Line(
        "user show --domain oz Dorothy", {"id": "{d}", "email": "dorothy@oz.example", "default_project_id": "{tower}"}
    ),
    Line("user list --domain oz --long", "dorothy@oz.example"),
    Line("user create --domain oz --password roar --disable lion", keep="lion"),
    Line("user list --domain oz --enabled", "{d}", lacks="{lion}"),
    Line("user list --domain oz --disabled", "{lion}", lacks="{d}"),
    *crud(
        "group", "friends", "--domain oz friends", "--description true --domain oz", {"description": "true"}, also=""
    ),
    Line("group create --domain {land} --or-show friends", {"id": "{friends}"}),
    Line("group add user --group-domain oz --user-domain oz friends Dorothy {lion}"),
    Line("group contains user friends Dorothy --group-domain oz --user-domain oz"),
    Line("group list --domain oz --user {d} --long", "{friends}"),
    Line("user list --group {friends}", "{lion}"),
    *crud("role", "brave", "--description heart brave", "--description lion", {"description": "lion"}),
    Line("role create --domain oz wizard", keep="wizard"),
    Line("role list --domain oz", "{wizard}"),
    Line("role show --domain oz wizard", {"domain_id": "{land}"}),
    Line("implied role create brave --implied-role reader", {"implies": "{reader}"}),
    Line("implied role list", "{brave}"),
    Line("role add --project {city} --user {d} brave"),
    Line("role add --project {tower} --group {friends} {wizard}"),
    Line("role add --domain oz --group friends --group-domain oz --inherited brave"),
    Line("role add --system all --user {d} reader"),
    Line("role assignment list --user {d} --names", "brave"),
    Line("role assignment list --user {d} --project {tower} --effective", "{reader}", lacks="{wizard}"),
    Line("role assignment list --group {friends} --domain oz --inherited", "{brave}"),
    Line("role assignment list --user {d} --system all", "{reader}"),
    Line("role assignment list --role brave --effective --names", "lion@"),
    Line("role assignment list --auth-user --auth-project --names", "admin"),
    Line("user list --project {city}", "{d}"),
    Line("project list --user {d}", "{tower}"),
    Line("project list --my-projects", lacks="{tower}"),
    Line("role remove --system all --user {d} reader"),
    Line("role remove --domain oz --group {friends} --inherited brave"),
    Line("role remove --project {tower} --group {friends} {wizard}"),
    Line("role assignment list --group {friends}", lacks="{friends}"),
    Line("implied role delete brave --implied-role reader"),
    Line("group remove user {friends} {lion}"),
    Line("credential create --type cert {d} first", keep="paper"),
    Line("credential set --user {lion} --type text --data second {paper}"),
    Line("credential show {paper}", {"blob": "second", "type": "text"}),
    Line("credential list --user {d} --type text", "{paper}"),
    Line("credential delete {paper}"),
)
PEOPLE_GO = (
    Line("role delete brave"),
    Line("role delete --domain oz wizard"),
    Line("group delete --domain oz friends"),
    Line("user delete --domain oz lion"),
    Line("project delete {tower}"),
    Line("domain set --disable oz"),
    Line("domain delete oz"),
    Line("project list", lacks="{city}"),
    Line("domain list", lacks="{land}"),
)
OWN = (
    Line("ec2 credentials create", keep="pair", key="access"),
    Line("ec2 credentials show {pair}", {"access": "{pair}"}),
    Line("ec2 credentials list", "{pair}"),
    Line("ec2 credentials delete {pair}"),
    Line("ec2 credentials create --project {city} --user {d}", keep="hers", key="access"),
    Line("ec2 credentials list --user {d}", "{hers}"),
    Line("ec2 credentials delete --user {d} {hers}"),
    Line(
        "application credential create --secret word --role reader --expiration 2099-01-01T00:00:00 --unrestricted "
        "--description handy --access-rules {ACCESS} robot",
        {"name": "robot", "unrestricted": True, "description": "handy"},
        keep="robot",
    ),
    Line("application credential show robot", {"id": "{robot}"}),
    Line("application credential list", "{robot}"),
    Line("access rule list", "/v2.1/servers", keep="rule"),
    Line("access rule show {rule}", {"path": "/v2.1/servers", "method": "GET", "service": "compute"}),
    Line("application credential delete robot"),
    Line("access rule delete {rule}"),
    Line("consumer create --description robot", {"description": "robot"}, keep="consumer"),
    Line("consumer set --description android {consumer}"),
    Line("consumer show {consumer}", {"description": "android"}),
    Line("consumer list", "{consumer}"),
    Line("consumer delete {consumer}"),
    Line("trust create --project admin --role reader --expiration 2099-01-01T00:00:00 {admin} {d}", keep="trust"),
    Line("trust show {trust}", {"trustee_user_id": "{d}", "project_id": "{admin project}", "is_impersonation": False}),
    Line("trust list --trustor {admin}", "{trust}"),
    Line("trust list --trustee Dorothy --trustee-domain oz", "{trust}"),
    Line("trust list --auth-user", "{trust}"),
    Line("trust delete {trust}"),
    Line("token issue", keep="token"),
    Line("token revoke {token}"),
)
FEDERATION = (
    *crud("mapping", "map", "--rules {MAPPING} map", "--rules {MAPPING}", {"schema_version": "1.0"}),
    *crud(
        "identity provider",
        "idp",
        "--remote-id https://idp.example --description far --authorization-ttl 60 --disable idp",
        "--description near --remote-id https://other.example --enable",
        {"description": "near", "remote_ids": ["https://other.example"], "enabled": True},
    ),
    Line("identity provider list --enabled --id idp", "idp"),
    *crud(
        "federation protocol",
        "saml2",
        "--identity-provider idp --mapping map saml2",
        "--mapping map",
        {"mapping": "map"},
        also="--identity-provider idp",
    ),
    *crud(
        "service provider",
        "sp",
        "--auth-url https://sp.example/v3 --service-provider-url https://sp.example/sp --description far sp",
        "--description near --disable",
        {"description": "near", "enabled": False},
    ),
    Line("federation domain list", "Default"),
    Line("federation project list", "admin"),
    Line("service provider delete sp"),
    Line("federation protocol delete --identity-provider idp saml2"),
    Line("identity provider delete idp"),
    Line("mapping delete map"),
)
OAUTH = (
    Line("consumer create", keep="consumer"),
    Line(
        "request token create --project admin --consumer-key {consumer} --consumer-secret {consumer.secret}",
        keep="asked",
    ),
    Line("request token authorize --request-key {asked} --role admin", keep="allowed", key="oauth_verifier"),
    Line(
        "access token create --consumer-key {consumer} --consumer-secret {consumer.secret} --request-key {asked} "
        "--request-secret {asked.secret} --verifier {allowed}",
        keep="access",
    ),
    Line("consumer delete {consumer}"),
)
STORIES = {"oauth": OAUTH, "places": PLACES, "people": (*PEOPLE, *OWN, *PEOPLE_GO), "federation": FEDERATION}


def files(folder: Path) -> dict[str, str]:
    contents = {
        "FILTERS": {"interface": "public"},
        "RULES": {"rule": "role:admin"},
        "ACCESS": [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}],
        "MAPPING": [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "REMOTE_USER"}]}],
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    return {name: str(folder / name) for name in contents}


def filled(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {filled(key, known): filled(each, known) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    for name, text in known.items():
        value = value.replace(f"{{{name}}}", text)
    return value


def tell(cloud: WholeCloud, story: Sequence[Line], known: dict[str, str]) -> None:
    """Work off the story; `known` grows by what it keeps."""
    lines, kept = list(story), {line.keep for line in story if line.keep}
    while lines:
        ready: list[Line] = []
        missing = kept - known.keys()
        while lines and not any(f"{{{name}}}" in lines[0].words or f"{{{name}." in lines[0].words for name in missing):
            ready.append(lines.pop(0))
        assert ready, f"needs what nothing has told: {lines[0]}"
        said = [filled(line.words, known) + (" -f json" if line.prints else "") for line in ready]
        printed = openstack(cloud, "skyloom-admin", said)
        for line, document in zip([line for line in ready if line.prints], printed, strict=True):
            check(line, document, known)


def check(line: Line, document: Any, known: dict[str, str]) -> None:
    text, wanted = json.dumps(document, ensure_ascii=False), filled(line.tells, known)
    if line.keep:
        first = document[0] if isinstance(document, list) else document
        known |= {line.keep: str(first[line.key]), **{f"{line.keep}.{key}": str(first[key]) for key in first}}
        wanted = filled(wanted, known)
    if isinstance(wanted, str):
        assert wanted in text, (line, document)
    else:
        shown = {name: document[name] for name in wanted}
        assert shown == wanted, line
    assert not line.lacks or filled(line.lacks, known) not in text, (line, document)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_of_identity_commands(simulated: WholeCloud, tmp_path: Path, name: str) -> None:
    identity = simulated.connect("skyloom-admin").identity
    ids = {"demo": identity.find_project("demo").id, "reader": identity.find_role("reader").id}
    ids |= {"admin": identity.find_user("admin").id, "admin project": identity.find_project("admin").id}
    tell(simulated, STORIES[name], {**files(tmp_path), **ids})


def test_a_name_is_any_text(simulated: WholeCloud) -> None:
    """As an argument of its own: the client's own prompt splits quoted words."""
    name = "Łódź, ὁδός & 東京?x=1#%41/.."
    made = json.loads(simulated.openstack("project", "create", name, "-f", "json", cloud="skyloom-admin").stdout)
    assert made["name"] == name
    shown = json.loads(simulated.openstack("project", "show", name, "-f", "json", cloud="skyloom-admin").stdout)
    assert shown["id"] == made["id"]
    again = simulated.openstack("project", "create", f"  {name} ", cloud="skyloom-admin")
    assert again.returncode == 1 and "Conflict" in again.stderr and "409" in again.stderr
    done = simulated.openstack("project", "delete", name, cloud="skyloom-admin")
    assert (done.returncode, done.stderr) == (0, "")


WRONG = (
    ("user create --domain nowhere somebody", "No Domain found for nowhere"),
    ("project delete default", "disable it first"),
    ("domain set --disable default", "default domain cannot be disabled"),
    ("endpoint create identity inside http://x", "invalid choice: 'inside'"),
    ("region create --parent-region nowhere place", "nowhere"),
    ("trust show 0123456789abcdef0123456789abcdef", "No Trust found"),
    ("token revoke nonsense", "not a recognized Fernet token"),
)


def test_wrong_input_is_told_in_a_sentence(simulated: WholeCloud) -> None:
    for words, sentence in WRONG:
        done = simulated.openstack(*words.split(), cloud="skyloom-admin")
        assert done.returncode != 0 and sentence in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr and "500" not in done.stderr, (words, done.stderr)


def test_one_changes_the_own_password(simulated: WholeCloud) -> None:
    admin = simulated.connect("skyloom-admin").identity
    user = admin.create_user(name="own password", password="first", domain_id="default")
    admin.assign_project_role_to_user(admin.find_project("demo"), user, admin.find_role("member"))

    def sign_in(password: str, *words: str) -> tuple[int, str]:
        who = ("--os-username", "own password", "--os-password", password, "--os-project-name", "demo")
        done = simulated.openstack(*who, *words)
        return done.returncode, done.stderr

    assert sign_in("first", "user", "password", "set", "--original-password", "first", "--password", "2nd") == (0, "")
    status, told = sign_in("first", "token", "issue")
    assert status == 1 and "requires authentication" in told
    assert sign_in("2nd", "token", "issue")[0] == 0
    admin.delete_user(user)


def test_no_identity_command_is_forgotten() -> None:
    said = [line.words for story in STORIES.values() for line in story]
    said += [f"{thing.noun} {verb}" for thing in IDENTITY for verb in ("create", "show", "list", "delete")]
    said += [f"{thing.noun} set" for thing in IDENTITY if thing.change]
    said += [*IDENTITY_MORE, "user password set"]
    offered = {entry.name for entry in entry_points(group="openstack.identity.v3")}
    told = {name for name in offered if any(f"{line} ".startswith(f"{name.replace('_', ' ')} ") for line in said)}
    assert offered == told
