# SPDX-License-Identifier: MIT
# An installed tree works wherever it is moved to, and plugins are built against it by CMake and by pkg-config.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
export CMAKE_GENERATOR=Ninja # Borel needs it anyway, and `make` is not there on every machine
cmake --install "$BOREL_BUILD_DIR" --prefix "$work/first" >"$work/log" 2>&1 || fail "install: $(tail -3 "$work/log")"
mkdir "$work/else where"
mv "$work/first" "$work/else where/borel"
P="$work/else where/borel"
unset BOREL_STDLIB BOREL_PLUGIN_PATH
mkdir "$work/user"
cd "$work/user"

# ---- the program ----
cp "$BOREL_SOURCE_DIR"/examples/eight_schools.* .
"$P/bin/borel" run eight_schools.lua --draws 100 --warmup 100 --quiet --progress >out 2>&1 && fail "an unknown option passes"
"$P/bin/borel" run eight_schools.lua --draws 100 --warmup 100 --quiet >out 2>&1 || fail "run: $(cat out)"
grep -q '^mu ' out || fail "run prints no summary: $(cat out)"
"$P/bin/borel" plugins info nuts >out
grep -qF "$P/lib/borel/plugins/kernel/nuts.so" out || fail "nuts is not the installed one: $(cat out)"
[[ $("$P/bin/borel" plugins headers) == "$P/include" ]] || fail "headers: $("$P/bin/borel" plugins headers)"

# ---- a plugin by find_package ----
export PATH="$P/bin:$PATH"
borel plugins new kernel drift >out
grep -qx 'next: drift/build.sh' out || fail "plugins new: $(cat out)"
drift/build.sh >out 2>&1 || fail "build.sh: $(cat out)"
cmake -S drift -B by-cmake -DCMAKE_PREFIX_PATH="$P" >out 2>&1 || fail "find_package: $(tail -5 out)"
cmake --build by-cmake >out 2>&1 || fail "cmake --build: $(tail -5 out)"
ctest --test-dir by-cmake >out 2>&1 || fail "ctest of a plugin: $(tail -5 out)"
grep -q '100% tests passed, 0 tests failed out of 1' out || fail "ctest of a plugin: $(tail -5 out)"
borel run eight_schools.lua --kernel by-cmake/drift.so --draws 50 --warmup 50 --quiet >out 2>&1 || fail "own kernel: $(cat out)"

# ---- and by pkg-config; plugins found by BOREL_PLUGIN_PATH ----
export PKG_CONFIG_PATH=$P/lib/pkgconfig
borel plugins new density banana >out
mkdir -p mine/density
eval "cc -shared -fPIC $(pkg-config --cflags borel) banana/banana.c -o mine/density/banana.so" 2>out || fail "pkg-config: $(cat out)"
BOREL_PLUGIN_PATH=mine borel plugins >out
grep -q '^density.*banana' out || fail "BOREL_PLUGIN_PATH: $(cat out)"

# ---- a program that embeds it ----
if [[ -n ${BOREL_SANITIZE:-} ]]; then
  echo "left out under sanitizers: a program without them cannot load the library"
  finish
  exit
fi
mkdir host
cat >host/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(host C)
find_package(borel REQUIRED)
add_executable(host host.c)
target_link_libraries(host borel::borel)
END
cat >host/host.c <<'END'
#include "core/version.h"
#include "host/registry.h"
#include <stdio.h>
int main(int argc, char **argv) {
  borel_error error = {0};
  borel_registry *registry;
  if (argc != 2 || borel_registry_create(argv[1], NULL, &registry, &error)) return 1;
  const borel_component *nuts = borel_registry_find(registry, "kernel", "nuts", &error);
  printf("%s %s\n", borel_version(), nuts ? nuts->name : error.message);
  borel_registry_destroy(registry);
  return 0;
}
END
{ cmake -S host -B host/build -DCMAKE_PREFIX_PATH="$P" && cmake --build host/build; } >out 2>&1 || fail "embedding: $(tail -5 out)"
host/build/host "$P/lib/borel/plugins" >out 2>&1 || fail "the embedding program: $(cat out)"
grep -qE '^[0-9.]+ nuts$' out || fail "the embedding program: $(cat out)"
finish
