# expect: empty.so: not a Borel plugin: it exports no constant
echo 'int nothing;' | cc -shared -fPIC -x c - -o empty.so
borel run "$models/one.lua" --quiet --kernel ./empty.so
