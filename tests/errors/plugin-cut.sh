# expect: cut.so: the file is truncated: it ends at byte 200
echo 'int nothing;' | cc -shared -fPIC -x c - -o whole.so
head -c 200 whole.so >cut.so
borel run "$models/one.lua" --quiet --kernel ./cut.so
