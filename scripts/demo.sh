#!/bin/sh
# Compiles and lints every example, and shows what the first one became.
set -eu
bin=$1
first=examples/hello.yml
template=build/hello.staging.template.yml
"$bin/fsdcf" template examples/*.yml -o build/
lines=$(grep -cv '^ *\(#.*\)*$' "$first")
resources=$(grep -c '^    Type: AWS::' "$template")
echo
echo "$first: $lines lines of YAML became $resources resources"
echo "the template: $template"
