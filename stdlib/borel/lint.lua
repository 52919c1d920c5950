-- SPDX-License-Identifier: MIT
--- Finds what tracing cannot see: in Lua a drawn value is true in `if x`, and `x == 1` is false, whatever it
-- stands for. The lint follows drawn values through the bytecode of a model function and reports the lines
-- that test them. It knows a value to be drawn when it comes from `sample`, from arithmetic on drawn values,
-- from their elements and methods, or from borel's functions of them.
local bytecode = require "borel.bytecode"
local core = require "borel.core"
local handler = require "borel.handler"

local lint = {}

local DRAWN = { drawn = true }
local plain_fields = { shape = true, rank = true, size = true, dtype = true }
local plain_methods = { totable = true }

-- Functions whose result is drawn when an argument is.
local carries = {}
for name, fn in pairs(core) do
  if type(fn) == "function" and name ~= "is_symbolic" and name ~= "is_array" then carries[fn] = true end
end

local function known(value) return value ~= nil and { known = value } or nil end

-- Functions that run another one: which argument it is, and which argument is its first one. model.lua adds its own.
lint.runs = { [handler.plate] = { fn = 3, first = 4 } }

-- The code of a function or of a model's function, and what is known of its upvalues; nil when it is not the user's.
local function code_of(value)
  if not value then return nil end
  if value.code then return value.code, value.up end
  local fn = value.known
  if type(fn) == "table" and rawget(fn, "fn") then fn = fn.fn end
  if lint.is_script(fn) then return lint.read(fn) end
end

local function field(of, key)
  if not of then return nil end
  if of == DRAWN then
    if plain_fields[key] then return nil end
    return DRAWN
  end
  if of.holds then return DRAWN end
  if type(of.known) == "table" and key ~= nil then return known(rawget(of.known, key)) end
  return nil
end

local arithmetic = {}
for name in ("ADD SUB MUL MOD POW DIV IDIV BAND BOR BXOR SHL SHR"):gmatch "%u+" do arithmetic[name] = "registers" end
for name in ("ADDI ADDK SUBK MULK MODK POWK DIVK IDIVK BANDK BORK BXORK SHRI SHLI UNM BNOT"):gmatch "%u+" do arithmetic[name] = "one" end

local DEEPEST, MOST_WORK = 8, 5000 -- calls within calls; functions gone through

-- Goes through one function; `up` has what is known of its upvalues, `args` of its parameters. Reports go to
-- `found`. Returns what is known of its result.
local function follow(fn, up, args, found, depth)
  local R, returned = {}, nil
  found.work = (found.work or 0) + 1
  if found.work > MOST_WORK then return nil end
  for i = 1, fn.params do R[i - 1] = args[i] end
  local function report(at, what)
    local where = ("%s:%d"):format(fn.source, at.line)
    if not found[where] then
      found[where] = what
      found[#found + 1] = { where = where, line = at.line, what = what }
    end
  end
  local function constant(i) return fn.constants[i + 1] and fn.constants[i + 1].value end

  local function call(at)
    local A, target = at.A, R[at.A]
    local last = at.B == 0 and fn.registers or A + at.B - 1
    local result
    if target then
      local run = target.known ~= nil and lint.runs[target.known]
      if target.method == "drawn" or target.known == handler.sample or target.known == core.missing then
        result = DRAWN
      elseif run then
        local code, captured = code_of(R[A + run.fn])
        if code and depth < DEEPEST then result = follow(code, captured, table.move(R, A + run.first, last, 1, {}), found, depth + 1) end
      elseif depth < DEEPEST and (target.code or target.known and lint.is_script(target.known)) then
        local given, drawn = {}, false
        for i = A + 1, last do
          given[i - A] = R[i]
          drawn = drawn or R[i] == DRAWN or R[i] and R[i].holds
        end
        if drawn or target.code then
          local code, captured = target.code, target.up
          if not code then code, captured = lint.read(target.known) end
          result = code and follow(code, captured, given, found, depth + 1)
        end
      elseif target.known and carries[target.known] then
        for i = A + 1, last do
          if R[i] == DRAWN or R[i] and R[i].holds then result = DRAWN end
        end
      end
    end
    if target and target.known == handler.deterministic then result = R[A + 2] end
    for i = A, at.C == 0 and fn.registers or A + at.C - 2 do R[i] = result end
  end

  local step = {
    MOVE = function(at) R[at.A] = R[at.B] end,
    GETUPVAL = function(at) R[at.A] = up[at.B + 1] end,
    GETTABUP = function(at) R[at.A] = field(up[at.B + 1], constant(at.C)) end,
    GETFIELD = function(at) R[at.A] = field(R[at.B], constant(at.C)) end,
    GETTABLE = function(at) R[at.A] = field(R[at.B]) end,
    GETI = function(at) R[at.A] = field(R[at.B]) end,
    SELF = function(at)
      local name, of = at.k and constant(at.C), R[at.B]
      R[at.A + 1] = of
      if of == DRAWN then
        R[at.A] = { method = plain_methods[name] and "plain" or "drawn" }
      else
        R[at.A] = field(of, name)
      end
    end,
    NEWTABLE = function(at) R[at.A] = { holds = false } end,
    SETLIST = function(at)
      for i = at.A + 1, at.B == 0 and fn.registers or at.A + at.B do
        if R[i] == DRAWN and R[at.A] then R[at.A].holds = true end
      end
    end,
    LEN = function(at) R[at.A] = nil end,
    NOT = function(at)
      if R[at.B] == DRAWN then report(at, "`not` of a drawn value") end
      R[at.A] = nil
    end,
    TEST = function(at)
      if R[at.A] == DRAWN then report(at, "a drawn value is tested as a condition") end
    end,
    TESTSET = function(at)
      if R[at.B] == DRAWN then report(at, "a drawn value is tested by `and` or `or`") end
      R[at.A] = R[at.B]
    end,
    EQ = function(at)
      if R[at.A] == DRAWN or R[at.B] == DRAWN then report(at, "a drawn value is compared with == or ~=") end
    end,
    EQK = function(at)
      if R[at.A] == DRAWN and fn.constants[at.B + 1].kind ~= "nil" then report(at, "a drawn value is compared with == or ~=") end
    end,
    EQI = function(at)
      if R[at.A] == DRAWN then report(at, "a drawn value is compared with == or ~=") end
    end,
    CALL = call,
    TAILCALL = call,
    CLOSURE = function(at)
      local inner = fn.protos[at.Bx + 1]
      local captured = {}
      for i, upvalue in ipairs(inner.upvalues) do
        captured[i] = upvalue.in_stack and R[upvalue.index] or not upvalue.in_stack and up[upvalue.index + 1] or nil
      end
      inner.source = fn.source
      follow(inner, captured, {}, found, depth + 1) -- what it does with what it captures
      R[at.A] = { code = inner, up = captured }
    end,
    SETUPVAL = function() end, MMBIN = function() end, MMBINI = function() end, MMBINK = function() end,
    JMP = function() end, RETURN0 = function() end,
    RETURN = function(at)
      if at.B ~= 1 and R[at.A] == DRAWN then returned = DRAWN end
    end,
    RETURN1 = function(at)
      if R[at.A] == DRAWN then returned = DRAWN end
    end,
    SETTABUP = function() end, CLOSE = function() end, TBC = function() end, EXTRAARG = function() end,
    LT = function() end, LE = function() end, LTI = function() end, LEI = function() end, GTI = function() end,
    GEI = function() end, VARARGPREP = function() end, -- an order on a drawn value is an error when traced
  }
  local function store(at)
    if not at.k and R[at.C] == DRAWN and R[at.A] and R[at.A].holds ~= nil then R[at.A].holds = true end
  end
  step.SETTABLE, step.SETI, step.SETFIELD = store, store, store

  for _ = 1, 2 do -- twice, for what loops carry back
    for _, at in ipairs(fn.code) do
      local kind = arithmetic[at.op]
      if kind then
        R[at.A] = (R[at.B] == DRAWN or kind == "registers" and R[at.C] == DRAWN) and DRAWN or nil
      elseif step[at.op] then
        step[at.op](at)
      else
        R[at.A] = nil -- loads of constants, loop variables
      end
    end
  end
  return returned
end

--- Is `fn` a Lua function of the user's, not of the standard library?
function lint.is_script(fn)
  if type(fn) ~= "function" then return false end
  local info = debug.getinfo(fn, "S")
  return info.what == "Lua" and info.source:sub(1, 7) ~= "=borel/"
end

--- The code of a function, and what is known of its upvalues.
function lint.read(fn)
  local code, up = bytecode.read(fn), {}
  for i = 1, code and #code.upvalues or 0 do
    local _, value = debug.getupvalue(fn, i)
    up[i] = known(value)
  end
  if code then code.source = debug.getinfo(fn, "S").short_src end
  return code, up
end

--- The findings for a model function, in order of lines: {line =, text = "model.lua:7: ..."}.
function lint.check(fn)
  local code, up = lint.read(fn)
  if not code then return {} end
  local found, list = {}, {}
  follow(code, up, {}, found, 1)
  for i, finding in ipairs(found) do
    list[i] = { line = finding.line, text = ("%s: %s: while a model is traced this has one answer for all values; "
      .. "use borel.where and x:eq(y); if the model is to branch, make it dynamic: "
      .. "borel.model(fn, { dynamic = true })"):format(finding.where, finding.what) }
  end
  table.sort(list, function(x, y) return x.line < y.line end)
  return list
end

return lint
