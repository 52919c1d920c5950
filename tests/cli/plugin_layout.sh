# SPDX-License-Identifier: MIT
# The structs and numbers of plugin.rs are those of plugin.h: size and offset of everything, emitted by both compilers.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
command -v rustc >/dev/null || {
  echo "skipped: no rustc (Debian: rustc)"
  exit 77
}
export BOREL_INCLUDE=$BOREL_SOURCE_DIR/runtime/include
bindings=$BOREL_INCLUDE/borel/plugin.rs header=$BOREL_INCLUDE/borel/plugin.h
cd "$work"

# "struct member" for each member of each #[repr(C)] struct of plugin.rs.
awk '/^#\[repr\(C\)\]/ {c = 1; next}
  /^pub struct/ {if (c) {sub(/.*struct /, ""); sub(/ .*/, ""); s = $0} c = 0; next}
  /^}/ {s = ""}
  s && /^    pub [a-zA-Z_#]*:/ {sub(/^    pub /, ""); sub(/:.*/, ""); sub(/^r#/, ""); print s, $0}' "$bindings" >members
grep -oE '^pub const BOREL_[A-Z0-9_]*: [ui]32' "$bindings" | sed -E 's/pub const (.*): .*/\1/' >numbers

# Nothing of the header is left out.
grep -oE '^\} borel_[a-z_]+;|^struct borel_[a-z_]+ \{|^typedef struct borel_[a-z_]+ \{' "$header" | grep -oE 'borel_[a-z_]+' | sort -u >structs.c
cut -d' ' -f1 members | sort -u >structs.rs
diff structs.c structs.rs || fail "plugin.rs has other structs than plugin.h"
grep -oE '(#define|^ +) ?BOREL_[A-Z0-9_]+( = [0-9]| \(?-?[0-9])' "$header" | grep -oE 'BOREL_[A-Z0-9_]+' | sort -u >numbers.c
grep -oE '\bBOREL_[A-Z0-9]+ = [0-9]' "$header" | grep -oE 'BOREL_[A-Z0-9]+' | sort -u >>numbers.c
sort -u numbers.c >numbers.h
sort -u numbers >numbers.rs
missing=$(comm -23 numbers.h numbers.rs)
[[ -z $missing ]] || fail "plugin.rs lacks $missing"

{
  echo '#include <borel/plugin.h>'
  echo '#include <stdio.h>'
  echo 'int main(void) {'
  while read -r s; do echo "printf(\"$s %zu\\n\", sizeof($s));"; done <structs.rs
  while read -r s m; do echo "printf(\"$s.$m %zu %zu\\n\", offsetof($s, $m), sizeof((($s *)0)->$m));"; done <members
  while read -r n; do echo "printf(\"$n %lld\\n\", (long long)$n);"; done <numbers
  echo 'printf("%s %s %s %s\n", BOREL_KERNEL, BOREL_DENSITY, BOREL_RESAMPLER, BOREL_INVOLUTION); return 0; }'
} >layout.c
{
  echo '#[allow(dead_code, non_camel_case_types, non_snake_case)] mod borel { include!(concat!(env!("BOREL_INCLUDE"), "/borel/plugin.rs")); }'
  echo 'use borel::*;'
  echo 'fn size<T>(_: *const T) -> usize { std::mem::size_of::<T>() }'
  echo 'fn main() { unsafe {'
  while read -r s; do echo "println!(\"$s {}\", std::mem::size_of::<$s>());"; done <structs.rs
  while read -r s m; do
    [[ $m == type ]] && r=r#type || r=$m
    echo "{ let x = std::mem::MaybeUninit::<$s>::uninit(); let p = std::ptr::addr_of!((*x.as_ptr()).$r);"
    echo "println!(\"$s.$m {} {}\", p as usize - x.as_ptr() as usize, size(p)); }"
  done <members
  while read -r n; do echo "println!(\"$n {}\", $n);"; done <numbers
  echo 'fn word(p: *const std::os::raw::c_char) -> &'"'"'static str { unsafe { std::ffi::CStr::from_ptr(p).to_str().unwrap() } }'
  echo 'println!("{} {} {} {}", word(BOREL_KERNEL), word(BOREL_DENSITY), word(BOREL_RESAMPLER), word(BOREL_INVOLUTION)); }}'
} >layout.rs
cc -I"$BOREL_INCLUDE" layout.c -o layout-c
rustc --edition 2021 layout.rs -o layout-rs 2>rust.log || fail "rustc: $(cat rust.log)"
./layout-c >c.txt
./layout-rs >rs.txt
diff c.txt rs.txt || fail "plugin.rs and plugin.h differ: C left, Rust right"
(($(wc -l <c.txt) > 150)) || fail "only $(wc -l <c.txt) lines were compared"
finish
