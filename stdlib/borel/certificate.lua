-- SPDX-License-Identifier: MIT
--- Certificates: what `borel validate` found about a component, bound to the bytes of its file and to the build of
-- Borel that tested it. They hold no clock, so the same inputs give the same bytes. The user's are kept in
-- BOREL_CERTIFICATES, or else in borel/certificates below XDG_DATA_HOME or ~/.local/share.
local core = require "borel.core"

local certificate = {}

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function write(path, text)
  local partial = path .. ".new"
  local file, trouble = io.open(partial, "wb")
  if not file then error(trouble, 0) end
  local written = file:write(text)
  if not (file:close() and written) then error(path .. ": cannot be written", 0) end
  assert(os.rename(partial, path))
end

local function folder()
  local own, xdg, home = os.getenv "BOREL_CERTIFICATES", os.getenv "XDG_DATA_HOME", os.getenv "HOME"
  if own and own ~= "" then return own end
  if xdg and xdg ~= "" then return xdg .. "/borel/certificates" end
  if home and home ~= "" then return home .. "/.local/share/borel/certificates" end
end

local function create_folders(path)
  for at in path:gmatch "()/" do
    if at > 1 then core.create_folder(path:sub(1, at - 1)) end
  end
  core.create_folder(path)
end

-- Where the certificate of a component with this file hash is kept; nil without a home.
local function kept_at(c, hash)
  local place = folder()
  return place and ("%s/%s-%s-%s-%s.json"):format(place, c.kind:match "^[^/]+", c.name, hash, core.build_id), place
end

local function count(rows, verdict)
  local n = 0
  for _, row in ipairs(rows) do
    if row.verdict == verdict then n = n + 1 end
  end
  return n
end

--- The certificate of a component (of core.components, or a script: kind, name, path) as a table. tier: { statistical =,
-- seed =, alpha = } as given to core.validate, seed and alpha filled in.
function certificate.new(c, rows, tier)
  local statistical = tier.statistical and c.kind:find "^kernel" ~= nil -- there are no such tests of densities
  local made = { format = "borel certificate 1", component = c.name, kind = c.kind, plugin = c.plugin, version = c.version,
    file_hash = core.hash(read(c.path) or ""), borel_version = core.version, borel_build = core.build_id,
    tier = statistical and "exact + statistical" or "exact", rows = core.json_list(rows),
    holds = count(rows, "holds"), fails = count(rows, "fails"), not_tested = count(rows, "not tested") }
  if statistical then made.seed, made.alpha = tier.seed, tier.alpha end
  return made
end

--- Writes it to a file.
function certificate.write(path, made) write(path, core.to_json(made, { indent = 2 }) .. "\n") end

--- The one that is kept for exactly this file and build, or nil.
function certificate.find(c)
  local bytes = read(c.path)
  local path = bytes and kept_at(c, core.hash(bytes))
  local text = path and read(path)
  local ok, found = pcall(core.parse_json, text or "")
  if not ok or type(found) ~= "table" or found.component ~= c.name or found.borel_build ~= core.build_id
    or found.file_hash ~= core.hash(bytes) or type(found.rows) ~= "table" then return nil end
  return found
end

--- Keeps it for certificate.find. One of the exact tier alone does not take the place of one that knows more.
function certificate.keep(c, made)
  local path, place = kept_at(c, made.file_hash)
  local old = path and certificate.find(c)
  if not path or (old and old.tier ~= "exact" and made.tier == "exact") then return end
  local ok, trouble = pcall(function()
    create_folders(place)
    certificate.write(path, made)
  end)
  if not ok then io.stderr:write("the certificate is not kept: ", trouble, "\n") end
end

--- One line about a component: certified or not, or which claim fails.
function certificate.describe(c)
  local found = certificate.find(c)
  if not found then return ("not certified (borel validate %s)"):format(c.name) end
  local claims, seen = 0, {}
  for _, row in ipairs(found.rows) do
    if row.verdict == "fails" then return ("FAILS: %s (%s): %s"):format(row.claim, row.method, row.evidence) end
    if row.verdict == "holds" and not seen[row.claim] then claims, seen[row.claim] = claims + 1, true end
  end
  local open = found.not_tested > 0 and ("; not tested in %d respect%s"):format(found.not_tested, found.not_tested == 1 and "" or "s")
  return ("certified: %s, %d claim%s hold%s%s"):format(found.tier, claims, claims == 1 and "" or "s", claims == 1 and "s" or "",
    open or "")
end

return certificate
