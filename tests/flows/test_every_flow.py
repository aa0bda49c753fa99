"""Every flow of Skyloom goes through the harness; one without a scenario fails the build."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import skyloom
import tests.flows.scenarios
from skyloom.clock import VirtualClock
from skyloom.work import Flow
from tests.flows.harness import ROADS, Harness, MortalDatabase, Scenario
from tests.flows.samples import CreateParcel, CreateParcelScenario
from tests.parts.databases import Open


def subclasses(of: type[Any]) -> set[type[Any]]:
    direct = set(of.__subclasses__())
    return direct.union(*map(subclasses, direct))


def all_flows() -> dict[str, type[Flow[Any]]]:
    """Each flow class under skyloom/*/flows, by its name. A class without a name of its own is a shared part."""
    root = Path(skyloom.__path__[0])
    for path in sorted([*root.glob("**/flows/*.py"), *root.glob("**/flows.py")]):
        parts = path.relative_to(root.parent).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
    flows = [flow for flow in subclasses(Flow) if flow.__module__.startswith("skyloom.") and "name" in vars(flow)]
    names = [flow.name for flow in flows]
    assert len(set(names)) == len(names), f"two flows share a name: {sorted(names)}"
    return {flow.name: flow for flow in flows}


def all_scenarios() -> list[Scenario[Any]]:
    for module in pkgutil.iter_modules(tests.flows.scenarios.__path__):
        importlib.import_module(f"tests.flows.scenarios.{module.name}")
    found = [each for each in subclasses(Scenario) if each.__module__.startswith("tests.flows.scenarios.")]
    return [each() for each in sorted(found, key=lambda each: each.__qualname__) if not each.__abstractmethods__]


def without_scenario(flows: dict[str, type[Flow[Any]]], scenarios: list[Scenario[Any]]) -> set[str]:
    return set(flows) - {scenario.flow.name for scenario in scenarios}


def test_every_flow_has_a_scenario() -> None:
    assert without_scenario(all_flows(), all_scenarios()) == set()


def test_a_flow_without_a_scenario_would_be_told() -> None:
    flows: dict[str, type[Flow[Any]]] = {"sample.create_parcel": CreateParcel, "sample.forgotten": CreateParcel}
    assert without_scenario(flows, [CreateParcelScenario()]) == {"sample.forgotten"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "scenario" in metafunc.fixturenames:
        # The samples go along, so that this very test is known to run.
        scenarios = [CreateParcelScenario(), *all_scenarios()]
        metafunc.parametrize("scenario", scenarios, ids=lambda scenario: type(scenario).__name__)


@pytest.mark.parametrize("road", ROADS)
def test_a_flow_comes_to_a_good_end_on_every_road(scenario: Scenario[Any], road: str, databases: Open) -> None:
    clock = VirtualClock()
    getattr(Harness(scenario, databases(clock, MortalDatabase), clock), road)()


def test_a_flow_may_be_overtaken_everywhere(scenario: Scenario[Any], databases: Open) -> None:
    clock = VirtualClock()
    if scenario.is_preemptible:
        Harness(scenario, databases(clock, MortalDatabase), clock).preempted_everywhere()
