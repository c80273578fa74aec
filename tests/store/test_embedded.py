"""The embedded PostgreSQL: whatever is killed, stale or in the way, it serves or says why."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from prompt_queue.store.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    default_data_dir,
)
from prompt_queue.store.embedded_account import choose_account, run_as
from prompt_queue.store.embedded_binaries import find_install, private_copy
from prompt_queue.store.embedded_cluster import decisive_line, explain_output
from prompt_queue.store.embedded_entry import Answer, judge_log_in
from prompt_queue.store.embedded_layout import Layout, read_status
from prompt_queue.store.embedded_server import read_pid_file

IS_ROOT = os.geteuid() == 0
USER_PROGRAM = """
import sys
from pathlib import Path
from prompt_queue.store.embedded import EmbeddedPostgres
database = EmbeddedPostgres(Path(sys.argv[1]))
print(database.start(), flush=True)
sys.stdin.read()
database.close()
"""


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a condition, or fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.03)


def postgres_processes(data_dir: Path) -> list[psutil.Process]:
    """Return every live process of the cluster's server, the postmaster included."""
    cluster = os.path.realpath(data_dir / "postgres")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == cluster and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def postmasters(data_dir: Path) -> list[psutil.Process]:
    """Return the live postmasters of the cluster."""
    processes = postgres_processes(data_dir)
    ids = {process.pid for process in processes}
    masters = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.ppid() not in ids:
                masters.append(process)
    return masters


def guardians(data_dir: Path) -> list[psutil.Process]:
    """Return the live guardians of the data directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            mine = "prompt_queue.store.embedded_guardian" in command and str(data_dir) in command
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


class House:
    """A data directory of a test, and every process that was started on it."""

    def __init__(self, base: Path) -> None:
        self.data_dir = base / "data"
        self.databases: list[EmbeddedPostgres] = []
        self.users: list[subprocess.Popen[str]] = []

    def database(self, **options: Callable[[str], None]) -> EmbeddedPostgres:
        """Return a handle that is closed after the test."""
        self.databases.append(EmbeddedPostgres(self.data_dir, **options))
        return self.databases[-1]

    def user(self) -> subprocess.Popen[str]:
        """Start a process that uses the server until its input ends."""
        command = [sys.executable, "-W", "error", "-c", USER_PROGRAM, str(self.data_dir)]
        self.users.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        return self.users[-1]

    def kill_users(self) -> None:
        """End the user processes with SIGKILL."""
        for user in self.users:
            user.kill()
            user.communicate()
        self.users.clear()

    def kill_everything(self) -> None:
        """End users, guardian and server with SIGKILL."""
        self.kill_users()
        for process in (*guardians(self.data_dir), *postgres_processes(self.data_dir)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        until(lambda: not guardians(self.data_dir) and not postgres_processes(self.data_dir))

    def clean_up(self) -> None:
        """End and remove all that the test made."""
        for database in self.databases:
            database.close()
        self.kill_everything()
        cluster = self.data_dir / "postgres"
        if cluster.is_symlink():
            shutil.rmtree(cluster.readlink().parent, ignore_errors=True)
        record = self.data_dir / "socket-dir"
        if record.is_file():
            shutil.rmtree(record.read_text().strip(), ignore_errors=True)


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that every account may enter."""
    with tempfile.TemporaryDirectory(prefix="pq-test-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(os.path.realpath(name))


@pytest.fixture
def house(base: Path) -> Iterator[House]:
    """A data directory that does not exist yet."""
    made = House(base)
    try:
        yield made
    finally:
        made.clean_up()


@contextlib.contextmanager
def stranger_of_the_same_account(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that is no server, under the account that owns the cluster."""
    owner = (house.data_dir / "postgres").stat().st_uid
    options = run_as(choose_account(os.geteuid(), None, owner))
    options.pop("preexec_fn")
    stranger = subprocess.Popen(["sleep", "120"], cwd="/", **options)
    try:
        yield stranger
    finally:
        stranger.kill()
        stranger.wait()


async def run(dsn: str, sql: str) -> object:
    """Run one statement on a connection of its own and return the first value."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def served(action: Callable[[], Awaitable[object]], seconds: float = 30) -> object:
    """Repeat an action until the server answers it."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await action()
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)


def modes_of_parents(path: Path) -> list[tuple[int, int]]:
    """Return permissions and owner of every directory above the path."""
    return [(parent.stat().st_mode, parent.stat().st_uid) for parent in path.parents]


async def test_data_survives_close_and_the_second_start_is_quick(house: House) -> None:
    """What was committed is there after the server was stopped and started again."""
    with house.database() as database:
        dsn = database.start()
        await run(dsn, "create table kept as select 7 as value")
    assert not postgres_processes(house.data_dir)
    began = time.monotonic()
    dsn = house.database().start()
    assert time.monotonic() - began < 10
    assert await run(dsn, "select value from kept") == 7


async def test_the_server_is_durable_and_speaks_utf8(house: House) -> None:
    """fsync, checksums and encoding are what a queue of paid work needs."""
    dsn = house.database().start()
    for setting, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "jit": "off",
    }.items():
        assert await run(dsn, f"show {setting}") == value
    assert await run(dsn, "select 'ä' < 'b' and upper('ä') = 'Ä'") is False


async def test_no_door_is_open_but_a_private_socket_with_a_password(house: House) -> None:
    """No TCP listener, private directories and files, and no login without the password."""
    database = house.database()
    dsn = database.start()
    for process in postgres_processes(house.data_dir):
        # One of the server's own helpers may end while it is looked at.
        with contextlib.suppress(psutil.NoSuchProcess):
            assert not process.net_connections(kind="inet")
    data = house.data_dir
    assert (data / "postgres" / "pg_hba.conf").read_text() == "local all all scram-sha-256\n"
    assert stat.S_IMODE(database.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "postgres").stat().st_mode) == 0o700
    for name in ("password", "pgpass", "postgres.log", "guardian.log", "guardian.json"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
    password = (data / "password").read_text().strip()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn.replace(password, "wrong" * 8))
    psql = [str(find_install() / "bin" / "psql"), "-X", "-w", "-h", str(database.socket_dir)]
    command = [*psql, "-U", "prompt_queue", "-tAc", "select 1", "prompt_queue"]
    bare = {"PATH": os.defpath}
    assert subprocess.run(command, env=bare, capture_output=True, check=False).returncode != 0
    known = {**bare, "PGPASSFILE": str(database.passfile)}
    shown = subprocess.run(command, env=known, capture_output=True, text=True, check=True)
    assert shown.stdout == "1\n"


async def test_a_killed_postmaster_comes_back_with_what_was_committed(house: House) -> None:
    """kill -9 of the server is a short pause, not a loss."""
    dsn = house.database().start()
    await run(dsn, "create table kept as select 7 as value")
    for _ in range(2):
        (victim,) = postmasters(house.data_dir)
        victim.kill()
        victim.wait(timeout=20)
        assert await served(lambda: run(dsn, "select value from kept")) == 7
    assert len(postmasters(house.data_dir)) == 1


async def test_a_killed_guardian_is_replaced_while_somebody_uses_the_server(house: House) -> None:
    """kill -9 of the guardian alone ends in service again, under one new guardian."""
    lines: list[str] = []
    dsn = house.database(report=lines.append).start()
    await run(dsn, "create table kept as select 7 as value")
    (guardian,) = guardians(house.data_dir)
    (postmaster,) = postmasters(house.data_dir)
    guardian.kill()
    until(lambda: not postmaster.is_running() and postmasters(house.data_dir))
    assert await served(lambda: run(dsn, "select value from kept")) == 7
    assert len(guardians(house.data_dir)) == 1
    assert any("guardian" in line for line in lines)


async def test_killed_users_leave_no_server_behind(house: House) -> None:
    """When every user was killed with -9, the server stops cleanly and the next start works."""
    first, second = house.user(), house.user()
    assert first.stdout is not None
    assert second.stdout is not None
    dsn = first.stdout.readline().strip()
    assert second.stdout.readline().strip() == dsn
    await run(dsn, "create table kept as select 7 as value")
    first.kill()
    first.wait()
    assert await run(dsn, "select value from kept") == 7
    house.kill_users()
    until(lambda: not postgres_processes(house.data_dir) and not guardians(house.data_dir), 8)
    assert "shut down" in (house.data_dir / "postgres.log").read_text().splitlines()[-1]
    assert await run(house.database().start(), "select value from kept") == 7


async def test_killing_guardian_and_users_at_once_leaves_no_orphan(house: House) -> None:
    """A server whose guardian and users were all killed ends, at the latest by the next start."""
    user = house.user()
    assert user.stdout is not None
    dsn = user.stdout.readline().strip()
    await run(dsn, "create table kept as select 7 as value")
    (guardian,) = guardians(house.data_dir)
    user.kill()
    guardian.kill()
    if sys.platform == "linux":
        until(lambda: not postgres_processes(house.data_dir), 8)
    assert await run(house.database().start(), "select value from kept") == 7
    assert len(postmasters(house.data_dir)) == 1


async def test_a_server_killed_before_it_was_ready_is_started_again(house: House) -> None:
    """kill -9 during the very first start is no reason to give up."""
    user = house.user()
    until((house.data_dir / "postgres").exists)
    until(lambda: postmasters(house.data_dir))
    for victim in postmasters(house.data_dir):
        victim.kill()
    assert user.stdout is not None
    dsn = user.stdout.readline().strip()
    assert await served(lambda: run(dsn, "select 1")) == 1


async def test_eight_processes_at_once_share_one_server(house: House) -> None:
    """Processes that start at the same moment on a new directory all connect to one server."""
    users = [house.user() for _ in range(8)]
    answers = [user.stdout.readline().strip() for user in users if user.stdout]
    assert len(answers) == 8
    assert len(set(answers)) == 1
    for dsn in answers:
        assert await run(dsn, "select 1") == 1
    assert len(postmasters(house.data_dir)) == 1
    assert len(guardians(house.data_dir)) == 1


async def test_who_arrives_while_the_server_stops_is_served(house: House) -> None:
    """A start that meets the stop of the last user ends connected, every time."""
    for turn in range(6):
        leaver = house.database()
        leaver.start()
        closing = threading.Thread(target=leaver.close)
        closing.start()
        time.sleep(0.06 * turn)
        newcomer = house.database()
        dsn = newcomer.start()
        closing.join()
        assert await run(dsn, "select 1") == 1
        newcomer.close()


async def test_a_waiting_start_says_what_it_waits_for(house: House) -> None:
    """Waiting is told once a second after two seconds, and has no limit of its own."""
    house.database().start()
    house.databases[0].close()
    until(lambda: not guardians(house.data_dir))
    stopping = os.open(house.data_dir / "users.lock", os.O_RDWR)
    fcntl.flock(stopping, fcntl.LOCK_EX)
    lines: list[str] = []
    try:
        start = asyncio.create_task(asyncio.to_thread(house.database(report=lines.append).start))
        async with asyncio.timeout(10):
            while len(lines) < 2:
                await asyncio.sleep(0.05)
    finally:
        os.close(stopping)
    assert await run(await start, "select 1") == 1
    assert lines[:2] == ["PostgreSQL is stopping (2 s) ...", "PostgreSQL is stopping (3 s) ..."]


async def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle(house: House) -> None:
    """After a crash the pid may belong to another process of the same account."""
    dsn = house.database().start()
    await run(dsn, "create table kept as select 7 as value")
    (guardian,) = guardians(house.data_dir)
    pid_file = house.data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    guardian.suspend()
    house.databases[0].close()
    house.kill_everything()
    with stranger_of_the_same_account(house) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert await run(house.database().start(), "select value from kept") == 7
        assert stranger.poll() is None


async def test_a_server_that_outlived_its_guardian_is_replaced(house: House) -> None:
    """A server without a guardian is stopped cleanly and started anew under a guardian."""
    database = house.database()
    dsn = database.start()
    await run(dsn, "create table kept as select 7 as value")
    database.close()
    cluster = house.data_dir / "postgres"
    options = run_as(choose_account(os.geteuid(), None, cluster.stat().st_uid))
    options.pop("preexec_fn")
    server = str(find_install() / "bin" / "postgres")
    orphan = subprocess.Popen(
        [server, "-D", str(cluster), "-k", str(database.socket_dir), "-c", "listen_addresses="],
        cwd="/",
        env={"LC_ALL": "C"},
        stderr=subprocess.DEVNULL,
        **options,
    )
    try:
        until(lambda: "ready" in read_pid_file(cluster))
        reaper = threading.Thread(target=orphan.wait)
        reaper.start()
        assert await run(house.database().start(), "select value from kept") == 7
        reaper.join(timeout=10)
        assert orphan.returncode == 0
        assert len(postmasters(house.data_dir)) == 1
    finally:
        orphan.kill()
        orphan.wait()


async def test_leftover_socket_files_are_no_obstacle(house: House) -> None:
    """A socket and its lock file that name a live process do not keep the server from starting."""
    database = house.database()
    database.start()
    database.close()
    socket = database.socket_dir / ".s.PGSQL.5432"
    socket.write_text("")
    with stranger_of_the_same_account(house) as stranger:
        lock = socket.with_name(".s.PGSQL.5432.lock")
        lock.write_text(f"{stranger.pid}\n/nowhere\n1\n5432\n\n")
        assert await run(house.database().start(), "select 1") == 1


async def test_a_creation_that_was_killed_leaves_nothing_half_made(house: House) -> None:
    """kill -9 in the middle of initdb: the next start makes a whole database."""
    user = house.user()
    until(lambda: list(house.data_dir.glob("postgres.unfinished-*/base")))
    assert not (house.data_dir / "postgres").exists()
    user.kill()
    for guardian in guardians(house.data_dir):
        guardian.kill()
    assert await run(house.database().start(), "select 1") == 1
    assert not list(house.data_dir.glob("*unfinished*"))


async def test_a_lost_password_file_is_replaced(house: House) -> None:
    """Without its password file the role gets a new password at the next start."""
    database = house.database()
    old = database.start()
    database.close()
    (house.data_dir / "password").unlink()
    new = house.database().start()
    assert new != old
    assert await run(new, "select 1") == 1


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("16", ["PostgreSQL 16", "PostgreSQL 18", "pg_dump", "psql", "--data-dir"]),
        ("19", ["PostgreSQL 19", "upgrade prompt-queue", "--data-dir"]),
        ("?", ["no PostgreSQL database", "--data-dir"]),
    ],
)
def test_a_cluster_of_another_version_is_refused(
    house: House, version: str, words: list[str]
) -> None:
    """The sentence says which version made the database and what to do; nothing is touched."""
    cluster = house.data_dir / "postgres"
    cluster.mkdir(parents=True)
    house.data_dir.chmod(0o711)
    (cluster / "PG_VERSION").write_text(f"{version}\n")
    if IS_ROOT:
        account = choose_account(0, None, None)
        assert account is not None
        os.chown(cluster, account.uid, account.gid)
    with pytest.raises(EmbeddedPostgresError) as refusal:
        house.database().start()
    for word in words:
        assert word in str(refusal.value)
    assert [entry.name for entry in cluster.iterdir()] == ["PG_VERSION"]


def test_a_directory_that_cannot_be_is_refused_in_one_sentence(base: Path) -> None:
    """A file in the place of the directory, or a place where nothing can be made."""
    in_the_way = base / "file"
    in_the_way.touch()
    nowhere = Path("/proc/nope") if sys.platform == "linux" else Path("/dev/null/nope")
    for place in (in_the_way, in_the_way / "below", nowhere):
        with pytest.raises(
            EmbeddedPostgresError, match=r"^[^\n]+ choose [^\n]+--data-dir[^\n]*\.$"
        ):
            EmbeddedPostgres(place).start()
    assert in_the_way.is_file()


def test_a_server_that_cannot_start_fails_at_once_with_its_last_words(house: House) -> None:
    """A damaged database is reported with PostgreSQL's own reason, without waiting."""
    database = house.database()
    database.start()
    database.close()
    control = house.data_dir / "postgres" / "global" / "pg_control"
    control.write_bytes(b"\0" * control.stat().st_size)
    began = time.monotonic()
    with pytest.raises(
        EmbeddedPostgresError, match=r"incompatible with server: .*PG_CONTROL_VERSION"
    ) as refusal:
        house.database().start()
    assert time.monotonic() - began < 10
    assert "postgres.log" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_failure_is_not_told_to_the_next_start_once_it_is_mended(house: House) -> None:
    """A start right after a failed one looks again instead of repeating the old failure."""
    cluster = house.data_dir / "postgres"
    house.data_dir.mkdir()
    house.data_dir.chmod(0o711)
    cluster.mkdir()
    if IS_ROOT:
        nobody = choose_account(0, "nobody", None)
        assert nobody is not None
        os.chown(cluster, nobody.uid, nobody.gid)
    other_user = os.open(house.data_dir / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(other_user, fcntl.LOCK_SH)
    try:
        with pytest.raises(EmbeddedPostgresError, match="PG_VERSION"):
            house.database().start()
        cluster.rmdir()
        assert house.database().start().startswith("postgresql://")
    finally:
        os.close(other_user)


async def test_a_long_directory_name_gets_a_short_private_socket(house: House, base: Path) -> None:
    """Where the socket's path would be too long, one in /tmp is used, the same each time."""
    house.data_dir = base / ("long" * 25) / "data"
    database = house.database()
    assert await run(database.start(), "select 1") == 1
    place = database.socket_dir
    assert place.parent == Path("/tmp")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    database.close()
    until(lambda: not place.exists())
    again = house.database()
    again.start()
    assert again.socket_dir == place


async def test_a_squatted_socket_directory_is_not_used(house: House, base: Path) -> None:
    """A symlink in the place of the recorded directory is left alone and another one is made."""
    house.data_dir = base / ("long" * 25) / "data"
    database = house.database()
    database.start()
    place = database.socket_dir
    database.close()
    until(lambda: not place.exists())
    trap = base / "trap"
    trap.mkdir(mode=0o755)
    place.symlink_to(trap)
    try:
        again = house.database()
        assert await run(again.start(), "select 1") == 1
        assert again.socket_dir != place
        assert not list(trap.iterdir())
        assert stat.S_IMODE(trap.stat().st_mode) == 0o755
    finally:
        place.unlink()


async def test_no_directory_above_changes_its_permissions(house: House) -> None:
    """The parents of the data directory are as they were, owner and mode."""
    before = modes_of_parents(house.data_dir)
    dsn = house.database().start()
    assert await run(dsn, "select 1") == 1
    assert modes_of_parents(house.data_dir) == before
    assert not (house.data_dir / "postgres").is_symlink()
    owner = (house.data_dir / "postgres").stat().st_uid
    assert owner != 0
    assert IS_ROOT or owner == os.geteuid()


async def test_below_a_closed_directory_the_server_still_serves(house: House, base: Path) -> None:
    """Root with a directory nobody else may enter: the cluster moves, no permission does."""
    base.chmod(0o700)
    before = modes_of_parents(house.data_dir)
    lines: list[str] = []
    database = house.database(report=lines.append)
    await run(database.start(), "create table kept as select 7 as value")
    assert modes_of_parents(house.data_dir) == before
    assert (house.data_dir / "postgres").is_symlink() == IS_ROOT
    assert len([line for line in lines if "cannot enter" in line]) == int(IS_ROOT)
    database.close()
    assert await run(house.database().start(), "select value from kept") == 7
    assert modes_of_parents(house.data_dir) == before


async def test_a_directory_that_holds_other_things_keeps_its_mode(house: House) -> None:
    """A closed data directory that was not made here, nor empty, is not opened to others."""
    house.data_dir.mkdir(mode=0o700)
    (house.data_dir / "precious").touch()
    dsn = house.database().start()
    assert await run(dsn, "select 1") == 1
    assert stat.S_IMODE(house.data_dir.stat().st_mode) == 0o700


async def test_a_deleted_data_directory_ends_its_server(house: House) -> None:
    """Nothing goes on running for a directory that was taken away, and nothing is made anew."""
    house.database().start()
    running = postgres_processes(house.data_dir)
    house.data_dir.rename(house.data_dir.with_name("taken-away"))
    until(lambda: not any(process.is_running() for process in running), 5)
    until(lambda: not guardians(house.data_dir), 5)
    assert not house.data_dir.exists()


def test_a_told_guardian_stops_its_server(house: House) -> None:
    """SIGTERM to the guardian, as at a machine's shutdown, stops the server cleanly."""
    user = house.user()
    assert user.stdout is not None
    user.stdout.readline()
    user.send_signal(signal.SIGSTOP)
    (guardian,) = guardians(house.data_dir)
    guardian.terminate()
    until(lambda: not postgres_processes(house.data_dir), 8)
    assert "shut down" in (house.data_dir / "postgres.log").read_text().splitlines()[-1]


def test_the_programs_can_be_copied_for_another_account(base: Path) -> None:
    """The private copy is whole and runs; a place that others may change is refused."""
    root = base / "private"
    copied = private_copy(find_install(), root)
    assert private_copy(find_install(), root) == copied
    options = run_as(choose_account(os.geteuid(), None, None))
    command = [str(copied / "bin" / "initdb"), "--show", "-D", "/nonexistent"]
    subprocess.run(command, cwd="/", check=True, capture_output=True, **options)
    root.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="can be changed by other accounts"):
        private_copy(find_install(), root)


@pytest.mark.parametrize(
    ("euid", "wanted", "owner", "words"),
    [
        (0, "no-such-account", None, "does not exist"),
        (0, "root", None, "refuses"),
        (0, None, 0, "belongs to root"),
        (0, "nobody", 54321, "belongs to 54321"),
        (1000, None, 54321, "belongs to the account 54321"),
    ],
)
def test_an_account_that_will_not_do_is_refused(
    euid: int, wanted: str | None, owner: int | None, words: str
) -> None:
    """Each unsuitable account has a sentence of its own."""
    with pytest.raises(EmbeddedPostgresError, match=words):
        choose_account(euid, wanted, owner)


def test_the_account_is_the_callers_own_or_an_unprivileged_one() -> None:
    """An ordinary user runs the server as itself, root as an account that exists."""
    assert choose_account(1000, "nobody", None) is None
    assert choose_account(1000, None, 1000) is None
    chosen = choose_account(0, None, None)
    assert chosen is not None
    assert chosen.uid != 0
    kept = choose_account(0, None, 54321)
    assert kept is not None
    assert kept.uid == 54321


def test_psqls_complaints_are_told_apart(base: Path) -> None:
    """Only a server on its way is waited for; a refusal becomes a sentence."""
    layout = Layout(base)
    assert judge_log_in(0, "", layout) is Answer.CONNECTED
    assert judge_log_in(2, "FATAL:  sorry, too many clients already", layout) is Answer.CONNECTED
    for passing in (
        "FATAL:  the database system is starting up",
        "FATAL:  terminating connection due to unexpected postmaster exit",
        "Connection refused",
    ):
        assert judge_log_in(2, passing, layout) is Answer.NOT_YET
    with pytest.raises(EmbeddedPostgresError, match="does not accept the password"):
        judge_log_in(2, 'FATAL:  password authentication failed for user "x"', layout)
    with pytest.raises(EmbeddedPostgresError, match='database "x" does not exist'):
        judge_log_in(2, 'FATAL:  database "x" does not exist', layout)


def test_a_log_is_told_by_its_decisive_line(base: Path) -> None:
    """The fatal line counts, not what follows it; a full disk is named as such."""
    log = "t [1] LOG:  x\nt [1] FATAL:  could not write: No space left on device\nt LOG:  down\n"
    assert decisive_line(log) == "could not write: No space left on device"
    assert "the disk is full" in explain_output(log, "server", base)
    assert "free some space" in explain_output(log, "server", base)


def test_the_default_directory_follows_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root keeps the database below /var/lib, others where XDG says or in their home."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/prompt-queue")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data/home")
    assert default_data_dir() == Path("/data/home/prompt-queue")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_data_dir() == Path("/home/somebody/.local/share/prompt-queue")


def test_before_start_there_is_no_socket(base: Path) -> None:
    """Asking for the socket too early is answered with what to do."""
    with pytest.raises(EmbeddedPostgresError, match=r"call start\(\) first"):
        _ = EmbeddedPostgres(base).socket_dir
    assert read_status(Layout(base)) is None
