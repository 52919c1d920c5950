-- SPDX-License-Identifier: MIT
--- `borel plugins new`: a folder with a kernel, density, resampler or involution that works, to be changed into one's own.
local core = require "borel.core"

local skeleton = {}

local kinds = { kernel = true, density = true, resampler = true, involution = true }
local languages = { c = "c", ["c++"] = "cpp", rust = "rs" }

local function one_of(what, given, known)
  if known[given] then return given end
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  local nearest = core.nearest(given, names)
  error(("%s '%s' is none of %s%s"):format(what, given, table.concat(names, ", "),
    nearest and ("; did you mean '" .. nearest .. "'?") or ""), 0)
end

local function read(path)
  local file, trouble = io.open(path, "rb")
  if not file then error(trouble, 0) end
  local text = file:read "a"
  file:close()
  return text
end

--- Writes the folder `dir` (default: the name) with NAME.c (.cpp, .rs), CMakeLists.txt and build.sh. Returns the folder
-- and the paths of the files. Errors, before anything is written: an unknown kind or language, a name that no
-- component may have, a file that exists.
function skeleton.write(kind, name, language, dir)
  one_of("the kind", kind, kinds)
  language = one_of("the language", language or "c", languages)
  if not name:match "^[a-z][a-z0-9-]*$" or #name > 64 then
    error(("'%s' cannot name a %s: a name is 1 to 64 of a-z, 0-9 and -, a letter first"):format(name, kind), 0)
  end
  dir = dir or name
  local from = ("%s/borel/skeleton/%s/"):format(core.place "stdlib", language)
  local extension = languages[language]
  local files = {
    { path = ("%s/%s.%s"):format(dir, name, extension), text = read(from .. kind .. "." .. extension) },
    { path = dir .. "/CMakeLists.txt", text = read(from .. "CMakeLists.txt") },
    { path = dir .. "/build.sh", text = read(from .. "build.sh"), executable = true },
  }
  if core.file_info(dir) == "file" then error(dir .. ": a file, so it cannot be the folder of a plugin", 0) end
  for _, file in ipairs(files) do
    if core.file_info(file.path) then error(file.path .. ": exists, and is not overwritten; choose another --dir", 0) end
  end
  core.create_folder(dir)
  local paths = {}
  for i, file in ipairs(files) do
    local text = file.text:gsub("my%-" .. kind, name):gsub("%f[%w]NAME%f[%W]", name)
    core.create_file(file.path, text, file.executable)
    paths[i] = file.path
  end
  return dir, paths
end

return skeleton
