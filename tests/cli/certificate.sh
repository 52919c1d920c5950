# SPDX-License-Identifier: MIT
# Certificates: what `borel validate` found, kept for exactly this file, and shown by `borel plugins info`.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cd "$work"
kernels=$BOREL_BUILD_DIR/plugins/kernel
status() { "$BOREL" plugins info "$1" | grep -E '^(certified|not certified|FAILS)' || true; }
expect() { # WHAT PATTERN TEXT
  grep -Eq -- "$2" <<<"$3" || fail "$1: no '$2' in: $3"
}

cp "$kernels/slice.so" mine.so
expect "before" "^not certified \(borel validate slice\)" "$(status ./mine.so)"
"$BOREL" validate ./mine.so >out || fail "exact: $(cat out)"
expect "exact" "^certified: exact, [0-9]+ claims hold; not tested in 2 respects$" "$(status ./mine.so)"
"$BOREL" validate ./mine.so --statistical --certificate one.json >out || fail "statistical: $(cat out)"
"$BOREL" validate ./mine.so --statistical --certificate two.json >out || fail "statistical: $(cat out)"
cmp one.json two.json || fail "two certificates of one file differ"
expect "both tiers" "^certified: exact \+ statistical, [0-9]+ claims hold$" "$(status ./mine.so)"
"$BOREL" validate ./mine.so >out
expect "the exact tier takes nothing away" "^certified: exact \+ statistical" "$(status ./mine.so)"

echo "local c = borel.read 'one.json'
assert(c.component == 'slice' and c.plugin == 'org.borel.slice' and #c.file_hash == 16 and #c.borel_build == 16)
assert(c.tier == 'exact + statistical' and c.seed == 1 and c.alpha == 1e-6 and c.fails == 0 and c.not_tested == 0)
local tests = 0
for _, row in ipairs(c.rows) do if row.method == 'two-sample' then tests = tests + 1 end end
assert(tests == 3 and c.date == nil)" >read.lua
"$BOREL" run read.lua || fail "what a certificate says: $(cat one.json)"
"$BOREL" validate ./mine.so --statistical --seed 2 --certificate other.json >out || fail "seed 2: $(cat out)"
cmp -s one.json other.json && fail "another seed gives the same certificate"

cp mine.so changed.so
echo >>changed.so
expect "another file" "^not certified" "$(status ./changed.so)"

"$BOREL" validate "$BOREL_BUILD_DIR/mutants/slice-1.so" --statistical --certificate wrong.json >out && fail "a mutant passes: $(cat out)"
expect "a mutant" "fails +preserves the target +two-sample: with expand = step_out, law = continuous" "$(cat out)"
expect "a mutant" "^FAILS: preserves the target" "$(status "$BOREL_BUILD_DIR/mutants/slice-1.so")"
grep -q '"verdict": "fails"' wrong.json || fail "the certificate of a mutant: $(cat wrong.json)"

find certificates -name '*.json' -exec sh -c 'echo "{" >"$1"' _ {} \;
expect "a damaged certificate" "^not certified" "$(status ./mine.so)"
"$BOREL" validate --seed 3 2>out && fail "a seed without statistics"
expect "a seed without statistics" "'--seed' is for --statistical" "$(cat out)"
"$BOREL" validate --certificate x.json 2>out && fail "one certificate for all"
expect "one certificate for all" "is for one component" "$(cat out)"
BOREL_CERTIFICATES=/proc/none "$BOREL" validate ./mine.so >out 2>&1 || fail "no place for certificates: $(cat out)"
expect "no place for certificates" "the certificate is not kept" "$(cat out)"
finish
