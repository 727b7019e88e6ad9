"""Processes of other machines that fall silent are noticed, and end the training with one line."""

import os
import time
from collections.abc import Callable

import pytest

from bimodal.training import heartbeat, processes
from bimodal.training.hardware import Hardware
from bimodal.training.heartbeat import Heartbeat, open_store
from bimodal.training.processes import Processes


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL_S", 0.02)
    monkeypatch.setattr(heartbeat, "SILENT_S", 0.4)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_only_the_process_that_gives_no_sign_is_silent() -> None:
    store = open_store("127.0.0.1")
    first = Heartbeat(0, [1, 2], "127.0.0.1", store.port, store)
    second, third = (Heartbeat(rank, {0, 1, 2} - {rank}, "127.0.0.1", store.port) for rank in (1, 2))
    time.sleep(1)
    assert [each.silent for each in (first, second, third)] == [[], [], []]
    third.end()
    wait_until(lambda: first.silent == [2] and second.silent == [2])
    second.end()
    wait_until(lambda: first.silent == [1, 2])
    first.end()


def test_all_are_silent_when_the_machine_of_the_store_is_lost() -> None:
    store = open_store("127.0.0.1")
    first = Heartbeat(0, [1, 2], "127.0.0.1", store.port, store)
    second = Heartbeat(1, [0], "127.0.0.1", store.port)
    third = Heartbeat(2, [0, 1], "127.0.0.1", store.port)
    time.sleep(0.2)
    assert [second.silent, third.silent] == [[], []]
    first.end()
    del store, first  # closes the store
    wait_until(lambda: second.silent == [0] and third.silent == [0, 1])
    second.end()
    third.end()


@pytest.mark.parametrize(("peers", "speaks"), [({}, True), ({2: os.getpid()}, True), ({0: os.getpid()}, False)])
def test_one_process_of_each_machine_says_what_is_silent_and_all_end(
    peers: dict[int, int],
    speaks: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    this = Processes(Hardware("cpu", devices=2, num_nodes=2), {}, "resume so")
    this.rank, this._peers, this._is_connected = 1, peers, True

    class Silent:
        silent = (3,)

    codes: list[int] = []

    def ends(code: int) -> None:
        codes.append(code)
        this._ended.set()

    this._heartbeat = Silent()  # type: ignore[assignment]
    monkeypatch.setattr(processes.os, "_exit", ends)
    this._watch()
    assert codes == [2]
    line = "bimodal: the training processes of another machine (rank 3) have not answered for 0 s; resume so"
    said = capfd.readouterr().err.splitlines()
    assert [one for one in said if one.startswith("bimodal: ")] == ([line] if speaks else [])


@pytest.mark.parametrize("rank", [0, 1])
def test_processes_that_cannot_connect_say_so_once(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_SETTLE_S", 0.0)
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    this = Processes(Hardware("cpu", devices=2, num_nodes=2), {}, "resume so")
    monkeypatch.setattr(this, "_launch", lambda: None)
    with pytest.raises((ConnectionResetError, SystemExit)) as raised, this.started():
        raise RuntimeError("Gloo connectFullMesh failed with: Connection refused\nmore")
    if rank:
        assert raised.value.code == 2  # type: ignore[union-attr]
    else:
        assert "the 4 training processes cannot connect to each other (Gloo connectFullMesh failed" in str(raised.value)
        assert "GLOO_SOCKET_IFNAME" in str(raised.value)
        assert "more" not in str(raised.value)
