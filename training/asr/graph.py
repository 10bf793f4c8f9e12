"""Decoding graph of a model directory: lexicon and bigram language model -> ``graph/``.

Look-ahead form (default): ``HCLr.fst``, ``Gr.fst`` and ``disambig_tid.int``; libvosk composes them while decoding, and a
run-time grammar can replace ``Gr.fst``. Static form (``--static``): one ``HCLG.fst``; run-time grammars are then ignored.
Both also get ``words.txt`` and ``phones/word_boundary.int``.

Any word of CMUdict or of ``lexicon.EXTRA_PRONUNCIATIONS`` can be used without retraining; it takes seconds. From the
texts that ``corpus.py`` writes this reproduces the shipped graph byte for byte. The construction is Mohri, Pereira and
Riley, "Weighted finite-state transducers in speech recognition" (2002), with Kaldi's order of self-loops.
"""

import argparse
import collections
import math
import os
import subprocess
import tempfile
from pathlib import Path

import pynini
import pywrapfst

import lexicon
from language_model import bigram_fst

SILENCE_PROBABILITY = 0.5  # between words
SELF_LOOP_PROBABILITY = 0.5  # as export.py writes it into the transition model
FORWARD_COST = -math.log(1 - SELF_LOOP_PROBABILITY)
LOOP_COST = -math.log(SELF_LOOP_PROBABILITY)
EPSILON = 0
FIRST_DISAMBIGUATION = len(lexicon.PHONES)
FIRST_DISAMBIGUATION_TRANSITION = 2 * (len(lexicon.PHONES) - 1) + 1
# fstconvert only knows the look-ahead type with this library of Debian's libfst-tools loaded; pynini's OpenFst lacks it.
LOOKAHEAD_LIBRARY = "libfstlookahead.so.22"
GRAPH_FILES = ("HCLG.fst", "HCLr.fst", "Gr.fst", "words.txt", "disambig_tid.int")


def weight(cost):
    return pynini.Weight("tropical", cost)


def arc(input_label, output_label, cost, target):
    return pynini.Arc(input_label, output_label, weight(cost), target)


def transition_ids(phone):
    """(leaving, self-loop) transition ids of a Kaldi phone id, as ``kaldi_io.write_transition_model`` lays them out."""
    return 2 * (phone - 1) + 2, 2 * (phone - 1) + 1


def lexicon_fst(words, word_ids):
    """L: phones in, words out, optional silence between words. Returns (fst, number of disambiguation symbols)."""
    entries = [
        (word, tuple(lexicon.PHONE_ID[phone] for phone in lexicon.with_positions(pronunciation)))
        for word in words
        for pronunciation in lexicon.pronunciations(word)
    ]
    homophones = collections.Counter(phones for _, phones in entries)
    prefixes = {phones[:length] for _, phones in entries for length in range(1, len(phones))}
    alternatives = collections.Counter(word for word, _ in entries)
    without_silence, with_silence = -math.log(1 - SILENCE_PROBABILITY), -math.log(SILENCE_PROBABILITY)
    fst = pynini.Fst()
    loop, silence, start = fst.add_state(), fst.add_state(), fst.add_state()
    fst.set_start(start)
    fst.add_arc(start, arc(EPSILON, EPSILON, without_silence, loop))
    fst.add_arc(start, arc(EPSILON, EPSILON, with_silence, silence))
    fst.add_arc(silence, arc(lexicon.PHONE_ID[lexicon.SILENCE], EPSILON, 0, loop))
    fst.set_final(loop)
    used, most = collections.Counter(), 0
    for word, phones in entries:
        labels = list(phones)
        if homophones[phones] > 1 or phones in prefixes:
            used[phones] += 1
            most = max(most, used[phones])
            labels.append(FIRST_DISAMBIGUATION + used[phones] - 1)
        state = loop
        for index, label in enumerate(labels):
            # The word, and the cost of choosing this pronunciation, sit on the first arc.
            output, cost = (word_ids[word], math.log(alternatives[word])) if index == 0 else (EPSILON, 0)
            if index == len(labels) - 1:
                fst.add_arc(state, arc(label, output, without_silence + cost, loop))
                fst.add_arc(state, arc(label, output, with_silence + cost, silence))
            else:
                target = fst.add_state()
                fst.add_arc(state, arc(label, output, cost, target))
                state = target
    return fst, most


def expand_hmm(lexicon_graph, disambiguation_count):
    """Replace phones by transition ids: the leaving id first, then the self-loop (Kaldi's ``reorder=true``).

    Returns (fst, transition labels of the disambiguation symbols).
    """
    fst, states, todo = pynini.Fst(), {}, []

    def state_of(lexicon_state, entered_by):
        key = (lexicon_state, entered_by)
        if key not in states:
            states[key] = fst.add_state()
            todo.append(key)
        return states[key]

    fst.set_start(state_of(lexicon_graph.start(), 0))
    while todo:
        key = todo.pop()
        lexicon_state, entered_by = key
        here = states[key]
        if entered_by:
            fst.add_arc(here, arc(transition_ids(entered_by)[1], EPSILON, LOOP_COST, here))
        final = lexicon_graph.final(lexicon_state)
        if float(final) != math.inf:
            fst.set_final(here, final)
        for old in lexicon_graph.arcs(lexicon_state):
            if old.ilabel == EPSILON:
                label, cost, target = EPSILON, float(old.weight), state_of(old.nextstate, 0)
            elif old.ilabel >= FIRST_DISAMBIGUATION:
                label = FIRST_DISAMBIGUATION_TRANSITION + old.ilabel - FIRST_DISAMBIGUATION
                cost, target = float(old.weight), state_of(old.nextstate, 0)
            else:
                label = transition_ids(old.ilabel)[0]
                cost, target = float(old.weight) + FORWARD_COST, state_of(old.nextstate, old.ilabel)
            fst.add_arc(here, arc(label, old.olabel, cost, target))
    return fst, [FIRST_DISAMBIGUATION_TRANSITION + index for index in range(disambiguation_count)]


def write_lookahead(hcl, graph_dir):
    """Write HCLr.fst. Returns the word ids as the look-ahead type renumbers them: old id -> new id."""
    with tempfile.TemporaryDirectory() as folder:
        source, pairs = Path(folder, "HCL.fst"), Path(folder, "relabel.txt")
        hcl.write(str(source))
        command = ["fstconvert", "--fst_type=olabel_lookahead", f"--save_relabel_opairs={pairs}"]
        environment = dict(os.environ, LD_PRELOAD=LOOKAHEAD_LIBRARY)
        subprocess.run([*command, str(source), str(graph_dir / "HCLr.fst")], check=True, env=environment)
        return dict(tuple(map(int, line.split())) for line in pairs.read_text().splitlines())


def write_static(hcl, grammar, disambiguation, graph_dir):
    """Write HCLG.fst: composition of both graphs, disambiguation symbols removed."""
    graph = pynini.compose(hcl, grammar)
    remove = set(disambiguation)
    for state in graph.states():
        arcs = graph.mutable_arcs(state)
        while not arcs.done():
            old = arcs.value()
            if old.ilabel in remove:
                arcs.set_value(pynini.Arc(EPSILON, old.olabel, old.weight, old.nextstate))
            arcs.next()
    graph.connect()
    graph.arcsort("ilabel")
    graph.set_input_symbols(None)
    graph.set_output_symbols(None)
    pywrapfst.convert(graph, "const").write(str(graph_dir / "HCLG.fst"))


def write_word_boundaries(path):
    """phones/word_boundary.int: one line "phone id, position" per Kaldi phone."""
    with path.open("w") as file:
        for index, phone in enumerate(lexicon.PHONES[1:], 1):
            position = lexicon.POSITIONS[phone[-1]] if "_" in phone else "nonword"
            file.write(f"{index} {position}\n")


def build(graph_dir, words, text, static):
    """Write all graph files for ``words`` (sorted, with a pronunciation) and ``text`` (lines)."""
    (graph_dir / "phones").mkdir(parents=True, exist_ok=True)
    for name in GRAPH_FILES:
        (graph_dir / name).unlink(missing_ok=True)
    words = [*words, lexicon.UNKNOWN_WORD]
    word_ids = {word: index for index, word in enumerate(words, 1)}
    lexicon_graph, disambiguation_count = lexicon_fst(words, word_ids)
    lexicon_graph.rmepsilon()
    hcl, disambiguation = expand_hmm(pynini.determinize(lexicon_graph), disambiguation_count)
    hcl.arcsort("olabel")
    if not static:
        renumbered = write_lookahead(hcl, graph_dir)
        word_ids = {word: renumbered[index] for word, index in word_ids.items()}
    symbols = pynini.SymbolTable()
    symbols.add_symbol("<eps>", EPSILON)
    for word, index in sorted(word_ids.items(), key=lambda item: item[1]):
        symbols.add_symbol(word, index)
    grammar = bigram_fst(text, words, word_ids)
    grammar.arcsort("ilabel")
    if static:
        write_static(hcl, grammar, disambiguation, graph_dir)
    else:
        grammar.set_input_symbols(None)
        grammar.set_output_symbols(symbols)  # libvosk reads the words from here
        pywrapfst.convert(grammar, "const").write(str(graph_dir / "Gr.fst"))
        (graph_dir / "disambig_tid.int").write_text("".join(f"{label}\n" for label in disambiguation))
    symbols.write_text(str(graph_dir / "words.txt"))
    write_word_boundaries(graph_dir / "phones" / "word_boundary.int")
    print(f"{len(words)} words, {hcl.num_states()} lexicon states, {grammar.num_states()} language model states")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", type=Path, help="model directory; its graph/ is replaced")
    parser.add_argument("words", type=Path, help="vocabulary, one word per line")
    parser.add_argument("text", type=Path, help="language model text, one sentence per line")
    parser.add_argument("--static", action="store_true", help="write HCLG.fst instead of the look-ahead form")
    args = parser.parse_args()
    words = sorted({line.strip() for line in args.words.read_text().splitlines() if line.strip()})
    unknown = [word for word in words if not lexicon.pronunciations(word)]
    if unknown:
        print("left out for want of a pronunciation:", " ".join(unknown))
    words = [word for word in words if word not in set(unknown)]
    text = [line.strip() for line in args.text.read_text().splitlines()]
    build(args.model_dir / "graph", words, text, args.static)


if __name__ == "__main__":
    main()
