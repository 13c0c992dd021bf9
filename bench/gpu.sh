#!/usr/bin/env bash
# What only a GPU can answer, in at most five minutes of one; JSON and logs under OUT, a table last.
# Usage: bench/gpu.sh OUT
# DEVICE=cpu QUICK=1 bench/gpu.sh OUT   walks the same lines on a CPU, at toy sizes.
# TESTS=0 leaves the tests out; SIZES="64 128 256 512 1024" LIMIT=1500 measures more; PYTHON: the interpreter.
set -uo pipefail
out=${1:?folder for results}
device=${DEVICE:-cuda}
python=${PYTHON:-python}
limit=${LIMIT:-280} # seconds; what has not begun by then is left out
sizes=${SIZES:-64 256}
few=(--repeats 3)
each=60 # seconds for one cell
if [ -n "${QUICK:-}" ]; then
    sizes="16"
    each=200
    few=(--repeats 1 --batch 4 --set net.channel_base=256 --set net.channel_max=16)
fi
first=${sizes%% *}
mkdir -p "$out"
step() { # seconds, name, command; no step may eat the others' time
    local most=$1 name=$2
    shift 2
    if [ "$SECONDS" -ge "$limit" ]; then
        echo "$name: left out, $limit s are over" >&2
        return 0
    fi
    local began=$SECONDS code=0 left=$((limit + 20 - SECONDS))
    [ "$most" -le "$left" ] || most=$left
    timeout -k 5 "$most" "$@" >"$out/$name.out" 2>"$out/$name.log" || code=$?
    echo "$name: exit $code, $((SECONDS - began)) s" >&2
    [ "$code" -eq 0 ] || tail -n 5 "$out/$name.log" >&2
}
cell() { # name, environment, preset, then options of `limbeck bench train`; 20 to 40 s each on an H100
    step "$each" "$1" env "$2" "$python" -m limbeck bench train --preset "$3" --alone --device "$device" --json "${@:4}"
}
step 60 doctor env LIMBECK_FUSED=0 "$python" -m limbeck doctor --device "$device" --json
cell "train-$first-projected-graphs" LIMBECK_GRAPHS=1 base --size "$first" "${few[@]}"
cell "train-$first-projected-eager" LIMBECK_GRAPHS=0 base --size "$first" "${few[@]}"
if [ -z "${QUICK:-}" ]; then
    cell "train-$first-stylegan2-graphs" LIMBECK_GRAPHS=1 auto --size "$first" "${few[@]}"
    if [ "${TESTS:-1}" = 1 ]; then # bf16, recorded phases against plain ones, fused epilogues, resuming: 92 s
        step 150 pytest "$python" -m pytest -m gpu -p no:cacheprovider --show-capture=no tests/training/test_training_gpu.py
        tail -n 5 "$out/pytest.out" >&2
    fi
fi
for size in $sizes; do
    [ "$size" = "$first" ] && continue
    cell "train-$size-projected-graphs" LIMBECK_GRAPHS=1 base --size "$size" "${few[@]}"
    cell "train-$size-stylegan2-graphs" LIMBECK_GRAPHS=1 auto --size "$size" "${few[@]}"
done
cell "train-${sizes##* }-stylegan2-fused" LIMBECK_FUSED=1 auto --size "${sizes##* }" "${few[@]}"
"$python" - "$out" <<'PY' | tee "$out/table.md"
import json
import sys
from pathlib import Path

print("| run | batch | dtype | s/kimg | images/s | ms of each row | of the conv ceiling | GB |")
print("|---|---|---|---|---|---|---|---|")
for path in sorted(Path(sys.argv[1]).glob("train-*.out")):
    try:
        row = json.loads(path.read_text().splitlines()[-1])
    except (IndexError, ValueError):
        print(f"| {path.stem[6:]} | failed, see {path.stem}.log |||||||")
        continue
    for kind, one in row["contestants"].items():
        phases = ", ".join(f"{1000 * one['phases'][p]['wall']['median']:.1f}" for p in one["phases"] if p != "average")
        print(f"| {path.stem[6:]} | {row['batch']} | {kind} | {one['seconds_per_kimg']:.2f} | {one['images_per_second']:.0f} "
              f"| {phases} | {one.get('utilisation', 0):.0%} of {one.get('ceiling', {}).get('conv_tflops', 0):.0f} "
              f"| {row.get('memory_gb', 0):.2f} |")
PY
echo "done in $SECONDS s: $out" >&2
