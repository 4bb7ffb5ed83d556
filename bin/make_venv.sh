#!/bin/sh
# Make a virtual environment in the folder $1 with the first Python >= 3.11 that is found.
# PYTHON names the one to try first. Without Python's own venv, uv or apt-get (as root) help out.
set -eu
folder=$1

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=
for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed, and none was found. PYTHON=/path/to/python names one." >&2
    exit 1
fi

echo "Making $folder with $("$python" --version) ..."
if "$python" -m venv "$folder" 2>/dev/null; then
    exit 0
fi
rm -rf "$folder"
# Debian ships Python without the part that puts pip into a new environment.
if command -v uv >/dev/null 2>&1; then
    exec uv venv --quiet --seed --python "$python" "$folder"
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "python$version-venv"
    exec "$python" -m venv "$folder"
fi
echo "This Python cannot make virtual environments: install its venv package" >&2
echo "(Debian, Ubuntu: sudo apt install python3-venv), or uv." >&2
exit 1
