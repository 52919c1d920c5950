# SPDX-License-Identifier: MIT
# Wrong input, one case each: the program says what is wrong in one line with its place, and ends with 1.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
echo '{"J": 8, "y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}' >schools.json

# wrong NAME PATTERN <<script: the script fails with one line that matches.
wrong() {
  local name=$1 pattern=$2 code=0
  cat >model.lua
  timeout 60 "$BOREL" run model.lua --draws 50 --warmup 50 --quiet --out run-$RANDOM-$RANDOM >output 2>&1 || code=$?
  ((code == 1)) || fail "$name: exit code $code: $(cat output)"
  grep -Eq -- "$pattern" output || fail "$name: no '$pattern' in: $(cat output)"
  [[ $(wc -l <output) == 1 ]] || fail "$name: more than one line: $(cat output)"
}

# ---- data ----
wrong "absent data" "model.lua:1: .*nowhere.json.*No such file" <<<'borel.read "nowhere.json"'
echo '{"y": [1, 2' >bad.json
wrong "malformed data" "model.lua:1: .*bad.json:[0-9]+" <<<'borel.read "bad.json"'
wrong "wrong kind of file" "only .json, .csv" <<<'borel.read "model.lua"'
wrong "wrong shape" "model.lua:3: observed 'y'.*\[8\].*\[7\]" <<'LUA'
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5):iid(7))
  observe("y", dist.normal(mu, 1), data.y)
end), { data = borel.read "schools.json" })
LUA
wrong "shapes that do not fit" "model.lua:3: .*\[7\].*\[8\]" <<'LUA'
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5):iid(7))
  observe("y", dist.normal(mu + data.y, 1), data.y)
end), { data = borel.read "schools.json" })
LUA
echo '{"y": [1.5, null, 2]}' >null.json
wrong "null in data" "model.lua:3: observed 'y': value 2 of 3 is NaN or missing.*borel.missing" <<'LUA'
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(3), data.y)
end), { data = borel.read "null.json" })
LUA
wrong "NaN in data" "model.lua:3: observed 'y': value 2 of 2 is NaN" <<'LUA'
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(2), { 1, 0 / 0 })
end))
LUA
wrong "empty data" "model.lua:3: .*(empty|at least 1)" <<'LUA'
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1):iid(#data.y), data.y)
end), { data = { y = {} } })
LUA
wrong "name not in the data" "model.lua:3: observe 'y'.*nil" <<'LUA'
borel.infer(borel.model(function(data)
  local mu = sample("mu", dist.normal(0, 5))
  observe("y", dist.normal(mu, 1), data.Y)
end), { data = borel.read "schools.json" })
LUA

# ---- distributions ----
wrong "negative scale" "model.lua:2: normal: sigma is -1, must be positive" <<'LUA'
borel.infer(borel.model(function()
  sample("mu", dist.normal(0, -1))
end))
LUA
wrong "negative scale in data" "model.lua:3: normal: sigma.*must be positive" <<'LUA'
borel.infer(borel.model(function()
  local mu = sample("mu", dist.normal(0, 1))
  observe("y", dist.normal(mu, borel.array { 1, -2 }), { 0, 1 })
end))
LUA
wrong "scale that turns negative" "no start found.*y \(model.lua:3\) is NaN" <<'LUA'
borel.infer(borel.model(function()
  local s = sample("s", dist.uniform(-2, -1))
  observe("y", dist.normal(0, s), 0.5)
end))
LUA
wrong "unknown distribution" "model.lua:2: unknown distribution 'nornal'; did you mean 'normal'" <<'LUA'
borel.infer(borel.model(function()
  sample("mu", dist.nornal(0, 1))
end))
LUA
wrong "missing parameter" "model.lua:2: normal: sigma is missing" <<'LUA'
borel.infer(borel.model(function()
  sample("mu", dist.normal(0))
end))
LUA

# ---- options ----
model='local m = borel.model(function() sample("mu", dist.normal(0, 1)) end)'
wrong "unknown option" "model.lua:2: borel.infer: unknown option 'drawz'; did you mean 'draws'" <<<"$model
borel.infer(m, { drawz = 10 })"
for call in 'draws = 0' 'seed = -1' 'chains = 0' 'draws = 1.5' 'draws = "many"'; do
  code=0
  echo "$model
borel.infer(m, { $call })" >model.lua
  "$BOREL" run model.lua --quiet >output 2>&1 || code=$?
  ((code == 1)) || fail "$call: exit code $code: $(cat output)"
  grep -Eq "model.lua:2: borel.infer: option '(draws|seed|chains)'" output || fail "$call: $(cat output)"
done
wrong "unknown kernel" "model.lua:2: .*nutz.*did you mean nuts" <<<"$model
borel.infer(m, { kernel = 'nutz' })"
wrong "unknown kernel parameter" "model.lua:2: .*max_dept; did you mean max_depth" <<<"$model
borel.infer(m, { kernel = borel.nuts { max_dept = 3 } })"
wrong "parameter out of range" "model.lua:2: .*max_depth" <<<"$model
borel.infer(m, { kernel = borel.nuts { max_depth = -3 } })"
wrong "unknown name in borel" "model.lua:1: borel has no 'sampel'; did you mean 'sample'" <<<'borel.sampel()'

# ---- models ----
wrong "no sites" "no sites" <<'LUA'
borel.infer(borel.model(function() observe("y", dist.normal(0, 1), 0.5) end))
LUA
wrong "duplicate site" "model.lua:3: .*'mu' was already made at model.lua:2" <<'LUA'
borel.infer(borel.model(function()
  sample("mu", dist.normal(0, 1))
  sample("mu", dist.normal(0, 1))
end))
LUA
wrong "order of a drawn value" "model.lua:3: .*compared with <.*where" <<'LUA'
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  if x > 0 then factor(1) end
end))
LUA
wrong "equality of a drawn value" "model.lua:3: .*== .*borel.where" <<'LUA'
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.3))
  local m = z == 1 and 1 or -1
  observe("y", dist.normal(m, 1), 0.5)
end))
LUA
wrong "truth of a drawn value" "model.lua:3: .*condition.*borel.where" <<'LUA'
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  if x:gt(0) then factor(1) end
end))
LUA
wrong "stray randomness" "y \(model.lua:3\): the traced model gives log-density" <<'LUA'
borel.infer(borel.model(function()
  local x = sample("x", dist.normal(0, 1))
  observe("y", dist.normal(x, 1), math.random())
end))
LUA
wrong "branch hidden in a function" "model.lua:1: .*== .*borel.where" <<'LUA'
local function sign(v) return v == 1 and 1 or -1 end
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.5))
  observe("y", dist.normal(sign(z), 1), 0.5)
end))
LUA
wrong "branch hidden from the lint" "f \(model.lua:3\): the traced model gives log-density" <<'LUA'
borel.infer(borel.model(function()
  local z = sample("z", dist.bernoulli(0.02))
  factor("f", rawequal(z, 1) and 5 or 0)
end))
LUA
wrong "ordered on half a line" "model.lua:2: half_normal:ordered: only .* whole real line" <<'LUA'
borel.infer(borel.model(function()
  sample("s", dist.half_normal(1):iid(2):ordered())
end))
LUA
wrong "observation outside the support" "model.lua:3: observed 'y': value 2 of 3 is 0.5, outside the support of bernoulli" <<'LUA'
borel.infer(borel.model(function()
  local p = sample("p", dist.beta(1, 1))
  observe("y", dist.bernoulli(p):iid(3), { 0, 0.5, 1 })
end))
LUA
wrong "inference inside a model" "model.lua:3: borel.infer called inside a model" <<'LUA'
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1))
  borel.infer(borel.model(function() sample("y", dist.normal(0, 1)) end))
end))
LUA
wrong "a name that cannot be printed" "model.lua:2: sample: the name of a site must be printable" <<'LUA'
borel.infer(borel.model(function()
  sample("a\nb", dist.normal(0, 1))
end))
LUA
wrong "far too many" "model.lua:2: normal:iid: 1e\+12 repetitions are more than" <<'LUA'
borel.infer(borel.model(function()
  sample("x", dist.normal(0, 1):iid(1e12))
end))
LUA
wrong "too much to enumerate" "1000 paths" <<'LUA'
borel.enumerate(borel.model(function()
  return borel.sum(sample("x", dist.bernoulli(0.5):iid(60)))
end), nil, { budget = 1000 })
LUA
wrong "sample outside a model" "model.lua:1: sample called outside a model" <<<'sample("x", dist.normal(0, 1))'
wrong "no model" "model.lua:1: borel.infer needs a model" <<<'borel.infer(42)'
wrong "syntax error" "model.lua:1:" <<<'local = 3'
wrong "no distribution" "model.lua:2: sample 'x': needs a distribution" <<'LUA'
borel.infer(borel.model(function()
  sample("x", 3)
end))
LUA
wrong "improper posterior" "no start found|not finite" <<'LUA'
borel.infer(borel.model(function()
  local x = sample("x", dist.flat())
  factor("nothing", borel.log(x * 0))
end))
LUA
finish
