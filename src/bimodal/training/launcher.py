"""What a launcher such as torchrun must have done before a training, and what to type after it."""

import os
import shlex
import socket
from ipaddress import ip_address
from pathlib import Path

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from torch import distributed

from bimodal.errors import InputError
from bimodal.training.hardware import Hardware


def check_launcher(hardware: Hardware) -> None:
    """Raise an `InputError` if a launcher has started other processes than the hardware says, or they will not find each other."""
    if hardware.num_nodes > 1 and not hardware.uses_cuda:
        _check_address()
    if distributed.is_available() and distributed.is_torchelastic_launched():
        started = int(os.environ["WORLD_SIZE"])
        if started != hardware.world_size:
            raise InputError(
                f"torchrun has started {started} processes, but --devices {hardware.devices} and --num-nodes "
                f"{hardware.num_nodes} make {hardware.world_size}; give its --nproc-per-node and --nnodes"
            )
    elif hardware.num_nodes > 1 and "LOCAL_RANK" not in os.environ and not SLURMEnvironment.detect():
        raise InputError(
            f"--num-nodes {hardware.num_nodes} needs a launcher on each machine: torchrun --nnodes {hardware.num_nodes} "
            f"--nproc-per-node {hardware.devices} --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m bimodal train ..."
        )


def _check_address() -> None:
    """Raise an `InputError` if gloo would tell the other machines an address at which they find themselves.

    It takes the first address of the machine's name, and else that of the loopback interface; its error after that does not say
    so, and comes on one machine only.
    """
    if os.environ.get("GLOO_SOCKET_IFNAME") or _is_loopback(os.environ.get("MASTER_ADDR", "localhost")):
        return
    name = socket.gethostname()
    if _is_loopback(name):
        raise InputError(
            f"other machines do not reach this one by its name: {name} means no address, or that of this machine alone; correct "
            "/etc/hosts, or set GLOO_SOCKET_IFNAME to the name of the network interface, such as eth0"
        )


def _is_loopback(name: str) -> bool:
    """Whether a name has no address, or first one that only its own machine reaches."""
    try:
        (_, _, _, _, (address, *_)), *_ = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return True
    return ip_address(str(address).partition("%")[0]).is_loopback


def how_to_resume(out: Path, hardware: Hardware) -> str:
    """Return what to type when a process of the run in `out` was lost."""
    command = f"bimodal train --out {shlex.quote(str(out))} --resume"
    where = f" --devices {hardware.devices}" if hardware.num_nodes == 1 else ", under torchrun on each machine"
    return f"the last finished epoch is kept; resume on any number of processes: {command}{where}"


def this_machine() -> tuple[str, ...]:
    """Return what tells this machine, on which process ids have their meaning, from others: containers may share a host name."""
    name = socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return name, boot, os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        return (name,)
