r"""File names of known data sets that show the person and the emotion.

KDEF (Lundqvist, Flykt & Öhman 1998), JAFFE (Lyons et al. 1998), CK+ (Lucey et al. 2010), RaFD (Langner et al. 2010), FACES
(Ebner, Riediger & Lindenberger 2010), NimStim (Tottenham et al. 2009), Chicago Face Database (Ma, Correll & Wittenbrink 2015),
Yale faces (Belhumeur et al. 1997), RAVDESS (Livingstone & Russo 2018), CREMA-D (Cao et al. 2014).
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bimodal.vision.formats import is_picture_name

SHARE = 0.9  # of the names must have the form
_SAMPLE = 500


@dataclass(frozen=True)
class NameForm:
    """The form of a data set's file names, without their ending.

    Attributes:
        name: the data set.
        pattern: a regular expression for the whole name, with the groups `person` and, if it shows the emotion, `label`.
        meanings: the label for each abbreviation, in lower case; an abbreviation that is absent is the label.
        drop: labels that are no emotion, whose pictures are left out.
    """

    name: str
    pattern: re.Pattern[str]
    meanings: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()

    def is_of(self, stems: Sequence[str], share: float) -> bool:
        """Return whether at least this share of the names, without their ending, has the form."""
        return bool(stems) and sum(self.pattern.fullmatch(stem) is not None for stem in stems) >= share * len(stems)

    def person_of(self, name: str) -> str:
        """Return the person in a picture's name; `""` if it has another form."""
        match = self.pattern.fullmatch(stem_of(name))
        return match["person"].upper() if match else ""

    def code_of(self, name: str) -> str:
        """Return the abbreviation of the emotion in a picture's name; `""` if it has another form, or shows none."""
        match = self.pattern.fullmatch(stem_of(name))
        return (match["label"] or "") if match and "label" in self.pattern.groupindex else ""

    def meaning_of(self, code: str) -> str:
        """Return the label for an abbreviation."""
        return self.meanings.get(code.casefold(), code)


def _form(name: str, pattern: str, meanings: str = "", drop: str = "") -> NameForm:
    pairs = dict(pair.split("=") for pair in meanings.split())
    return NameForm(name, re.compile(pattern, re.IGNORECASE), pairs, tuple(drop.split()))


FORMS = (
    _form(
        "KDEF",  # AF01HAS: session A or B, woman 01, happy, straight; both sessions show the same people
        r"[AB](?P<person>[FM]\d{2})(?P<label>AF|AN|DI|HA|NE|SA|SU)(FL|HL|S|HR|FR)([-_ ]?\w*)?",
        "af=afraid an=angry di=disgusted ha=happy ne=neutral sa=sad su=surprised",
    ),
    _form(
        "JAFFE",  # KA.HA1.29
        r"(?P<person>[A-Z]{2})[.-](?P<label>AN|DI|FE|HA|NE|SA|SU)\d?[.-]\d+",
        "an=angry di=disgust fe=fear ha=happy ne=neutral sa=sad su=surprise",
    ),
    _form("CK+", r"(?P<person>S\d{3})_\d{3}_\d{8}([-_ ]?\w*)?"),
    _form(
        "RaFD",  # Rafd090_01_Caucasian_female_angry_frontal
        r"Rafd\d{3}_(?P<person>\d{2})_[a-z]+_(?:fe)?male_(?P<label>[a-z]+)_(?:frontal|left|right)",
    ),
    _form(
        "FACES",  # 004_o_m_a_b: person, age, sex, emotion, set
        r"(?P<person>\d{3})_[ymo]_[fm]_(?P<label>[adfhns])_[ab]",
        "a=angry d=disgust f=fear h=happy n=neutral s=sad",
    ),
    _form(
        "NimStim",  # 01F_AN_C: mouth closed
        r"(?P<person>\d{2}[FM])_(?P<label>AN|CA|DI|FE|HA|NE|SA|SP)_[COX]",
        "an=angry ca=calm di=disgust fe=fear ha=happy ne=neutral sa=sad sp=surprise",
    ),
    _form(
        "Chicago Face Database",  # CFD-WM-001-014-HO: happy, mouth open
        r"CFD-(?P<person>[A-Z]{2}-\d{3})-\d{3}-(?P<label>N|A|F|HC|HO)",
        "n=neutral a=angry f=fear hc=happy ho=happy",
    ),
    _form(
        "Yale faces",  # subject01.happy, a GIF
        r"(?P<person>subject\d{2})[._](?P<label>centerlight|glasses|happy|leftlight|noglasses|normal|rightlight|sad|sleepy"
        r"|surprised|wink)",
        "normal=neutral",
        "centerlight glasses leftlight noglasses rightlight sleepy wink",
    ),
    _form(
        "RAVDESS",  # frames of 01-01-03-02-01-02-24: happy, actor 24
        r"0[123]-0[12]-(?P<label>0[1-8])-0[12]-0[12]-0[12]-(?P<person>\d{2})(?:[-_ ]\w+)*",
        "01=neutral 02=calm 03=happy 04=sad 05=angry 06=fearful 07=disgust 08=surprised",
    ),
    _form(
        "CREMA-D",  # frames of 1001_IEO_ANG_HI
        r"(?P<person>1\d{3})_[A-Z]{3}_(?P<label>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX|X)(?:[-_ ]\w+)*",
        "ang=angry dis=disgust fea=fear hap=happy neu=neutral sad=sad",
    ),
)


def form_of(names: Iterable[str], with_label: bool = False) -> NameForm | None:
    """Return the form that at least 90 % of the names have; None if no form is so frequent.

    Args:
        names: paths of pictures, with `/`.
        with_label: only forms that show the emotion.

    >>> form_of(["AF01/AF01HAS.JPG", "BF01/BF01ANS.JPG"]).name
    'KDEF'
    """
    stems = [stem_of(name) for name in names]
    some = stems[:: max(1, len(stems) // _SAMPLE)]  # most names of most data sets have none of the forms
    for form in FORMS:
        if with_label and "label" not in form.pattern.groupindex:
            continue
        if form.is_of(some, SHARE / 2) and form.is_of(stems, SHARE):
            return form
    return None


def stem_of(name: str) -> str:
    """Return the file name without the ending of a picture.

    >>> stem_of("jaffe/KA.HA1.29.tiff"), stem_of("yale/subject01.happy")
    ('KA.HA1.29', 'subject01.happy')
    """
    last = name.rpartition("/")[2]
    return os.path.splitext(last)[0] if is_picture_name(last) else last
