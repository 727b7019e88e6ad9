"""What a launcher has started is checked before a training."""

import socket
from typing import Any

import pytest

from bimodal.errors import InputError
from bimodal.training import launcher
from bimodal.training.hardware import Hardware
from bimodal.training.launcher import check_launcher, this_machine


def test_processes_of_a_launcher_must_be_those_of_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="--num-nodes 2 needs a launcher on each machine: torchrun --nnodes 2"):
        check_launcher(Hardware("cpu", devices=1, num_nodes=2))
    check_launcher(Hardware("cpu", devices=3))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "4")
    check_launcher(Hardware("cpu", devices=2, num_nodes=2))
    with pytest.raises(InputError, match="torchrun has started 4 processes, but --devices 1 and --num-nodes 1 make 1"):
        check_launcher(Hardware("cpu"))


ADDRESSES = {"head": "10.0.0.1", "here": "10.0.0.2", "alone": "127.0.1.1", "localhost": "127.0.0.1"}


def resolve(name: str, *_: object, **__: object) -> list[Any]:
    if name not in ADDRESSES:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESSES[name], 0))]


@pytest.mark.parametrize(
    ("name", "head", "interface", "is_reached"),
    [
        ("here", "head", "", True),
        ("alone", "head", "", False),
        ("unknown", "head", "", False),
        ("alone", "head", "eth0", True),
        ("alone", "localhost", "", True),
    ],
)
def test_a_machine_must_have_an_address_for_the_others(
    name: str, head: str, interface: str, is_reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(launcher.socket, "gethostname", lambda: name)
    variables = {"MASTER_ADDR": head, "GLOO_SOCKET_IFNAME": interface, "TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    if is_reached:
        check_launcher(Hardware("cpu", num_nodes=2))
    else:
        with pytest.raises(InputError, match=f"{name} means no address.*GLOO_SOCKET_IFNAME"):
            check_launcher(Hardware("cpu", num_nodes=2))


def test_containers_with_one_host_name_are_different_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    here = this_machine()
    if len(here) == 1:
        pytest.skip("Linux only")
    assert this_machine() == here
    monkeypatch.setattr(launcher.os, "readlink", lambda _: "pid:[1]")
    assert this_machine()[0] == here[0]
    assert this_machine() != here
