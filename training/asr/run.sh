#!/bin/sh
# Make the whole recogniser model from nothing.
#   run.sh WORK_DIR [SCALE] [EPOCHS] [MMI_EPOCHS]
# SCALE 1 (default) is 6.3 h of speech, 60 to 90 minutes on one or two cores; "0.3 6 2" makes a usable model in about
# 10 minutes; below 0.2 it learns nothing. The model is WORK_DIR/model. Set PYTHON to choose an interpreter and LIBVOSK to
# the path of libvosk.so to get word error rates at the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: run.sh WORK_DIR [SCALE] [EPOCHS] [MMI_EPOCHS]}
scale=${2:-1} epochs=${3:-3} mmi_epochs=${4:-1.5}
python=${PYTHON:-python3}
# Two OpenMP threads on a shared two-core machine are 5 to 10 times slower than one: their barriers spin.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
mkdir -p "$work"
"$python" "$here/corpus.py" "$work/text"
"$python" "$here/synth.py" "$work/text" "$work/data" --scale "$scale"
"$python" "$here/train.py" bootstrap "$work/data" "$work"
"$python" "$here/train.py" features "$work/data" "$work" --copies 2
"$python" "$here/train.py" main "$work" "$work/ce.pt" --epochs "$epochs"
"$python" "$here/mmi.py" "$work" "$work/ce.pt" "$work/mmi.pt" --epochs "$mmi_epochs"
"$python" "$here/export.py" "$work/mmi.pt" "$work/model"
"$python" "$here/graph.py" "$work/model" "$work/text/words.txt" "$work/text/lm_all.txt"
if [ -n "${LIBVOSK:-}" ]; then
    "$python" "$here/evaluate.py" "$LIBVOSK" "$work/model" "$work/data"
fi
