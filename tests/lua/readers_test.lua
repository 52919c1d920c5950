-- SPDX-License-Identifier: MIT
-- Data files: CSV by the rules of docs/language.md, NPY and NPZ as NumPy writes them (tests/fixtures/data/make.py).
local borel = require "borel"
local core = require "borel.core"

local fixtures = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" .. "/../fixtures/data/"
local scratch = os.tmpname()
os.remove(scratch)

local function written(text, suffix)
  local path = scratch .. (suffix or ".csv")
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

local function csv(text, options) return borel.read(written(text), options) end

local function fails(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error, expected: " .. pattern)
  assert(tostring(message):find(pattern), ("error %q does not match %q"):format(tostring(message), pattern))
  assert(not tostring(message):find "\n", "more than one line: " .. tostring(message))
end

local function same(have, want, what)
  if core.is_array(have) then have = have:totable() end
  if type(want) ~= "table" then
    assert(have == want or have ~= have and want ~= want, ("%s: %s, not %s"):format(what, tostring(have), tostring(want)))
    return
  end
  assert(type(have) == "table" and #have == #want, what .. ": not a table of " .. #want)
  for i = 1, #want do same(have[i], want[i], ("%s[%d]"):format(what, i)) end
end

local NaN = 0 / 0

-- ---- CSV --------------------------------------------------------------------------------------------------------

local t = csv "y,n,ok,name\n1.5,1,true,a\n-2e3,-7,FALSE,\"b, \"\"c\"\"\"\n"
same(t.y, { 1.5, -2000 }, "y")
same(t.n, { 1, -7 }, "n")
same(t.ok, { true, false }, "ok")
same(t.name, { "a", 'b, "c"' }, "name")
assert(t.y.dtype == "f64" and t.n.dtype == "i64" and t.ok.dtype == "bool" and type(t.name) == "table")

-- A byte order mark, \r\n, blank lines, no last line end, spaces, a line break inside quotes.
t = csv '\xef\xbb\xbfa , b\r\n 1 ,x y \r\n\r\n2,"p\nq"'
same(t.a, { 1, 2 }, "a")
same(t.b, { "x y", "p\nq" }, "b")
same(csv("a\r1\r2\r").a, { 1, 2 }, "\\r alone")

-- Missing: whole numbers become f64 with NaN, texts borel.missing; nothing but missing is f64.
t = csv "n,s,none\n1,a,\n,NA,NA\n3,\"\",\n"
same(t.n, { 1, NaN, 3 }, "n")
same(t.none, { NaN, NaN, NaN }, "none")
assert(t.n.dtype == "f64" and t.s[1] == "a" and t.s[2] == borel.missing and t.s[3] == borel.missing)

-- Special numbers; 64-bit limits: one more is no whole number of 64 bits.
t = csv "x,i\nnan,9223372036854775807\n-Inf,-9223372036854775808\n"
same(t.x, { NaN, -math.huge }, "x")
same(t.i, { math.maxinteger, math.mininteger }, "i")
fails("%.csv:2: column 'j': '9223372036854775808' is a whole number above 2%^53", csv, "j\n9223372036854775808\n1\n")
fails("%.csv:3: column 'j': '%-9007199254740993' is a whole number above 2%^53", csv, "j\n0.5\n-9007199254740993\n")
fails("cannot hold; types = { j = \"text\" } keeps it", csv, "k,j\n1,9007199254740993\n2,\n")
fails("'9007199254740993' is a whole number", function() csv("j\n9007199254740993\n", { types = { j = "f64" } }) end)
assert(csv("j\n9007199254740992\n0.5\n").j[1] == 2 ^ 53 and csv("j\n9007199254740993\n").j[1] == 2 ^ 53 | 1)
assert(csv("j\n9007199254740993\n\nx\n", { types = { j = "text" } }).j[1] == "9007199254740993")
assert(csv("j\n18014398509481984\n0.5\n").j[1] == 2 ^ 54) -- a double holds it
for _, number in ipairs { "1e400", "-1e400", "1" .. ("0"):rep(400) .. ".5" } do
  fails("%.csv:3: column 'y': '%-?1[e0]%d+[%d.]*' is beyond the largest number", csv, "y\n1.5\n" .. number .. "\n")
end
same(csv("y\n1e-400\n1.5\nInf\n").y, { 0, 1.5, math.huge }, "inf as a word")
assert(csv("y\nx\n1e400\n").y[2] == "1e400")

-- Row numbers as R writes them; columns and types; delimiters.
t = csv '"","x"\n"1",2.5\n"2",3\n'
same(t.x, { 2.5, 3 }, "x")
assert(next(t, "x") == nil and t[""] == nil)
t = csv("id;x;y\n007;1;0\n008;2;1\n", { delimiter = ";", columns = { "id", "x", "y" }, types = { id = "text", x = "f64" } })
same(t.id, { "007", "008" }, "id")
assert(t.x.dtype == "f64" and t.y.dtype == "i64")
t = csv("a,b\n1,2\n", { columns = { "b" } })
assert(t.a == nil and t.b[1] == 2)
same(borel.read(written("a\tb\n1\tx y\n", ".tsv")).b, { "x y" }, "tab")
os.remove(scratch .. ".tsv")
-- A column that is not kept may hold anything.
same(csv("a,b\n1,2\nx,3\n", { columns = { "b" } }).b, { 2, 3 }, "b")

fails("%.csv:3: 3 fields, the header names 2", csv, "a,b\n1,2\n1,2,3\n")
fails("%.csv:4: 1 fields, the header names 2", csv, "a,b\n1,2\n\n1\n")
fails("%.csv:4: 1 fields, the header names 2", csv, 'a,b\n1,"x\ny"\n1\n')
fails("%.csv:3: column 'a': 'oops' is no number, as the entries before are.*types = ", csv, "a\n1\noops\n")
fails("%.csv:3: column 'a': 'maybe' is neither true nor false", csv, "a\ntrue\nmaybe\n")
fails("%.csv: column 'a' holds true and false with missing entries", csv, "a,b\ntrue,1\n,2\n")
fails("%.csv:2: column 'a': '1.5' is no whole number of 64 bits", csv, "a\n1.5\n", { types = { a = "i64" } })
fails("%.csv:2: column 'a': a missing entry cannot be i64; f64 has NaN", csv, "a,b\n,1\n", { types = { a = "i64" } })
fails("%.csv:2: column 'a': 'x' is no number$", csv, "a\nx\n", { types = { a = "f64" } })
fails("%.csv:2: a quote in the middle of a field or not closed", csv, 'a\nx"y\n')
fails("%.csv:3: a quote in the middle of a field or not closed", csv, 'a\n1\n"x\ny\n')
fails("%.csv:2: a field of more than 1 MiB", csv, 'a\n"' .. ("x\n"):rep(600000))
fails("%.csv:1: two columns are named 'a'", csv, "a,b,a\n1,2,3\n")
fails("%.csv:1: column 2 has no name", csv, "a,,c\n1,2,3\n")
fails("%.csv:1: the first line must name the columns", csv, "1,2\n3,4\n")
fails("%.csv:1: the name of column 1 holds a line break", csv, '"a\nb",c\n1,2\n')
fails("%.csv:1: more than 10000 columns", csv, ("a,"):rep(10001) .. "b\n")
fails("%.csv: no rows below the header", csv, "a,b\n")
fails("%.csv: the file is empty", csv, "")
fails("%.csv: the file is empty", csv, "\n\n")
fails("%.csv:2: not UTF%-8", csv, "a\n\xff\n")
fails("%.csv:2: not UTF%-8", csv, "a\nx\0y\n")
fails("option 'columns' names column 'hight', which the file does not have; did you mean 'height'", csv, "height\n1\n",
  { columns = { "hight" } })
fails("unknown option 'delim'", csv, "a\n1\n", { delim = ";" })
fails("'delimiter' must be one ASCII", csv, "a\n1\n", { delimiter = ";;" })
fails("'types': column 'a' cannot be 'int'; known are", csv, "a\n1\n", { types = { a = "int" } })
fails("'types' must be a table", csv, "a\n1\n", { types = { "f64" } })
fails("option 'columns' must be a list", csv, "a\n1\n", { columns = "a" })
fails("option 'columns' is an empty list", csv, "a\n1\n", { columns = {} })
fails("options must be a table", csv, "a\n1\n", ";")
os.remove(scratch .. ".csv")

-- ---- labels -----------------------------------------------------------------------------------------------------

local codes, levels = borel.encode { "b", "a", "b" }
same(codes, { 2, 1, 2 }, "codes")
same(levels, { "a", "b" }, "levels")
same(borel.encode({ "b", "a" }, { "b", "a", "z" }), { 1, 2 }, "given levels")
codes, levels = borel.encode(borel.array { 30, 10, 30 })
same(codes, { 2, 1, 2 }, "codes of numbers")
same(levels, { 10, 30 }, "levels of numbers")
fails("label 2 is missing", borel.encode, { "a", borel.missing })
fails("label 2 is 'c', which is none of the levels", borel.encode, { "a", "c" }, { "a", "b" })
fails("level 'a' is there twice", borel.encode, { "a" }, { "a", "a" })
fails("needs a list", borel.encode, {})
fails("needs a list", borel.encode, 3)

-- ---- NPY --------------------------------------------------------------------------------------------------------

local function npy(name) return borel.read(fixtures .. name .. ".npy") end

for _, code in ipairs { "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8" } do
  local kind = code:sub(1, 1)
  local first = kind == "i" and -1 or kind == "u" and 255 or code == "f8" and 0.1 or string.unpack("f", string.pack("f", 0.1))
  for _, order in ipairs { "little", "big" } do
    local x = npy(code .. "-" .. order)
    same(x, { { first, 2, 3 }, { 4, 5, 6 } }, code .. order)
    assert(x.dtype == (kind == "f" and "f64" or "i64"))
  end
end
local x = npy "fortran"
same(x.shape, { 2, 3, 4 }, "shape")
for i = 1, 2 do
  for j = 1, 3 do
    for k = 1, 4 do assert(x[{ i, j, k }] == 12 * (i - 1) + 4 * (j - 1) + k - 1) end
  end
end
same(npy "bool", { true, false, true }, "bool")
assert(npy "scalar" == 2.5)
x = npy "special"
same(x, { NaN, math.huge, -math.huge, 0, 5e-324 }, "special")
assert(1 / x[4] == -math.huge)
for version = 1, 3 do same(npy("version-" .. version), { 1.5, 2.5 }, "version") end

fails("element 2 in the file is 9223372036854775808, too large", npy, "u8-large")
fails("type '|O' cannot be read: objects are stored as pickles", npy, "object")
fails("type '<U1' cannot be read: texts", npy, "text")
fails("type '<c16' cannot be read: complex", npy, "complex")
fails("records %(a structured dtype%) cannot be read", npy, "record")
fails("type '<f2' cannot be read: known are", npy, "half")
fails("shape %[0, 3%] is empty", npy, "empty")
fails("more than 4 axes", npy, "five")

-- Files as no NumPy writes them.
local function made(header, data, version)
  version = version or 1
  local text = "\x93NUMPY" .. string.char(version, 0) .. string.pack(version == 1 and "<s2" or "<s4", header) .. data
  return borel.read(written(text, ".npy"))
end
local two = string.pack("<dd", 1, 2)
same(made('{"shape":(2L,),"fortran_order":False,"descr":"<f8"}', two), { 1, 2 }, "other spelling")
fails("shape %[2%] with 8 bytes each does not take the 15 bytes", made,
  "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", two:sub(1, 15))
fails("does not take the 17 bytes", made, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", two .. "x")
fails("does not take the 16 bytes", made, "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 100000000000)}", two)
fails("boolean must be 0 or 1", made, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\0\2")
fails("shape holds something else", made, "{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}", two)
fails("shape holds something else", made, "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", two)
fails("shape is no tuple", made, "{'descr': '<f8', 'fortran_order': False, 'shape': 2}", two)
fails("fortran_order is neither", made, "{'descr': '<f8', 'fortran_order': 0, 'shape': (2,)}", two)
fails("unknown or there twice", made, "{'descr': '<f8', 'descr': '<f8'}", two)
fails("is missing", made, "{'descr': '<f8'}", two)
fails("something follows", made, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} + x", two)
fails("does not say the byte order", made, "{'descr': 'f8', 'fortran_order': False, 'shape': (2,)}", two)
fails("descr is no short text", made, "{'descr': 3}", two)
fails("version 4.0 is not known", made, "{}", two, 4)
fails("no NPY file", borel.read, written("PK", ".npy"))
fails("the file ends in it", borel.read, written("\x93NUMPY\1\0\255\0{", ".npy"))
fails("longer than 65536 bytes", borel.read, written("\x93NUMPY\2\0\255\255\255\255{", ".npy"))
os.remove(scratch .. ".npy")

-- ---- NPZ --------------------------------------------------------------------------------------------------------

t = borel.read(fixtures .. "stored.npz")
same(t.x, { 1, 2 }, "x")
assert(t.n == 3)
same(t.grid, { { 1, 2, 3 }, { 4, 5, 6 } }, "grid")
t = borel.read(fixtures .. "deflated.npz")
assert(#t.x == 10000 and t.x:sum() == 0)
same(t.group, { 1, 2, 2 }, "group")

local file = assert(io.open(fixtures .. "stored.npz", "rb"))
local bytes = file:read "a"
file:close()
fails("no readable NPZ archive", borel.read, written(bytes:sub(1, -2), ".npz"))
fails("the archive has 0 entries", borel.read, written("", ".npz"))
-- A changed byte of the data: the check sum of the archive notices.
local at = bytes:find(string.pack("<d", 2), 1, true)
fails("entry 'x.npy': CRC error", borel.read, written(bytes:sub(1, at) .. "\1" .. bytes:sub(at + 2), ".npz"))
os.remove(scratch .. ".npz")

-- ---- which reader -----------------------------------------------------------------------------------------------

fails("only %.json, %.csv, %.tsv, %.npy and %.npz files", borel.read, "x.xlsx")
fails("only %.json", borel.read, "x")
fails("option 'columns' is for %.csv files, not for %.npy", borel.read, "x.npy", { columns = { "a" } })
fails("'/nowhere/x%.csv': No such file", borel.read, "/nowhere/x.csv")
