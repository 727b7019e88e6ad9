import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save

from bimodal.errors import InputError
from bimodal.models import hub as models_hub
from bimodal.models.hub import fetch
from bimodal.models.weights import load_into, read

NAME = "test_resnet.r160_in1k"
REPOSITORY = f"timm/{NAME}"
CURES = ("--weights FILE", ".safetensors", ".pth", "--no-pretrained")


@pytest.fixture(scope="module")
def full() -> torch.nn.Module:
    """A small network of timm with its classifier, whose weights the hub has."""
    torch.manual_seed(0)
    return timm.create_model(NAME, pretrained=False).eval()


@pytest.fixture
def served(hub, full):
    hub.files[REPOSITORY] = save(full.state_dict())
    return hub


def refusal(name: str = NAME, timeout: float = 10) -> str:
    """Check that `fetch` raises an error of one line, and return the line."""
    with pytest.raises(InputError) as caught:
        fetch(name, timeout)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def check(line: str, *words: str) -> None:
    for word in words:
        assert word in line


def cached(kind: str) -> list[Path]:
    return [path for path in Path(constants.HF_HUB_CACHE).glob(f"models--*/{kind}/**/*") if not path.is_dir()]


def test_downloads_once_and_then_reads_the_cache(served, full):
    path = fetch(NAME)
    assert path.read_bytes() == served.files[REPOSITORY]
    downloads = served.gets()
    assert fetch(NAME) == path
    assert served.gets() == downloads

    backbone = timm.create_model(NAME, pretrained=False, num_classes=0).eval()
    load_into(backbone, read(path), NAME)
    picture = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = full.forward_head(full.forward_features(picture), pre_logits=True)
        assert torch.equal(backbone(picture), expected)


def test_downloads_over_plain_http(served):
    """Each response of the hub offers Xet."""
    fetch(NAME)
    assert served.gets() > 0
    assert not any("xet" in path for _, path in served.requests)
    assert not constants.HF_HUB_DISABLE_XET


def test_accepts_a_name_without_tag_and_a_name_on_the_hub(served):
    assert fetch("test_resnet") == fetch(NAME) == fetch(f"hf-hub:{REPOSITORY}")


def test_uses_the_cache_when_the_hub_cannot_be_reached(served, monkeypatch):
    path = fetch(NAME)
    for fault in (503, 404, 401, "no sha"):
        served.fault = fault
        assert fetch(NAME) == path
    served.close()
    assert fetch(NAME) == path
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(NAME) == path


def test_offline_without_cache_sends_no_request(served, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    check(refusal(), "not cached", "HF_HUB_OFFLINE", *CURES)
    assert served.requests == []


def test_uses_the_environment_variables_of_the_hub(served, tmp_path):
    """In a separate process, because the client reads the environment when it is imported."""
    code = f"from bimodal.models.hub import fetch; print(fetch({NAME!r}))"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1,127.0.0.2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "home" / "hub") in Path(done.stdout.strip()).parents


def test_a_hub_that_refuses_connections(served, point_to):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound, not listening: refused at once
        point_to(f"http://127.0.0.1:{probe.getsockname()[1]}")
        check(refusal(), "not cached", "refused", REPOSITORY, *CURES)


@pytest.fixture(params=["the hub never responds", "the hub never accepts", "the storage never responds"])
def no_response(request, served, point_to) -> Iterator[None]:
    """A host that never responds: the hub, before or after connecting, or the host that stores the file."""
    full = request.param == "the hub never accepts"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0 if full else 50)
        waiting = [socket.socket() for _ in range(8 if full else 0)]
        for other in waiting:  # the queue of a listener is full after a few, and further packets are dropped
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if request.param == "the storage never responds":
            served.storage = url
        else:
            point_to(url)
        yield
        for other in waiting:
            other.close()


@pytest.fixture
def only_the_client_times_out(monkeypatch):
    monkeypatch.setattr(models_hub, "_within", lambda seconds, call: call())


@pytest.fixture
def only_bimodal_times_out(monkeypatch):
    within = models_hub._within
    monkeypatch.setattr(models_hub, "_within", lambda seconds, call: within(0.75, call))


@pytest.mark.usefixtures("no_response", "only_the_client_times_out")
def test_times_out_without_a_response():
    check(refusal(timeout=0.5), "cannot be reached (timed out)", *CURES)


@pytest.mark.usefixtures("only_bimodal_times_out")
def test_times_out_on_a_response_that_never_ends(served):
    served.fault = "drip"
    check(refusal(), "no response within 0.75 s", *CURES)


@pytest.mark.usefixtures("only_bimodal_times_out")
def test_times_out_on_a_name_server_that_never_responds(point_to, monkeypatch):
    over = threading.Event()
    point_to("http://hub.invalid")

    def lookup(*args, **kwargs):
        over.wait(20)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    check(refusal(), "no response within 0.75 s", *CURES)
    over.set()


def test_the_default_deadline_is_at_most_20_seconds(point_to, monkeypatch):
    deadlines = []

    def give_up(seconds, call):
        deadlines.append(seconds)
        raise TimeoutError("no response")

    monkeypatch.setattr(models_hub, "_within", give_up)
    check(refusal(), "no response")
    assert deadlines[0] <= 20


def test_retries_after_one_interruption(served):
    served.fault = "cut once"
    assert fetch(NAME).read_bytes() == served.files[REPOSITORY]
    assert served.fault is None


@pytest.mark.parametrize("fault", ["cut", "short"])
def test_an_incomplete_download_is_not_kept(served, fault, caplog):
    monitor = logging.getLogger("huggingface_hub")
    monitor.addHandler(caplog.handler)
    served.fault = fault
    check(refusal(), "failed", *CURES)
    assert cached("blobs") == cached("snapshots") == []
    monitor.removeHandler(caplog.handler)
    assert caplog.messages == []  # no message for each attempt of the client
    served.fault = None
    assert fetch(NAME).read_bytes() == served.files[REPOSITORY]


def test_a_corrupt_download_is_deleted(served):
    served.fault = "corrupt"
    check(refusal(), "damaged", "SHA-256", "removed from the cache", *CURES)
    assert cached("blobs") == cached("snapshots") == []
    served.fault = None
    assert fetch(NAME).read_bytes() == served.files[REPOSITORY]


@pytest.mark.parametrize("offline", [False, True])
def test_a_cached_file_that_has_changed_is_deleted(served, offline, monkeypatch):
    path = fetch(NAME)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.resolve().write_bytes(content)
    beside = path.with_name("notes.txt")
    beside.write_text("the user's")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    check(refusal(), "damaged", "removed from the cache", *CURES)
    assert cached("blobs") == []
    assert cached("snapshots") == [beside]


def test_a_damaged_file_in_a_read_only_cache_is_named(served, monkeypatch):
    path = fetch(NAME)
    blob = path.resolve()
    blob.write_bytes(b"damaged")

    def forbidden(self, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", forbidden)
    check(refusal(), "damaged", f"delete {path.parent}", blob.name, *CURES)


def test_a_file_without_a_checksum_is_refused(served, monkeypatch):
    served.fault = "no sha"
    check(refusal(), "states no SHA-256", *CURES)
    served.fault = None
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)  # cached under its plain name
    path = fetch(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    check(refusal(), "no SHA-256", str(path), "--weights")
    assert path.exists()


def test_a_large_file_is_refused_before_the_download(served):
    served.fault = "vast"
    check(refusal(), str(10**12), *CURES)
    assert cached("blobs") == []


@pytest.mark.parametrize(("status", "words"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "404"), (500, "HTTP 500")])
def test_the_error_of_the_hub_is_reported(served, status, words):
    served.fault = status
    check(refusal(), words, *CURES)


def test_a_missing_repository(hub):
    check(refusal(), "does not have them", *CURES)


@pytest.mark.parametrize(
    "name", ["resnet5000", "resnet50.nobody_in1k", "", "hf-hub:", "hf-hub:../../etc", "hf-hub:a/b/c", "gcvit_tiny.in1k"]
)
def test_a_name_without_weights_sends_no_request(hub, name):
    check(refusal(name), repr(name))
    assert hub.requests == []


def test_a_full_disk_is_an_error_of_the_system(served, monkeypatch):
    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device", "model.safetensors")

    monkeypatch.setattr(models_hub, "hf_hub_download", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fetch(NAME)
