"""Two machines on this computer: each has its own network, host name and process ids, and shares the files.

Linux namespaces make them, which only root may; a virtual cable connects them, and can be pulled out.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_NETWORK = "10.231.77"


class Machine:
    """One of two machines.

    Args:
        number: 1 or 2.
        folder: for the file that takes the place of `/etc/hosts`.
        name: host name, which the machine itself knows as its address.
        is_known: whether it does.
    """

    def __init__(self, number: int, folder: Path, name: str, is_known: bool) -> None:
        self.name, self.address = name, f"{_NETWORK}.{number}"
        self._hosts = folder / f"hosts-{number}"
        known = {"localhost": "127.0.0.1", **({name: self.address} if is_known else {})}
        known |= {f"machine-{n}": f"{_NETWORK}.{n}" for n in (1, 2)}
        self._hosts.write_text("".join(f"{address} {host}\n" for host, address in known.items()))
        self._started: list[subprocess.Popen[bytes]] = []
        self.space, self.cable = f"bimodal-{os.getpid()}-{number}", f"bm{os.getpid()}-{number}"

    def start(self, command: Sequence[object], log: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start a command, which is the first process of the machine: to kill it turns the machine off."""
        prepare = f'hostname {self.name}; mount --bind {self._hosts} /etc/hosts; exec "$@"'
        spaces = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", prepare, "sh"]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.space, *spaces, *map(str, command)], stdout=stream, stderr=stream, env=env
            )
        self._started.append(process)
        return process

    def turn_off(self) -> None:
        """Kill all that runs on the machine."""
        for process in self._started:
            process.kill()
            process.wait()

    def pull_cable(self) -> None:
        """Cut the machine off, so that not even the end of a connection reaches the other."""
        _ip("-n", self.space, "link", "set", self.cable, "down")


@contextmanager
def two_machines(
    folder: Path, names: Sequence[str] = ("machine-1", "machine-2"), is_known: bool = True
) -> Iterator[list[Machine]]:
    """Lend two machines; `machine-1` and `machine-2` are their addresses, whatever they are called."""
    one, two = machines = [Machine(number, folder, name, is_known) for number, name in enumerate(names, 1)]
    try:
        for machine in machines:
            _ip("netns", "add", machine.space)
        _ip("link", "add", one.cable, "netns", one.space, "type", "veth", "peer", "name", two.cable, "netns", two.space)
        for machine in machines:
            _ip("-n", machine.space, "address", "add", f"{machine.address}/24", "dev", machine.cable)
            for device in ("lo", machine.cable):
                _ip("-n", machine.space, "link", "set", device, "up")
        yield machines
    finally:
        for machine in machines:
            machine.turn_off()
            subprocess.run(["ip", "netns", "delete", machine.space], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
