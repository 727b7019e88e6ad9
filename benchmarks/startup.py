"""Claim: `bimodal --help` answers in under 0.3 s."""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from statistics import median

from measure import alternate, options, ratios, show, spread, verdict

BAR = 0.3
WAYS = {
    "python -c pass": ["-c", "pass"],
    "bimodal --help": ["-m", "bimodal", "--help"],
    "import bimodal": ["-c", "import bimodal"],
    "import torch": ["-c", "import torch"],
}


def seconds(arguments: list[str], environment: dict[str, str], computing: list[float]) -> float:
    """Return the seconds of a Python process with these arguments; append its processor seconds to `computing`."""
    start, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    computing.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return time.perf_counter() - start


def main() -> None:
    arguments = options(__doc__ or "", rounds=10).parse_args()
    # Python caches compiled modules by default; here they go to a temporary folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        computing: dict[str, list[float]] = {name: [] for name in WAYS}
        ways = {name: partial(seconds, a, environment, computing[name]) for name, a in WAYS.items()}
        if arguments.quick:
            del ways["import torch"]
        alternate(ways, 1)  # compiles the modules and fills the file cache
        times = alternate(ways, 1 if arguments.quick else arguments.rounds)
    base = times["python -c pass"]
    show(
        "Start of the command line",
        ["command", "seconds, median (min to max)", "times `python -c pass`", "processor seconds"],
        [
            [name, spread(values), spread(ratios(values, base), 1), spread(computing[name][1:])]  # [0]: compiling
            for name, values in times.items()
        ],
    )
    answer = times["bimodal --help"]
    verdict(f"bimodal --help in under {BAR} s", median(answer) < BAR, answer, "s")


if __name__ == "__main__":
    main()
