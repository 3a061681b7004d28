#!/bin/sh
# Compile and lint every example, then deploy the first one into the sandbox: a first deploy, a new image, no changes, and an
# image that does not start, with its diagnosis and rollback. Then deploy an environment with two services, and at last move
# a service of App Runner in.
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
echo "compiled and linted; $(grep -c '^warning\[' build/demo.log || true) warnings are in build/demo.log"
echo "$first: $headline"
echo "the template: $template"

# The demo keeps the state of its sandbox in build/, apart from the user's own.
HOME=$PWD/build/demo XDG_CACHE_HOME=$PWD/build/demo/.cache
export HOME XDG_CACHE_HOME
rm -rf build/demo
mkdir -p build/demo

# A terminal shows everything; a log gets the summary of the plan and the outcome.
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

# The last deploy is expected to fail with exit code 1, the cause, the line to change and the next command.
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
    echo "the deploy of the broken image ended with exit code $code instead of 1" >&2
    exit 1
fi
echo
echo "\$ fsdcf status my-service --sandbox"
"$bin/fsdcf" status my-service --env staging --sandbox

# One command deploys an environment and two services that call each other: shop at its host, users by its name.
shared="examples/environments/staging.yml examples/shop.yml examples/users.yml"
echo
echo "\$ fsdcf deploy $shared --image-sha 3f2c1ab --sandbox --yes"
if [ -t 1 ]; then
    "$bin/fsdcf" deploy $shared --env staging --image-sha 3f2c1ab --sandbox --yes
elif "$bin/fsdcf" deploy $shared --env staging --image-sha 3f2c1ab --sandbox --yes >build/deploy.log 2>&1; then
    sed -n -e '/^order: /p' -e '/| plan: /p' -e '/^done: /,$p' build/deploy.log
else
    cat build/deploy.log >&2
    exit 1
fi
echo
echo "\$ fsdcf template examples/shop.yml examples/users.yml    # the addresses at which they call each other"
for service in shop users; do
    "$bin/fsdcf" template "examples/$service.yml" --env staging --no-lint 2>/dev/null |
        sed -n "/- Name: [A-Z]*_URL/{s/.*Name: /  $service: /;N;s/\n *Value: / = /;p;}"
done
for service in shop users; do
    echo
    echo "\$ fsdcf status $service --sandbox"
    "$bin/fsdcf" status "$service" --env staging --sandbox
done

# The output of `aws apprunner describe-service` becomes a spec, which is deployed like any other. A key that is not carried
# would end the import with exit code 4.
moved=build/demo/moved
echo
echo "\$ fsdcf import examples/app-runner/service.json -o $moved"
"$bin/fsdcf" import examples/app-runner/service.json -o "$moved"
spec=$moved/services/greetings.yml
echo
echo "\$ fsdcf deploy $spec --image-sha 3f2c1ab --sandbox --yes"
if [ -t 1 ]; then
    "$bin/fsdcf" deploy "$spec" --env staging --image-sha 3f2c1ab --sandbox --yes
elif "$bin/fsdcf" deploy "$spec" --env staging --image-sha 3f2c1ab --sandbox --yes >build/deploy.log 2>&1; then
    sed -n -e '/^plan: /p' -e '/^done: /p' build/deploy.log
else
    cat build/deploy.log >&2
    exit 1
fi
