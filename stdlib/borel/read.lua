-- SPDX-License-Identifier: MIT
--- borel.read(path [, options]): data for a model, by the suffix of the file.
--   .json   lists of numbers become arrays (null: missing, as NaN), objects tables
--   .csv    a table of columns: arrays, or lists of texts; .tsv the same with tabs. Options: delimiter = ";",
--           columns = {"x", "y"} to keep only these, types = { y = "f64" | "i64" | "bool" | "text" }
--   .npy    an array; .npz a table of arrays
-- A relative path is looked for beside the script that asks, then in the working directory.
local core = require "borel.core"

local read = {}

local function beside_script(path)
  if path:sub(1, 1) == "/" then return path end
  for level = 3, 12 do
    local info = debug.getinfo(level, "S")
    if not info then break end
    if info.source:sub(1, 1) == "@" then
      local folder = info.source:match("^@(.*)/[^/]*$")
      if folder and core.file_info(folder .. "/" .. path) then return folder .. "/" .. path end
      break
    end
  end
  return path
end

local readers = { json = core.read_json, csv = core.read_csv, npy = core.read_npy, npz = core.read_npz }

function readers.tsv(path, options)
  local merged = { delimiter = "\t" }
  for name, value in pairs(options or {}) do merged[name] = value end
  return core.read_csv(path, merged)
end

function read.read(path, options)
  if type(path) ~= "string" then core.error("borel.read: needs the path of a file, got a " .. type(path)) end
  if options ~= nil and type(options) ~= "table" then
    core.error("borel.read: options must be a table, got a " .. type(options))
  end
  local suffix = (path:match "%.(%w+)$" or ""):lower()
  if not readers[suffix] then
    core.error("borel.read: " .. path .. ": only .json, .csv, .tsv, .npy and .npz files can be read")
  end
  if options and next(options) ~= nil and suffix ~= "csv" and suffix ~= "tsv" then
    core.error(("borel.read: option '%s' is for .csv files, not for .%s"):format(tostring(next(options)), suffix))
  end
  return readers[suffix](beside_script(path), options)
end

--- borel.encode(labels [, levels]): codes 1 .. K of a list of texts (or whole numbers) as an array, and the list of the K
-- levels: those given, or the different labels in order. A label that is missing or no level is an error.
function read.encode(labels, levels)
  if core.is_array(labels) then labels = labels:totable() end
  if type(labels) ~= "table" or #labels == 0 then core.error "borel.encode: needs a list of labels" end
  local code, codes = {}, {}
  if levels == nil then
    levels = {}
    for i, label in ipairs(labels) do
      if type(label) ~= "string" and math.type(label) ~= "integer" or type(label) ~= type(labels[1]) then
        core.error(("borel.encode: label %d is %s; labels are texts, or whole numbers"):format(i,
          label == core.missing and "missing" or "a " .. type(label)))
      end
      if not code[label] then
        code[label] = true
        levels[#levels + 1] = label
      end
    end
    table.sort(levels)
  elseif type(levels) ~= "table" then
    core.error("borel.encode: the levels must be a list, got a " .. type(levels))
  end
  for k, level in ipairs(levels) do
    if code[level] and code[level] ~= true then core.error(("borel.encode: level '%s' is there twice"):format(tostring(level))) end
    code[level] = k
  end
  for i, label in ipairs(labels) do
    codes[i] = code[label] or core.error(("borel.encode: label %d is %s, which is none of the levels"):format(i,
      type(label) == "string" and "'" .. label .. "'" or tostring(label)))
  end
  return core.array(codes), levels
end

return read
