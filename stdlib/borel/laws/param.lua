-- SPDX-License-Identifier: MIT
--- Parameters of laws and constants of their densities.
local param = {}

--- A parameter with a check by name (borel/law.lua has them): param.positive "sigma".
for _, check in ipairs { "finite", "positive", "nonnegative", "probability", "fraction", "count" } do
  param[check] = function(name) return { name = name, check = check } end
end

param.LOG_2 = 0.69314718055994530942
param.LOG_PI = 1.1447298858494001741
param.LOG_2PI = 1.8378770664093454836
param.LOG_SQRT_2PI = 0.91893853320467274178

return param
