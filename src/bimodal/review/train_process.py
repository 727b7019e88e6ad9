"""A training in a process of its own, so that the page stays quick and the training can be stopped."""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bimodal.errors import InputError
from bimodal.interruption import signals_as_interrupts
from bimodal.progress import LOGGER, Progress, report, warn
from bimodal.review.steps import StoppedError

_POLL_S, _GRACE_S, _BETWEEN_S = 0.2, 15.0, 0.3


def train_elsewhere(
    data: Path, out: Path, recipe: dict[str, Any], what: str, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Train into a run folder, or continue the unfinished run in it, and predict the test faces.

    Progress is logged as that of this process. A training that is stopped, or whose process is killed, can be continued.

    Args:
        data: the data folder.
        out: the run folder. A run on other faces or with other settings in it is replaced.
        recipe: settings of `TrainSettings` by name.
        what: the work in words, for the progress.
        is_stopped: is asked several times a second whether to stop.

    Raises:
        StoppedError: `is_stopped` has said so.
        InputError: the data cannot be trained on, or the process has ended without a result.
    """
    report(what, 0, None)
    context = multiprocessing.get_context("spawn")  # forking a process with threads can deadlock
    pipe, other = context.Pipe()
    process = context.Process(target=_work, args=(other, data, out, recipe, what), name="training")
    process.start()
    other.close()
    try:
        while True:
            if is_stopped():
                raise StoppedError("stopped; finished epochs are kept, and the next comparison continues after them")
            if not pipe.poll(_POLL_S):
                continue
            kind, content = pipe.recv()
            if kind == "done":
                return
            if kind == "failed":
                raise InputError(content)
            if kind == "warning":
                warn(content)
            else:
                report(*content)
    except (EOFError, OSError) as error:
        raise InputError("the training ended without a result; is there enough memory?") from error
    finally:
        pipe.close()  # by which the process knows that it should end
        _end(process)


def _end(process: BaseProcess) -> None:
    process.join(_GRACE_S)
    if process.is_alive():
        process.kill()
        process.join()


def _work(pipe: Connection, data: Path, out: Path, recipe: dict[str, Any], what: str) -> None:
    """Train; this runs in the process of its own."""
    sender = _Sender(pipe)
    LOGGER.addHandler(sender)
    LOGGER.setLevel(logging.DEBUG)  # progress is logged as DEBUG
    LOGGER.propagate = False
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    with signals_as_interrupts():
        try:
            _train(data, out, recipe, what)
            sender.put("done", "")
        except (InputError, OSError, MemoryError) as error:
            sender.put("failed", str(error) or type(error).__name__)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            sender.put("failed", f"a defect of bimodal: {type(error).__name__}; the terminal shows where")
            raise


def _train(data: Path, out: Path, recipe: dict[str, Any], what: str) -> None:
    from lightning.pytorch.callbacks import LambdaCallback  # loads PyTorch

    from bimodal.data.manifest import Manifest
    from bimodal.runs.run import Run
    from bimodal.training.evaluate import evaluate
    from bimodal.training.settings import TrainSettings
    from bimodal.training.train import train

    def count(trainer: Any, *_: Any) -> None:
        report(what, trainer.global_step, int(trainer.estimated_stepping_batches))

    settings = TrainSettings.load(changes=recipe)
    run: Run | None = None
    with suppress(InputError):  # a run that cannot be read, or of another version, is replaced
        found = Run.open(out)
        is_same = found.was_trained_on(Manifest.read(data).fingerprint)
        run = found if is_same and TrainSettings.from_dict(found.config) == settings else None
    if run is None or not run.is_finished:
        counter = LambdaCallback(on_train_start=count, on_train_batch_end=count)
        run = train(data, out, settings, resume=run is not None, overwrite=run is None, callbacks=[counter])
    if not (out / "predictions_test.csv").is_file():
        evaluate(run)


def _end_with_parent(pipe: Connection) -> None:
    """End this process as Ctrl-C does when the one that started it closes the pipe, or is gone."""
    with suppress(EOFError, OSError):
        pipe.recv()
    os.kill(os.getpid(), signal.SIGTERM)


class _Sender(logging.Handler):
    """Sends progress and warnings to the process that shows them; progress at most three times a second."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(logging.DEBUG)
        self._pipe, self._last = pipe, 0.0

    def put(self, kind: str, content: Any) -> None:
        """Send a message; if nobody reads it any more, this process is about to end."""
        with suppress(OSError):
            self._pipe.send((kind, content))

    def emit(self, record: logging.LogRecord) -> None:
        progress: Any = getattr(record, "progress", None)
        if isinstance(progress, Progress):
            now = time.monotonic()
            if now - self._last >= _BETWEEN_S:
                self._last = now
                self.put("progress", (progress.what, progress.done, progress.total))
        elif record.levelno >= logging.WARNING:
            self.put("warning", record.getMessage())
