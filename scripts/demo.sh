#!/bin/sh
# Compiles and lints every example, then deploys the first one into the sandbox: a first deploy, a new image, nothing to do, and an
# image that does not start: the diagnosis and the rollback.
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

# The sandbox of the demo keeps its state in build/, beside that of whoever runs it.
HOME=$PWD/build/demo XDG_CACHE_HOME=$PWD/build/demo/.cache
export HOME XDG_CACHE_HOME
rm -rf build/demo
mkdir -p build/demo

# A terminal is shown everything; a log gets the plan's heads and how it ended.
deploy() {
    echo
    echo "\$ fsdcf deploy $first --image-sha $1 --sandbox --yes"
    if [ -t 1 ]; then
        "$bin/fsdcf" deploy "$first" --env staging --image-sha "$1" --sandbox --yes
    elif "$bin/fsdcf" deploy "$first" --env staging --image-sha "$1" --sandbox --yes >build/deploy.log 2>&1; then
        sed -n -e '/^plan: /p' -e '/^  ± /p' -e '/^  ~ /p' -e '/^done: /p' build/deploy.log
    else
        cat build/deploy.log >&2
        exit 1
    fi
}
deploy 3f2c1ab
deploy 9d4e7f0
deploy 9d4e7f0

# The last one fails, as it should: exit code 1, the cause, the line to change, the next command.
broken=c0ffee1
fault=Service:update:CannotPullContainerError
echo
echo "\$ fsdcf deploy $first --image-sha $broken --sandbox --yes --fail-fast --fault $fault"
code=0
if [ -t 1 ]; then
    "$bin/fsdcf" deploy "$first" --env staging --image-sha "$broken" --sandbox --yes --fail-fast --fault "$fault" || code=$?
else
    "$bin/fsdcf" deploy "$first" --env staging --image-sha "$broken" --sandbox --yes --fail-fast --fault "$fault" >build/deploy.log 2>&1 || code=$?
    sed -n -e '/] ROLLOUT/p' -e '/^warning: /p' -e '/^failed: /,$p' build/deploy.log
fi
if [ "$code" -ne 1 ]; then
    echo "the broken image ended with exit code $code, not 1" >&2
    exit 1
fi
echo
echo "\$ fsdcf status my-service --sandbox"
"$bin/fsdcf" status my-service --env staging --sandbox
