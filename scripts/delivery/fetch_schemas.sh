#!/usr/bin/env bash
# Collects the JSON schemas that kubeconform validates the chart with, so that it
# needs no network: built-in kinds from a PyPI package that has them for every
# Kubernetes version, custom resources from the definitions in two Go modules.
#
# Usage: fetch_schemas.sh FOLDER   (needs python3 with pip, and go)
set -euo pipefail

folder="$1"
new="$(mktemp -d)"
trap 'rm -rf "$new"' EXIT

# directory MODULE@VERSION: downloads a Go module and prints its folder.
directory() { (cd / && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

python3 -m pip install -q --disable-pip-version-check --target "$new/pip" \
  kubernetes-validate==1.37.0
for version in v1.30.0 v1.37.0; do
  cp -r "$new/pip/kubernetes_validate/kubernetes-json-schema/$version-local-strict" "$new/$version"
  # `$id` is a web address; references must stay in the folder.
  find "$new/$version" -name '*.json' -exec sed -i -E \
    's#"\$id": "[^"]*"#"$comment": ""#; s#/api/_definitions\.json#_definitions.json#g' {} +
done

kubeconform="$(directory github.com/yannh/kubeconform@v0.8.0)"
prometheus="$(directory github.com/prometheus-operator/prometheus-operator@v0.85.0)/example/prometheus-operator-crd"
gateway="$(directory sigs.k8s.io/gateway-api@v1.4.0)/config/crd/standard"
mkdir "$new/custom"
cd "$new/custom"
# kubernetes-validate brings PyYAML, which the converter needs.
PYTHONPATH="$new/pip" python3 "$kubeconform/scripts/openapi2jsonschema.py" \
  "$prometheus"/monitoring.coreos.com_{servicemonitors,podmonitors,prometheusrules}.yaml \
  "$gateway"/gateway.networking.k8s.io_{grpcroutes,httproutes}.yaml

rm -rf "$folder"
mkdir -p "$folder"
mv "$new"/v* "$new/custom" "$folder"
