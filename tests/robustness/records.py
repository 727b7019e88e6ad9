"""What has been tried and how it ended, kept in a file of JSON lines, so that a run can be continued; one table at the end."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

KINDS = ("lost", "tracebacks", "hangs", "other defects")


@dataclass(frozen=True)
class Record:
    """A case that has been tried.

    Attributes:
        part: the row of the table.
        case: its name, unique in the part.
        problem: what was wrong; empty if nothing was.
        seconds: the time that it took.
        commit: of the code.
    """

    part: str
    case: str
    problem: str
    seconds: float
    commit: str

    @property
    def kind(self) -> str:
        """The column of the table in which its problem counts; empty if there is none."""
        if not self.problem:
            return ""
        if any(words in self.problem for words in ("lost", "changed", "other results", "no call succeeds")):
            return KINDS[0]
        if "Traceback" in self.problem:
            return KINDS[1]
        return KINDS[2] if "no end after" in self.problem else KINDS[3]


class Records:
    """The cases that have been tried, in a file that each further one is added to.

    Args:
        file: of JSON lines; what it has is not tried again.
        commit: of the code of further cases.
        say: takes lines of progress.
    """

    def __init__(self, file: Path, commit: str, say: Callable[[str], None] = print) -> None:
        self._file, self._commit, self._say = file, commit, say
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self.all = [Record(**json.loads(line)) for line in lines]
        self._done = {(record.part, record.case) for record in self.all}

    def try_all(self, part: str, cases: Iterable[tuple[str, Callable[[], str]]]) -> None:
        """Try the cases of a part that have not been tried: `(name, function that returns what is wrong)`."""
        new = [(name, attempt) for name, attempt in cases if (part, name) not in self._done]
        start = time.monotonic()
        for number, (name, attempt) in enumerate(new):
            begun = time.monotonic()
            try:
                problem = attempt()
            except (AssertionError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            self.add(part, name, problem, time.monotonic() - begun)
            spent = time.monotonic() - start
            left = spent / (number + 1) * (len(new) - number - 1)
            self._say(f"{part}: {number + 1} of {len(new)} in {spent / 60:.1f} min, about {left / 60:.0f} min left")

    def has(self, part: str, case: str) -> bool:
        """Return whether a case has been tried."""
        return (part, case) in self._done

    def add(self, part: str, case: str, problem: str, seconds: float) -> None:
        """Add a case."""
        record = Record(part, case, problem, round(seconds, 2), self._commit)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(record)) + "\n")
        self.all.append(record)
        self._done.add((part, case))
        if problem:
            self._say(f"PROBLEM {part}, {case}: {problem}\n")

    def table(self) -> str:
        """Return the counts by part as a table in Markdown."""
        lines = [f"| part | commit | cases | {' | '.join(KINDS)} | time |", "|---|---|---|" + "---|" * (len(KINDS) + 1)]
        for part in dict.fromkeys(record.part for record in self.all):
            records = [record for record in self.all if record.part == part]
            counts = Counter(record.kind for record in records)
            commits = ", ".join(f"`{commit}`" for commit in dict.fromkeys(record.commit for record in records))
            minutes = sum(record.seconds for record in records) / 60
            cells = " | ".join(str(counts[kind]) for kind in KINDS)
            lines.append(f"| {part} | {commits} | {len(records):,} | {cells} | {minutes:.0f} min |")
        return "\n".join(lines)
