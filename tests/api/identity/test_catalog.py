import base64
import hashlib
import hmac
from typing import Any

from tests.api.identity.conftest import Cloud


def service(cloud: Cloud) -> dict[str, Any]:
    document = {"service": {"type": "dns", "name": "designate"}}
    made: dict[str, Any] = cloud.ok("POST", "/services", cloud.root, document)["service"]
    return made


def endpoint(cloud: Cloud, service_id: str, **more: Any) -> dict[str, Any]:
    document = {"service_id": service_id, "interface": "public", "url": "https://dns.test", **more}
    made: dict[str, Any] = cloud.ok("POST", "/endpoints", cloud.root, {"endpoint": document})["endpoint"]
    return made


def seen(cloud: Cloud) -> set[str]:
    return {entry["type"] for entry in cloud.sign_in("demo").json["token"]["catalog"]}


def test_a_new_endpoint_is_in_the_next_token_and_a_disabled_one_is_not(cloud: Cloud) -> None:
    made = endpoint(cloud, service(cloud)["id"], region="Elsewhere")
    assert made["region_id"] == made["region"] == "Elsewhere" and "dns" in seen(cloud)
    cloud.ok("PATCH", f"/endpoints/{made['id']}", cloud.root, {"endpoint": {"enabled": False}})
    assert "dns" not in seen(cloud)


def test_a_token_made_before_shows_the_catalog_of_now(cloud: Cloud) -> None:
    text = cloud.token("demo")
    before = cloud.v3("GET", "/auth/tokens", text, x_subject_token=text).json["token"]["catalog"]
    endpoint(cloud, service(cloud)["id"])
    after = cloud.v3("GET", "/auth/tokens", text, x_subject_token=text).json["token"]["catalog"]
    assert len(after) == len(before) + 1


def test_a_region_in_use_stays(cloud: Cloud) -> None:
    assert cloud.v3("PUT", "/regions/North", cloud.root, {"region": {}}).status == 201
    endpoint(cloud, service(cloud)["id"], region_id="North")
    assert cloud.v3("DELETE", "/regions/North", cloud.root).status == 403
    assert cloud.v3("GET", "/regions/North", cloud.token("stranger")).status == 200


def test_a_project_with_associated_endpoints_sees_only_those(cloud: Cloud) -> None:
    made, group_of = endpoint(cloud, service(cloud)["id"]), {"name": "g", "filters": {"interface": "internal"}}
    project = cloud.ids["project:demo"]
    one = f"/OS-EP-FILTER/projects/{project}/endpoints/{made['id']}"
    assert cloud.v3("GET", one, cloud.root).status == 404
    cloud.ok("PUT", one, cloud.root)
    assert seen(cloud) == {"dns"} and cloud.v3("GET", one, cloud.root).status == 204
    group = cloud.ok("POST", "/OS-EP-FILTER/endpoint_groups", cloud.root, {"endpoint_group": group_of})[
        "endpoint_group"
    ]
    association = f"/OS-EP-FILTER/endpoint_groups/{group['id']}/projects/{project}"
    cloud.ok("PUT", association, cloud.root)
    assert seen(cloud) == {"dns", "identity", "volume"}
    assert cloud.ok("GET", association, cloud.root)["project_endpoint_group"] == {
        "endpoint_group_id": group["id"],
        "project_id": project,
        "links": {"self": f"https://cloud.test/identity/v3{association}"},
    }
    cloud.ok("DELETE", association, cloud.root)
    cloud.ok("DELETE", one, cloud.root)
    assert len(seen(cloud)) == 3


def test_limits_stand_on_registered_ones_and_show_to_those_concerned(cloud: Cloud) -> None:
    place = {"service_id": service(cloud)["id"], "resource_name": "zones"}
    registered = {"registered_limits": [{**place, "default_limit": 10}]}
    limits = {"limits": [{**place, "project_id": cloud.ids["project:demo"], "resource_limit": 5}]}
    assert cloud.v3("POST", "/limits", cloud.root, limits).status == 403
    answer = cloud.ok("POST", "/registered_limits", cloud.root, registered)
    first = answer["registered_limits"][0]
    assert answer.keys() == {"registered_limits"}
    assert cloud.v3("POST", "/registered_limits", cloud.root, registered).status == 409
    made = cloud.ok("POST", "/limits", cloud.root, limits)["limits"][0]
    assert cloud.v3("DELETE", f"/registered_limits/{first['id']}", cloud.root).status == 403
    assert [one["id"] for one in cloud.ok("GET", "/limits", cloud.token("demo"))["limits"]] == [made["id"]]
    assert cloud.ok("GET", "/limits", cloud.token("stranger"))["limits"] == []
    assert cloud.v3("GET", f"/limits/{made['id']}", cloud.token("stranger")).status == 403
    assert cloud.ok("GET", "/limits/model", cloud.token("stranger"))["model"]["name"] == "flat"


def test_a_domains_configuration_hides_its_secret(cloud: Cloud) -> None:
    domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "elsewhere"}})["domain"]
    path = f"/domains/{domain['id']}/config"
    config = {"config": {"ldap": {"url": "ldap://a", "password": "hidden"}, "identity": {"driver": "ldap"}}}
    assert cloud.v3("GET", path, cloud.root).status == 404
    assert cloud.v3("PUT", path, cloud.root, config).status == 201
    shown = {"ldap": {"url": "ldap://a"}, "identity": {"driver": "ldap"}}
    assert cloud.ok("GET", path, cloud.root)["config"] == shown
    assert cloud.ok("GET", f"{path}/ldap/url", cloud.root)["config"] == {"url": "ldap://a"}
    assert cloud.v3("PATCH", path, cloud.root, {"config": {"nova": {"a": 1}}}).status == 403
    assert cloud.v3("GET", path, cloud.token("demo")).status == 403
    cloud.ok("DELETE", f"{path}/ldap", cloud.root)
    assert cloud.ok("GET", path, cloud.root)["config"] == {"identity": {"driver": "ldap"}}


def test_a_key_pair_signs_in_through_the_gateway_only(cloud: Cloud) -> None:
    owner, path = cloud.token("demo"), f"/users/{cloud.ids['demo']}/credentials/OS-EC2"
    pair = cloud.ok("POST", path, owner, {"tenant_id": cloud.ids["project:demo"]})["credential"]
    params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Timestamp": "2026-01-01T00:00:00Z"}
    query = "SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=2026-01-01T00%3A00%3A00Z"
    text = f"GET\nec2.test\n/\n{query}"
    signature = base64.b64encode(hmac.new(pair["secret"].encode(), text.encode(), hashlib.sha256).digest()).decode()
    asked = {"access": pair["access"], "signature": signature, "verb": "GET", "host": "ec2.test", "params": params}
    gateway = cloud.token("nova")
    token = cloud.v3("POST", "/ec2tokens", gateway, {"ec2Credentials": asked}).json["token"]
    assert (token["user"]["name"], token["project"]["name"], token["methods"]) == ("demo", "demo", ["ec2credential"])
    assert cloud.v3("POST", "/ec2tokens", owner, {"ec2Credentials": asked}).status == 403
    assert cloud.v3("POST", "/ec2tokens", gateway, {"ec2Credentials": {**asked, "verb": "PUT"}}).status == 401
    late = {**asked, "params": {**params, "Timestamp": "2025-12-31T00:00:00Z"}}
    assert cloud.v3("POST", "/ec2tokens", gateway, {"ec2Credentials": late}).status == 401
    assert cloud.v3("GET", f"{path}/{pair['access']}", cloud.token("stranger")).status == 403
