"""A small server of the S3 interface for tests: one bucket, from files of a folder, to list and to read."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_PAGE = 3
"""Keys in a page of a listing: fewer than a folder has, so that pages are followed."""


@contextmanager
def serve_bucket(bucket: str, folder: Path) -> Iterator[str]:
    """Serve the files of a folder as the objects of a bucket; lend the address of the server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            address = urlsplit(self.path)
            name, _, key = unquote(address.path).lstrip("/").partition("/")
            query = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
            file = folder / key
            if name == bucket and not key:
                self._send(200, self._listing(query) if "list-type" in query else b"", with_body, "application/xml")
            elif name == bucket and file.is_file():
                content, first, status = file.read_bytes(), 0, 200
                if asked := self.headers.get("Range"):
                    start, _, end = asked.removeprefix("bytes=").partition("-")
                    first, status = int(start), 206
                    content = content[first : int(end) + 1 if end else None]
                self._send(status, content, with_body, "application/octet-stream", file.stat().st_size, first)
            else:
                error = b"<Error><Code>NoSuchKey</Code><Message>not found</Message></Error>"
                self._send(404, error, with_body, "application/xml")

        def _listing(self, query: dict[str, str]) -> bytes:
            prefix, most = query.get("prefix", ""), min(_PAGE, int(query.get("max-keys", _PAGE)))
            keys = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
            found: dict[str, int] = {}
            for key in keys:
                rest = key.removeprefix(prefix)
                if key.startswith(prefix) and query.get("delimiter") and "/" in rest:
                    found[prefix + rest.partition("/")[0] + "/"] = -1
                elif key.startswith(prefix):
                    found[key] = (folder / key).stat().st_size
            later = [key for key in found if key > query.get("continuation-token", "")]
            xml = ["<ListBucketResult>", f"<IsTruncated>{str(len(later) > most).lower()}</IsTruncated>"]
            for key in later[:most]:
                if found[key] < 0:
                    xml.append(f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>")
                else:
                    written = datetime.fromtimestamp(int((folder / key).stat().st_mtime), UTC)
                    date = f"<LastModified>{written:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
                    xml.append(f"<Contents><Key>{escape(key)}</Key>{date}<Size>{found[key]}</Size></Contents>")
            if len(later) > most:
                xml.append(f"<NextContinuationToken>{escape(later[most - 1])}</NextContinuationToken>")
            xml.append(f"<KeyCount>{len(later[:most])}</KeyCount></ListBucketResult>")
            return "".join(xml).encode()

        def _send(
            self, status: int, content: bytes, with_body: bool, kind: str, whole: int | None = None, first: int = 0
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{first + len(content) - 1}/{whole}")
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def environment(address: str) -> dict[str, str]:
    """Return the environment variables by which bimodal finds such a server."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    return keys | {"AWS_ENDPOINT_URL": os.environ.get("BIMODAL_TEST_S3", address), "AWS_REGION": "us-east-1"}
