#!/bin/sh
# Builds NAME.so and tests what it claims. BOREL is the program when it is not on the PATH, CC the compiler.
set -e
cd "$(dirname "$0")"
borel=${BOREL:-borel}
headers=$("$borel" plugins headers)
${CC:-cc} -O2 -Wall -Wextra -ffp-contract=off -fvisibility=hidden -shared -fPIC \
  -I"$headers" NAME.c -o NAME.so -lm
"$borel" validate ./NAME.so
