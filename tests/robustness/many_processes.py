"""One training on 1, 2 and 4 processes, and on two nodes: two agents of torchrun on the loopback interface.

`python -m tests.robustness.many_processes`: it takes minutes, and prints what it found; docs/scaling.md has the last result.
"""

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bimodal.runs.run import Run
from tests.conftest import ROOT, write_data
from tests.training.test_several_processes import ENVIRONMENT, PLAIN, agree, sees_each_example_once_an_epoch


def main() -> None:
    """Train in all ways, and check that each has the examples, steps, losses and removals of one process."""
    work = Path(tempfile.mkdtemp(prefix="processes-"))
    data = write_data(work / "data", {"train": 70, "val": 21, "test": 21}, wrong=7)
    one = train(data, work / "1", 1)
    sees_each_example_once_an_epoch(one)
    print(f"1 process: {len(one.removed)} faces removed in {len(one.removal_steps)} steps", flush=True)
    for count in (2, 4):
        run = train(data, work / str(count), count)
        agree(one, run)
        sees_each_example_once_an_epoch(run)
        print(f"{count} processes: the same", flush=True)
    for each in (1, 2):
        run = on_two_nodes(data, work / f"nodes-{each}", each)
        agree(one, run)
        sees_each_example_once_an_epoch(run)
        print(f"two agents of torchrun with {each} process(es) each: the same", flush=True)
    again = lost_agent(data, work / "lost")
    agree(one, again)
    print("an agent and its process killed after the first epoch, resumed on one process: the same", flush=True)


def command(*arguments: object) -> list[str]:
    """Return the command line that trains in 64 bits."""
    script = ROOT / "tests/training/in_64_bits.py"
    return [sys.executable, "-u", str(script), "train", *map(str, arguments), "--accelerator", "cpu"]


def train(data: Path, out: Path, processes: int) -> Run:
    """Train on processes that bimodal starts itself."""
    subprocess.run(command(data, "--out", out, *PLAIN, "--devices", processes), check=True, env=ENVIRONMENT)
    return Run.open(out)


def agents(data: Path, out: Path, each: int) -> list[subprocess.Popen[str]]:
    """Start two agents of torchrun, as on two machines."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    training = command(data, "--out", out, *PLAIN, "--devices", each, "--num-nodes", 2)[2:]
    started = []
    for rank in (0, 1):
        where = [*("--nnodes", "2", "--nproc-per-node", str(each), "--node-rank", str(rank))]
        where += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
        agent = [sys.executable, "-m", "torch.distributed.run", *where, *training]
        started.append(
            subprocess.Popen(agent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
        )
    return started


def on_two_nodes(data: Path, out: Path, each: int) -> Run:
    """Train on two nodes with some processes each."""
    for agent in agents(data, out, each):
        output, _ = agent.communicate(timeout=3600)
        assert agent.returncode == 0, output
    return Run.open(out)


def lost_agent(data: Path, out: Path) -> Run:
    """Kill the second agent with its process after an epoch, and resume on one process."""
    first, second = agents(data, out, 1)
    while not (out / "last.ckpt").exists():
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.01)
    children = Path(f"/proc/{second.pid}/task/{second.pid}/children").read_text().split()
    for process in (str(second.pid), *children):
        subprocess.run(["kill", "-9", process], check=False)
    output, _ = first.communicate(timeout=3600)
    second.communicate()
    assert first.returncode != 0
    assert not (out / "model.safetensors").exists(), "the signal came too late to be a test"
    said = [line for line in output.splitlines() if line.startswith("bimodal: ")]
    print("the agent that is left says:", said, flush=True)
    assert len(said) == 1, output
    subprocess.run(command("--out", out, "--resume", "--devices", 1), check=True, env=ENVIRONMENT)
    return Run.open(out)


if __name__ == "__main__":
    main()
