#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# OpenBLAS chooses its routines by processor, and their last bits differ: the engine id of a model that calls them
# says which, so that no run is resumed with other ones; other models do not depend on it.
set -euo pipefail
[[ $(uname -m) == x86_64 ]] || exit 77 # the names of processors below are of this kind

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/ids.lua" <<'LUA'
local plain = borel.model(function() sample("x", dist.normal(0, 1)) end)
local linear = borel.model(function()
  local s = sample("s", dist.half_normal(1))
  sample("y", dist.multi_normal({ 0, 0 }, borel.diag(borel.stack { s, 1 })))
end)
for _, engine in ipairs { "native", "interpreter" } do
  print("plain", plain:trace(nil, engine).target:describe().engine_id)
  print("linear", linear:trace(nil, engine).target:describe().engine_id)
end
LUA

OPENBLAS_CORETYPE=Nehalem "$BOREL" run "$folder/ids.lua" >"$folder/one"
OPENBLAS_CORETYPE=Prescott "$BOREL" run "$folder/ids.lua" >"$folder/other"
cmp <(grep plain "$folder/one") <(grep plain "$folder/other")
[[ $(grep -c linear "$folder/one") == 2 ]]
for k in 1 2; do
  a=$(grep linear "$folder/one" | sed -n "${k}p")
  b=$(grep linear "$folder/other" | sed -n "${k}p")
  [[ -n $a && $a != "$b" ]] || { echo "linear algebra: one engine id for two processors: $a" && exit 1; }
done
