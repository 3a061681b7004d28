#!/bin/sh
# Run a command on the spec of the service $SERVICE, services/NAME.yml or else examples/NAME.yml. Without a name, on every spec.
set -eu
name=${SERVICE:-}

known() {
    for file in services/*.yml examples/*.yml; do
        [ -f "$file" ] || continue
        stem=$(basename "$file" .yml)
        case $file in examples/*) [ -f "services/$stem.yml" ] && continue ;; esac
        echo "$1$stem"
    done
}

if [ -n "$name" ]; then
    for folder in services examples; do
        [ -f "$folder/$name.yml" ] && exec "$@" "$folder/$name.yml"
    done
    echo "there is no service '$name': neither services/$name.yml nor examples/$name.yml exists. The services are:" >&2
    known "  " >&2
    exit 2
fi

for file in services/*.yml examples/*.yml; do
    [ -f "$file" ] || continue
    case $file in examples/*) [ -f "services/${file#examples/}" ] && continue ;; esac
    set -- "$@" "$file"
    found=yes
done
if [ -z "${found:-}" ]; then
    echo "there are no specs; write one to services/NAME.yml" >&2
    exit 2
fi
exec "$@"
