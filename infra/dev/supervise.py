"""Runs one server for infra/dev/process.ts and sees to it that the server and all it started end, whatever happens.

    python -I -S infra/dev/supervise.py --log FILE --log-bytes N --grace SECONDS -- COMMAND [ARGUMENT ...]

Node cannot ask the kernel to end a child with its parent, so this small process stands between them. Its standard
input is a pipe from the parent: when that closes, because the parent wants so, ended or was killed, the server gets
SIGTERM, after the grace time SIGKILL. It adopts orphans (PR_SET_CHILD_SUBREAPER): processes whose own parent was killed
are found and ended too.
Standard output: one JSON line with the server's pid, one with how it ended.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)


def say(**fields: object) -> None:
    # The parent may be gone; the work is to end the server, not to tell.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{json.dumps(fields)}\n".encode())


def processes() -> Iterator[tuple[int, int, int]]:
    """Pid, parent and session of every living process, read from /proc (zombies left out)."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command name stands in parentheses and may hold anything, so count from its end.
            state, parent, _group, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if state not in "ZX":
            yield int(entry.name), int(parent), int(session)


def descendants(watchdog: int) -> list[int]:
    """Every living process under this one but the watchdog."""
    children: dict[int, list[int]] = {}
    for pid, parent, _session in processes():
        if pid != watchdog:
            children.setdefault(parent, []).append(pid)
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def kill_all(pids: list[int], which: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)


def reap() -> dict[int, int]:
    """The exit statuses of children, and adopted ones, that ended since the last call."""
    ended = {}
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = status
    except ChildProcessError:
        pass
    return ended


class Log:
    """A log file that never grows beyond two times its limit: a full one becomes FILE.1."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        self.file = path.open("ab", buffering=0)

    def write(self, chunk: bytes) -> None:
        try:
            if self.file.tell() + len(chunk) > self.limit:
                self.file.close()
                self.path.rename(f"{self.path}.1")
                self.file = self.path.open("ab", buffering=0)
            self.file.write(chunk)
        except OSError:
            pass  # a full disk must not end the server's supervision


def start(command: list[str], output: int) -> subprocess.Popen[bytes]:
    def die_with_supervisor() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=die_with_supervisor,  # noqa: PLW1509 - this process has one thread
    )


def start_watchdog(server: int) -> tuple[int, int]:
    """A copy of this process that ends the server's session should somebody kill this process with SIGKILL.

    Returns its pid, and the pipe that tells it, by being closed, that this process is gone.
    """
    alive_read, alive_write = os.pipe2(os.O_CLOEXEC)
    watchdog = os.fork()
    if watchdog != 0:
        os.close(alive_read)
        return watchdog, alive_write
    try:
        os.setsid()
        for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        # Nobody shall wait for the ends of these because of the watchdog.
        for inherited in (alive_write, sys.stdin.fileno(), sys.stdout.fileno()):
            os.close(inherited)
        os.read(alive_read, 1)  # never written to: it returns when the other end closes
        while left := [pid for pid, _parent, session in processes() if session == server]:
            kill_all(left, signal.SIGKILL)
            time.sleep(0.05)
    finally:
        os._exit(0)


def supervise(command: list[str], log: Log, grace_s: float) -> int:
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    stop_asked = False

    def ask_stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop_asked
        stop_asked = True

    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    for asked in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(asked, ask_stop)

    output_read, output_write = os.pipe2(os.O_CLOEXEC)
    try:
        server = start(command, output_write)
    except OSError as error:
        say(failed=f"{command[0]}: {error.strerror}")
        return 127
    os.close(output_write)
    watchdog, alive = start_watchdog(server.pid)
    say(pid=server.pid)

    status: int | None = None
    kill_at: float | None = None
    sources = [sys.stdin.fileno(), wake_read, output_read]
    while status is None or descendants(watchdog):
        timeout = None if kill_at is None else max(0.05, kill_at - time.monotonic())
        readable, _, _ = select.select(sources, [], [], timeout)
        if output_read in readable:
            chunk = os.read(output_read, 65536)
            if chunk:
                log.write(chunk)
            else:
                sources.remove(output_read)
        if wake_read in readable:
            os.read(wake_read, 4096)
        if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 4096):
            sources.remove(sys.stdin.fileno())
            stop_asked = True
        status = reap().get(server.pid, status)
        if kill_at is None and (stop_asked or status is not None):
            # A server that ended by itself may have left helpers behind: they get the same notice.
            kill_at = time.monotonic() + (grace_s if status is None else min(grace_s, 2.0))
            if status is None:
                os.kill(server.pid, signal.SIGTERM)
            else:
                kill_all(descendants(watchdog), signal.SIGTERM)
        if kill_at is not None and time.monotonic() >= kill_at:
            kill_all(descendants(watchdog), signal.SIGKILL)
            kill_at = time.monotonic() + 0.2
    os.close(alive)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(watchdog, 0)
    reap()  # so that no zombie of ours answers to a signal when the parent looks
    while output_read in sources and select.select([output_read], [], [], 0)[0]:
        chunk = os.read(output_read, 65536)
        if not chunk:
            break
        log.write(chunk)
    code = os.waitstatus_to_exitcode(status)
    say(code=code if code >= 0 else None, signal=None if code >= 0 else signal.Signals(-code).name)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--log-bytes", type=int, required=True)
    parser.add_argument("--grace", type=float, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    return supervise(options.command, Log(options.log, options.log_bytes), options.grace)


if __name__ == "__main__":
    sys.exit(main())
