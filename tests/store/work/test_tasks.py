"""What the engine promises of one task after the other, on both engines and a virtual clock."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from skyloom.access import SYSTEM
from skyloom.clock import VirtualClock
from skyloom.errors import Conflict
from skyloom.work import (
    Abandon,
    Busy,
    Done,
    Interrupt,
    NeverEnds,
    Next,
    Pace,
    Step,
    Task,
    TaskEnded,
    TaskNotFound,
    TaskState,
    Wait,
    store,
)
from skyloom.work.task import MOVES
from tests.parts.databases import Open
from tests.store.work.flows import USER, Frame, Overtake, Stage, Walk


@pytest.fixture
def stage(databases: Open) -> Stage:
    clock = VirtualClock()
    return Stage(databases(clock), clock)


def failing(
    times: int, then: Step | None, error: Callable[[], Exception] = lambda: ValueError("no luck")
) -> Callable[[Frame], Step | None]:
    left = [times]

    def step(frame: Frame) -> Step | None:
        left[0] -= 1
        if left[0] >= 0:
            raise error()
        return then

    return step


def no_way(frame: Frame) -> Step:
    raise Abandon("There is no way on; ask for less.")


def test_the_model_has_the_fields_of_the_row_in_its_order() -> None:
    assert Task.__struct_fields__ == tuple(column.name for column in store.MODEL)


def test_a_flow_runs_its_steps_in_order_and_ends(stage: Stage) -> None:
    walk = Walk()
    task_id = stage.start()
    assert stage.task(task_id).state is TaskState.RUNNING
    stage.drill(walk).run_until_idle()
    task = stage.task(task_id)
    assert walk.log == ["one", "two", "three"]
    assert (task.state, task.trail, task.lease_owner) == (TaskState.DONE, ("one", "two", "three"), None)
    assert (task.request_id, task.user_id, task.project_id) == ("req-1", "u1", "p1")
    assert task.ended_at == stage.clock.now()


def test_a_task_of_a_transaction_that_failed_never_was(stage: Stage) -> None:
    with pytest.raises(ValueError), stage.database.begin(USER) as tx:
        stage.start_in(tx)
        raise ValueError
    assert stage.work.tasks(stage.database.read()) == []


def test_a_step_that_fails_is_tried_again_with_growing_pauses(stage: Stage) -> None:
    tried: list[float] = []
    flaky = failing(6, Next("three"))

    def two(frame: Frame) -> Step | None:
        tried.append(stage.clock.monotonic())
        return flaky(frame)

    walk = Walk(two=two)
    task_id = stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.log == ["one", *["two"] * 7, "three"]
    pauses = [after - before for before, after in pairwise(tried)]
    for number, pause in enumerate(pauses):
        assert 0.05 * 2**number <= pause <= 0.1 * 2**number + 1e-5
    assert stage.task(task_id).problem is None


def test_what_a_failed_try_changed_in_the_frame_is_forgotten(stage: Stage) -> None:
    frames: list[list[str]] = []

    def three(frame: Frame) -> Step:
        frames.append(list(frame.seen))
        return Done()

    stage.start()
    stage.drill(Walk(two=failing(3, Next("three")), three=three)).run_until_idle()
    assert frames == [["one", "two", "three"]]


def test_pauses_grow_up_to_a_limit(stage: Stage) -> None:
    walk = Walk(two=failing(10**9, None))
    stage.start()
    stage.drill(walk).run_until_idle()
    # 600 s in pauses of 7.5-15 s, after about 8 short ones.
    assert 45 <= walk.log.count("two") <= 95


def test_giving_up_undoes_what_was_started_newest_first_and_tells_why(stage: Stage) -> None:
    walk = Walk(three=no_way)
    task_id = stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.log == ["one", "two", "three", "undo_three", "undo_one", "failed"]
    assert walk.problems == [("work.abandoned", "There is no way on; ask for less.")]
    task = stage.task(task_id)
    assert task.state is TaskState.FAILED
    assert task.problem is not None
    assert task.problem.code == "work.abandoned"


def test_steps_that_were_not_started_are_not_undone(stage: Stage) -> None:
    walk = Walk(two=no_way)
    stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.log == ["one", "two", "undo_one", "failed"]


def test_undos_and_the_last_word_are_repeated_until_they_succeed(stage: Stage) -> None:
    walk = Walk(three=no_way, undo_three=failing(80, None), undo_one=failing(2, None), failed=failing(3, None))
    stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.log.count("undo_three") == 81
    assert walk.log[-8:] == ["undo_three", *["undo_one"] * 3, *["failed"] * 4]
    assert stage.clock.monotonic() > Walk.deadline_s, "undoing has no deadline"


def test_an_undo_may_wait(stage: Stage) -> None:
    walk = Walk(two=no_way, undo_one=failing(0, Wait(5)))
    stage.start()
    with pytest.raises(NeverEnds):
        stage.drill(walk).run_until_idle(most_runs=20)
    assert walk.log.count("undo_one") > 5
    assert "failed" not in walk.log


def test_at_the_deadline_the_last_problem_is_told(stage: Stage) -> None:
    class NoRoom(Conflict):
        code = "host.full"

    walk = Walk(two=failing(10**9, None, lambda: NoRoom("The host is full; try another.")))
    stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.problems == [("host.full", "The host is full; try another.")]
    assert stage.clock.monotonic() == pytest.approx(Walk.deadline_s, abs=1)
    assert walk.log[-2:] == ["undo_one", "failed"]


def test_an_unexpected_error_is_not_shown_to_the_user(stage: Stage) -> None:
    walk = Walk(two=failing(10**9, None, lambda: ValueError("password=secret")))
    task_id = stage.start()
    stage.drill(walk).run_until_idle()
    [(code, sentence)] = walk.problems
    assert code == "work.unexpected"
    assert "req-1" in sentence
    assert "secret" not in sentence
    problem = stage.task(task_id).problem
    assert problem is not None
    assert "secret" in problem.cause


def test_the_deadline_passes_while_waiting(stage: Stage) -> None:
    walk = Walk(two=lambda frame: Wait(10**6))
    stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.log == ["one", "two", "undo_one", "failed"]
    assert walk.problems[0][0] == "work.deadline"
    assert stage.clock.monotonic() == Walk.deadline_s


def test_a_step_that_does_not_exist_gives_up(stage: Stage) -> None:
    walk = Walk(two=lambda frame: Next("elsewhere"))
    stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.problems[0][0] == "work.unknown_step"


def test_a_step_that_returns_to_an_earlier_one_is_undone_once(stage: Stage) -> None:
    walk = Walk(two=failing(0, Next("three")), three=failing(0, Next("one")))
    rounds = [0]

    def one(frame: Frame) -> Step:
        rounds[0] += 1
        return Next("two") if rounds[0] < 3 else no_way(frame)

    walk.on["one"] = one
    stage.start()
    stage.drill(walk).run_until_idle()
    assert walk.log[-3:] == ["undo_three", "undo_one", "failed"]


def test_a_frame_that_cannot_be_read_is_kept_and_visible(stage: Stage) -> None:
    task_id = stage.start()
    with stage.database.begin(SYSTEM) as tx:
        tx.execute(store.task.update().values(frame='{"seen": 1}'))
    with pytest.raises(NeverEnds):
        stage.drill(Walk()).run_until_idle(most_runs=200)
    task = stage.task(task_id)
    assert task.state is TaskState.UNDOING
    assert task.problem is not None
    assert "ValidationError" in task.problem.cause


def test_a_second_start_on_a_key_is_busy_until_the_first_has_ended(stage: Stage) -> None:
    stage.start()
    with pytest.raises(Busy) as caught:
        stage.start(Overtake)
    assert caught.value.code == "work.busy"
    stage.start(key="server:s2")
    stage.drill(Walk()).run_until_idle()
    stage.start(Overtake)


def test_a_waiting_task_is_overtaken_at_once_and_not_undone(stage: Stage) -> None:
    walk, overtake = Walk(two=lambda frame: Wait(100)), Overtake()
    first = stage.start()
    drill = stage.drill(walk, overtake)
    assert drill.run_due()
    second = stage.start(Overtake, preempt=True)
    assert stage.task(first).state is TaskState.PREEMPTED
    drill.run_until_idle()
    assert walk.log == ["one", "two"]
    assert overtake.log == ["one", "two", "three"]
    assert stage.task(second).state is TaskState.DONE


def test_a_running_task_is_overtaken_at_its_boundary_and_only_then_the_other_runs(stage: Stage) -> None:
    overtake = Overtake()
    ids: list[str] = []

    def two(frame: Frame) -> Step:
        ids.append(stage.start(Overtake, preempt=True))
        assert not stage.drill(overtake, node="n2").run_due(), "the first is not off the key yet"
        return Next("three")

    walk = Walk(two=two)
    first = stage.start()
    stage.drill(walk, overtake).run_until_idle()
    assert walk.log == ["one", "two"]
    assert overtake.log == ["one", "two", "three"]
    assert stage.task(first).state is TaskState.PREEMPTED
    assert stage.task(ids[0]).state is TaskState.DONE


def test_one_that_dies_while_it_is_overtaken_ends_when_its_lease_runs_out(stage: Stage) -> None:
    walk, overtake = Walk(), Overtake()
    first = stage.start()
    stage.drill(walk).claims.take(1)
    second = stage.start(Overtake, preempt=True)
    other = stage.drill(walk, overtake, node="n2")
    assert not other.run_due()
    began = stage.clock.now()
    other.run_until_idle()
    assert stage.clock.now() - began == timedelta(seconds=Pace().lease_s)
    assert walk.log == []
    assert (stage.task(first).state, stage.task(second).state) == (TaskState.PREEMPTED, TaskState.DONE)


def test_an_undoing_task_can_be_overtaken(stage: Stage) -> None:
    walk, overtake = Walk(two=no_way, undo_one=failing(10**9, None)), Overtake()
    first = stage.start()
    drill = stage.drill(walk, overtake)
    drill.run_due()
    stage.start(Overtake, preempt=True)
    drill.run_until_idle()
    assert stage.task(first).state is TaskState.PREEMPTED
    assert "failed" not in walk.log
    assert overtake.log[-1] == "three"


def test_the_same_overtaking_twice_is_one(stage: Stage) -> None:
    stage.start()
    claims = stage.drill(Walk()).claims
    claims.take(1)
    second = stage.start(Overtake, preempt=True)
    assert stage.start(Overtake, preempt=True) == second
    with pytest.raises(Busy):
        stage.start(Walk)
    assert len(stage.work.tasks(stage.database.read(), is_live=True)) == 2


def test_an_overtaking_that_is_overtaken_while_it_waits_for_its_turn(stage: Stage) -> None:
    class Third(Walk):
        name = "tests.third"

    walk, overtake, third = Walk(), Overtake(), Third()
    stage.start()
    stage.drill(walk).claims.take(1)
    second = stage.start(Overtake, preempt=True)
    stage.start(Third, preempt=True)
    assert stage.task(second).state is TaskState.PREEMPTED
    stage.drill(walk, overtake, third, node="n2").run_until_idle()
    assert (walk.log, overtake.log, third.log) == ([], [], ["one", "two", "three"])


def test_a_stale_worker_cannot_move_a_task(stage: Stage) -> None:
    walk = Walk()
    task_id = stage.start()
    stale = stage.drill(walk)
    [held] = stale.claims.take(1)
    stage.clock.advance(Pace().lease_s)
    stage.drill(walk, node="n2").run_until_idle()
    before = stage.task(task_id)
    assert stale.runner.run(held) is None
    assert stage.task(task_id) == before


def test_leases_are_renewed_only_by_their_holder(stage: Stage) -> None:
    task_id = stage.start()
    holder, other = stage.drill(Walk()), stage.drill(Walk(), node="n2")
    holder.claims.take(1)
    stage.clock.advance(10)
    other.claims.renew([task_id])
    assert stage.task(task_id).lease_until == stage.clock.now() + timedelta(seconds=5)
    holder.claims.renew([task_id])
    stage.clock.advance(14)
    assert other.claims.take(1) == []
    stage.clock.advance(1)
    assert [task.id for task in other.claims.take(1)] == [task_id]


def test_each_boundary_gives_the_lease_its_full_length_again(stage: Stage) -> None:
    task_id = stage.start()
    until = []

    def step(then: Step) -> Callable[[Frame], Step]:
        def run(frame: Frame) -> Step:
            lease_until = stage.task(task_id).lease_until
            assert lease_until is not None
            until.append((lease_until - stage.clock.now()).total_seconds())
            stage.clock.advance(10)
            drill.claims.renew([task_id])
            stage.clock.advance(4)
            return then

        return run

    drill = stage.drill(Walk(one=step(Next("two")), two=step(Next("three")), three=step(Done())))
    drill.run_due()
    assert until == [Pace().lease_s] * 3


def test_a_new_life_of_a_node_takes_over_its_own_leases_only(stage: Stage) -> None:
    mine, others = stage.start(key="server:1"), stage.start(key="server:2")
    stage.drill(Walk(), node="host_1").claims.take(1)
    stage.drill(Walk(), node="hostX1").claims.take(1)
    assert {stage.task(mine).fence, stage.task(others).fence} == {1}
    again = stage.drill(Walk(), node="host_1")
    again.claims.release_earlier_lives()
    assert len(again.claims.take(5)) == 1


def test_a_stopping_worker_hands_its_task_on_at_the_boundary(stage: Stage) -> None:
    def two(frame: Frame) -> Step:
        drill.runner.stopping.set()
        return Next("three")

    walk = Walk(two=two)
    task_id = stage.start()
    drill = stage.drill(walk)
    drill.run_due()
    task = stage.task(task_id)
    assert (task.step, task.lease_owner, walk.log) == ("three", None, ["one", "two"])
    assert stage.drill(walk, node="n2").run_due()
    assert stage.task(task_id).state is TaskState.DONE


def test_a_kick_ends_a_wait(stage: Stage) -> None:
    walk = Walk(two=failing(0, Wait(100)))
    stage.start()
    drill = stage.drill(walk)
    drill.run_due()
    assert not drill.run_due()
    stage.work.kick("server:s1")
    stage.work.kick("server:nobody")
    assert drill.run_due()
    assert walk.log == ["one", "two", "two"]


def test_a_kick_while_the_step_runs_is_not_lost(stage: Stage) -> None:
    def two(frame: Frame) -> Step:
        if walk.log.count("two") == 1:
            stage.work.kick("server:s1")
            return Wait(100)
        return Next("three")

    walk = Walk(two=two)
    stage.start()
    drill = stage.drill(walk)
    assert drill.run_due()
    assert drill.run_due()
    assert walk.log == ["one", "two", "two", "three"]


def test_an_operator_can_cancel_a_waiting_and_a_running_task(stage: Stage) -> None:
    def cancel(task_id: str) -> None:
        with stage.database.begin(USER) as tx:
            stage.work.cancel(tx, task_id)
            tx.record("task:cancel", "task", task_id)

    def two(frame: Frame) -> Step:
        if ids[1:]:
            cancel(ids[1])
            return Next("three")
        return Wait(100)

    walk = Walk(two=two)
    drill = stage.drill(walk)
    ids = [stage.start(key="server:1")]
    drill.run_due()
    cancel(ids[0])
    drill.run_until_idle()
    assert walk.log == ["one", "two", "undo_one", "failed"]
    ids.append(stage.start(key="server:2"))
    drill.run_until_idle()
    assert walk.log[4:] in (["one", "two", "undo_three", "undo_one", "failed"], ["one", "two", "undo_one", "failed"])
    assert [code for code, _ in walk.problems] == ["work.cancelled"] * 2
    with pytest.raises(TaskEnded):
        cancel(ids[0])
    with pytest.raises(TaskNotFound):
        cancel("none")


def test_a_cancel_that_comes_with_the_last_step_comes_too_late(stage: Stage) -> None:
    def three(frame: Frame) -> Step:
        with stage.database.begin(SYSTEM) as tx:
            stage.work.cancel(tx, task_id)
        return Done()

    task_id = stage.start()
    stage.drill(Walk(three=three)).run_until_idle()
    assert stage.task(task_id).state is TaskState.DONE
    stage.start()


def test_an_operator_can_hurry_a_task_and_gives_it_its_time_again(stage: Stage) -> None:
    walk = Walk(two=lambda frame: Wait(500))
    task_id = stage.start()
    drill = stage.drill(walk)
    drill.run_due()
    stage.clock.advance(400)
    with stage.database.begin(SYSTEM) as tx:
        stage.work.retry(tx, task_id)
    assert drill.run_due()
    assert stage.task(task_id).deadline_at == stage.clock.now() + timedelta(seconds=600)


def test_tasks_are_listed_by_what_they_belong_to_and_old_ones_are_forgotten(stage: Stage) -> None:
    first = stage.start(key="server:1")
    stage.drill(Walk()).run_until_idle()
    stage.clock.advance(100)
    second = stage.start(key="server:2")
    reader = stage.database.read()
    assert [task.id for task in stage.work.tasks(reader)] == [second, first]
    assert [task.id for task in stage.work.tasks(reader, is_live=True)] == [second]
    assert [task.id for task in stage.work.tasks(reader, key="server:1", request_id="req-1")] == [first]
    assert [task.id for task in stage.work.tasks(reader, state="done")] == [first]
    assert stage.work.prune(older_than_s=100.5) == 0
    assert stage.work.prune(older_than_s=99) == 1
    assert [task.id for task in stage.work.tasks(reader)] == [second]


def test_a_worker_leaves_flows_alone_that_it_does_not_know(stage: Stage) -> None:
    stage.start(Overtake)
    assert not stage.drill(Walk()).run_due()
    assert stage.drill(Overtake()).run_due()


def test_flows_that_name_what_they_do_not_have_are_refused(stage: Stage) -> None:
    class Broken(Walk):
        undo = {"one": "undo_nothing"}

    with pytest.raises(TypeError, match="undo_nothing"):
        stage.drill(Broken())
    with pytest.raises(TypeError, match="two flows"):
        stage.drill(Walk(), Walk())


def test_the_states_have_their_ends() -> None:
    ends = {state for state in TaskState if not MOVES.table.get(state)}
    assert ends == {TaskState.DONE, TaskState.FAILED, TaskState.PREEMPTED}
    assert Interrupt("") is Interrupt.NONE
