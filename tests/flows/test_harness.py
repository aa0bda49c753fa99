"""The harness passes flows that are right and catches those that are wrong."""

import pytest

from skyloom.clock import VirtualClock
from tests.flows.harness import ROADS, Harness, MortalDatabase, Scenario
from tests.flows.samples import (
    CreateParcel,
    CreateParcelScenario,
    DeleteParcelScenario,
    ForgetsAnUndo,
    HalfATransaction,
    RemembersInMemory,
    StampsTwice,
    UndoExpectsWork,
    World,
)
from tests.parts.databases import Open


def harness(scenario: Scenario[World], databases: Open) -> Harness[World]:
    clock = VirtualClock()
    return Harness(scenario, databases(clock, MortalDatabase), clock)


def wrong(flow: type[CreateParcel]) -> Scenario[World]:
    class WrongScenario(CreateParcelScenario):
        pass

    WrongScenario.flow = flow
    return WrongScenario()


@pytest.mark.parametrize("road", ROADS)
def test_a_right_flow_passes(road: str, databases: Open) -> None:
    getattr(harness(DeleteParcelScenario(), databases), road)()


@pytest.mark.parametrize(
    ("flow", "road", "told"),
    [
        (StampsTwice, "killed_everywhere", "killed"),
        (StampsTwice, "each_step_fails_once", "failing once after publish"),
        (ForgetsAnUndo, "each_step_fails_for_ever", "after place"),
        (RemembersInMemory, "killed_everywhere", "killed"),
        (HalfATransaction, "killed_everywhere", "a commit"),
    ],
)
def test_a_wrong_flow_is_caught(flow: type[CreateParcel], road: str, told: str, databases: Open) -> None:
    with pytest.raises(AssertionError, match=told):
        getattr(harness(wrong(flow), databases), road)()


def test_an_undo_that_never_ends_is_caught(databases: Open) -> None:
    with pytest.raises(AssertionError, match="still live"):
        harness(wrong(UndoExpectsWork), databases).each_step_fails_for_ever()


def test_what_is_right_but_for_one_road_succeeds_undisturbed(databases: Open) -> None:
    for flow in (StampsTwice, ForgetsAnUndo, UndoExpectsWork, RemembersInMemory, HalfATransaction):
        harness(wrong(flow), databases).succeeds()
