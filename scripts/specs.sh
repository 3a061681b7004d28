#!/bin/sh
# Run a command on the specs of $SERVICE in the environment $ENVIRONMENT: services/NAME.yml, environments/NAME.yml, an
# example, or a path. Without a name, on every service and on the environment. The words in $ARGS are added to the command.
set -eu
name=${SERVICE:-}
folders="services environments examples examples/environments"

known() {
    for folder in $folders; do
        for file in "$folder"/*.yml; do
            [ ! -f "$file" ] || { printf '  %s' "${file%.yml}" | LC_ALL=C tr '[:cntrl:]' '?' && echo; }
        done
    done
}

# xargs divides a text into words, with the quotation marks of a shell, and runs nothing that is in it.
if [ -n "${ARGS:-}" ]; then
    words=$(printf '%s\n' "$ARGS" | xargs printf '%s\n')
    while IFS= read -r word; do
        [ -z "$word" ] || set -- "$@" "$word"
    done <<END
$words
END
fi

# Run the command on a file, which an option cannot be.
run() {
    file=$1
    shift
    case $file in -*) file=./$file ;; esac
    case $file in
        # The file of an environment says which one it describes.
        environments/* | */environments/*) exec "$@" "$file" ;;
        *) exec "$@" --env "$ENVIRONMENT" "$file" ;;
    esac
}

if [ -n "$name" ]; then
    for file in "$name" "$name.yml"; do
        [ ! -f "$file" ] || run "$file" "$@"
    done
    for folder in $folders; do
        [ ! -f "$folder/$name.yml" ] || run "$folder/$name.yml" "$@"
    done
    printf "there is no service or environment '%s', such as services/%s.yml or environments/%s.yml. There are:\n" \
        "$name" "$name" "$name" >&2
    known >&2
    exit 2
fi

set -- "$@" --env "$ENVIRONMENT"
own=environments/$ENVIRONMENT.yml
# That of the examples, unless the repository has its own.
[ -f "$own" ] || own=examples/$own
for file in "$own" services/*.yml examples/*.yml; do
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
