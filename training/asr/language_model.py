"""Back-off bigram language model as an OpenFst acceptor."""

import collections
import math

import pynini

from lexicon import UNKNOWN_WORD

BEGIN, END = "<s>", "</s>"
EPSILON = 0
UNIFORM_SHARE = 0.15  # of every unigram probability, so that each word can be reached
DISCOUNT = 0.6  # absolute discounting (Ney, Essen and Kneser, 1994), interpolated with the unigrams


def _weight(probability):
    return pynini.Weight("tropical", -math.log(probability))


def count(lines, vocabulary):
    """(unigram counts, bigram counts by history) of the words in ``vocabulary``."""
    unigrams, bigrams = collections.Counter(), collections.defaultdict(collections.Counter)
    for line in lines:
        words = [word for word in line.split() if word in vocabulary]
        for history, word in zip([BEGIN] + words, words + [END]):
            bigrams[history][word] += 1
            unigrams[word] += 1
    return unigrams, bigrams


def unigram_probabilities(unigrams, support):
    """Relative frequencies mixed with a uniform share, normalised over ``support``."""
    total = sum(unigrams.values())
    mixed = {word: (1 - UNIFORM_SHARE) * unigrams[word] / total + UNIFORM_SHARE / len(support) for word in support}
    norm = sum(mixed.values())
    return {word: probability / norm for word, probability in mixed.items()}


def bigram_fst(lines, words, word_ids):
    """The language model of ``lines`` over ``words`` (``[unk]`` has no place in it). One state per history."""
    unigrams, bigrams = count(lines, set(words))
    support = [word for word in words if word != UNKNOWN_WORD] + [END]
    unigram = unigram_probabilities(unigrams, support)
    fst = pynini.Fst()
    start, backoff = fst.add_state(), fst.add_state()
    fst.set_start(start)
    states = {BEGIN: start}
    for word in support[:-1]:
        states[word] = fst.add_state() if bigrams.get(word) else backoff

    def add(state, word, probability):
        if word == END:
            fst.set_final(state, _weight(probability))
        else:
            label = word_ids[word]
            fst.add_arc(state, pynini.Arc(label, label, _weight(probability), states[word]))

    for word in support:
        add(backoff, word, unigram[word])
    for history, following in bigrams.items():
        total = sum(following.values())
        state = states[history]
        kept = 0.0
        for word, occurrences in following.items():
            discounted = max(occurrences - DISCOUNT, 0) / total
            if discounted <= 0:
                continue
            probability = discounted + (DISCOUNT * len(following) / total) * unigram[word]
            kept += probability
            add(state, word, probability)
        seen = sum(unigram[word] for word, occurrences in following.items() if occurrences > DISCOUNT)
        left = max(1 - kept, 1e-4) / max(1 - seen, 1e-4)
        fst.add_arc(state, pynini.Arc(EPSILON, EPSILON, _weight(left), backoff))
    return fst
