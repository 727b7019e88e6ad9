"""Which encoding the bytes of a table have: UTF-8, UTF-16, or what Excel on Windows writes."""

import codecs

UTF8, WINDOWS = "utf-8-sig", "cp1252"
_BOMS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE = 4096


def encoding_of(content: bytes) -> str:
    """Return the encoding of a text: `utf-8-sig`, `utf-16`, `utf-16-le`, `utf-16-be`, or else `cp1252` (Windows-1252).

    Raises:
        UnicodeError: the bytes are no text in one of these encodings.

    >>> encoding_of("Zoë".encode()), encoding_of("Zoë".encode("utf-16")), encoding_of("Zoë".encode("cp1252"))
    ('utf-8-sig', 'utf-16', 'cp1252')
    """
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "") or _guess(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        if encoding != UTF8 or content.startswith(codecs.BOM_UTF8):
            raise UnicodeError(f"it begins like {encoding.removesuffix('-sig').upper()} and is not") from None
        encoding = WINDOWS
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            raise UnicodeError(f"byte {error.start:,} belongs to no text") from None
    if "\0" in text:
        raise UnicodeError("it holds bytes that are 0")
    return encoding


def _guess(content: bytes) -> str:
    """Return UTF-16 without its mark if every second byte of most letters is 0, else UTF-8."""
    even, odd = content[0:_SAMPLE:2], content[1:_SAMPLE:2]
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros and zeros.count(0) > len(zeros) / 2 and not others.count(0):
            return name
    return UTF8
