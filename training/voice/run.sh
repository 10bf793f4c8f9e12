#!/bin/sh
# Train the voice from nothing.
#   run.sh WORK_DIR [MINUTES] [PROSE_FILE...]
# MINUTES (default 62) is the training time; the teacher takes 10 to 25 minutes before that. PROSE_FILEs are text files that
# the teacher reads sentences from (see make_corpus.py --help); without them the corpus is dialogue and word carriers only.
# The voice is WORK_DIR/voice, its spoken test sentences are WORK_DIR/student_wav. Set PYTHON to choose an interpreter.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: run.sh WORK_DIR [MINUTES] [PROSE_FILE...]}
minutes=${2:-62}
shift; [ $# -eq 0 ] || shift
python=${PYTHON:-python3}
export OMP_WAIT_POLICY=PASSIVE
mkdir -p "$work"
"$python" "$here/make_corpus.py" "$work/corpus.tsv" --prose "$@"
"$python" "$here/teacher.py" "$work/corpus.tsv" "$work/shards"
"$python" "$here/train.py" "$work/shards" "$work/checkpoint.pt" --minutes "$minutes"
"$python" "$here/export.py" "$work/checkpoint.pt" "$work/voice"
"$python" "$here/evaluate.py" --voice "$work/voice" --shards "$work/shards"
"$python" "$here/synth.py" "$work/student_wav" --test-set "$work/corpus.tsv" --voice "$work/voice"
if command -v pocketsphinx_continuous >/dev/null; then
    "$python" "$here/wer.py" "$work/corpus.tsv" "$work/shards/teacher_wav" "$work/student_wav"
fi
