#!/usr/bin/env bash
# Everything that a GPU is needed for, in about 25 minutes on one H200; results under $1.
# Usage: bench/gpu.sh OUT [DATA]     DATA: a dataset made by `limbeck ingest` (else one is drawn)
# DEVICE=cpu QUICK=1 bench/gpu.sh OUT   walks the same lines on a CPU, at toy sizes.
set -euo pipefail
out=${1:?folder for results}
data=${2:-}
device=${DEVICE:-cuda}
mkdir -p "$out"
sizes="64 128 256 512 1024"
minutes=5
[ -n "${QUICK:-}" ] && sizes="16 32" && minutes=0
say() { printf '\n== %s\n' "$*" >&2; }
one() { # name, then a bench command; its JSON line goes to OUT/name.json
    say "$1"
    python -m limbeck bench "${@:2}" --device "$device" --json >"$out/$1.json" 2>"$out/$1.log" ||
        { echo "$1 failed:" >&2; tail -3 "$out/$1.log" >&2; }
}
python -m limbeck doctor --device "$device" --json >"$out/doctor.json"
say "correctness: bf16, graphs against eager, resume"
[ "$device" = cuda ] && { python -m pytest -q -m gpu tests | tee "$out/pytest-gpu.txt" || true; }
few=(); [ -n "${QUICK:-}" ] && few=(--repeats 1 --set net.channel_base=256 --set net.channel_max=16 --batch 4)
for size in $sizes; do
    one "train-$size" train --preset auto --size "$size" --alone "${few[@]}"
    LIMBECK_GRAPHS=0 one "train-$size-eager" train --preset auto --size "$size" --alone "${few[@]}"
    other=1; [ "$size" -ge 512 ] && other=0 # fused epilogues: what is not the default at this size
    LIMBECK_FUSED=$other one "train-$size-fused-$other" train --preset auto --size "$size" --alone "${few[@]}"
    if [ "$size" -le 512 ] && [ -z "${QUICK:-}" ]; then
        one "train-$size-batch64" train --preset auto --size "$size" --batch 64 --alone
    fi
done
one "train-${sizes%% *}-textbook" train --preset auto --size "${sizes%% *}" "${few[@]}"
if python -c "import stylegan2_pytorch" 2>/dev/null; then # pip install stylegan2-pytorch first
    for size in 64 256; do one "train-$size-rival" train --preset auto --size "$size" --alone --rival --repeats 2; done
fi
one "infer" infer --preset auto --size "${sizes##* }" "${few[@]}"
one "ops" ops --preset auto --size "${sizes%% *}" "${few[@]}"
if [ -z "$data" ]; then
    say "drawing photos"
    python - "$out" <<'PY'
import sys
from pathlib import Path
from limbeck.demo import draw_crawl
print(draw_crawl(Path(sys.argv[1]) / "crawl", seed=0, count=300, workers=1).photos)
PY
    data=$out/data
    python -m limbeck ingest "$out/crawl/photos" --out "$data" --size 64 2>>"$out/ingest.log"
fi
one "loader" loader "$data" --preset "$([ -n "${QUICK:-}" ] && echo smoke || echo small)"
if [ "$minutes" -gt 0 ]; then
    say "a training at 64 px, $minutes minutes"
    timeout "${minutes}m" python -m limbeck train "$data" --out "$out/small" --preset small --kimg 100000 \
        --device "$device" 2>"$out/small.log" || true
fi
say "done: $out"
