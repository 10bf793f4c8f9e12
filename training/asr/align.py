"""Forced alignment: where each phone of a known sentence lies in the audio (Viterbi over optional silences and all
pronunciations of every word). One code path for every synthesiser: no phone mapping of theirs is needed.
"""

import json
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import dataset
import lexicon
from features import FRAME_SHIFT, OUTPUT_STEP

OUTPUT_SECONDS = OUTPUT_STEP * FRAME_SHIFT
# A boundary lies half way between the centres of two 30 ms outputs.
BOUNDARY_SHIFT = 0.0025
OPEN_END = 999.0  # seconds: the last phone lasts to the end, whatever its length
OPEN_START = -9.0
LOG_FLOOR = -12.0  # scores below this are errors of the first, rough network
IMPOSSIBLE = -1e30
NO_SCORE = -99.0


def alignment_graph(text):
    """States of the HMM "silence? word silence? word ... silence?" or None if a word has no pronunciation.

    Returns (acoustic phone of every state, predecessors of every state, states that may end); START stands for -1.
    """
    phones, predecessors = [], []

    def new_state(phone, before):
        phones.append(phone)
        predecessors.append(list(before) + [len(phones) - 1])
        return len(phones) - 1

    start = -1
    silence = new_state(lexicon.ACOUSTIC_ID[lexicon.SILENCE], [start])
    ends = [start, silence]
    for word in text.split():
        word_ends = []
        pronunciations = lexicon.pronunciations(word)
        if not pronunciations:
            return None
        for pronunciation in pronunciations:
            before = ends
            for phone in pronunciation:
                before = [new_state(lexicon.ACOUSTIC_ID[phone], before)]
            word_ends += before
        silence = new_state(lexicon.ACOUSTIC_ID[lexicon.SILENCE], word_ends)
        ends = word_ends + [silence]
    return phones, predecessors, ends


def viterbi(scores, graph):
    """Best path through ``graph`` for ``scores`` [outputs, phones]. Returns (state per output or None, mean score)."""
    if graph is None:
        return None, NO_SCORE
    phones, predecessors, ends = graph
    outputs, states = len(scores), len(phones)
    start, never = states, states + 1
    width = max(map(len, predecessors))
    before = np.full((states, width), never)
    for state, those in enumerate(predecessors):
        before[state, : len(those)] = [start if other == -1 else other for other in those]
    best = np.full(states + 2, IMPOSSIBLE)
    best[start] = 0.0
    back = np.zeros((outputs, states), "i4")
    emission = scores[:, phones]
    rows = np.arange(states)
    for output in range(outputs):
        candidates = best[before]
        choice = candidates.argmax(1)
        back[output] = before[rows, choice]
        best[:states] = candidates[rows, choice] + emission[output]
        best[start] = IMPOSSIBLE
    last = max(ends, key=lambda state: best[state] if state >= 0 else IMPOSSIBLE)
    if best[last] < -1e20:
        return None, NO_SCORE
    path = [last]
    for output in range(outputs - 1, 0, -1):
        path.append(back[output, path[-1]])
    return path[::-1], best[last] / outputs


def align_utterance(job):
    """(scores, text) -> (list of (acoustic phone, start, end) in seconds, or None; mean score)."""
    scores, text = job
    graph = alignment_graph(text)
    path, score = viterbi(scores, graph)
    if path is None:
        return None, score
    segments, first = [], 0
    for output in range(1, len(path) + 1):
        if output == len(path) or path[output] != path[first]:
            start = OUTPUT_SECONDS * first - BOUNDARY_SHIFT if first else OPEN_START
            end = OUTPUT_SECONDS * output - BOUNDARY_SHIFT
            segments.append((graph[0][path[first]], start, end))
            first = output
    label, start, _ = segments[-1]
    segments[-1] = (label, start, OPEN_END)
    return segments, score


def align_all(net, priors, data_dir, out_file):
    """Align every training utterance and write a JSON list of [segments or null, score]; prints a line per voice.

    ``priors``: tensor with each acoustic phone's share of the frames.
    """
    corpus = dataset.Corpus(data_dir)
    log_priors = np.log(priors.numpy())
    clean = dataset.clean_features(data_dir, len(corpus.utterances))
    jobs = []
    with torch.no_grad():
        for frames, utterance in zip(clean, corpus.utterances):
            x, _ = dataset.collate([(frames, None)], [0], net.context)
            scores = F.log_softmax(net(x)[0], -1).numpy() - log_priors
            outputs = (len(frames) + OUTPUT_STEP - 1) // OUTPUT_STEP
            jobs.append((np.maximum(scores[:outputs], LOG_FLOOR), utterance[1]))
    with Pool(dataset.WORKERS) as pool:
        aligned = list(pool.imap(align_utterance, jobs, 64))
    by_voice = {}
    for utterance, (_, score) in zip(corpus.utterances, aligned):
        by_voice.setdefault(utterance[0], []).append(score)
    for voice, scores in by_voice.items():
        good = [score for score in scores if score > NO_SCORE]
        mean = f"{np.mean(good):.3f}" if good else "none"
        print(f"{voice:40s} mean score {mean}, failed {len(scores) - len(good)}")
    Path(out_file).write_text(json.dumps([(segments, float(score)) for segments, score in aligned]))
