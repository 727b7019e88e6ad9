"""`bimodal review` in a process of its own."""

import os
import re
import signal
import time
from pathlib import Path

from tests import forked


class Server:
    """`bimodal review` in a process of its own, which a test may kill."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options, self.port = folder, options, 0
        self.start()

    def start(self) -> None:
        self.running = forked.Process(forked.COMMAND, "review", self.folder, "--port", self.port, *self.options)
        while not (found := re.search(r"review: (\S+:(\d+)/\S*)\n", self.running.stdout)):
            assert self.running.process.is_alive(), "the server has ended"
            time.sleep(0.02)
        self.address, self.port = found.group(1), int(found.group(2))

    def kill(self) -> None:
        """Kill the server, if it has not ended."""
        if self.running.process.is_alive():
            self.running.process.kill()
        self.running.process.join()

    def stop(self) -> int:
        assert self.running.process.pid is not None
        os.kill(self.running.process.pid, signal.SIGINT)
        return self.running.wait(30).returncode
