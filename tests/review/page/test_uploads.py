"""Uploads of an attacker: too large, no pictures, bombs, decoders that never end or that crash."""

import asyncio
import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient
from PIL import Image

from bimodal.review import uploads
from bimodal.review.api import predict
from bimodal.review.uploads import MAX_BYTES, Decoder
from bimodal.vision.pictures import UnreadableError


def png(side: int = 64) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes with many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(10_000_000), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder()


def test_pictures_are_decoded_and_reduced(decoder: Decoder) -> None:
    small = png()
    assert np.array_equal(decoder.decode(small), np.asarray(Image.open(io.BytesIO(small))))
    buffer = io.BytesIO()
    Image.new("RGB", (5000, 3000), (200, 100, 50)).save(buffer, "JPEG")
    assert max(decoder.decode(buffer.getvalue()).shape) <= 2048


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"no picture", "not a picture"),
        (png()[:200], "damaged"),
        (bomb(60_000, 60_000), "too large"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture|SVG"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(1000), "damaged|not a picture"),
        (bytes(MAX_BYTES + 1), "larger than 24 MiB"),
    ],
    ids=["empty", "text", "truncated", "bomb", "svg", "noise", "bytes"],
)
def test_bad_pictures_are_refused_with_a_reason(decoder: Decoder, content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=f"(?i){why}"):
        decoder.decode(content)
    assert decoder.decode(png()).shape == (64, 64, 3), "the next picture is decoded"


def test_a_decoder_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_serve", _hang)
    decoder = Decoder(seconds=0.5)
    began = time.monotonic()
    with pytest.raises(UnreadableError, match=r"longer than 0\.5 seconds"):
        decoder.decode(png())
    assert time.monotonic() - began < 60
    assert decoder._process is None, "it is gone"
    monkeypatch.undo()
    assert decoder.decode(png()).shape == (64, 64, 3)
    decoder.close()


def test_a_decoder_that_crashes_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_serve", _crash)
    decoder = Decoder()
    with pytest.raises(UnreadableError, match="the decoder failed"):
        decoder.decode(png())
    monkeypatch.undo()
    assert decoder.decode(png()).shape == (64, 64, 3)
    decoder.close()


def test_a_decoder_that_does_not_start_or_answers_nonsense_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in (_dies, _lies):
        monkeypatch.setattr(uploads, "_serve", broken)
        decoder = Decoder()
        with pytest.raises(UnreadableError, match="the decoder failed"):
            decoder.decode(png())
        assert decoder._process is None
    monkeypatch.undo()


def test_a_caller_who_stops_in_the_middle_of_a_picture_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "_UPLOAD_S", 0.05)

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        raise AssertionError

    with pytest.raises(HTTPException, match="408"):
        asyncio.run(predict._body(Request({"type": "http"}, receive)))  # type: ignore[arg-type]


def _dies(pipe: "uploads.Connection") -> None:
    os._exit(1)


def _lies(pipe: "uploads.Connection") -> None:
    pipe.send_bytes(b"ready")
    pipe.recv_bytes()
    pipe.send_bytes(np.array([0, 64, 64, 3], dtype=np.int64).tobytes())
    pipe.send_bytes(b"too short")
    time.sleep(600)


def _hang(pipe: "uploads.Connection") -> None:
    pipe.send_bytes(b"ready")
    pipe.recv_bytes()
    time.sleep(600)


def _crash(pipe: "uploads.Connection") -> None:
    pipe.send_bytes(b"ready")
    pipe.recv_bytes()
    os._exit(139)


def test_the_decoder_may_write_no_file() -> None:
    """The limits of the process hold: it is asked to write, and cannot."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=_write_after_limits, args=(other,))
    process.start()
    assert pipe.poll(60)
    assert pipe.recv_bytes() == b"refused"
    process.join()


def _write_after_limits(pipe: "uploads.Connection") -> None:
    import signal
    import tempfile

    class Closed:
        def send_bytes(self, content: bytes) -> None:
            pass

        def recv_bytes(self, most: int) -> bytes:
            raise EOFError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    uploads._serve(Closed())  # type: ignore[arg-type]
    try:
        with tempfile.TemporaryFile("wb", buffering=0) as file:
            file.write(b"x")
    except OSError:
        pipe.send_bytes(b"refused")
    else:
        pipe.send_bytes(b"written")


def test_predict_answers_and_stores_nothing(reader: TestClient) -> None:
    answer = reader.post("/api/predict", params={"detect": False}, content=png())
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()["faces"]
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=0.01)
    bad = reader.post("/api/predict", params={"detect": False}, content=b"no picture")
    assert bad.status_code == 400
    assert "cannot be read" in bad.json()["detail"]
    assert reader.post("/api/predict", content=bytes(MAX_BYTES + 1)).status_code == 413
    reader.app.state.decoder.close()  # type: ignore[attr-defined]
