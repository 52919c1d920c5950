# expect: undefined symbol: absent
echo 'int absent(void); int f(void) { return absent(); }' | cc -shared -fPIC -x c - -o undefined.so
borel run "$models/one.lua" --quiet --kernel ./undefined.so
