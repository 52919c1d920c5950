-- SPDX-License-Identifier: MIT
--- Reads what string.dump gives (Lua 5.4): functions with their instructions, constants, lines and upvalues.
local bytecode = {}

-- Opcodes in their order in lopcodes.h.
local names = [[MOVE LOADI LOADF LOADK LOADKX LOADFALSE LFALSESKIP LOADTRUE LOADNIL GETUPVAL SETUPVAL GETTABUP
  GETTABLE GETI GETFIELD SETTABUP SETTABLE SETI SETFIELD NEWTABLE SELF ADDI ADDK SUBK MULK MODK POWK DIVK IDIVK
  BANDK BORK BXORK SHRI SHLI ADD SUB MUL MOD POW DIV IDIV BAND BOR BXOR SHL SHR MMBIN MMBINI MMBINK UNM BNOT NOT
  LEN CONCAT CLOSE TBC JMP EQ LT LE EQK EQI LTI LEI GTI GEI TEST TESTSET CALL TAILCALL RETURN RETURN0 RETURN1
  FORLOOP FORPREP TFORPREP TFORCALL TFORLOOP SETLIST CLOSURE VARARG VARARGPREP EXTRAARG]]
local opcodes = {}
for name in names:gmatch "%u[%u%d]*" do opcodes[#opcodes + 1] = name end

local Reader = {}
Reader.__index = Reader

function Reader:take(format)
  local value
  value, self.at = string.unpack(format, self.text, self.at)
  return value
end

-- Seven bits a byte, the highest first; the last byte has its top bit set.
function Reader:size()
  local value = 0
  while true do
    local byte = self:take "B"
    value = value << 7 | byte & 0x7f
    if byte & 0x80 ~= 0 then return value end
  end
end

function Reader:string()
  local size = self:size()
  if size == 0 then return nil end
  self.at = self.at + size - 1
  return self.text:sub(self.at - size + 1, self.at - 1)
end

local function decode(word)
  return {
    op = opcodes[(word & 0x7f) + 1], A = word >> 7 & 0xff, k = word >> 15 & 1 == 1, B = word >> 16 & 0xff,
    C = word >> 24 & 0xff, Bx = word >> 15,
  }
end

function Reader:constant()
  local tag = self:take "B"
  if tag == 0x00 then return { kind = "nil" } end
  if tag == 0x01 then return { kind = "boolean", value = false } end
  if tag == 0x11 then return { kind = "boolean", value = true } end
  if tag == 0x03 then return { kind = "number", value = self:take "j" } end
  if tag == 0x13 then return { kind = "number", value = self:take "n" } end
  return { kind = "string", value = self:string() }
end

function Reader:list(read)
  local out = {}
  for i = 1, self:size() do out[i] = read(self, i) end
  return out
end

function Reader:fn()
  local fn = { source = self:string(), first_line = self:size(), last_line = self:size() }
  fn.params, fn.vararg, fn.registers = self:take "B", self:take "B", self:take "B"
  fn.code = self:list(function() return decode(self:take "I4") end)
  fn.constants = self:list(self.constant)
  fn.upvalues = self:list(function() return { in_stack = self:take "B" ~= 0, index = self:take "B", kind = self:take "B" } end)
  fn.protos = self:list(self.fn)
  local delta = self:list(function() return self:take "b" end)
  local absolute = {}
  local function known_line() return { pc = self:size(), line = self:size() } end
  for _, entry in ipairs(self:list(known_line)) do absolute[entry.pc + 1] = entry.line end
  local line = fn.first_line
  for pc, step in ipairs(delta) do
    line = absolute[pc] or line + step
    fn.code[pc].line = line
  end
  self:list(function() return { self:string(), self:size(), self:size() } end) -- names of locals
  self:list(self.string) -- names of upvalues
  return fn
end

--- The functions in `fn`, or nil when this Lua writes another format.
function bytecode.read(fn)
  local text = string.dump(fn)
  if text:sub(1, 6) ~= "\27Lua\x54\0" then return nil end
  local reader = setmetatable({ text = text, at = 1 + 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1 }, Reader)
  local ok, result = pcall(reader.fn, reader)
  return ok and result or nil
end

return bytecode
