#!/bin/sh
# Builds NAME.so and tests what it claims. BOREL is the program when it is not on the PATH, RUSTC the compiler.
set -e
cd "$(dirname "$0")"
borel=${BOREL:-borel}
headers=$("$borel" plugins headers)
BOREL_INCLUDE="$headers" \
  "${RUSTC:-rustc}" --edition 2021 --crate-type cdylib -C opt-level=3 NAME.rs -o NAME.so
"$borel" validate ./NAME.so
