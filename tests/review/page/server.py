"""`bimodal review` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path


class Server:
    """`bimodal review` in a process of its own, which a test may kill."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options, self.port = folder, options, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "bimodal", "review", str(self.folder), "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})
        assert self.process.stdout is not None
        self.address = ""
        while not self.address:
            line = self.process.stdout.readline()
            assert line, "the server has ended"
            self.address = line.partition("review: ")[2].strip()
        self.port = int(re.search(r":(\d+)/", self.address).group(1))  # type: ignore[union-attr]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)
