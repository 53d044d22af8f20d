"""Every fault: how it is made, what must be said meanwhile, and what it may cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import redis

from chaos.servers import Clock, Postgres, SmallDisk, Valkey
from chaos.sites import UNREACHABLE, Site

OUTAGE_SECONDS = 30
CLOCK_STEPS = ((30, 10), (0, 35), (-30, 10), (0, 10))
"""How many seconds ahead, and for how long. While the clocks are right again the schedule comes to due times that were
not fired early, so that there are some to be late with. RQ gives a job up whose worker gave no sign of life for a
minute and a half by its clock: steps of that length are not survived by its jobs."""
KILLS = 5
"""Of each kind of process."""
QUIET_SECONDS = 6
"""Of load before the fault and after it."""


@dataclass
class Scene:
    """Where one fault plays: its directory, what it stands on, and what was heard."""

    directory: Path
    ends: ExitStack
    """Ends what was started, the last first."""
    faults: int = 0
    """How often something was broken."""
    broken_at: float = 0.0
    """The Unix time at which it was first."""
    heard_after: list[float] = field(default_factory=list)
    """Seconds from each fault to the first word of it."""
    silent: list[str] = field(default_factory=list)
    """What should have been said, and was not."""
    said: set[str] = field(default_factory=set)

    def begin(self, *, database_url: str = "", redis_url: str = "", **environment: str) -> Site:
        """A running site under load; what else is given are variables of the site's environment."""
        self.site = Site(self.directory, database_url=database_url, redis_url=redis_url, **environment)
        self.ends.callback(self.site.end)
        self.site.start()
        self.site.begin_load()
        time.sleep(QUIET_SECONDS)
        return self.site

    def broke(self) -> None:
        """Something was broken just now."""
        self.faults += 1
        self.broken_at = self.broken_at or time.time()

    def hears(self, *words: str, seconds: float = 45) -> None:
        """One of the words is said before the time is over."""
        after, said = self.site.listen_for(words, seconds)
        self.said |= said
        if after is None:
            self.silent.append(" or ".join(words))
        else:
            self.heard_after.append(after)

    def outage(self, begins: Callable[[], None], ends: Callable[[], None], *words: str) -> None:
        """Half a minute in which one of the words must be said."""
        began = time.monotonic()
        begins()
        self.broke()
        try:
            self.hears(*words)
            time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - began)))
        finally:
            ends()


Act = Callable[[Scene], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break it."""

    name: str
    what: str
    act: Act
    may_lose: bool = False
    """Whether jobs that Redis had accepted may be gone: then each must be named, with its evidence."""
    short: bool = False
    """Part of the short form, which CI runs."""


def killing(command: str) -> Act:
    """SIGKILL for a process, again and again."""

    def act(scene: Scene) -> None:
        site = scene.begin()
        for _ in range(KILLS):
            site.kill(command)
            scene.broke()
            time.sleep(1)

    return act


def kill_web(scene: Scene) -> None:
    """Whoever looks gets no answer until another is there."""
    site = scene.begin()
    for _ in range(KILLS):
        site.kill("serve")
        scene.broke()
        scene.said |= site.says() & {UNREACHABLE}
        time.sleep(1)


def kill_work_horses(scene: Scene) -> None:
    """The process that runs one job."""
    site = scene.begin()
    for _ in range(KILLS):
        site.kill_work_horse()
        scene.broke()
        time.sleep(1)


def redis_killed(*, keeps: bool) -> Act:
    """Redis dies, and comes back with what it had written down, or empty."""

    def act(scene: Scene) -> None:
        server = Valkey(scene.directory, keeps=keeps)
        server.start()
        scene.ends.callback(server.end)
        scene.begin(redis_url=server.url)
        server.kill()
        scene.broke()
        scene.hears("overview: redis", "ready: redis")
        server.start()

    return act


def stream_trimmed(scene: Scene) -> None:
    """What the hooks report is thrown away while the recorder stands still."""
    server = Valkey(scene.directory, keeps=True)
    server.start()
    scene.ends.callback(server.end)
    site = scene.begin(redis_url=server.url)
    site.freeze("record")
    time.sleep(3)
    if redis.Redis(unix_socket_path=str(server.socket)).xtrim("quarterdeck:outbox", maxlen=0):
        scene.broke()
    site.freeze("record", frozen=False)


def _on_postgres(scene: Scene) -> Postgres:
    server = Postgres(scene.directory)
    server.start()
    scene.ends.callback(server.end)
    scene.begin(database_url=server.url)
    return server


def postgres_restarted(scene: Scene) -> None:
    """At once, with everybody connected."""
    server = _on_postgres(scene)
    for _ in range(3):
        server.restart()
        scene.broke()
        time.sleep(2)


def postgres_stopped(scene: Scene) -> None:
    """Nobody can connect for half a minute."""
    server = _on_postgres(scene)
    scene.outage(server.kill, server.start, "ready: database", "overview: 503")


def postgres_frozen(scene: Scene) -> None:
    """It takes connections and answers none for half a minute."""
    server = _on_postgres(scene)
    scene.outage(server.freeze, server.thaw, "ready: database", "overview: 503")


def disk_full(scene: Scene) -> None:
    """SQLite's file cannot grow for half a minute."""
    disk = SmallDisk(scene.directory)
    scene.ends.callback(disk.end)
    scene.begin(database_url=f"sqlite:///{disk.path}/quarterdeck.sqlite3")
    scene.outage(disk.fill, disk.make_room, "overview: recorder", "ready: recorder")


def clock_steps(scene: Scene) -> None:
    """Every process of the site has a wall clock that goes ahead, back, behind and back.

    Redis, from which the order of reports comes, keeps the true time, and so do the load, which says when its delayed
    jobs are due, and the verdict, which reads no clock.
    """
    server = Valkey(scene.directory, keeps=True)
    clock = Clock(scene.directory)
    server.start()
    scene.ends.callback(server.end)
    scene.begin(redis_url=server.url, **clock.environment)
    for ahead, seconds in CLOCK_STEPS:
        clock.step(ahead)
        scene.broke()
        time.sleep(seconds)


def several_killed(scene: Scene) -> None:
    """One after another, without a pause. No worker: RQ takes a minute and a half to notice that one is gone."""
    site = scene.begin()
    for command in ("record", "dispatch", "serve"):
        site.kill(command)
        scene.broke()
    site.kill_work_horse()
    scene.broke()


FAULTS = (
    Fault(
        name="several-killed", what="recorder, dispatcher, web and a work horse killed", act=several_killed, short=True
    ),
    Fault(name="recorder-killed", what="recorder killed", act=killing("record")),
    Fault(name="worker-killed", what="worker killed", act=killing("work")),
    Fault(name="work-horse-killed", what="work horse killed", act=kill_work_horses),
    Fault(name="web-killed", what="web process killed", act=kill_web),
    Fault(name="dispatcher-killed", what="dispatcher killed", act=killing("dispatch")),
    Fault(name="redis-killed", what="Redis killed, comes back whole", act=redis_killed(keeps=True)),
    Fault(name="redis-emptied", what="Redis killed, comes back empty", act=redis_killed(keeps=False), may_lose=True),
    Fault(name="stream-trimmed", what="outbox emptied behind the recorder's back", act=stream_trimmed, short=True),
    Fault(name="postgres-restarted", what="PostgreSQL restarted at once", act=postgres_restarted),
    Fault(name="postgres-stopped", what="PostgreSQL away for 30 s", act=postgres_stopped),
    Fault(name="postgres-frozen", what="PostgreSQL silent for 30 s", act=postgres_frozen),
    Fault(name="clock-steps", what="clocks 30 s ahead, right, 30 s behind, right", act=clock_steps),
    Fault(name="disk-full", what="disk full under SQLite for 30 s", act=disk_full),
)
