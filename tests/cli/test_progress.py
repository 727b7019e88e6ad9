"""Bars on a terminal: number of items, rate, and the estimated time."""

import os
import pty
import subprocess
import sys

CODE = """
import time
from bimodal.cli.progress import shown_progress
from bimodal.progress import track
with shown_progress():
    for _ in track(range(28_400), "inspecting pictures", 28_462):
        time.sleep(0.001)
        if _ > 500:
            break
"""


def test_bars_show_number_rate_and_estimate_in_80_columns() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", CODE], stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the process has ended
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0
    lines = [line for line in shown.decode().split("\r") if "inspecting pictures" in line]
    assert any("/28462" in line and "/s " in line and "elapsed 0:00:0" in line and "left 0:" in line for line in lines)
