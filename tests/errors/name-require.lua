-- expect: name-require.lua:2: module 'no_such_helper' not found (looked for beside the script and in package.path)
local helper = require "no_such_helper"
