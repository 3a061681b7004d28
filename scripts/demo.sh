#!/bin/sh
# Compiles and lints every example, and shows what the first one became.
set -eu
bin=$1
first=examples/hello.yml
template=build/hello.staging.template.yml

mkdir -p build
if ! "$bin/fsdcf" template examples/*.yml --env staging -o build/ 2>build/demo.log; then
    cat build/demo.log >&2
    exit 2
fi
for spec in examples/*.yml; do
    lines=$(grep -cvE '^[[:space:]]*(#.*)?$' "$spec")
    resources=$("$bin/fsdcf" template "$spec" --env staging --no-lint --format json 2>/dev/null |
        "$bin/python" -c 'import json, sys; print(len(json.load(sys.stdin)["Resources"]))')
    printf '  %-30s %3d lines of YAML -> %3d resources\n' "$spec" "$lines" "$resources"
    [ "$spec" = "$first" ] && headline="$lines lines of YAML became $resources resources"
done
echo
echo "compiled and linted; $(grep -c '^warning\[' build/demo.log || true) pieces of advice are in build/demo.log"
echo "$first: $headline"
echo "the template: $template"
