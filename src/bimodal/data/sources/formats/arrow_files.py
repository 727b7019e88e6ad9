"""Reading Parquet and Arrow files from untrusted origins in batches, so that they need little memory."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bimodal.errors import InputError
from bimodal.text import first_line

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".arrow")
BATCH_ROWS = 64
MAX_GROUP_BYTES = 2 * 2**30  # of a row group, which takes up to three times its size; the hub's have a few hundred MB
_BUFFER_BYTES = 2**20
_MAX_COLUMNS = 1000
_MAX_SCHEMA_BYTES = 16 * 2**20
_MISSING = "needs pyarrow; install it with pip install 'bimodal[parquet]'"


def read_schema(path: Path) -> "pa.Schema":
    """Return the names and types of the columns of a Parquet or Arrow file.

    Raises:
        InputError: pyarrow is not installed, or the file is damaged.
    """
    try:
        with _opened(path) as file:
            schema = file.schema_arrow if path.suffix.casefold() == ".parquet" else file.schema
            for column in schema:
                _read_names(column)
            return schema
    except _errors() as error:
        raise _damaged(path, error) from None


def read_batches(path: Path, columns: Sequence[str]) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a Parquet or Arrow file, at most `BATCH_ROWS` at a time.

    Raises:
        InputError: pyarrow is not installed, the file is damaged, or a row group of it has over 2 GiB.
    """
    try:
        with _opened(path) as file:
            if path.suffix.casefold() == ".parquet":
                _check_sizes(file, path)
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns), use_threads=False):
                    batch.validate(full=True)  # text that is no UTF-8
                    yield batch
            else:
                for batch in file:
                    batch.validate(full=True)  # offsets of a damaged file would be read beyond its memory
                    chosen = batch.select(list(columns))
                    for start in range(0, chosen.num_rows, BATCH_ROWS):
                        yield chosen.slice(start, BATCH_ROWS)
    except _errors() as error:
        raise _damaged(path, error) from None


def read_columns(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table of pictures as objects, without columns of bytes; numbers of classes become names.

    Raises:
        InputError: see `read_batches`.
    """
    import pyarrow as pa

    schema = read_schema(path)
    columns = [field.name for field in schema if not _holds_bytes(field.type, pa)]
    names = {column: class_names(feature) for column, feature in features_of(schema).items()}
    for batch in read_batches(path, columns):
        for row in batch.to_pylist():
            yield {key: name_of_class(value, names.get(key)) for key, value in row.items()}


def features_of(schema: "pa.Schema") -> dict[str, dict[str, Any]]:
    """Return what Hugging Face notes of each column, `{"label": {"_type": "ClassLabel", "names": [...]}}`; {} if nothing."""
    noted = (schema.metadata or {}).get(b"huggingface", b"")
    try:
        content: Any = json.loads(noted) if len(noted) <= _MAX_SCHEMA_BYTES else {}
        features = content["info"]["features"]
        return {str(key): value for key, value in features.items() if isinstance(value, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def class_names(feature: dict[str, Any] | None) -> tuple[str, ...] | None:
    """Return the names of a column's classes; None if the column has none.

    >>> class_names({"_type": "ClassLabel", "names": ["angry", "happy"]})
    ('angry', 'happy')
    """
    names = feature.get("names") if feature else None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


def name_of_class(value: object, names: tuple[str, ...] | None) -> object:
    """Return the name of a class for its number; -1, by which the hub marks a missing label, becomes None.

    >>> name_of_class(1, ("angry", "happy")), name_of_class(-1, ("angry",)), name_of_class(3, None)
    ('happy', None, 3)
    """
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None if value == -1 else value


def _read_names(column: "pa.Field") -> None:
    """Read the names of a column and of the columns in it; those that are no UTF-8 are a `UnicodeError`."""
    str(column.name)
    for inner in range(column.type.num_fields):
        _read_names(column.type.field(inner))


def _holds_bytes(kind: "pa.DataType", pa: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_bytes(kind.field(i).type, pa) for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _opened(path: Path) -> Any:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{path}: reading {path.suffix} files {_MISSING}") from error
    if path.suffix.casefold() == ".parquet":
        return parquet.ParquetFile(
            path,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,  # otherwise all pictures of a row group are read at once
            thrift_string_size_limit=_MAX_SCHEMA_BYTES,
            thrift_container_size_limit=_MAX_SCHEMA_BYTES,
        )
    stream = pa.memory_map(str(path))
    try:
        return pa.ipc.open_stream(stream)
    except pa.ArrowInvalid:
        stream.seek(0)
        return _Batches(pa.ipc.open_file(stream))


class _Batches:
    """The record batches of an Arrow file, one after another, as those of an Arrow stream."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.schema = reader.schema

    def __enter__(self) -> "_Batches":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__(None, None, None)

    def __iter__(self) -> Iterator["pa.RecordBatch"]:
        return (self._reader.get_batch(i) for i in range(self._reader.num_record_batches))


def _check_sizes(file: Any, path: Path) -> None:
    metadata = file.metadata
    if metadata.num_columns > _MAX_COLUMNS:
        raise InputError(f"{path} has {metadata.num_columns:,} columns: expected a table of pictures")
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).total_byte_size
        if not 0 <= size <= MAX_GROUP_BYTES:
            raise InputError(
                f"{path}: row group {group} has {size >> 20:,} MiB, at most {MAX_GROUP_BYTES >> 20:,} are read"
            )


def _errors() -> tuple[type[BaseException], ...]:
    try:
        import pyarrow as pa
    except ImportError:
        return ()
    return (pa.ArrowException, EOFError, UnicodeError, OSError)


def _damaged(path: Path, error: BaseException) -> Exception:
    if isinstance(error, OSError) and error.errno is not None:  # of the disk; those of pyarrow have no number
        return error
    return InputError(
        f"{path} is no {path.suffix.removeprefix('.').capitalize()} file, or damaged: {first_line(error)}"
    )
