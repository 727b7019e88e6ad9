import pytest

from bimodal.data.naming import MAX_NAME_BYTES, Names, printable


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x/plain.JPG", "plain.jpg"),
        ("Zoë, 1.png", "Zoë, 1.png"),
        ("Zoe\u0308.png", "Zoë.png"),
        ("a:b*c?.png", "a_b_c_.png"),
        ("line\nbreak.png", "line_break.png"),
        ("\udcff.png", "_.png"),
        ("..png", "picture.png"),
        ("a.exe", "a"),
    ],
)
def test_safe_names(old: str, new: str) -> None:
    assert Names().give("d", old) == f"d/{new}"


def test_long_names_are_cut_between_letters() -> None:
    names = Names()
    given = [names.give("d", "ü" * 300 + f"{number}.png") for number in range(3)]
    assert len(set(given)) == 3
    for name in given:
        assert len(name.encode()) - 2 <= MAX_NAME_BYTES
        assert name.endswith(".png")


def test_names_that_differ_only_in_case_are_made_unique() -> None:
    names = Names()
    given = [names.give("d", old) for old in ("a.png", "A.png", "a~2.png", "a.PNG", "a~2.png")]
    assert len({name.casefold() for name in given}) == 5
    assert names.give("e", "a.png") == "e/a.png"
    assert names.give("e", "a.jpg", ".png") == "e/a~2.png"


def test_printable_can_be_written() -> None:
    assert printable("b\udcffd") == "b\\udcffd"
    assert printable("gut") == "gut"
