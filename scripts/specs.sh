#!/bin/sh
# Prints the path of the spec of a service: services/NAME.yml, then examples/NAME.yml; without a name, every spec.
set -eu
name=${1:-}
if [ -z "$name" ]; then
    for folder in services examples; do
        found=$(ls "$folder"/*.yml 2>/dev/null || true)
        [ -n "$found" ] && { echo "$found"; exit 0; }
    done
    echo "no specs in services/ or examples/" >&2
    exit 2
fi
for file in "services/$name.yml" "examples/$name.yml"; do
    [ -f "$file" ] && { echo "$file"; exit 0; }
done
echo "no spec services/$name.yml or examples/$name.yml; there are:" >&2
ls services/*.yml examples/*.yml 2>/dev/null | sed 's|.*/||; s|\.yml$||; s|^|  |' >&2
exit 2
