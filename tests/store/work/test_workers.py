"""Workers with threads, several at once on one database; the clock is the machine's."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from skyloom.access import SYSTEM, Caller
from skyloom.db import Database, DatabaseUnavailable, Tx, metadata
from skyloom.work import Abandon, Busy, Done, Next, Pace, Step, TaskState, Wait, Work, Worker, store
from skyloom.work.task import Interrupt
from tests.parts.databases import Open
from tests.parts.postgresql import PostgresServer
from tests.store.work.flows import USER, Frame, Overtake, Walk

LIMIT_S = 60
BY_HINTS = Pace(poll_s=600)


def start(work: Work, key: str = "server:s1", preempt: bool = False) -> str:
    with work.database.begin(SYSTEM) as tx:
        return work.start(tx, Overtake if preempt else Walk, key, Frame(key), USER, preempt)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < limit, what
        threading.Event().wait(0.005)


@contextmanager
def running(*workers: Worker) -> Iterator[None]:
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()


def idle(work: Work) -> bool:
    return not work.tasks(work.database.read(), is_live=True)


def test_a_started_task_runs_without_waiting_for_a_poll(database: Database) -> None:
    work, walk = Work(database), Walk()
    with running(Worker(work, [walk], "n1", BY_HINTS)):
        for number in range(5):
            start(work, f"server:{number}")
            walk.reach("three", number + 1)


def test_a_short_wait_ends_without_waiting_for_a_poll(database: Database) -> None:
    walk = Walk()
    walk.on["two"] = lambda frame: Wait(0.02) if walk.log.count("two") < 4 else Next("three")
    work = Work(database)
    with running(Worker(work, [walk], "n1", BY_HINTS)):
        start(work)
        walk.reach("three")
    assert walk.log.count("two") == 4


def test_what_another_process_started_is_found_by_polling(databases: Open) -> None:
    walk = Walk()
    with running(Worker(Work(databases()), [walk], "n1", Pace(poll_s=0.05))):
        start(Work(databases()))
        walk.reach("three")


def test_a_kick_and_a_preempting_start_reach_a_waiting_task_at_once(database: Database) -> None:
    walk, overtake, work = Walk(), Overtake(), Work(database)
    walk.on["two"] = lambda frame: Wait(600)
    with running(Worker(work, [walk, overtake], "n1", BY_HINTS)):
        first = start(work)
        walk.reach("two")
        wait_until(lambda: work.get(database.read(), first).lease_owner is None, "it waits")
        work.kick("server:s1")
        walk.reach("two", 2)
        start(work, preempt=True)
        overtake.reach("three")
    assert work.get(database.read(), first).state is TaskState.PREEMPTED


def test_a_step_may_run_longer_than_its_lease(databases: Open) -> None:
    database = databases()
    walk, work, pace = Walk(), Work(database), Pace(lease_s=0.5, poll_s=0.05)
    began = time.monotonic()

    def two(frame: Frame) -> Step:
        wait_until(lambda: time.monotonic() - began > 4 * pace.lease_s, "time passes")
        return Next("three")

    walk.on["two"] = two
    others = Worker(Work(databases()), [walk], "n2", pace)
    with running(Worker(work, [walk], "n1", pace)):
        task_id = start(work)
        walk.reach("two")
        with running(others):
            wait_until(lambda: idle(work), "the task ends")
    assert walk.log == ["one", "two", "three"]
    assert work.get(database.read(), task_id).fence == 1


def test_a_step_that_runs_past_its_deadline_is_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    class Hasty(Walk):
        name = "tests.hasty"
        deadline_s = 0.05

    walk, work = Hasty(), Work(database)
    walk.on["one"] = lambda frame: wait_until(lambda: "past its deadline" in caplog.text, "told") or Next("two")
    with running(Worker(work, [walk], "n1", Pace(lease_s=0.3))):
        with database.begin(SYSTEM) as tx:
            work.start(tx, Hasty, "server:s1", Frame())
        walk.reach("failed")
    assert walk.problems[0][0] == "work.deadline"


def test_stopping_finishes_the_step_and_the_next_worker_goes_on_at_once(databases: Open) -> None:
    release, work, walk = threading.Event(), Work(databases()), Walk()
    walk.on["two"] = lambda frame: Next("three") if release.wait(LIMIT_S) else None
    first, second = Worker(work, [walk], "n1", BY_HINTS), Worker(Work(databases()), [walk], "n2", BY_HINTS)
    first.start()
    start(work)
    walk.reach("two")
    stopping = threading.Thread(target=first.stop)
    stopping.start()
    wait_until(first.runner.stopping.is_set, "stopping")
    release.set()
    stopping.join(LIMIT_S)
    assert walk.log == ["one", "two"]
    with running(second):
        walk.reach("three")


def test_several_workers_never_run_one_task_at_the_same_time(databases: Open) -> None:
    """Also with steps that fail, wait, give up, and are overtaken; and each key ends with nothing live."""
    holders: dict[str, int] = {}
    lock = threading.Lock()
    clashes: list[str] = []

    class Jostle(Walk):
        name = "tests.walk"

        def _do(self, name: str, frame: Frame, otherwise: Step | None) -> Step | None:
            with lock:
                holders[frame.name] = holders.get(frame.name, 0) + 1
                if holders[frame.name] > 1:
                    clashes.append(f"{frame.name} {name}")
            try:
                chance = random.random()
                if chance < 0.1:
                    raise ValueError("jostled")
                if name in ("one", "two", "three"):
                    if chance < 0.2:
                        return Wait(chance - 0.15)
                    if chance < 0.25:
                        raise Abandon("Jostled away.")
                return otherwise
            finally:
                with lock:
                    holders[frame.name] -= 1

    class JostleOver(Jostle):
        name = "tests.overtake"

    pace = Pace(first_pause_s=0.005, most_pause_s=0.02, poll_s=0.05, threads=4)
    works = [Work(databases()) for _ in range(3)]
    workers = [Worker(work, [Jostle(), JostleOver()], f"n{n}", pace) for n, work in enumerate(works)]
    keys = [f"server:{number}" for number in range(25)]

    def ask(work: Work, seed: int) -> None:
        chance = random.Random(seed)
        for key in chance.sample(keys, len(keys)):
            try:
                start(work, key, preempt=chance.random() < 0.5)
            except Busy:
                work.kick(key)

    with running(*workers):
        askers = [threading.Thread(target=ask, args=(work, seed)) for seed, work in enumerate(works * 2)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(LIMIT_S)
        wait_until(lambda: idle(works[0]), "every task ends")
    assert clashes == []
    ended = works[0].tasks(works[0].database.read())
    assert {task.state for task in ended} <= {TaskState.DONE, TaskState.FAILED, TaskState.PREEMPTED}
    assert {task.key for task in ended} == set(keys)
    assert all(task.lease_owner is None and task.ended_at is not None for task in ended)


def test_a_kick_and_an_overtaking_lock_the_rows_of_a_key_in_one_order(databases: Open) -> None:
    """On PostgreSQL each would else hold what the other waits for; SQLite has one writer at a time."""
    work, release, walk = Work(databases()), threading.Event(), Walk()
    walk.on["two"] = lambda frame: Next("three") if release.wait(LIMIT_S) else None
    other, looker = databases(), databases().read()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(1) as pool, running(Worker(work, [walk, Overtake()], "n1", BY_HINTS)):
        start(work)
        walk.reach("two")
        start(work, preempt=True)
        with other.begin(SYSTEM) as tx:
            newest, oldest = store.live_of_key(tx, "server:s1")
            store.hasten(tx, newest.id, newest.due_at, newest.deadline_at)
            kicked = pool.submit(work.kick, "server:s1")
            wait_until(lambda: other.is_sqlite or looker.number(waits) == 1, "the kick waits")
            store.interrupt(tx, oldest.id, Interrupt.PREEMPT, oldest.updated_at)
        kicked.result(LIMIT_S)
        release.set()
        wait_until(lambda: idle(work), "both end")


def test_a_worker_that_was_never_started_can_be_stopped(database: Database) -> None:
    Worker(Work(database), [Walk()], "n1").stop()


PROCESS = """
import sys, threading
from skyloom.db import Database
from skyloom.work import Pace, Work, Worker, Wait
from tests.store.work.flows import Walk
walk = Walk()
def two(frame):
    print("in two", flush=True)
    threading.Event().wait()
walk.on["two"] = two
Worker(Work(Database(sys.argv[1])), [walk], sys.argv[2], Pace()).start()
threading.Event().wait()
"""


def test_the_next_life_of_a_killed_process_goes_on_at_once(database: Database) -> None:
    work, walk = Work(database), Walk()
    task_id = start(work)
    url = database.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", PROCESS, url, "n1"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in two\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert work.get(database.read(), task_id).lease_owner is not None
    with running(Worker(work, [walk], "n1", BY_HINTS)):
        walk.reach("three")
    assert walk.log == ["two", "three"]


def test_the_lease_of_a_killed_stranger_runs_out(databases: Open) -> None:
    work, walk = Work(databases()), Walk()
    start(work)
    pace = Pace(lease_s=0.5, poll_s=0.05)
    killed = Worker(Work(databases()), [Walk()], "n2", pace)
    assert len(killed.claims.take(1)) == 1
    with running(Worker(work, [walk], "n1", pace)):
        walk.reach("three")


@pytest.mark.needs("postgresql")
class LosesAnAnswer(Database):
    """The commit of the first claim comes through; that it did is never heard."""

    has_lost = False

    @contextmanager
    def begin(self, caller: Caller) -> Iterator[Tx]:
        with super().begin(caller) as tx:
            yield tx
        if threading.current_thread().name == "work-claims" and not self.has_lost:
            self.has_lost = True
            raise DatabaseUnavailable


def test_a_claim_whose_answer_was_lost_is_given_back_and_made_again(databases: Open) -> None:
    database = databases(kind=LosesAnAnswer)
    work, walk = Work(database), Walk()
    start(work)
    with running(Worker(work, [walk], "n1", Pace(poll_s=0.05, lease_s=600))):
        wait_until(lambda: idle(work), "the task was claimed again long before its lease ran out")


def test_tasks_go_on_after_a_restart_of_the_database_server() -> None:
    server = PostgresServer()
    database = Database(server.create_database())
    metadata.create_all(database.engine)
    walk, work = Walk(), Work(database)
    restarted = threading.Event()

    def two(frame: Frame) -> Step:
        return Next("three") if restarted.wait(LIMIT_S) else Done()

    walk.on["two"] = two
    try:
        with running(Worker(work, [walk], "n1", Pace(poll_s=0.1))):
            first = start(work)
            walk.reach("two")
            server.stop(signal.SIGQUIT)
            restarted.set()
            server.start()
            walk.reach("three")
            start(work, "server:2")
            wait_until(lambda: idle(work), "both end")
        assert walk.log == ["one", "two", "three"] * 2
        assert work.get(database.read(), first).fence == 1, "nothing had to be done again"
    finally:
        database.close()
        server.close()
