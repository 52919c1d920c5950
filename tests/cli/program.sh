# SPDX-License-Identifier: MIT
# The commands of the program, as a person types them.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
examples=$BOREL_SOURCE_DIR/examples

expect() { # NAME EXIT-CODE PATTERN COMMAND...
  local name=$1 want=$2 pattern=$3 code=0
  shift 3
  "$@" >output 2>&1 || code=$?
  ((code == want)) || fail "$name: exit code $code, not $want: $(cat output)"
  grep -Eq -- "$pattern" output || fail "$name: no '$pattern' in: $(cat output)"
}
json() { # FILE CONDITION (in Lua, of d)
  echo "local d = borel.read '$work/$1' if not ($2) then os.exit(1) end" >condition.lua
  "$BOREL" run condition.lua || fail "$1: not $2"
}

expect help 0 "usage: borel COMMAND" "$BOREL" --help
expect "help of a command" 0 "usage: borel COMMAND" "$BOREL" run --help
expect version 0 "^borel [0-9.]+ \(build [0-9a-f]{16}" "$BOREL" --version
expect nothing 2 "usage: borel COMMAND" "$BOREL"
expect "unknown command" 2 "unknown command 'summery'; did you mean 'summary'" "$BOREL" summery
expect "unknown option" 2 "unknown option '--drows'; did you mean '--draws'" "$BOREL" run x.lua --drows 3
expect "missing value" 2 "'--seed' needs a value" "$BOREL" run x.lua --seed
expect "not a number" 2 "'--draws' must be a whole number, got 'many'" "$BOREL" run x.lua --draws many
expect "no script" 2 "the script is missing" "$BOREL" run
expect "absent script" 1 "x.lua: no such file" "$BOREL" run x.lua
expect "folder for a script" 1 "a directory, not a script" "$BOREL" run .

expect run 0 "^tau .*" "$BOREL" run "$examples/eight_schools.lua"
grep -q "reliable by R-hat" output || fail "run: no verdict"
[[ -f runs/eight_schools-001/manifest.json ]] || fail "run: no run directory"
expect "second run" 0 "runs/eight_schools-002" "$BOREL" run "$examples/eight_schools.lua" --draws 100
expect "existing directory" 1 "runs/eight_schools-001" "$BOREL" run "$examples/eight_schools.lua" --out runs/eight_schools-001
expect summary 0 "4 chains of 1000 draws" "$BOREL" summary runs/eight_schools-001
expect "summary of nothing" 1 "no-such-run" "$BOREL" summary no-such-run
expect unreliable 3 "unreliable" "$BOREL" run "$examples/posteriordb/eight_schools-eight_schools_centered.lua" --strict
"$BOREL" run "$examples/eight_schools.lua" --json --quiet >run.json 2>/dev/null
json run.json "d.fits[1].reliable and #d.fits[1].parameters == 18 and #d.fits[1].problems == 0"
"$BOREL" summary runs/eight_schools-001 --json >summary.json
json summary.json "d.draws == 1000 and d.parameters[1].name == 'mu'"

expect check 0 "ok: 10 continuous and 0 discrete unknowns" "$BOREL" check "$examples/eight_schools.lua"
# At many starts of U(-2, 2) its log-density is below -1e30, where no step size is accepted: those are passed over.
expect "hopeless starts" 0 "4 chains of 300 draws, 0 divergences" "$BOREL" run "$examples/posteriordb/arma-arma11.lua" --draws 300
expect "check of a loop" 0 "195 terms re-rolled" "$BOREL" check "$examples/posteriordb/arK-arK.lua"
"$BOREL" check "$examples/eight_schools.lua" --json >check.json
json check.json "table.concat(d.checks[1].sites, ' ') == 'mu tau z'"
expect "emitted C" 0 "void borel_gradient" "$BOREL" compile --emit-c "$examples/eight_schools.lua"
expect compile 0 "native code" "$BOREL" compile "$examples/eight_schools.lua"

expect plugins 0 "kernel/[0-9]+ +nuts" "$BOREL" plugins
expect "plugin info" 0 "max_depth" "$BOREL" plugins info nuts
expect "plugin info, file" 0 "^file: /.*nuts.so \(plugin ABI [0-9]+\)" "$BOREL" plugins info nuts
expect "unknown plugin" 1 "no component 'nutz'; did you mean 'nuts'" "$BOREL" plugins info nutz
"$BOREL" plugins --json >plugins.json
json plugins.json "#d.components >= 3 and d.failed == 0"
expect validate 0 "holds" "$BOREL" validate random-walk
expect "validate a file" 0 "holds" "$BOREL" validate "$BOREL_BUILD_DIR/plugins/kernel/random-walk.so"

# Several runs of one script, one of which fails and is caught: each can be read and resumed.
cat >several.lua <<'LUA'
local m = borel.model(function() sample("x", dist.normal(0, 1)) end)
borel.infer(m, { draws = 200 })
print(pcall(borel.infer, m, { draws = 0 }))
print(pcall(borel.infer, borel.model(function() end)))
borel.infer(m, { draws = 300 })
LUA
expect "several runs" 0 "no sites" "$BOREL" run several.lua --quiet
expect "summary of the last" 0 "4 chains of 300 draws" "$BOREL" summary runs/several-002
expect "resume of the last" 0 "no sites" "$BOREL" resume runs/several-002 --quiet
[[ ! -d runs/several-003 ]] || fail "resuming made a new run"

# A script that returns a model is run.
cat >returned.lua <<'LUA'
return borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 10))
  observe(dist.normal(mu, 1):iid(#data.y), data.y)
end)
LUA
echo '{"y": [1.5, 2.5, 2.0]}' >y.json
expect "returned model" 0 "^mu " "$BOREL" run returned.lua --data y.json --seed 3
expect "script arguments" 0 "^a-b$" "$BOREL" run <(echo 'print(table.concat(arg, "-"))') -- a b
finish
