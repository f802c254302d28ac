#!/usr/bin/env bash
# Run the GPU kit: `./run.sh --help` lists its stages and options.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
    echo "error: expected Python 3.10 or newer, found no \`$python\`" >&2
    echo "hint: set PYTHON to a Python, for the comparison with PyTorch to one with torch 2.11 and timm" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "error: expected Python 3.10 or newer, found $("$python" --version 2>&1)" >&2
    echo "hint: set PYTHON to a newer Python" >&2
    exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$python" "$here/kit.py" "$@"
