"""Several training processes: start those of this machine, and end all of them in order when one is lost."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from torch import distributed

from bimodal.errors import InputError
from bimodal.training import heartbeat
from bimodal.training.hardware import Hardware
from bimodal.training.heartbeat import Heartbeat
from bimodal.training.launcher import this_machine

_POLL_S = 0.1
_SETTLE_S = 3.0  # after a broken connection, the process at its other end is seen to be dead within this time
_BLOCKED_S = 60.0  # a lost process ends the collectives of the others at once; one that still waits then waits for ever
_LAUNCHED = "BIMODAL_LAUNCHED_BY"  # process id of the process that started this one
_BROKEN = ("gloo", "nccl", "connection", "socket", "broken pipe", "recvvalue", "tcpstore", "timed out")


class Processes(pl.Callback):
    """The training processes of a run, of which this is one.

    Without `torchrun` or another launcher, `started` starts the further processes of this machine, with the same command.
    In its block, a process that is killed or fails ends the others: one of them raises a `ConnectionError` with one line, and
    the others end quietly. As a callback, it finds out where the processes are, and that they have the same task.

    Args:
        hardware: number of processes.
        task: what all processes must have in common, by name.
        cure: what to type when a process was lost.
    """

    def __init__(self, hardware: Hardware, task: dict[str, str], cure: str) -> None:
        self.hardware, self.task, self.cure = hardware, task, cure
        self.rank = int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._peers: dict[int, int] = {}  # process ids on this machine, by rank
        self._elsewhere: set[int] = set()
        self._lost: list[int] = []
        self._is_connected = hardware.world_size == 1
        self._heartbeat: Heartbeat | None = None
        self._silent: list[int] = []  # ranks on other machines that give no sign of life
        self._ended = threading.Event()
        self._on_sigterm: Any = signal.SIG_DFL

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.hardware.world_size == 1:
            return
        self.rank, self._is_connected = trainer.global_rank, True
        found: list[Any] = [None] * trainer.world_size
        distributed.all_gather_object(found, (this_machine(), os.getpid(), self.task))
        for rank, (machine, process, task) in enumerate(found):
            for name, value in task.items():
                if value != found[0][2].get(name):
                    raise InputError(
                        f"all training processes must have the same {name}, but rank {rank} on {machine[0]} has {value} and rank 0 "
                        f"has {found[0][2].get(name)}; start the same command on each machine, with --precision 32 if that differs"
                    )
            if machine != found[self.rank][0]:
                self._elsewhere.add(rank)
            elif rank != self.rank:
                self._peers[rank] = process
        if len({machine for machine, _, _ in found}) > 1:
            self._heartbeat = self._start_heartbeat()

    def _start_heartbeat(self) -> Heartbeat:
        host = os.environ["MASTER_ADDR"]  # set by the launcher, or by Lightning from what SLURM says
        store = heartbeat.open_store(host) if self.rank == 0 else None
        port = [store.port if store else 0]
        distributed.broadcast_object_list(port)
        return Heartbeat(self.rank, self._elsewhere, host, port[0], store)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning's own handler sends a tensor from within the signal, to processes that expect another or none: they abort.
        is_main = threading.current_thread() is threading.main_thread()
        if self.hardware.world_size > 1 and is_main and not SLURMEnvironment.detect():
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if not _is_broken(exception):
            self._kill_children()  # before Lightning cleans up, in which the others would take part unasked

    @contextmanager
    def started(self) -> Iterator[None]:
        """Have all processes run in the block; with one process, do nothing.

        Raises:
            ConnectionError: another process was lost; this one says so for all on this machine.
        """
        if self.hardware.world_size == 1:
            yield
            return
        self._launch()
        self._on_sigterm = signal.getsignal(signal.SIGTERM)
        threading.Thread(target=self._watch, daemon=True, name="training-processes").start()
        try:
            yield
        except KeyboardInterrupt as error:
            self._explain(error)
            self._kill_children()
            if self.rank:
                raise SystemExit(128 + signal.SIGINT) from None  # rank 0 says what to do next
            raise
        except Exception as error:
            self._explain(error)
            if self.rank:
                time.sleep(_SETTLE_S)  # rank 0 often has the same error; it ends this process when it has said so
            self._kill_children()
            raise
        finally:
            self._ended.set()
            if self._heartbeat:
                self._heartbeat.end()

    def _launch(self) -> None:
        """Start the other processes of this machine, unless a launcher did."""
        environment = LightningEnvironment()
        if os.environ.get(_LAUNCHED):
            self._peers = {0: int(os.environ[_LAUNCHED])}
            if threading.current_thread() is threading.main_thread():  # rank 0 writes, and ends the others after Ctrl-C
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if environment.creates_processes_externally or SLURMEnvironment.detect():
            return
        os.environ |= {
            "MASTER_ADDR": environment.main_address,
            "MASTER_PORT": str(environment.main_port),
            "NODE_RANK": "0",
            "LOCAL_RANK": "0",
            "WORLD_SIZE": str(self.hardware.world_size),
        }
        for rank in range(1, self.hardware.devices):
            variables = os.environ | {"LOCAL_RANK": str(rank), _LAUNCHED: str(os.getpid())}
            self._children[rank] = subprocess.Popen(_this_command(), env=variables)
        self._peers = {rank: child.pid for rank, child in self._children.items()}

    def _watch(self) -> None:
        """Note the first lost process; end this process if it still waits for that one long after."""
        since = 0.0
        while not self._ended.wait(_POLL_S):
            if self._heartbeat and not self._silent and (silent := self._heartbeat.silent):
                self._silent, since = silent, time.monotonic()
            elif self._silent:
                # all of this machine know by then, and a launcher that ends them all does so after one has said it
                if time.monotonic() - since > 2 * heartbeat.INTERVAL_S + (0 if self._speaks() else 1):
                    self._end_now()
            elif not self._lost:
                self._lost = [rank for rank, process in self._peers.items() if not self._is_alive(rank, process)]
                since = time.monotonic()
            elif time.monotonic() - since > (_BLOCKED_S if distributed.is_initialized() else _SETTLE_S):
                self._end_now()

    def _end_now(self) -> None:
        """End this process, whose main thread is in a call that no exception ends."""
        self._kill_children()
        if self._speaks():
            print(f"bimodal: {self._message()}", file=sys.stderr, flush=True)
        os._exit(2)

    def _explain(self, error: BaseException) -> None:
        """If an error is that of a lost process, end this one: with an error that says so, or quietly if another says it."""
        if not _is_broken(error):
            return
        end = time.monotonic() + _SETTLE_S
        is_interrupted = isinstance(error, KeyboardInterrupt)
        try:
            while not self._lost and time.monotonic() < end:
                time.sleep(_POLL_S)
            time.sleep(5 * _POLL_S)  # all see the same lost process, before this one ends, too
        except KeyboardInterrupt:  # torchrun ends all processes when one is lost
            is_interrupted = True
        if not self._lost and self._is_connected and not self._elsewhere:
            return
        never_connected = not self._lost and not self._is_connected
        message = self._why_unconnected(error) if never_connected else self._message()
        if not self._speaks():
            if never_connected and not is_interrupted:
                time.sleep(_SETTLE_S)  # or the first process would take this one for the cause
            self._kill_children()
            raise SystemExit(2) from None
        self._kill_children()
        if not is_interrupted:
            raise ConnectionResetError(errno.ECONNRESET, message) from None
        print(f"bimodal: {message}", file=sys.stderr, flush=True)  # the command line shows no error after a signal
        raise SystemExit(2) from None

    def _why_unconnected(self, error: BaseException) -> str:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return (
            f"the {self.hardware.world_size} training processes cannot connect to each other ({reason}); if no other gives a "
            "reason, the name of each machine must mean an address that the others reach, or set GLOO_SOCKET_IFNAME (with "
            "GPUs NCCL_SOCKET_IFNAME) to the name of its network interface, such as eth0"
        )

    def _is_alive(self, rank: int, process: int) -> bool:
        if rank in self._children:
            return self._children[rank].poll() is None
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        try:
            state = (
                Path(f"/proc/{process}/stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()[0]
            )
        except (OSError, IndexError):
            return True
        return state != "Z"  # ended, but its parent has not asked yet

    def _speaks(self) -> bool:
        """Whether this is the first of the processes of this machine that are left."""
        if not self._is_connected and not self._lost:  # the others are not known yet
            return int(os.environ.get("LOCAL_RANK", "0")) == 0
        lost = () if self._silent else self._lost
        return not any(rank < self.rank and rank not in lost for rank in self._peers)

    def _message(self) -> str:
        if self._silent:
            ranks = ", ".join(map(str, self._silent))
            seconds = f"{heartbeat.SILENT_S:.0f} s"
            return (
                f"the training processes of another machine (rank {ranks}) have not answered for {seconds}; {self.cure}"
            )
        if not self._lost:
            ranks = ", ".join(map(str, sorted(self._elsewhere)))
            return f"the connection to the training processes of another machine (rank {ranks}) broke; {self.cure}"
        rank = min(self._lost)
        code = self._children[rank].returncode if rank in self._children else None
        how = "has ended" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        return (
            f"rank {rank} of {self.hardware.world_size} training processes (pid {self._peers[rank]}) {how}; {self.cure}"
        )

    def _kill_children(self) -> None:
        for child in self._children.values():
            with suppress(OSError):
                child.kill()  # they write nothing
        for child in self._children.values():
            child.wait()


def _is_broken(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is of the connection between the processes."""
    while error is not None:
        if isinstance(error, RuntimeError | ConnectionError) and any(word in str(error).casefold() for word in _BROKEN):
            return True
        error = error.__cause__ or error.__context__
    return False


def _this_command() -> list[str]:
    spec = sys.modules["__main__"].__spec__
    program = ["-m", spec.name] if spec is not None else [str(Path(sys.argv[0]).absolute())]
    return [sys.executable, *program, *sys.argv[1:]]
