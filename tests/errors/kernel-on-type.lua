-- expect: kernel-on-type.lua:2: borel.on: needs "z", "u", a name or a list of names, got a number
borel.on(3, borel.nuts {})
