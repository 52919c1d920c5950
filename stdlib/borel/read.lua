-- SPDX-License-Identifier: MIT
--- borel.read(path): data for a model. Arrays of numbers become arrays (null: missing, as NaN), objects
-- tables. A relative path is looked for beside the script that asks, then in the working directory.
local core = require "borel.core"

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

return function(path)
  if type(path) ~= "string" then core.error("borel.read: needs the path of a file, got a " .. type(path)) end
  local found = beside_script(path)
  if not path:lower():match("%.json$") then core.error("borel.read: " .. path .. ": only .json files can be read") end
  return core.read_json(found)
end
