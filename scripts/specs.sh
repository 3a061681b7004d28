#!/bin/sh
# Run a command on the specs of $SERVICE in the environment $ENVIRONMENT: services/NAME.yml, environments/NAME.yml, an
# example, or a path. Without a name, on every service and on the environment.
set -eu
name=${SERVICE:-}
folders="services environments examples examples/environments"

known() {
    for folder in $folders; do
        for file in "$folder"/*.yml; do
            [ ! -f "$file" ] || echo "  ${file%.yml}"
        done
    done
}

if [ -n "$name" ]; then
    for file in "$name" "$name.yml" $(for folder in $folders; do echo "$folder/$name.yml"; done); do
        [ -f "$file" ] || continue
        case $file in
            # The file of an environment says which one it describes.
            environments/* | */environments/*) exec "$@" "$file" ;;
            *) exec "$@" --env "$ENVIRONMENT" "$file" ;;
        esac
    done
    echo "there is no service or environment '$name', such as services/$name.yml or environments/$name.yml. There are:" >&2
    known >&2
    exit 2
fi

set -- "$@" --env "$ENVIRONMENT"
own=environments/$ENVIRONMENT.yml
# That of the examples, unless the repository has its own.
[ -f "$own" ] || own=examples/$own
for file in $own services/*.yml examples/*.yml; do
    [ -f "$file" ] || continue
    # An example gives way to a service of that name.
    case $file in examples/*) [ ! -f "services/$(basename "$file")" ] || continue ;; esac
    set -- "$@" "$file"
    found=yes
done
if [ -z "${found:-}" ]; then
    echo "there are no specs; write one to services/NAME.yml" >&2
    exit 2
fi
exec "$@"
