"""Every route works, and every write that was done can be found in the audit by its request id."""

from tests.cloud import Cloud
from tests.rules import exceptions
from tests.rules.walk import WRITES, Record, key


def test_each_step_of_the_walk_is_answered_as_its_route_says(walked: Record):
    wrong = [asked.told for call, asked in walked.done if asked.answer.status != (call.status or asked.route.status)]
    assert not wrong, "\n".join(wrong)


def test_each_route_is_walked(cloud: Cloud, walked: Record):
    done = {asked.key for _, asked in walked.done}
    everything = {key(api.name, route) for api in cloud.apis for route in api.routes}
    exceptions.check("unwalked", everything - done)


def test_each_write_leaves_an_audit_entry(walked: Record):
    silent = {
        f"{asked.key} {call.variant}".strip()
        for call, asked in walked.done
        if asked.method in WRITES and asked.answer.status < 300 and not asked.entries
    }
    exceptions.check("unaudited", silent)


def test_reading_leaves_none(walked: Record):
    assert not [asked.told for _, asked in walked.done if asked.method not in WRITES and asked.entries]
