#!/bin/sh
# Builds NAME.so and tests what it claims. BOREL is the program when it is not on the PATH, CXX the compiler.
set -e
cd "$(dirname "$0")"
borel=${BOREL:-borel}
headers=$("$borel" plugins headers)
${CXX:-c++} -std=c++17 -O2 -Wall -Wextra -ffp-contract=off -fvisibility=hidden -shared -fPIC \
  -I"$headers" NAME.cpp -o NAME.so
"$borel" validate ./NAME.so
