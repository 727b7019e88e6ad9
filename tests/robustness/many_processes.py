"""One training on 1, 2 and 4 processes, and on two machines: as two agents of torchrun on this one, and in namespaces of Linux.

`python -m tests.robustness.many_processes`: it takes minutes, and prints what it found; docs/scaling.md has the last result. The
machines need root.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bimodal.runs.run import Run
from tests.conftest import ROOT, write_data
from tests.robustness.machines import Machine, two_machines
from tests.training.test_several_processes import ENVIRONMENT, PLAIN, agree, call, sees_each_example_once_an_epoch

SILENT_S = 20
"""Seconds without a sign of life after which another machine counts as lost; 120 in use."""
_ENVIRONMENT = ENVIRONMENT | {"TEST_SILENT_S": str(SILENT_S)}
_WAIT_S = 300
_Kill = Callable[["subprocess.Popen[bytes]", "subprocess.Popen[bytes]"], None]


def main() -> None:
    """Train in all ways, and check that each has the examples, steps, losses and removals of one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the cases to run")
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="processes-"))
    data = write_data(work / "data", {"train": 70, "val": 21, "test": 21}, wrong=7)
    one = _train(work / "1", data, 1)
    sees_each_example_once_an_epoch(one)
    print(f"1 process: {len(one.removed)} faces removed in {len(one.removal_steps)} steps", flush=True)
    for name, case in _cases(data).items():
        if given.only in name:
            start = time.monotonic()
            folder = work / name.replace(" ", "-")
            folder.mkdir()
            for run in case(folder):
                agree(one, run)
                sees_each_example_once_an_epoch(run)
            print(f"{name}: the same, in {time.monotonic() - start:.0f} s", flush=True)
    shutil.rmtree(work)


def _cases(data: Path) -> dict[str, Callable[[Path], list[Run]]]:
    """Return the cases by name; each trains in a folder, and returns its finished runs."""
    cases: dict[str, Callable[[Path], list[Run]]] = {}
    for count in (2, 4):
        cases[f"{count} processes"] = lambda out, count=count: [_train(out / "run", data, count)]
    cases["begun on 2 processes, resumed on 1 and 4"] = lambda out: _resumed(out, data)
    for each in (1, 2):
        cases[f"two agents, {each} processes each"] = lambda out, each=each: [_on_two_agents(out, data, each)]
    for name, kill in _KILLS.items():
        cases[f"two agents, killed: {name}"] = lambda out, kill=kill: [_lost(out, _agents(out, data, 1), kill)]
    for names in (("machine-1", "machine-2"), ("same", "same")):
        cases[f"machines called {' and '.join(names)}"] = lambda out, names=names: [_on_machines(out, data, names)]
    cases["machines that do not know their own address"] = lambda out: _refused(out, data, "GLOO_SOCKET_IFNAME")
    cases["machines, the run exists"] = lambda out: _refused(out, data, "--overwrite")
    for what in ("second machine off", "first machine off", "cable pulled out"):
        cases[f"machines, {what}"] = lambda out, what=what: [_lost_machine(out, data, what)]
    return cases


def _command(*arguments: object) -> list[str]:
    """Return the command line that trains in 64 bits."""
    script = ROOT / "tests/training/in_64_bits.py"
    return [sys.executable, "-u", str(script), "train", *map(str, arguments), "--accelerator", "cpu"]


def _train(out: Path, data: Path, processes: int) -> Run:
    """Train on processes that bimodal starts itself."""
    command = _command(data, "--out", out, *PLAIN, "--devices", processes)
    subprocess.run(command, check=True, env=_ENVIRONMENT, stdout=subprocess.DEVNULL)
    return Run.open(out)


def _resumed(folder: Path, data: Path) -> list[Run]:
    """Kill all processes of a training with two after its first epoch, and resume it on one and on four."""
    run = folder / "run"
    command = _command(data, "--out", run, *PLAIN, "--devices", 2)
    training = subprocess.Popen(command, env=_ENVIRONMENT, stdout=subprocess.DEVNULL, start_new_session=True)
    _wait_for_state(run, [training])
    os.killpg(training.pid, signal.SIGKILL)
    training.wait()
    return [_resume(Path(shutil.copytree(run, folder / str(count))), count) for count in (1, 4)]


def _resume(out: Path, processes: int) -> Run:
    assert not (out / "model.safetensors").exists(), "the signal came too late to be a test"
    call(processes, "--out", out, "--resume")
    return Run.open(out)


def _agent(data: Path, out: Path, each: int, meeting: Sequence[object]) -> list[str]:
    """Return the command of an agent of torchrun, which starts the processes of a machine."""
    training = _command(data, "--out", out, *PLAIN, "--devices", each, "--num-nodes", 2)[2:]
    where = ["--nnodes", "2", "--nproc-per-node", each, *meeting]
    return [sys.executable, "-m", "torch.distributed.run", *map(str, where), *training]


def _by_rank(rank: int, address: str, port: int) -> list[object]:
    return ["--node-rank", rank, "--master-addr", address, "--master-port", port]


def _agents(folder: Path, data: Path, each: int) -> list["subprocess.Popen[bytes]"]:
    """Start two agents of torchrun on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    started = []
    for rank in (0, 1):
        with (folder / f"log-{rank}").open("wb") as log:
            command = _agent(data, folder / "run", each, _by_rank(rank, "127.0.0.1", port))
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env=_ENVIRONMENT))
    return started


def _on_two_agents(folder: Path, data: Path, each: int) -> Run:
    return _finished(folder, _agents(folder, data, each))


def _finished(folder: Path, agents: Sequence["subprocess.Popen[bytes]"]) -> Run:
    for rank, agent in enumerate(agents):
        assert agent.wait(_WAIT_S) == 0, (folder / f"log-{rank}").read_text()
    return Run.open(folder / "run")


def _kill_agent_and_process(agent: "subprocess.Popen[bytes]") -> None:
    children = _trainings(agent.pid)
    agent.kill()
    for child in children:
        os.kill(child, signal.SIGKILL)


def _children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _trainings(process: int) -> list[int]:
    """Return the training processes below a process."""
    found = []
    for child in _children(process):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        is_agent = b"torch.distributed.run" in command
        found += _trainings(child) if is_agent else [child]
    return found


_KILLS: dict[str, _Kill] = {
    "second agent and its process": lambda _, second: _kill_agent_and_process(second),
    "first agent and its process": lambda first, _: _kill_agent_and_process(first),
    "process of the second agent": lambda _, second: os.kill(_trainings(second.pid)[0], signal.SIGKILL),
    "second agent": lambda _, second: second.kill(),
    "first agent": lambda first, _: first.kill(),
}


def _lost(folder: Path, agents: list["subprocess.Popen[bytes]"], kill: _Kill, says: str = "rank ") -> Run:
    """Kill after the first epoch; check that those that are left end with one line, and resume on one process."""
    run = folder / "run"
    _wait_for_state(run, agents)
    processes = [process for agent in agents for process in _trainings(agent.pid)]
    assert processes
    kill(*agents)
    end = time.monotonic() + _WAIT_S
    while any(map(_is_alive, processes)):
        assert time.monotonic() < end, f"a process does not end: {processes}"
        time.sleep(0.1)
    if (run / "model.safetensors").exists():
        print("    the training finished without the agent", flush=True)
        for agent in agents:
            agent.kill()  # it waits for the other one for five minutes
            agent.wait()
        return Run.open(run)
    for agent in agents:
        try:
            agent.wait(20)
        except subprocess.TimeoutExpired:
            print("    an agent of torchrun still waits for the other after its processes have ended", flush=True)
            agent.kill()
            agent.wait()
    logs = [(folder / f"log-{rank}").read_text(errors="replace") for rank in (0, 1)]
    said = [[line for line in log.splitlines() if line.startswith("bimodal: ")] for log in logs]
    print("    exit codes", [agent.returncode for agent in agents], "said:", said, flush=True)
    assert sum(map(len, said)) >= 1, logs
    assert all(len(lines) <= 1 for lines in said), logs
    assert all(says in line for lines in said for line in lines), said
    return _resume(run, 1)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _machine_agents(folder: Path, data: Path, machines: Sequence[Machine]) -> list["subprocess.Popen[bytes]"]:
    """Start an agent on each machine; they agree on their ranks themselves, unless their names say nothing of their addresses."""
    agree_on_ranks = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "machine-1:29611"]
    started = []
    for rank, machine in enumerate(machines):
        meeting = agree_on_ranks if machine.name.startswith("machine-") else _by_rank(rank, "machine-1", 29611)
        command = _agent(data, folder / "run", 1, meeting)
        started.append(machine.start(command, folder / f"log-{rank}", _ENVIRONMENT))
    return started


def _on_machines(folder: Path, data: Path, names: Sequence[str]) -> Run:
    with two_machines(folder, names) as machines:
        return _finished(folder, _machine_agents(folder, data, machines))


def _refused(folder: Path, data: Path, word: str) -> list[Run]:
    """Check that both machines end with one line each if they do not know their own addresses, or if the run exists."""
    exists = word == "--overwrite"
    if exists:
        shutil.copytree(data.parent / "1", folder / "run")
    with two_machines(folder, ("machine-1", "machine-2") if exists else ("one", "two"), is_known=exists) as machines:
        agents = _machine_agents(folder, data, machines)
        for agent in agents:
            agent.wait(_WAIT_S)
        logs = [(folder / f"log-{rank}").read_text() for rank in (0, 1)]
        said = [[line for line in log.splitlines() if line.startswith("bimodal: ")] for log in logs]
        print("    exit codes", [agent.returncode for agent in agents], "said:", said, flush=True)
        assert [len(lines) for lines in said] == [1, 1], logs
        assert any(word in line for lines in said for line in lines), said
        assert not any("/bimodal/cli/" in log for log in logs), logs
    return []


def _lost_machine(folder: Path, data: Path, what: str) -> Run:
    """Turn a machine off, or pull out the cable."""
    with two_machines(folder) as machines:
        kills: dict[str, _Kill] = {
            "second machine off": lambda *_: machines[1].turn_off(),
            "first machine off": lambda *_: machines[0].turn_off(),
            "cable pulled out": lambda *_: machines[1].pull_cable(),
        }
        return _lost(folder, _machine_agents(folder, data, machines), kills[what], "of another machine")


def _wait_for_state(run: Path, processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    while not (run / "last.ckpt").exists():
        assert all(process.poll() is None for process in processes), "a process ended early"
        time.sleep(0.01)


if __name__ == "__main__":
    main()
