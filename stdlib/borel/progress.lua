-- SPDX-License-Identifier: MIT
--- Progress of a run on stderr: one line that is rewritten on a terminal, a plain line every few seconds
-- elsewhere.
local core = require "borel.core"

local Progress = {}
Progress.__index = Progress

local progress = {}

local PLAIN_SECONDS = 10

function progress.new(opts, kernel, why)
  local self = setmetatable({
    total = opts.warmup + opts.draws, warmup = opts.warmup, chains = opts.chains, start = core.clock(), said = core.clock(),
    width = core.terminal_width(), shown = 0,
  }, Progress)
  io.stderr:write(("%d chains of %d warm-up + %d draws, kernel %s (%s)\n"):format(opts.chains, opts.warmup, opts.draws, kernel, why))
  return self
end

local function duration(seconds)
  if seconds < 60 then return ("%.0f s"):format(seconds) end
  if seconds < 3600 then return ("%d:%02d min"):format(seconds // 60, math.floor(seconds % 60)) end
  return ("%d:%02d h"):format(seconds // 3600, math.floor(seconds % 3600 / 60))
end

function Progress:line(chains)
  local done, least, divergences, elapsed = 0, math.huge, 0, core.clock() - self.start
  for _, chain in ipairs(chains) do
    done = done + chain.iteration
    least = math.min(least, chain.iteration)
    divergences = divergences + chain.divergences
  end
  self.first = self.first or done -- a resumed run starts further on
  local total, rate = self.total * self.chains, (done - self.first) / math.max(elapsed, 1e-9)
  local phase = least < self.warmup and "warm-up" or "drawing"
  local left = rate > 0 and duration((total - done) / rate) or "?"
  return ("%3.0f %%  %s  %d/%d iterations  %.0f/s  %s left%s"):format(100 * done / total, phase, done, total, rate, left,
    divergences > 0 and ("  %d divergences"):format(divergences) or "")
end

--- Shows where the chains are; called about ten times a second.
function Progress:update(chains)
  local now = core.clock()
  if self.width then
    local text = self:line(chains)
    io.stderr:write("\r", text:sub(1, self.width - 1), (" "):rep(math.min(self.shown - #text, self.width - 1 - #text)))
    self.shown = #text
  elseif now - self.said >= PLAIN_SECONDS then
    self.said = now
    io.stderr:write(self:line(chains), "\n")
  end
end

--- The closing line.
function Progress:close(chains, failure)
  if self.width and self.shown > 0 then io.stderr:write("\r", (" "):rep(self.width - 1), "\r") end
  local gradients = 0
  for _, chain in ipairs(chains) do gradients = gradients + chain.gradients end
  io.stderr:write(("%s after %.2f s%s\n"):format(failure and "stopped" or "done", core.clock() - self.start,
    gradients > 0 and (", %d gradients"):format(gradients) or ""))
end

return progress
