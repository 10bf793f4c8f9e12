"""Writers for the few Kaldi binary structures that ``am/final.mdl`` consists of: transition model and nnet3 network.

The layout follows Kaldi's ``TransitionModel::Write``, ``HmmTopology::Write``, ``AmNnetSimple::Write`` and
``Nnet::Write``: a "\\0B" header, tokens that end in a space, and basic values preceded by their size in bytes.
"""

import struct

import numpy as np

SIMPLE_COMPONENTS = {"relu": "RectifiedLinearComponent", "logsoftmax": "LogSoftmaxComponent"}
NO_PDF = -1


class Writer:
    """A Kaldi binary stream. Every method returns the writer, so that calls can be chained."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(b"\0B")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def _write(self, data):
        self.file.write(data)
        return self

    def token(self, text):
        return self._write(text.encode() + b" ")

    def raw(self, text):
        return self._write(text.encode())

    def int32(self, value):
        return self._write(b"\x04" + struct.pack("<i", value))

    def float32(self, value):
        return self._write(b"\x04" + struct.pack("<f", value))

    def float64(self, value):
        return self._write(b"\x08" + struct.pack("<d", value))

    def int_vector(self, values):
        return self._write(b"\x04" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes())

    def float_vector(self, values):
        values = np.asarray(values, "<f4")
        return self.token("FV").int32(len(values))._write(values.tobytes())

    def float_matrix(self, matrix):
        matrix = np.ascontiguousarray(matrix, "<f4")
        return self.token("FM").int32(matrix.shape[0]).int32(matrix.shape[1])._write(matrix.tobytes())


def write_transition_model(writer, phone_ids, pdf_pairs, self_loops):
    """One emitting state per phone.

    ``phone_ids``: ascending Kaldi phone ids. ``pdf_pairs[k]``: (output for the first frame, output for later frames) of
    phone k. ``self_loops[k]``: its self-loop probability; phones with equal ones share a topology entry. Transition ids
    come out as 2k + 1 (self-loop) and 2k + 2 (leaving), k counted from 0.
    """
    if list(phone_ids) != sorted(phone_ids):
        raise ValueError("phone ids must be in ascending order")
    # Kaldi has a shorter format for the ordinary case that both outputs are the same.
    same_pdf = all(first == later for first, later in pdf_pairs)
    probabilities = sorted(set(self_loops))
    entry_of_phone = [-1] * (max(phone_ids) + 1)
    for phone, probability in zip(phone_ids, self_loops):
        entry_of_phone[phone] = probabilities.index(probability)
    writer.token("<TransitionModel>").token("<Topology>")
    writer.int_vector(phone_ids).int_vector(entry_of_phone)
    if not same_pdf:
        writer.int32(-1)
    writer.int32(len(probabilities))
    for probability in probabilities:
        writer.int32(2)  # two states: one that emits, and the final one
        writer.int32(0)
        if not same_pdf:
            writer.int32(1)
        writer.int32(2).int32(0).float32(probability).int32(1).float32(1.0 - probability)
        writer.int32(NO_PDF)
        if not same_pdf:
            writer.int32(NO_PDF)
        writer.int32(0)
    writer.token("</Topology>")
    table = "Triples" if same_pdf else "Tuples"
    writer.token(f"<{table}>").int32(len(phone_ids))
    for phone, (first, later) in zip(phone_ids, pdf_pairs):
        writer.int32(phone).int32(0).int32(first)
        if not same_pdf:
            writer.int32(later)
    writer.token(f"</{table}>")
    log_probabilities = [0.0]
    for probability in self_loops:
        log_probabilities += [float(np.log(probability)), float(np.log(1.0 - probability))]
    writer.token("<LogProbs>").float_vector(log_probabilities).token("</LogProbs>").token("</TransitionModel>")


def write_nnet3(writer, config_lines, components, priors):
    """The network: config lines, then components as (name, kind, payload), then output priors (may be empty).

    Payloads: (weights [out, in], bias [out]) for "affine"; the dimension for "noop", "relu" and "logsoftmax".
    """
    writer.token("<Nnet3>").raw("\n" + "\n".join(config_lines) + "\n\n")
    writer.token("<NumComponents>").int32(len(components))
    for name, kind, payload in components:
        writer.token("<ComponentName>").token(name)
        if kind == "affine":
            _write_affine(writer, *payload)
        elif kind == "noop":
            writer.token("<NoOpComponent>").token("<Dim>").int32(payload)
            writer.token("<BackpropScale>").float32(1.0).token("</NoOpComponent>")
        else:
            _write_nonlinearity(writer, SIMPLE_COMPONENTS[kind], payload)
    writer.token("</Nnet3>")
    # Kaldi works the contexts out again when it reads the model.
    writer.token("<LeftContext>").int32(0).token("<RightContext>").int32(0)
    writer.token("<Priors>").float_vector(priors)


def _write_affine(writer, weights, bias):
    writer.token("<AffineComponent>").token("<LearningRate>").float32(0.001)
    writer.token("<LinearParams>").float_matrix(weights)
    writer.token("<BiasParams>").float_vector(bias).token("</AffineComponent>")


def _write_nonlinearity(writer, name, dim):
    """A component without parameters; its training statistics are written as empty."""
    writer.token(f"<{name}>").token("<Dim>").int32(dim)
    writer.token("<ValueAvg>").float_vector([]).token("<DerivAvg>").float_vector([]).token("<Count>").float64(0.0)
    writer.token("<OderivRms>").float_vector([]).token("<OderivCount>").float64(0.0)
    writer.token("<NumDimsSelfRepaired>").float64(0.0).token("<NumDimsProcessed>").float64(0.0)
    writer.token(f"</{name}>")
