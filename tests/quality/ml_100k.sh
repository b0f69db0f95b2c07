#!/usr/bin/env bash
# Puts the 100,000 film ratings of MovieLens into target/data, for jobs/quality/scores/ml-100k.toml: they are
# not ours to store, but come with the Python package recbole. Needs python3 with pip, and the package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
data=target/data/ml-100k.inter
[ -s "$data" ] && exit
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"${THALWEG_PYTHON:-python3}" -m pip download --quiet --no-deps --dest "$place" recbole==1.2.1
mkdir -p "$(dirname "$data")"
"${THALWEG_PYTHON:-python3}" - "$place" "$data" <<'PY'
import glob, os, sys, zipfile
place, data = sys.argv[1:]
with zipfile.ZipFile(glob.glob(place + "/recbole-*.whl")[0]) as wheel:
    text = wheel.read("recbole/dataset_example/ml-100k/ml-100k.inter")
with open(data + ".part", "wb") as file:
    file.write(text)
os.rename(data + ".part", data)
PY
