#!/bin/sh
# Run the migration tests that need dynalite, which is installed below build/ once.
# The argument is the folder of Python's programs.
set -eu
version=4.0.0
folder=build/dynalite
command -v node >/dev/null && command -v npm >/dev/null || { echo "make dynalite needs Node 20 or later and npm" >&2; exit 2; }
if [ ! -f "$folder/node_modules/dynalite/cli.js" ]; then
    echo "installing dynalite $version into $folder (once) ..." >&2
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "dynalite@$version" >&2
fi
exec "$1/python" -m pytest -q -p no:cacheprovider tests/storage/dynalite.py
